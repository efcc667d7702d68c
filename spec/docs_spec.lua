--- Every example in the README and under `docs/` runs, and prints what the page says it prints.
-- A block marked `lua` is run as a program; a block marked `output` right after it is compared with
-- what it printed. A block marked `lua fragment` is only compiled. Errors call the block example.lua
-- and count lines from its first one.

local asyncio = require "asyncio"
local example = require "spec.support.example"
local files = require "spec.support.files"
local luassert = require "luassert"

-- The fenced blocks of a page: where the text starts, what the fence says, the text itself.
local function blocks(path)
  local found, open, number = {}, nil, 0
  for line in io.lines(path) do
    number = number + 1
    local indent, info = line:match("^(%s*)```(.*)$")
    if info and open then
      open.text = table.concat(open, "\n") .. "\n"
      open = nil
    elseif info then
      open = { line = number, info = info, indent = #indent }
      found[#found + 1] = open
    elseif open then
      open[#open + 1] = line:sub(open.indent + 1)
    end
  end
  return found
end

-- A server that serves for ever is stopped after a moment, and listens wherever there is room.
local function for_a_moment()
  local module = {}
  function module.run(main, ...)
    return asyncio.run(function(...)
      local task = asyncio.create_task(main, ...)
      asyncio.sleep(0.05)
      task:cancel()
      local ok, err = pcall(asyncio.await, task)
      return ok or asyncio.isinstance(err, asyncio.CancelledError) or error(err, 0)
    end, ...)
  end
  function module.start_server(handler, host, _, options)
    return asyncio.start_server(handler, host, 0, options)
  end
  return setmetatable(module, { __index = asyncio })
end

-- Programs that only sleep do so on the virtual clock.
local function module_for(text)
  if text:find("serve_forever", 1, true) then
    return for_a_moment()
  elseif text:find("open_[%w_]*connection") or text:find("start_[%w_]*server") then
    return asyncio
  end
  return example.virtual
end

local function call_all(list)
  for _, f in ipairs(list) do
    f()
  end
end

-- What an example needs of busted: one block, whose tests run at once.
local function small_busted()
  local before, after = {}, {}
  return {
    describe = function(_, body) body() end,
    it = function(_, body)
      call_all(before)
      body()
      call_all(after)
    end,
    before_each = function(f) before[#before + 1] = f end,
    after_each = function(f) after[#after + 1] = f end,
  }
end

local function run(block)
  local module = module_for(block.text)
  local environment, output = example.environment(module)
  local busted = small_busted()
  environment.asyncio = module
  environment.assert = luassert
  environment.describe, environment.it = busted.describe, busted.it
  local real = package.loaded.busted
  package.loaded.busted = busted
  local ok, err = pcall(assert(load(block.text, "@example.lua", "t", environment)))
  package.loaded.busted = real
  assert(ok, err)
  return output()
end

for _, path in ipairs(files.find("README.md docs", "*.md")) do
  describe("the page " .. path, function()
    local found = blocks(path)
    for i, block in ipairs(found) do
      local following = found[i + 1]
      if block.info == "lua" then
        it("has an example that runs, line " .. block.line, function()
          local printed = run(block)
          if following and following.info == "output" then
            assert.equal(following.text, printed)
          end
        end)
      elseif block.info:find("^lua%s") then
        it("has an example that compiles, line " .. block.line, function()
          assert(load(block.text, "@" .. path))
        end)
      end
    end

    it("links to pages that are there", function()
      local folder = path:match("^(.*/)") or ""
      for target in files.read(path):gmatch("%]%(([^)#]+)[^)]*%)") do
        if not target:find("^%a+:") then
          assert.is_truthy(io.open(folder .. target), target)
        end
      end
    end)
  end)
end

describe("the reference", function()
  it("has a word about every public name", function()
    local text = {}
    for _, path in ipairs(files.find("README.md docs", "*.md")) do
      if path:find("^docs/reference/") then
        text[#text + 1] = files.read(path)
      end
    end
    text = table.concat(text)
    local missing = {}
    for name in pairs(asyncio) do
      if not name:find("^_") and not text:find("asyncio%." .. name .. "%f[^%w_]") then
        missing[#missing + 1] = name
      end
    end
    table.sort(missing)
    assert.same({}, missing)
  end)
end)
