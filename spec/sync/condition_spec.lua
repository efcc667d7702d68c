--- Conditions: what laws_spec does not say of them.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns
local create_task = asyncio.create_task

local unheld = "the lock of the condition is not held"

describe("a condition", function()
  it("has a lock of its own, or the one it is given", testing.virtual(function()
    local condition = asyncio.Condition()
    assert.equal("Condition<state=free, waiters=0, lock waiters=0>", tostring(condition))
    assert.equal(condition, condition:acquire())
    assert.is_true(condition:locked())
    condition:release()
    assert.is_false(condition:locked())
    local lock = asyncio.Lock()
    local first, second = asyncio.Condition(lock), asyncio.Condition(lock)
    first:acquire()
    assert.same({ true, true, true }, { lock:locked(), first:locked(), second:locked() })
    second:release()
    assert.is_false(lock:locked())
    assert.matches("bad argument #1 to '[%w.]+' %(asyncio.Lock expected, got number%)",
      witness.text(asyncio.Condition, 42))
  end))

  it("keeps the lock it is given", testing.virtual(function()
    local condition = asyncio.Condition(asyncio.Lock())
    witness.collect()
    local scope <close> = condition:acquire()
    assert.is_true(condition:locked())
  end))

  it("can only be used by who holds the lock", testing.virtual(function()
    local condition = asyncio.Condition()
    for _, name in ipairs { "wait", "notify", "notify_all", "release" } do
      local ok, err = pcall(function() condition[name](condition) end) local here = witness.line()
      assert.is_false(ok)
      assert.equal(here .. " " .. unheld, err)
    end
    assert.matches(unheld, witness.text(condition.wait_for, condition, function() end))
    assert.matches("function expected, got no value", witness.text(condition.wait_for, condition))
  end))

  it("releases the lock while it waits, and has it again after", testing.virtual(function()
    local condition, log = asyncio.Condition(), {}
    local task = create_task(function()
      local scope <close> = condition:acquire()
      local result = condition:wait()
      log[#log + 1] = { result, condition:locked() }
    end)
    turns(1)
    assert.is_false(condition:locked())
    condition:acquire()
    condition:notify()
    assert.equal("Condition<state=locked, waiters=0, lock waiters=1>", tostring(condition))
    turns(2)
    assert.same({}, log)
    condition:release()
    asyncio.await(task)
    assert.same({ { true, true } }, log)
    assert.is_false(condition:locked())
  end))

  it("wakes as many as it is told, the first ones first", testing.virtual(function()
    local condition, log = asyncio.Condition(), {}
    for i = 1, 6 do
      create_task(function()
        local scope <close> = condition:acquire()
        condition:wait()
        log[#log + 1] = i
      end)
    end
    turns(1)
    local function notify(method, ...)
      local scope <close> = condition:acquire()
      condition[method](condition, ...)
    end
    notify("notify", 0)
    assert.matches("bad argument #1 to 'notify' %(a number of tasks expected%)", witness.text(function()
      local scope <close> = condition:acquire()
      condition:notify(-3)
    end))
    turns(6)
    assert.same({}, log)
    notify("notify")
    turns(6)
    assert.same({ 1 }, log)
    notify("notify", 2)
    turns(6)
    assert.same({ 1, 2, 3 }, log)
    notify("notify_all")
    turns(6)
    assert.same({ 1, 2, 3, 4, 5, 6 }, log)
    notify("notify", 2048)
    notify("notify_all")
    assert.matches("number expected", witness.text(notify, "notify", "x"))
    assert.is_false(condition:locked())
  end))

  it("is not notified of what came before", testing.virtual(function()
    local condition = asyncio.Condition()
    local scope <close> = condition:acquire()
    condition:notify()
    assert.same({ "raised", "TimeoutError" }, { try(asyncio.wait_for, function()
      local inner <close> = condition
      condition:wait()
    end, 1) })
  end))

  it("puts who is notified in the lock's line, before who comes later", testing.virtual(function()
    local condition, log = asyncio.Condition(), {}
    create_task(function()
      local scope <close> = condition:acquire()
      condition:wait()
      log[#log + 1] = "notified"
    end)
    turns(1)
    condition:acquire()
    condition:notify()
    create_task(function()
      local scope <close> = condition:acquire()
      log[#log + 1] = "later"
    end)
    turns(1)
    condition:release()
    turns(3)
    assert.same({ "notified", "later" }, log)
  end))
end)

describe("a wait on a condition that is cancelled", function()
  it("has the lock when it raises", testing.virtual(function()
    local condition, seen = asyncio.Condition(), nil
    local task = create_task(function()
      local scope <close> = condition:acquire()
      local outcome = { try(condition.wait, condition) }
      seen = { outcome, condition:locked() }
    end)
    turns(1)
    task:cancel()
    asyncio.await(task)
    assert.same({ { "raised", "CancelledError" }, true }, seen)
    assert.is_false(condition:locked())
  end))

  it("waits for the lock before it raises, however often it is cancelled", testing.virtual(function()
    local condition, raised = asyncio.Condition(), nil
    local task = create_task(function()
      local scope <close> = condition:acquire()
      local _, err = pcall(condition.wait, condition)
      raised = err
    end)
    turns(1)
    condition:acquire()
    task:cancel("first")
    turns(2)
    task:cancel("second")
    turns(2)
    task:cancel("last")
    turns(2)
    assert.is_nil(raised)
    condition:release()
    asyncio.await(task)
    assert.equal("last", raised.message)
    assert.equal(3, task:cancelling())
    assert.is_false(condition:locked())
  end))

  it("after it was notified, while it waits for the lock, raises", testing.virtual(function()
    local condition = asyncio.Condition()
    local task = create_task(function()
      local scope <close> = condition:acquire()
      condition:wait()
    end)
    turns(1)
    condition:acquire()
    condition:notify()
    turns(1)
    task:cancel()
    turns(1)
    condition:release()
    turns(2)
    assert.is_true(task:cancelled())
    assert.is_false(condition:locked())
  end))

  it("passes the notification it had on to another one", testing.virtual(function()
    local condition, log, tasks = asyncio.Condition(), {}, {}
    for i = 1, 4 do
      tasks[i] = create_task(function()
        local scope <close> = condition:acquire()
        condition:wait()
        log[#log + 1] = i
      end)
    end
    turns(1)
    condition:acquire()
    condition:notify(2)
    tasks[1]:cancel()
    turns(1)
    tasks[1]:cancel()
    tasks[2]:cancel()
    condition:release()
    turns(8)
    assert.is_true(tasks[1]:cancelled())
    assert.is_true(tasks[2]:cancelled())
    assert.same({ 3, 4 }, log)
    assert.is_false(condition:locked())
  end))

  it("takes no notification if it came first", testing.virtual(function()
    local condition, log, tasks = asyncio.Condition(), {}, {}
    for i = 1, 2 do
      tasks[i] = create_task(function()
        local scope <close> = condition:acquire()
        condition:wait()
        log[#log + 1] = i
      end)
    end
    turns(1)
    condition:acquire()
    tasks[1]:cancel()
    condition:notify()
    condition:release()
    turns(4)
    assert.is_true(tasks[1]:cancelled())
    assert.same({ 2 }, log)
  end))

  it("times out in its scope, holding the lock", testing.virtual(function()
    local condition = asyncio.Condition()
    condition:acquire()
    assert.same({ "raised", "TimeoutError" }, { try(function()
      local scope <close> = asyncio.timeout(1)
      condition:wait()
    end) })
    assert.is_true(condition:locked())
  end))

  it("ends a deadlock without the lock, if it cannot have it", function()
    local condition = asyncio.Condition()
    local ok, err = pcall(asyncio.run, function()
      create_task(function()
        asyncio.sleep(0)
        condition:acquire()
        asyncio.Future():add_done_callback(print)
        asyncio.await(asyncio.Future())
      end)
      local scope <close> = condition:acquire()
      condition:wait()
    end)
    assert.is_false(ok)
    assert.matches("nothing can ever wake the main task", tostring(err))
    assert.matches("waits for condition", tostring(err))
  end)

  it("ends a deadlock with the lock, if it can", function()
    local condition, locked = asyncio.Condition(), nil
    local err = witness.raises(asyncio.DeadlockError, asyncio.run, function()
      local scope <close> = condition:acquire()
      local _, err = pcall(condition.wait, condition)
      locked = condition:locked()
      error(err, 0)
    end)
    assert.matches("nothing can ever wake the main task", tostring(err))
    assert.is_true(locked)
    assert.is_false(condition:locked())
  end)
end)

describe("wait_for of a condition", function()
  it("waits until the predicate is true, and returns what it returned", testing.virtual(function()
    local condition, n, calls = asyncio.Condition(), 0, 0
    local result
    local task = create_task(function()
      local scope <close> = condition:acquire()
      result = condition:wait_for(function()
        calls = calls + 1
        return n >= 3 and "enough " .. n
      end)
    end)
    turns(1)
    for i = 1, 4 do
      local scope <close> = condition:acquire()
      n = i
      condition:notify()
    end
    asyncio.await(task)
    assert.equal("enough 3", result)
    assert(calls >= 2)
  end))

  it("does not wait if it is true", testing.virtual(function()
    local condition = asyncio.Condition()
    local scope <close> = condition:acquire()
    assert.equal(5, condition:wait_for(function() return 5 end))
  end))

  it("may have a predicate that suspends or fails", testing.virtual(function()
    local condition, ready = asyncio.Condition(), false
    local task = create_task(function()
      local scope <close> = condition:acquire()
      condition:wait_for(function()
        asyncio.sleep(1)
        return ready
      end)
    end)
    asyncio.sleep(3)
    ready = true
    do
      local scope <close> = condition:acquire()
      condition:notify_all()
    end
    asyncio.await(task)
    local scope <close> = condition:acquire()
    assert.same({ "raised", "no" }, { try(condition.wait_for, condition, function() error("no", 0) end) })
    assert.is_true(condition:locked())
  end))

  it("that is cancelled asks the predicate no more", testing.virtual(function()
    local condition, calls = asyncio.Condition(), 0
    local task = create_task(function()
      local scope <close> = condition:acquire()
      condition:wait_for(function()
        calls = calls + 1
        return false
      end)
    end)
    turns(1)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.equal(1, calls)
    assert.is_false(condition:locked())
  end))
end)

describe("a barrier", function()
  it("lets its parties go when the last one comes, each with its place", testing.virtual(function()
    local barrier, log = asyncio.Barrier(3), {}
    assert.equal("Barrier<state=filling, waiters=0, parties=3>", tostring(barrier))
    assert.same({ 3, 0, false }, { barrier:parties(), barrier:n_waiting(), barrier:broken() })
    local function party()
      local place = barrier:wait()
      log[#log + 1] = place
    end
    create_task(party)
    create_task(party)
    turns(2)
    assert.same({}, log)
    assert.equal(2, barrier:n_waiting())
    assert.equal("Barrier<state=filling, waiters=2, parties=3>", tostring(barrier))
    assert.equal(3, barrier:wait())
    assert.equal(0, barrier:n_waiting())
    turns(1)
    assert.same({ 1, 2 }, log)
  end))

  it("serves round after round, and mixes none", testing.virtual(function()
    local barrier, log, rounds = asyncio.Barrier(3), {}, {}
    for i = 1, 3 do
      create_task(function()
        for round = 1, 20 do
          asyncio.sleep((i * round) % 4)
          log[#log + 1] = round
          local place = barrier:wait()
          rounds[round] = (rounds[round] or 0) + place
        end
      end)
    end
    asyncio.sleep(100)
    assert.equal(60, #log)
    for i = 1, 60 do
      assert.equal((i + 2) // 3, log[i])
    end
    for round = 1, 20 do
      assert.equal(6, rounds[round])
    end
  end, { timeout = 1000 }))

  it("of one never waits, but gives way now and then", testing.virtual(function()
    local barrier, passed = asyncio.Barrier(1), 0
    local task = create_task(function()
      while true do
        assert(barrier:wait() == 1)
        passed = passed + 1
      end
    end)
    turns(3)
    assert(passed > 100 and passed < 1000)
    task:cancel()
    turns(1)
  end))

  it("is not broken by a waiter that is cancelled", testing.virtual(function()
    local barrier, log, tasks = asyncio.Barrier(3), {}, {}
    for i = 1, 2 do
      tasks[i] = create_task(function()
        local place = barrier:wait()
        log[#log + 1] = i .. " at " .. place
      end)
    end
    turns(1)
    tasks[1]:cancel()
    assert.equal(1, barrier:n_waiting())
    assert.is_false(barrier:broken())
    turns(1)
    create_task(function()
      local place = barrier:wait()
      log[#log + 1] = "3 at " .. place
    end)
    turns(1)
    barrier:wait()
    turns(1)
    assert.same({ "2 at 1", "3 at 2" }, log)
  end))

  it("raises a cancel that came before it, and counts nobody", testing.virtual(function()
    local barrier = asyncio.Barrier(2)
    local task = create_task(function()
      asyncio.current_task():cancel()
      barrier:wait()
    end)
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.equal(0, barrier:n_waiting())
    assert.same({ "raised", "TimeoutError" }, { try(asyncio.wait_for, barrier.wait, 1, barrier) })
    assert.equal(0, barrier:n_waiting())
  end))

  it("lets go for good: a cancel in the same turn comes too late", testing.virtual(function()
    local barrier = asyncio.Barrier(2)
    local task = create_task(barrier.wait, barrier)
    turns(1)
    barrier:wait()
    task:cancel()
    assert.equal(1, asyncio.await(task))
    task = create_task(barrier.wait, barrier)
    turns(1)
    task:cancel()
    local other = create_task(barrier.wait, barrier)
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.equal(1, barrier:n_waiting())
    barrier:wait()
    assert.equal(1, asyncio.await(other))
  end))

  it("that is reset raises in those who wait, and begins anew", testing.virtual(function()
    local barrier, log = asyncio.Barrier(3), {}
    for _ = 1, 2 do
      create_task(function()
        local outcome = { try(barrier.wait, barrier) }
        log[#log + 1] = outcome
      end)
    end
    turns(1)
    barrier:reset()
    assert.same({ 0, false }, { barrier:n_waiting(), barrier:broken() })
    turns(1)
    assert.same({ { "raised", "BrokenBarrierError" }, { "raised", "BrokenBarrierError" } }, log)
    create_task(barrier.wait, barrier)
    create_task(barrier.wait, barrier)
    turns(1)
    assert.equal(3, barrier:wait())
    barrier:reset()
  end))

  it("that is aborted raises in all until it is reset", testing.virtual(function()
    local barrier, log = asyncio.Barrier(2), {}
    create_task(function()
      local outcome = { try(barrier.wait, barrier) }
      log[#log + 1] = outcome
    end)
    turns(1)
    barrier:abort()
    assert.is_true(barrier:broken())
    assert.equal("Barrier<state=broken, waiters=0, parties=2>", tostring(barrier))
    local err = witness.raises(asyncio.BrokenBarrierError, barrier.wait, barrier)
    assert.equal("BrokenBarrierError: the barrier is broken", tostring(err))
    turns(1)
    assert.same({ { "raised", "BrokenBarrierError" } }, log)
    barrier:reset()
    assert.is_false(barrier:broken())
    create_task(barrier.wait, barrier)
    turns(1)
    assert.equal(2, barrier:wait())
  end))

  it("refuses nonsense", testing.virtual(function()
    assert.matches("bad argument #1 to '[%w.]+' %(at least 1 expected%)", witness.text(asyncio.Barrier, 0))
    assert.matches("number expected, got n", witness.text(asyncio.Barrier))
    assert.matches("Barrier:wait must be called from inside a task",
      witness.text(coroutine.wrap(asyncio.Barrier(1).wait), asyncio.Barrier(1)))
  end))

  it("that a close by outside code left to the collector fails its waiter", testing.virtual(function()
    local reports = witness.reports()
    local task = create_task(asyncio.Barrier(2).wait, asyncio.Barrier(2))
    turns(1)
    coroutine.close(task:get_coro())
    witness.collect()
    turns(2)
    assert.is_true(task:done())
    task = nil  -- luacheck: ignore
    witness.collect()
    turns(1)
    assert.equal(1, #reports)
    assert.matches("resumed or closed from outside the event loop", reports[1].exception)
  end))
end)

describe("a task that is cancelled at every suspension", function()
  it("waits for no lock after its condition: it goes without", function()
    local condition, log = asyncio.Condition(), {}
    local runner = asyncio.Runner { shutdown_grace = 1, loop_factory = function()
      return require("asyncio.core").api.new_event_loop("virtual")
    end }
    local loop = runner:get_loop()
    runner:run(function()
      create_task(function()
        local scope <close> = condition:acquire()
        log[1] = witness.try(condition.wait, condition)
        log[2] = condition:locked()
      end)
      turns(1)
      condition:acquire()  -- and never lets it go
    end)
    local reports = witness.reports(loop)
    runner:close()
    assert.same({ { "raised", true }, {} }, { log, reports })
  end)
end)

describe("a deadlock over locks", function()
  it("tells the circle of who waits for whose lock", function()
    local a, b = asyncio.Lock(), asyncio.Lock()
    local err = witness.raises(asyncio.DeadlockError, asyncio.run, function()
      local other = create_task { function()
        b:acquire()
        asyncio.sleep(0)
        a:acquire()
      end, name = "other" }
      a:acquire()
      asyncio.sleep(0)
      b:acquire()
      asyncio.await(other)
    end)
    local text = tostring(err)
    assert.matches("wait cycle:.*waits for lock held by Task<name=other", text)
    assert.matches("Task<name=other[^\n]* waits for lock held by Task<name=Task", text)
  end)

  it("whose holder has ended tells that nobody holds it", function()
    local lock = asyncio.Lock()
    local err = witness.raises(asyncio.DeadlockError, asyncio.run, function()
      asyncio.await(create_task(lock.acquire, lock))
      witness.collect()
      lock:acquire()
    end)
    assert.matches("waits for lock\n", tostring(err))
  end)
end)
