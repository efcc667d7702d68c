--- How task groups end, and how call graphs, dumps and deadlocks show them.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local groups = require "spec.support.groups"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns
local now, sleeper, cancelling, forms = groups.now, groups.sleeper, groups.cancelling, groups.forms

describe("a group's end", function()
  it("takes error(nil) for a normal end in the <close> form only", testing.virtual(function()
    assert.same({ false, nil }, { pcall(forms.close, function() error(nil) end) })
    local err = witness.raises(asyncio.ExceptionGroup, asyncio.task_group, function() error(nil) end)
    assert.equal(1, err.exceptions.n)
  end))

  it("knows the tracebacks of its errors", testing.virtual(function()
    local function culprit() error("the child's fault") end
    local task = asyncio.create_task(asyncio.task_group, function(group)
      group:create_task { culprit, name = "guilty" }
      asyncio.task_group(function()
        pcall(asyncio.sleep, 100)
        culprit()
      end)
    end)
    pcall(asyncio.await, task)
    local text = require("asyncio.task.report").chain(task)
    assert.matches("stack traceback of guilty:", text, 1, true)
    assert.matches("stack traceback of a group's body:", text, 1, true)
  end))

  it("by another task than its own abandons the children", testing.virtual(function()
    local log, group = {}, nil
    local opener = asyncio.create_task(function()
      group = asyncio.TaskGroup()
      group:create_task(sleeper, log, 100)
      asyncio.sleep(1)
    end)
    turns(3)
    assert.equal("a task group was left by another task than the one that opened it",
      witness.text(function()
        local _ <close> = group
      end))
    asyncio.await(opener)
    assert.same({ "CancelledError" }, log)
  end))

  it("a second time raises, unless an error is on its way", testing.virtual(function()
    local group
    do
      local g <close> = asyncio.TaskGroup()
      group = g
    end
    assert.equal("the task group was already closed", witness.text(function()
      local _ <close> = group
    end))
    assert.equal("own", witness.text(function()
      local _ <close> = group
      error("own", 0)
    end))
    assert.equal("the task group was already closed", witness.text(function()
      local outer <close> = asyncio.TaskGroup()
      local _ <close> = outer
    end))
  end))

  it("where nothing can wait abandons the children, and reports", testing.virtual(function()
    local reports, log = witness.reports(), {}
    local task = asyncio.create_task(function()
      local group <close> = asyncio.TaskGroup()
      group:create_task(sleeper, log, 100)
      group:create_task(function()
        pcall(asyncio.sleep, 100)
        error("late", 0)
      end)
      asyncio.sleep(5)
    end)
    turns(3)
    assert.is_true(coroutine.close(task:get_coro()))
    turns(3)
    pcall(asyncio.await, task)
    witness.collect()
    turns(2)
    assert.same({ { "CancelledError" }, 1, "late" },
      { log, #reports, reports[1] and reports[1].exception })
  end))

  it("is not waited for by a coroutine that outside code closes", testing.virtual(function()
    local task = asyncio.create_task(asyncio.task_group, function(group)
      group:create_task(asyncio.sleep, 1)
    end)
    turns(3)
    assert.is_true(coroutine.close(task:get_coro()))
    assert.matches("resumed or closed from outside the event loop", witness.text(asyncio.await, task))
    assert.equal(1, now())
  end))

  it("comes once, though the body closes the group", testing.virtual(function()
    assert.same({ "body", 0 }, { asyncio.task_group(function(group)
      group:create_task(asyncio.sleep, 100)
      do
        local _ <close> = group
        group:cancel()
        assert.same({ "raised", "CancelledError" }, { try(asyncio.sleep, 1) })
      end
      return "body"
    end), cancelling() })
    asyncio.sleep(1)
  end))

  it("comes with its loop's", function()
    local loop = testing.new_event_loop { clock = "virtual" }
    loop:run_until_complete(function()
      asyncio.create_task(function()
        local group <close> = asyncio.TaskGroup()
        group:create_task(asyncio.sleep, 100)
        asyncio.sleep(100)
      end)
      asyncio.sleep(1)
    end)
    loop:close()
    witness.collect()
    assert.equal(2, witness.destroyed())
  end)

  it("lets a deadlock through, when the children are done", function()
    local log = {}
    for form, open in pairs(forms) do
      local err = witness.raises(asyncio.DeadlockError, asyncio.run, function()
        open(function(group)
          group:create_task(function()
            local _ <close> = setmetatable({}, { __close = function()
              asyncio.sleep(0.001)
              log[form] = "closed"
            end })
            asyncio.await(asyncio.Future())
          end)
        end)
      end)
      assert.matches("Task%-", err.message)
    end
    assert.same({ close = "closed", ["function"] = "closed" }, log)
  end)

  it("raises a DeadlockError of the block as it is, and reports the children's errors", testing.virtual(function()
    for _, open in pairs(forms) do
      local deadlock, reports = asyncio.DeadlockError "no way on", {}
      asyncio.get_running_loop():set_exception_handler(function(_, context)
        reports[#reports + 1] = context.exception
      end)
      local err = witness.raises(asyncio.DeadlockError, open, function(group)
        group:create_task(error, "the child's fault", 0)
        group:create_task(function()
          local _ <close> = setmetatable({}, { __close = function() error(deadlock) end })
          asyncio.sleep(math.huge)
        end)
        pcall(asyncio.sleep, math.huge)
        error(deadlock)
      end)
      assert.equal(deadlock, err)
      assert.equal(2, #reports)
      assert.equal("the child's fault", reports[1])
      assert.equal(deadlock, reports[2])
    end
    asyncio.get_running_loop():set_exception_handler(nil)
  end))

  it("takes a DeadlockError that a child raises for an error like any other", testing.virtual(function()
    for _, open in pairs(forms) do
      local deadlock = asyncio.DeadlockError "a child's own"
      local err = witness.raises(asyncio.ExceptionGroup, open, function(group)
        group:create_task(error, deadlock)
        asyncio.sleep(math.huge)
      end)
      assert.equal(1, err.exceptions.n)
      assert.equal(deadlock, err.exceptions[1])
    end
  end))
end)

describe("the call graph of a child", function()
  it("knows who waits for it", testing.virtual(function()
    forms.close(function(group)
      local main, above = asyncio.current_task(), nil
      group:create_task(asyncio.sleep, 1)
      group:create_task(function()
        asyncio.sleep(0.5)
        above = asyncio.call_graph().awaited_by
      end)
      asyncio.create_task(function()
        asyncio.sleep(2)
        assert.same({ 1, main, {} }, { #above, above[1].task, above[1].awaited_by })
      end)
      group:create_task(asyncio.sleep, 3)
    end)
  end))
end)

describe("a dump", function()
  it("names the children that a task waits for", testing.virtual(function()
    local waits = require "asyncio.inspect.waits"
    local task = asyncio.create_task(asyncio.task_group, function(group)
      for i = 1, 7 do
        group:create_task { asyncio.sleep, i, name = "child" .. i }
      end
    end)
    asyncio.sleep(1.5)
    for _, entry in ipairs(waits.of(asyncio.get_running_loop())) do
      if entry.task == task then
        assert.equal("end of 2, 3, 4, 5, 6 and 1 more", (waits.text(entry)
          :gsub("Task<name=child(%d)[^>]*>", "%1")))
      end
    end
    asyncio.await(task)
  end))
end)

describe("a deadlock in a group", function()
  it("is shown as a cycle of its task and a child", function()
    local err = witness.raises(asyncio.DeadlockError, asyncio.run, function()
      local main = asyncio.current_task():set_name "main"
      asyncio.task_group(function(group)
        group:create_task { function() pcall(asyncio.await, main) end, name = "child" }
      end)
    end)
    assert.matches("wait cycle:.*name=main.- waits for end of Task<name=child", err.message)
  end)
end)
