--- Causes: the awaited future that the error of a task came from, "awaited by" in reports.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local chain = require("asyncio.task.report").chain

-- A task that has failed with this error.
local function failed(name, err)
  local task = asyncio.create_task { name = name, function() error(err, 0) end }
  pcall(asyncio.await, task)
  return task
end

-- The chain of a task, named "outer", with this body.
local function chain_of(body)
  local task = asyncio.create_task { name = "outer", body }
  assert.is_false((pcall(asyncio.await, task)))
  return chain(task)
end

local SINGLETON = setmetatable({}, { __tostring = function() return "refused" end })

local ways = {
  await = asyncio.await,
  shield = asyncio.shield,
  gather = function(task) asyncio.gather(asyncio.create_task(asyncio.sleep, 0), task) end,
  wait_for = function(task) asyncio.wait_for(task, 5) end,
  ["wait_for without time"] = function(task) asyncio.wait_for(task, 0) end,
  result = function(task) return task:result() end,
  coroutine = function(task)
    asyncio.coroutine.wrap(function() asyncio.await(task) end)()
  end,
  ["coroutine in a coroutine"] = function(task)
    local wrap = asyncio.coroutine.wrap
    wrap(function() wrap(function() asyncio.sleep(0) asyncio.await(task) end)() end)()
  end,
  move_on_after = function(task) asyncio.move_on_after(5, asyncio.await, task) end,
  ExitStack = function(task)
    local stack <close> = asyncio.ExitStack()
    stack:callback(function() asyncio.sleep(0) end)
    stack:callback(asyncio.await, task)
  end,
  generator = function(task)
    for _ in asyncio.generator(function() coroutine.yield(1) asyncio.await(task) end)() do
      asyncio.sleep(0)
    end
  end,
  contextmanager = function(task)
    local scope <close> = asyncio.contextmanager(function()
      coroutine.yield()
      asyncio.await(task)
    end)()
  end,
}

describe("an error that comes out of a future by", function()
  for name, way in pairs(ways) do
    it(name .. " shows the task it came from", testing.virtual(function()
      for _, err in ipairs { "refused", SINGLETON } do
        local inner = failed("inner", err)
        local text = chain_of(function() way(inner) end)
        assert.matches("^stack traceback of inner:.*awaited by outer:", text)
      end
    end))

    it(name .. " and is caught leaves nothing to an equal one", testing.virtual(function()
      for _, err in ipairs { "refused", SINGLETON } do
        local inner = failed("inner", err)
        local text = chain_of(function()
          assert(not pcall(way, inner))
          error(err, 0)
        end)
        assert.is_nil(text:find("inner", 1, true), text)
        assert.matches("^stack traceback of outer:", text)
      end
    end))
  end

  it("one await is not what a <close> variable raises in its place", testing.virtual(function()
    local inner = failed("inner", "refused")
    local text = chain_of(function()
      local _ <close> = setmetatable({}, { __close = function() error("another", 0) end })
      asyncio.await(inner)
    end)
    assert.is_nil(text:find("inner", 1, true), text)
  end))

  it("the last of two awaits has the second as its cause", testing.virtual(function()
    local first, second = failed("first", "refused"), failed("second", "refused")
    local text = chain_of(function()
      pcall(asyncio.await, first)
      asyncio.await(second)
    end)
    assert.is_nil(text:find("first", 1, true), text)
    assert.matches("^stack traceback of second:.*awaited by outer:", text)
  end))
end)

describe("a future whose error was caught", function()
  for name, way in pairs(ways) do
    it("is not held, after " .. name, testing.virtual(function()
      local seen = setmetatable({}, { __mode = "k" })
      do
        local task = failed("inner", "refused")
        seen[task] = true
        pcall(way, task)
      end
      asyncio.sleep(0)
      witness.collect()
      assert.is_nil(next(seen))
    end))
  end
end)
