--- Task groups inside groups, time limits and cancels.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local groups = require "spec.support.groups"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns
local now, crash, sleeper, errors_of, group_of, cancelling, forms =
  groups.now, groups.crash, groups.sleeper, groups.errors_of, groups.group_of, groups.cancelling, groups.forms

for form, open in pairs(forms) do
  describe("a task group, " .. form .. " form,", function()
    it("nests: an inner failure is an inner group", testing.virtual(function()
      assert.same({ { "boom" } }, group_of(open, function(outer)
        outer:create_task(asyncio.sleep, 100)
        open(function(inner)
          inner:create_task(crash, 1, "boom")
          asyncio.sleep(100)
        end)
      end))
      assert.same({ 1, 0 }, { now(), cancelling() })
    end))

    it("nests: an outer failure ends the inner group", testing.virtual(function()
      local log = {}
      assert.same({ "boom" }, group_of(open, function(outer)
        outer:create_task(crash, 1, "boom")
        open(function(inner)
          inner:create_task(sleeper, log, 100)
        end)
      end))
      assert.same({ { "CancelledError" }, 0 }, { log, cancelling() })
    end))

    it("nests: both fail at once", testing.virtual(function()
      assert.same({ "outer", { "inner" } }, group_of(open, function(outer)
        outer:create_task(crash, 1, "outer")
        open(function(inner)
          inner:create_task(crash, 1, "inner")
          asyncio.sleep(100)
        end)
      end))
      assert.same({ "fine", 0 }, { asyncio.sleep(1, "fine"), cancelling() })
    end))

    it("keeps the count of cancels that came before it", testing.virtual(function()
      local log = {}
      local task = asyncio.create_task(function()
        pcall(asyncio.sleep, 100)
        log[1] = group_of(open, function(group)
          group:create_task(crash, 1, "boom")
          asyncio.sleep(100)
        end)
        log[2] = asyncio.current_task():cancelling()
        log[3] = asyncio.sleep(1, "told of that cancel before")
      end)
      turns(2)
      task:cancel()
      asyncio.await(task)
      assert.same({ { "boom" }, 1, "told of that cancel before" }, log)
    end))

    it("raises a cancel that was pending when it opened", testing.virtual(function()
      local task = asyncio.create_task(function()
        asyncio.current_task():cancel()
        local log = { group_of(open, function(group)
          group:create_task(crash, 0, "boom")
          pcall(asyncio.sleep, 0)
          asyncio.sleep(1)
        end) }
        log[2] = select(2, try(asyncio.sleep, 1))
        return log
      end)
      assert.same({ { "boom" }, "CancelledError" }, asyncio.await(task))
    end))

    it("in a timeout gives TimeoutError, once the children are done", testing.virtual(function()
      local log = {}
      witness.raises(asyncio.TimeoutError, function()
        local scope <close> = asyncio.timeout(1)
        open(function(group)
          group:create_task(sleeper, log, 100, 1)
        end)
      end)
      assert.same({ { "CancelledError" }, 2, 0 }, { log, now(), cancelling() })
    end))

    it("in a timeout raises its errors rather than TimeoutError", testing.virtual(function()
      local scope
      assert.same({ "boom" }, group_of(function()
        local s <close> = asyncio.timeout(1)
        scope = s
        open(function(group)
          group:create_task(function()
            pcall(asyncio.sleep, 100)
            error("boom", 0)
          end)
        end)
      end))
      assert.same({ true, 0, "fine" }, { scope:expired(), cancelling(), asyncio.sleep(1, "fine") })
    end))

    it("around a timeout that expires has its TimeoutError among the errors",
      testing.virtual(function()
        assert.same({ "TimeoutError" }, group_of(open, function()
          local scope <close> = asyncio.timeout(1)
          asyncio.sleep(100)
        end))
      end))

    it("fails in the turn a timeout around it expires, in both orders", testing.virtual(function()
      for _, delay in ipairs { 1, 1 - 2^-20 } do
        local err = witness.raises(asyncio.ExceptionGroup, function()
          local scope <close> = asyncio.timeout(1)
          open(function(group)
            group:create_task(crash, delay, "boom")
            asyncio.sleep(100)
          end)
        end)
        assert.same({ { "boom" }, 0 }, { errors_of(err), cancelling() })
        asyncio.sleep(1)
      end
    end))
  end)
end
