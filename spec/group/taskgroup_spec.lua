--- TaskGroup: no child outlives its block, and no error is lost.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local groups = require "spec.support.groups"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns
local now, crash, sleeper, group_of, cancelling, forms =
  groups.now, groups.crash, groups.sleeper, groups.group_of, groups.cancelling, groups.forms

for form, open in pairs(forms) do
  describe("a task group, " .. form .. " form,", function()
    it("waits for all its children", testing.virtual(function()
      local first, second
      open(function(group)
        first = group:create_task(asyncio.sleep, 1, 42)
        asyncio.sleep(0.5)
        second = group:create_task { asyncio.sleep, 2, 11, name = "second" }
      end)
      assert.same({ 42, 11, "second", 2.5 },
        { first:result(), second:result(), second:get_name(), now() })
    end))

    it("gives the results of its body", testing.virtual(function()
      assert.same({ n = 3, 1, nil, 3 }, table.pack(open(function(group)
        group:create_task(asyncio.sleep, 1)
        return 1, nil, 3
      end)))
    end))

    it("needs no children, and does not wait then", testing.virtual(function()
      local others = 0
      asyncio.create_task(function() others = others + 1 end)
      open(function() end)
      assert.equal(0, others)
    end))

    it("takes children from children, until the last is done", testing.virtual(function()
      local log = {}
      open(function(group)
        local function child(depth)
          asyncio.sleep(1)
          log[#log + 1] = depth
          if depth < 3 then
            group:create_task(child, depth + 1)
          end
        end
        group:create_task(child, 1)
      end)
      assert.same({ 1, 2, 3 }, log)
    end))

    it("goes on when a child is cancelled", testing.virtual(function()
      local cancelled, other
      open(function(group)
        cancelled = group:create_task(asyncio.sleep, 100)
        other = group:create_task(asyncio.sleep, 2, "done")
        asyncio.sleep(1)
        cancelled:cancel()
      end)
      assert.same({ true, "done", 0 }, { cancelled:cancelled(), other:result(), cancelling() })
    end))

    it("goes on when a child raises CancelledError by itself", testing.virtual(function()
      local other
      open(function(group)
        group:create_task(crash, 1, asyncio.CancelledError())
        other = group:create_task(asyncio.sleep, 2, "done")
      end)
      assert.equal("done", other:result())
    end))

    it("cancels all else when a child fails, and raises what failed", testing.virtual(function()
      local log, after, child = {}, false, nil
      assert.same({ "boom" }, group_of(function()
        open(function(group)
          group:create_task(crash, 1, "boom")
          child = group:create_task(sleeper, log, 100)
          sleeper(log, 200)
        end)
        after = true
      end))
      assert.same({ { "CancelledError", "CancelledError" }, true, false, 0, 1 },
        { log, child:cancelled(), after, cancelling(), now() })
      asyncio.sleep(1)
    end))

    it("raises the errors of all, those of the clean-up too", testing.virtual(function()
      local function clumsy()
        local _ <close> = setmetatable({}, { __close = function() error("clumsy", 0) end })
        asyncio.sleep(100)
      end
      assert.same({ "one", "two", "TimeoutError", "clumsy" }, group_of(open, function(group)
        group:create_task(clumsy)
        group:create_task(crash, 1, "one")
        group:create_task(crash, 1, "two")
        group:create_task(crash, 1, asyncio.TimeoutError())
      end))
    end))

    it("keeps errors by identity, nil included", testing.virtual(function()
      local object = {}
      local err = witness.raises(asyncio.ExceptionGroup, open, function(group)
        group:create_task(crash, 0, object)
        group:create_task(crash, 0, nil)
      end)
      assert.same({ 2, nil }, { err.exceptions.n, err.exceptions[2] })
      assert.equal(object, err.exceptions[1])
    end))

    it("raises its body's error in a group too, and cancels the children",
      testing.virtual(function()
        local log = {}
        assert.same({ "body" }, group_of(open, function(group)
          group:create_task(sleeper, log, 100)
          asyncio.sleep(1)
          error("body", 0)
        end))
        assert.same({ { "CancelledError" }, 1, 0 }, { log, now(), cancelling() })
        assert.same({ "alone" }, group_of(open, function() error("alone", 0) end))
      end))

    it("puts the body's error behind the children's", testing.virtual(function()
      assert.same({ "child", "late", "body" }, group_of(open, function(group)
        group:create_task(crash, 1, "child")
        group:create_task(function()
          pcall(asyncio.sleep, 100)
          error("late", 0)
        end)
        pcall(asyncio.sleep, 100)
        error("body", 0)
      end))
    end))

    it("names once the error of a child that its body awaits", testing.virtual(function()
      local object = {}
      local err = witness.raises(asyncio.ExceptionGroup, open, function(group)
        asyncio.await(group:create_task(crash, 1, object))
      end)
      assert.equal(1, err.exceptions.n)
      assert.equal(object, err.exceptions[1])
      assert.equal(0, cancelling())
      asyncio.sleep(1)
    end))

    it("raises what failed though the body swallows its cancel", testing.virtual(function()
      assert.same({ "boom" }, group_of(open, function(group)
        group:create_task(crash, 1, "boom")
        assert.same({ "raised", "CancelledError" }, { try(asyncio.sleep, 100) })
        asyncio.sleep(1)
      end))
      assert.same({ 2, 0 }, { now(), cancelling() })
      asyncio.sleep(1)
    end))

    it("does not cancel its task later, if the body is over first", testing.virtual(function()
      assert.same({ "boom" }, group_of(open, function(group)
        group:create_task(crash, 1, "boom")
        group:create_task(sleeper, {}, 100, 1)
      end))
      assert.same({ 2, 0, "fine" }, { now(), cancelling(), asyncio.sleep(1, "fine") })
    end))

    it("passes its task's cancel on to the children, and raises it", testing.virtual(function()
      for _, busy in ipairs { true, false } do
        local log = {}
        local task = asyncio.create_task(open, function(group)
          for _ = 1, 3 do
            group:create_task(sleeper, log, 100, 1)
          end
          if busy then
            asyncio.sleep(100)
          end
        end)
        turns(3)
        task:cancel("enough")
        local start = now()
        local err = witness.raises(asyncio.CancelledError, asyncio.await, task)
        assert.same({ "enough", { "CancelledError", "CancelledError", "CancelledError" }, 1, 1 },
          { err.message, log, now() - start, task:cancelling() })
      end
    end))

    it("runs nothing if it is cancelled before it starts", testing.virtual(function()
      local ran = false
      local task = asyncio.create_task(open, function() ran = true end)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      assert.is_false(ran)
    end))

    it("raises children's errors before its task's cancel, which comes again",
      testing.virtual(function()
        local log = {}
        local task = asyncio.create_task(function()
          log[1] = group_of(open, function(group)
            group:create_task(function()
              pcall(asyncio.sleep, 100)
              error("clumsy", 0)
            end)
            asyncio.sleep(100)
          end)
          log[2] = asyncio.current_task():cancelling()
          log[3] = table.pack(pcall(asyncio.sleep, 1))
        end)
        turns(3)
        task:cancel("enough")
        asyncio.await(task)
        assert.same({ { "clumsy" }, 1, false, "enough" },
          { log[1], log[2], log[3][1], log[3][2].message })
      end))

    it("raises a body's error after a cancel, and the cancel again", testing.virtual(function()
      local log = {}
      local task = asyncio.create_task(function()
        log[1] = group_of(open, function()
          pcall(asyncio.sleep, 100)
          error("instead", 0)
        end)
        log[2] = table.pack(try(asyncio.sleep, 1))
      end)
      turns(2)
      task:cancel()
      asyncio.await(task)
      assert.same({ { "instead" }, { "raised", "CancelledError", n = 2 } }, log)
    end))

    it("keeps failure and cancel apart that come in one turn", testing.virtual(function()
      for _, order in ipairs { { 1, 2 }, { 2, 1 } } do
        local future = asyncio.Future()
        local log = {}
        local task = asyncio.create_task(function()
          log.errors = group_of(open, function(group)
            group:create_task(asyncio.await, future)
            asyncio.sleep(100)
          end)
          log.cancelling = asyncio.current_task():cancelling()
          log.next = table.pack(try(asyncio.sleep, 1))
        end)
        turns(3)
        local acts = { function() future:set_exception("failed") end,
          function() task:cancel() end }
        for _, i in ipairs(order) do
          acts[i]()
        end
        asyncio.await(task)
        assert.same({ errors = { "failed" }, cancelling = 1,
          next = { "raised", "CancelledError", n = 2 } }, log)
      end
    end))

    it("is cancelled again and again without losing a child", testing.virtual(function()
      local log = {}
      local task = asyncio.create_task(open, function(group)
        group:create_task(sleeper, log, 100, 5)
      end)
      turns(3)
      for _ = 1, 3 do
        task:cancel()
        asyncio.sleep(1)
      end
      assert.is_false(task:done())
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      assert.same({ 5, 3 }, { now(), task:cancelling() })
    end))
  end)
end

describe("outside a task", function()
  it("no group is opened", function()
    assert.matches("asyncio.TaskGroup must be called from inside a task",
      witness.text(asyncio.TaskGroup))
    assert.matches("asyncio.task_group must be called from inside a task",
      witness.text(asyncio.task_group, print))
  end)

  it("and nothing but a function is a body", testing.virtual(function()
    local text = witness.text(function() asyncio.task_group(7) end) local here = witness.line()
    assert.equal(here .. " bad argument #1 to 'task_group' (function expected, got number)", text)
    assert.equal("body", asyncio.task_group(asyncio.async(function() return "body" end)))
  end))
end)
