--- Cancelling: where a cancel goes, what stops it, how often it counts.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

local function new_future()
  return asyncio.get_running_loop():create_future()
end

describe("cancelling a task", function()
  it("before its first step keeps its body from running", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function() log[1] = "ran" end)
    assert.is_true(task:cancel("not today"))
    assert.same({ false, 1 }, { task:done(), task:cancelling() })
    local err = witness.raises(asyncio.CancelledError, asyncio.await, task)
    assert.same({ true, {}, "not today" }, { task:cancelled(), log, err.message })
  end))

  it("raises CancelledError where it waits, with the message", testing.virtual(function()
    local task = asyncio.create_task(asyncio.sleep, 100)
    turns(1)
    task:cancel("enough")
    local err = witness.raises(asyncio.CancelledError, asyncio.await, task)
    assert.same({ "enough", "CancelledError: enough" }, { err.message, tostring(err) })
    assert.same({ true, 1 }, { task:cancelled(), asyncio.get_running_loop():time() })
  end))

  it("runs its <close> variables, which may wait, in order", testing.virtual(function()
    local log = {}
    local function closing(name)
      return setmetatable({}, { __close = function(_, err)
        asyncio.sleep(1)
        log[#log + 1] = name .. " " .. witness.class(err)
      end })
    end
    local task = asyncio.create_task(function()
      local _ <close> = closing("outer")
      local _ <close> = closing("inner")
      asyncio.sleep(100)
    end)
    turns(1)
    task:cancel()
    pcall(asyncio.await, task)
    assert.same({ "inner CancelledError", "outer CancelledError" }, log)
    assert.equal(3, asyncio.get_running_loop():time())
  end))

  it("is a request: the body may go on", testing.virtual(function()
    local task = asyncio.create_task(function()
      pcall(asyncio.sleep, 100)
      return asyncio.sleep(1, "went on")
    end)
    turns(1)
    task:cancel()
    assert.equal("went on", asyncio.await(task))
    assert.same({ false, 1 }, { task:cancelled(), task:cancelling() })
  end))

  it("can be done again while it cleans up", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function()
      log[1] = select(2, try(asyncio.sleep, 100))
      log[2] = select(2, try(asyncio.sleep, 100))
      return "stubborn"
    end)
    turns(1)
    task:cancel()
    turns(1)
    task:cancel()
    assert.equal("stubborn", asyncio.await(task))
    assert.same({ "CancelledError", "CancelledError" }, log)
    assert.equal(2, task:cancelling())
  end))

  it("twice before it runs raises once, with the first message", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function()
      log[1] = witness.raises(asyncio.CancelledError, asyncio.sleep, 100).message
      log[2] = asyncio.sleep(1, "no second one")
    end)
    turns(1)
    assert.is_true(task:cancel("first"))
    assert.is_true(task:cancel("second"))
    assert.equal(2, task:cancelling())
    asyncio.await(task)
    assert.same({ "first", "no second one" }, log)
  end))

  it("says false only when it is done", testing.virtual(function()
    local task = asyncio.create_task(function() end)
    asyncio.await(task)
    assert.same({ false, 0, false }, { task:cancel(), task:cancelling(), task:cancelled() })
  end))

  it("from within is raised at its next suspension, not before", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function()
      asyncio.current_task():cancel()
      log[#log + 1] = "still running"
      log[#log + 1] = select(2, try(asyncio.sleep, 1))
      asyncio.sleep(1)
      log[#log + 1] = "once only"
    end)
    asyncio.await(task)
    assert.same({ "still running", "CancelledError", "once only" }, log)
  end))

  it("from within keeps the result if there is no suspension more", testing.virtual(function()
    local task = asyncio.create_task(function()
      asyncio.current_task():cancel()
      return "kept"
    end)
    assert.equal("kept", asyncio.await(task))
    assert.is_false(task:cancelled())
  end))

  it("is raised at a sleep(0) that waits for its turn", testing.virtual(function()
    local task = asyncio.create_task(function()
      return select(2, try(asyncio.sleep, 0))
    end)
    turns(1)
    task:cancel()
    assert.equal("CancelledError", asyncio.await(task))
  end))

  it("in the same turn as a deadline: the sleep that is over counts", testing.virtual(function()
    local log = {}
    local sleeper
    asyncio.get_running_loop():call_later(1, function() sleeper:cancel() end)
    sleeper = asyncio.create_task(function()
      log[#log + 1] = asyncio.sleep(1, "slept")
      log[#log + 1] = select(2, try(asyncio.sleep, 1))
    end)
    asyncio.await(sleeper)
    assert.same({ "slept", "CancelledError" }, log)
  end))

  it("goes to the task it awaits first", testing.virtual(function()
    local log = {}
    local inner = asyncio.create_task(function()
      log[1] = "inner " .. select(2, try(asyncio.sleep, 100))
      error(asyncio.CancelledError("of inner"))
    end)
    local outer = asyncio.create_task(function()
      log[2] = "outer " .. witness.raises(asyncio.CancelledError, asyncio.await,
        inner).message
    end)
    turns(2)
    outer:cancel()
    asyncio.await(outer)
    assert.same({ "inner CancelledError", "outer of inner" }, log)
    assert.same({ 1, 1, true }, { inner:cancelling(), outer:cancelling(), inner:cancelled() })
  end))

  it("is undone by an inner task that goes on", testing.virtual(function()
    local inner = asyncio.create_task(function()
      pcall(asyncio.sleep, 100)
      return "inner's own result"
    end)
    local outer = asyncio.create_task(asyncio.await, inner)
    turns(2)
    outer:cancel()
    assert.equal("inner's own result", asyncio.await(outer))
    assert.is_false(outer:cancelled())
  end))

  it("reaches the end of a chain of 10,000", testing.virtual(function()
    local ended, count = 0, witness.many(10000)
    local function link(n)
      local _ <close> = setmetatable({}, { __close = function() ended = ended + 1 end })
      if n == 0 then
        return asyncio.sleep(100)
      end
      return asyncio.await(asyncio.create_task(link, n - 1))
    end
    local first = asyncio.create_task(link, count)
    turns(count + 2)
    first:cancel("from far away")
    local err = witness.raises(asyncio.CancelledError, asyncio.await, first)
    assert.same({ count + 1, "from far away" }, { ended, err.message })
  end))

  it("ends in a cycle of awaiting tasks", testing.virtual(function()
    local a, b, c
    a = asyncio.create_task(function() return asyncio.await(b) end)
    b = asyncio.create_task(function() return asyncio.await(c) end)
    c = asyncio.create_task(function() return asyncio.await(a) end)
    turns(2)
    assert.is_true(a:cancel())
    turns(4)
    assert.same({ true, true, true }, { a:cancelled(), b:cancelled(), c:cancelled() })
  end))

  it("ends in a cycle through gathers", testing.virtual(function()
    local a, b
    a = asyncio.create_task(function() return asyncio.gather(function()
      return asyncio.await(b)
    end, function() asyncio.sleep(100) end) end)
    b = asyncio.create_task(function() return asyncio.gather(a) end)
    turns(3)
    assert.is_true(b:cancel())
    turns(8)
    assert.same({ true, true, 1 }, { a:cancelled(), b:cancelled(), #asyncio.all_tasks() })
  end))

  it("shared by two reaches it once", testing.virtual(function()
    local shared = asyncio.create_task(asyncio.sleep, 100)
    local a = asyncio.create_task(asyncio.await, shared)
    local b = asyncio.create_task(asyncio.await, shared)
    turns(2)
    local both = asyncio.create_task(function() return asyncio.gather(a, b) end)
    turns(1)
    both:cancel()
    turns(4)
    assert.same({ true, true, true, true, 1 }, { a:cancelled(), b:cancelled(),
      shared:cancelled(), both:cancelled(), shared:cancelling() })
  end))

  it("that raises another error than the cancel makes it fail", testing.virtual(function()
    local task = asyncio.create_task(function()
      pcall(asyncio.sleep, 100)
      error("spoilt", 0)
    end)
    turns(1)
    task:cancel()
    assert.same({ "raised", "spoilt" }, { try(asyncio.await, task) })
    assert.is_false(task:cancelled())
  end))

  it("is known by the class: a body that raises CancelledError is cancelled",
    testing.virtual(function()
      local err = asyncio.CancelledError("by itself")
      local task = asyncio.create_task(error, err)
      assert.equal(err, (select(2, pcall(asyncio.await, task))))
      assert.same({ true, 0 }, { task:cancelled(), task:cancelling() })
    end))

  it("passes asyncio.pcall, so a retry loop ends", testing.virtual(function()
    local tries = 0
    local task = asyncio.create_task(function()
      repeat
        tries = tries + 1
      until asyncio.pcall(function() asyncio.sleep(1) error("again") end)
    end)
    asyncio.sleep(2.5)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.equal(3, tries)
  end))
end)

describe("the count of cancels", function()
  it("does not come round, however often a task is cancelled", testing.virtual(function()
    local task = asyncio.create_task(function() pcall(asyncio.sleep, 1) end)
    turns(1)
    for _ = 1, 70000 do
      task:cancel()
    end
    assert.equal(70000, task:cancelling())
    assert.equal(69999, task:uncancel())
  end))

  it("is taken back by uncancel, never below nothing", testing.virtual(function()
    local task = asyncio.create_task(asyncio.sleep, 100)
    assert.same({ 0, 0 }, { task:cancelling(), task:uncancel() })
    turns(1)
    task:cancel()
    task:cancel()
    assert.same({ 2, 1, 0, 0 }, { task:cancelling(), task:uncancel(), task:uncancel(),
      task:uncancel() })
    pcall(asyncio.await, task)
  end))

  it("at nothing again drops a cancel that was not raised yet", testing.virtual(function()
    local task = asyncio.create_task(function()
      local me = asyncio.current_task()
      me:cancel()
      me:uncancel()
      return asyncio.sleep(1, "undisturbed")
    end)
    assert.equal("undisturbed", asyncio.await(task))
  end))

  it("above nothing keeps it", testing.virtual(function()
    local task = asyncio.create_task(function()
      local me = asyncio.current_task()
      me:cancel()
      me:cancel()
      me:uncancel()
      return (select(2, try(asyncio.sleep, 1)))
    end)
    assert.equal("CancelledError", asyncio.await(task))
  end))

  it("lets a task that took its cancel back be cancelled anew", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function()
      local me = asyncio.current_task()
      log[1] = select(2, try(asyncio.sleep, 100))
      log[2] = me:uncancel()
      log[3] = asyncio.sleep(1, "structured")
      asyncio.sleep(100)
    end)
    turns(1)
    task:cancel()
    asyncio.sleep(2)
    assert.equal(0, task:cancelling())
    task:cancel()
    pcall(asyncio.await, task)
    assert.same({ "CancelledError", 0, "structured" }, log)
    assert.is_true(task:cancelled())
  end))
end)

describe("two cancels in one turn", function()
  local waits = {
    ["a future"] = function() asyncio.await(new_future()) end,
    ["a task"] = function() asyncio.await(asyncio.create_task(asyncio.sleep, 9)) end,
    ["a sleep"] = function() asyncio.sleep(9) end,
    ["a gather"] = function() asyncio.gather(new_future(), new_future()) end,
    ["a gather of all"] = function() asyncio.gather { new_future(), return_exceptions = true } end,
    ["a shield"] = function() asyncio.shield(new_future()) end,
    wait_for = function() asyncio.wait_for(new_future(), 9) end,
    ["an awaitable"] = function()
      asyncio.await(setmetatable({}, { __await = function() asyncio.await(new_future()) end }))
    end,
    ["a group's body"] = function()
      asyncio.task_group(function() asyncio.await(new_future()) end)
    end,
  }
  for name, wait in pairs(waits) do
    it("are raised once in a task that waits for " .. name, testing.virtual(function()
      local log = {}
      local task = asyncio.create_task(function()
        log[1] = witness.class(select(2, pcall(wait)))
        log[2] = try(asyncio.sleep, 1)
      end)
      turns(2)
      task:cancel()
      task:cancel()
      asyncio.await(task)
      assert.same({ "CancelledError", nil }, log)
      assert.equal(2, task:cancelling())
    end))
  end
end)

describe("the traceback of a cancelled task", function()
  local function cancelled(main)
    local task = asyncio.create_task(function() asyncio.sleep(1) end)
    asyncio.sleep(0)
    task:cancel()
    if main then
      asyncio.await(task)
    end
    turns(2)
    return task:traceback()
  end

  it("is kept in debug mode alone", testing.virtual(function()
    assert.matches("only debug mode keeps", cancelled())
    asyncio.get_running_loop():set_debug(true)
    assert.matches("asyncio.sleep'\n\t[^\n]*cancel_spec.lua:%d+: in function", cancelled())
  end))

  it("is kept of the main task, so that an uncaught cancellation has a place", function()
    local loop <close> = asyncio.new_event_loop()
    local main = loop:create_task(cancelled, true)
    pcall(loop.run_until_complete, loop, main)
    assert.is_true(main:cancelled())
    assert.matches("asyncio.await'\n\t[^\n]*cancel_spec.lua:%d+: in", main:traceback())
  end)
end)
