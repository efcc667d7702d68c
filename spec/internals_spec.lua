--- The pages about the inside are true of the tree: the map of the files, docs/internals/map.md, and the
-- primitive that docs/internals/adding.md adds.

local files = require "spec.support.files"

-- The paths on the map, and for each the spec that its line names, if any.
local function read_map()
  local listed = {}
  for line in files.read("docs/internals/map.md"):gmatch "[^\n]+" do
    local path, rest = line:match "^%- `([^`]+)`: (.*)$"
    if path then
      assert(not listed[path], path .. " stands on the map twice")
      listed[path] = { spec = rest:match "; spec `([^`]+)`$" }
    end
  end
  return listed
end

local function exists(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

-- Every file that wants a line: a header only where no `.c` has its name.
local function tree()
  local paths = files.find("src", "*.c")
  for _, header in ipairs(files.find("src", "*.h")) do
    if not exists((header:gsub("%.h$", ".c"))) then
      table.insert(paths, header)
    end
  end
  for _, path in ipairs(files.find("lua", "*.lua")) do
    table.insert(paths, path)
  end
  return paths
end

describe("the map", function()
  it("has a line for every file", function()
    local listed, missing = read_map(), {}
    for _, path in ipairs(tree()) do
      missing[#missing + 1] = not listed[path] and path or nil
    end
    assert.same({}, missing)
  end)

  it("names no file that is not there", function()
    local gone = {}
    for path, line in pairs(read_map()) do
      for _, name in ipairs { path, line.spec } do
        gone[#gone + 1] = not exists(name) and name or nil
      end
    end
    table.sort(gone)
    assert.same({}, gone)
  end)

  it("names the spec of every file of src that has none of its own name", function()
    local listed, bare = read_map(), {}
    for _, path in ipairs(files.find("src", "*.c")) do
      local own = path:gsub("^src/", "spec/"):gsub("%.c$", "_spec.lua")
      if not exists(own) and not (listed[path] or {}).spec then
        bare[#bare + 1] = path
      end
    end
    assert.same({}, bare)
  end)

  it("has each file once", function()
    assert(next(read_map()))
  end)
end)

-- The value of a variable in build/tools.mk.
local function tool(name)
  return files.read("build/tools.mk"):match("%f[%w_]" .. name .. " = (%S+)")
end

-- The blocks of a page whose fence says that they are C.
local function c_blocks(path)
  local found = {}
  for text in files.read(path):gmatch "\n```c\n(.-\n)```" do
    found[#found + 1] = text
  end
  return found
end

-- What a compiler says of a file with that text; "" if it takes it without a warning. The type is what step 2 adds.
local function compiled(text)
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  -- without a sanitizer that may be preloaded for us
  local pipe = assert(io.popen(("LD_PRELOAD= cc -x c -fsyntax-only -std=gnu11 -Wall -Wextra -Werror -Isrc " ..
    "-I%s -I%s/include -DLAS_TLATCH=LAS_NTYPES %s 2>&1"):format(tool "LUA_INCDIR", tool "LIBUV_DIR", path)))
  local said = pipe:read("a")
  local ok = pipe:close()
  os.remove(path)
  return said == "" and not ok and "failed" or said
end

describe("the primitive of adding.md", function()
  local found, _, code = os.execute "LD_PRELOAD= cc --version >/dev/null 2>&1"
  local test = (found or code ~= 127) and it or pending

  test("compiles as it is printed", function()
    local texts = c_blocks "docs/internals/adding.md"
    assert.equal(1, #texts)
    assert.equal("", compiled(texts[1]))
  end)
end)
