--- Scopes of locks, conditions and semaphores: they belong to a task, in
-- whatever coroutine of it they open and close.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns = witness.turns

local makers = {
  { "Lock", function() return asyncio.Lock() end },
  { "Condition", function() return asyncio.Condition() end },
  { "Semaphore", function() return asyncio.Semaphore(1) end },
}

for _, maker in ipairs(makers) do
  local kind, new = maker[1], maker[2]

  describe("the scope of a " .. kind, function()
    it("ends in another coroutine of its task than it began", testing.virtual(function()
      local object, stack = new(), asyncio.ExitStack()
      local resources = asyncio.contextmanager(function()
        stack:enter(object:acquire())
        coroutine.yield()
      end)
      do
        local _ <close> = resources()
      end
      assert.is_true(object:locked())
      stack:close()
      assert.is_false(object:locked())
    end))

    it("may be handed out by coroutines, and end in them", testing.virtual(function()
      local object = new()
      local take = { asyncio.coroutine.wrap(function() return object:acquire() end) }
      take[2] = asyncio.generator(function() coroutine.yield(object:acquire()) end)()
      for _, step in ipairs(take) do
        do
          local _ <close> = step()
          assert.is_true(object:locked())
        end
        assert.is_false(object:locked())
      end
      for _, wrap in ipairs { asyncio.coroutine.wrap, coroutine.wrap } do
        object:acquire()
        wrap(function() local _ <close> = object end)()
        assert.is_false(object:locked())
      end
    end))

    it("ends when its task waited for it in another coroutine", testing.virtual(function()
      local object = new()
      local first = asyncio.create_task(function()
        local _ <close> = object:acquire()
        asyncio.sleep(1)
      end)
      turns(1)
      do
        local _ <close> = asyncio.coroutine.wrap(function() return object:acquire() end)()
        assert.is_true(first:done())
      end
      assert.is_false(object:locked())
    end))

    it("ends when the coroutine of its task is closed from outside", testing.virtual(function()
      local object = new()
      local task = asyncio.create_task(function()
        local _ <close> = object:acquire()
        asyncio.sleep(1)
      end)
      turns(1)
      coroutine.close(task:get_coro())
      assert.is_false(object:locked())
      witness.try(asyncio.await, task)
    end))

    it("ends with its loop, wherever it began", function()
      local object, stack = new(), asyncio.ExitStack()
      local loop = asyncio.new_event_loop()
      witness.reports(loop)
      loop:create_task(function()
        local _ <close> = stack
        asyncio.coroutine.wrap(function() stack:enter(object:acquire()) end)()
        asyncio.sleep(1)
      end)
      loop:run_until_complete(function() turns(2) end)
      assert.is_true(object:locked())
      loop:close()
      assert.is_false(object:locked())
    end)
  end)
end

describe("the scope of a lock", function()
  it("that was released by hand leaves the lock to the next task", testing.virtual(function()
    local lock, log = asyncio.Lock(), {}
    asyncio.create_task(function()
      turns(1)
      lock:acquire()
      log[#log + 1] = "next"
      asyncio.sleep(1)
      log[#log + 1] = lock:locked()
      lock:release()
    end)
    local stack = asyncio.ExitStack()
    asyncio.coroutine.wrap(function() stack:enter(lock:acquire()) end)()
    lock:release()
    turns(3)
    stack:close()
    log[#log + 1] = "closed"
    asyncio.sleep(2)
    assert.same({ "next", "closed", true }, log)
  end))
end)
