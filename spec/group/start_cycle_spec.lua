--- A child begun with `start` that waits for the task which starts it: its
-- cancel must neither come back for ever nor be lost.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"

-- Ways to wait for a task.
local ways = {
  await = asyncio.await,
  ["wait_for"] = function(task) asyncio.wait_for(task, 100) end,
  gather = function(task) asyncio.gather(task, asyncio.Future()) end,
  ["another task"] = function(task)
    asyncio.await(asyncio.create_task(asyncio.await, task))
  end,
  ["a gather of tasks"] = function(task)
    asyncio.gather(asyncio.create_task(asyncio.await, task))
  end,
}

describe("a child that waits for the task which starts it", function()
  for name, wait in pairs(ways) do
    it("is cancelled where it waits, by " .. name, testing.virtual(function()
      local me = asyncio.current_task()
      local events = {}
      local ticker = asyncio.create_task(function()
        asyncio.sleep(2)
        events[#events + 1] = "others run"
      end)
      local done = asyncio.move_on_after(1, function()
        local group <close> = asyncio.TaskGroup()
        group:start(function()
          local ok, err = pcall(wait, me)
          events[#events + 1] = asyncio.isinstance(err, asyncio.CancelledError) and "cancelled"
          if not ok then
            error(err, 0)
          end
        end)
      end)
      asyncio.await(ticker)
      assert.same({ false, { "cancelled", "others run" } }, { done, events })
      assert.equal(0, me:cancelling())
    end))
  end

  it("gets each cancel that comes while it ends", testing.virtual(function()
    local me = asyncio.current_task()
    local count = 0
    local task = asyncio.create_task(function()
      local group <close> = asyncio.TaskGroup()
      group:start(function()
        while count < 3 do
          if not pcall(asyncio.sleep, 100) then
            count = count + 1
          end
        end
      end)
    end)
    for _ = 1, 3 do
      asyncio.sleep(1)
      task:cancel()
    end
    local ok, err = pcall(asyncio.await, task)
    assert.same({ false, true, 3 }, { ok, asyncio.isinstance(err, asyncio.CancelledError), count })
    assert.equal(0, me:cancelling())
  end))
end)
