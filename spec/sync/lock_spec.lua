--- Locks: what laws_spec does not say of them.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

describe("a lock", function()
  it("is free at first, held when acquired, free when released", testing.virtual(function()
    local lock = asyncio.Lock()
    assert.equal("Lock<state=free, waiters=0>", tostring(lock))
    assert.is_false(lock:locked())
    assert.equal(lock, lock:acquire())
    assert.is_true(lock:locked())
    assert.equal("Lock<state=locked, waiters=0>", tostring(lock))
    lock:release()
    assert.is_false(lock:locked())
  end))

  it("does not suspend while it is free", testing.virtual(function()
    local lock, log = asyncio.Lock(), {}
    asyncio.create_task(function() log[1] = "other" end)
    turns(1)
    log[1] = nil
    asyncio.create_task(function() log[1] = "other" end)
    for _ = 1, 50 do
      lock:acquire()
      lock:release()
    end
    assert.is_nil(log[1])
    turns(1)
  end))

  it("allocates nothing while it is free", testing.virtual(function()
    local lock = asyncio.Lock()
    lock:acquire()
    lock:release()
    collectgarbage()
    collectgarbage("stop")
    local before = collectgarbage("count")
    for _ = 1, 100 do
      lock:acquire()
      lock:release()
    end
    local after = collectgarbage("count")
    collectgarbage("restart")
    assert.equal(before, after)
  end))

  it("that is free cannot be released", testing.virtual(function()
    local lock = asyncio.Lock()
    local ok, err = pcall(function() lock:release() end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " the lock is not held", err)
  end))

  it("may be released by another task, and outside of any", function()
    local lock = asyncio.Lock()
    asyncio.run(function()
      asyncio.await(asyncio.create_task(lock.acquire, lock))
      lock:release()
      lock:acquire()
    end)
    lock:release()
    assert.is_false(lock:locked())
  end)

  it("goes to the first in line at its release: nobody barges in", testing.virtual(function()
    local lock, log = asyncio.Lock(), {}
    lock:acquire()
    asyncio.create_task(function()
      lock:acquire()
      log[#log + 1] = "waiter"
      lock:release()
    end)
    turns(1)
    lock:release()
    assert.is_true(lock:locked())
    lock:acquire()
    log[#log + 1] = "late"
    lock:release()
    assert.same({ "waiter", "late" }, log)
  end))

  it("of a waiter that was cancelled goes to the next one", testing.virtual(function()
    local lock, log = asyncio.Lock(), {}
    lock:acquire()
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = asyncio.create_task(function()
        local scope <close> = lock:acquire()
        log[#log + 1] = i
        asyncio.sleep(1)
      end)
    end
    turns(1)
    tasks[1]:cancel()
    lock:release()
    tasks[2]:cancel()
    asyncio.await(tasks[3])
    assert.same({ 2, 3 }, log)
    assert.is_false(lock:locked())
  end))

  it("is not for things that are no lock", testing.virtual(function()
    local lock = asyncio.Lock()
    assert.matches("bad argument #1 to 'acquire' %(asyncio.Lock expected, got table%)",
      witness.text(function() local acquire = lock.acquire acquire({}) end))
    assert.matches("asyncio.Lock expected, got asyncio.Event",
      witness.text(lock.release, asyncio.Event()))
    assert.matches("asyncio.Lock expected, got nil", witness.text(lock.locked, nil))
  end))
end)

describe("a scope of a lock", function()
  it("releases at its end, by any way out", testing.virtual(function()
    local lock = asyncio.Lock()
    do
      local scope <close> = lock:acquire()
      assert.is_true(lock:locked())
    end
    assert.is_false(lock:locked())
    assert.same({ "raised", "oops" }, { try(function()
      local scope <close> = lock:acquire()
      error("oops", 0)
    end) })
    assert.is_false(lock:locked())
    local task = asyncio.create_task(function()
      local scope <close> = lock:acquire()
      asyncio.sleep(10)
    end)
    turns(1)
    task:cancel()
    turns(1)
    assert.is_false(lock:locked())
  end))

  it("leaves a lock alone that was released before, and that another holds", testing.virtual(function()
    local lock = asyncio.Lock()
    local other
    do
      local scope <close> = lock:acquire()
      lock:release()
    end
    assert.is_false(lock:locked())
    do
      local first <close> = lock:acquire()
      first:release()
      other = asyncio.create_task(function()
        local scope <close> = lock:acquire()
        asyncio.sleep(1)
      end)
      turns(1)
    end
    assert.is_true(lock:locked())
    asyncio.await(other)
    assert.is_false(lock:locked())
  end))

  it("closes when its loop closes", function()
    local lock = asyncio.Lock()
    local loop = asyncio.new_event_loop()
    loop:create_task(function()
      local scope <close> = lock:acquire()
      asyncio.sleep(10)
    end)
    loop:run_until_complete(function() asyncio.sleep(0) end)
    assert.is_true(lock:locked())
    loop:close()
    assert.is_false(lock:locked())
    assert.equal(1, witness.destroyed())
  end)
end)

describe("an event", function()
  it("wakes those who wait when it is set, even if it is cleared at once", testing.virtual(function()
    local event, log = asyncio.Event(), {}
    for i = 1, 3 do
      asyncio.create_task(function()
        local result = event:wait()
        log[#log + 1] = { i, result, event:is_set() }
      end)
    end
    turns(1)
    assert.equal("Event<state=unset, waiters=3>", tostring(event))
    event:set()
    event:clear()
    turns(1)
    assert.same({ { 1, true, false }, { 2, true, false }, { 3, true, false } }, log)
    assert.equal("Event<state=unset, waiters=0>", tostring(event))
  end))

  it("lets all pass until it is cleared", testing.virtual(function()
    local event = asyncio.Event()
    assert.is_false(event:is_set())
    event:set()
    event:set()
    assert.is_true(event:is_set())
    assert.is_true(event:wait())
    assert.is_true(event:wait())
    event:clear()
    assert.is_false(event:is_set())
    assert.same({ "raised", "TimeoutError" }, { try(asyncio.wait_for, event.wait, 1, event) })
  end))

  it("makes a task give way now and then", testing.virtual(function()
    local event, passed = asyncio.Event(), 0
    event:set()
    local task = asyncio.create_task(function()
      while true do
        event:wait()
        passed = passed + 1
      end
    end)
    turns(3)
    assert(passed > 100 and passed < 1000, passed)
    task:cancel()
    turns(1)
  end))
end)

describe("a semaphore", function()
  it("has one permit if nothing is said", testing.virtual(function()
    local semaphore = asyncio.Semaphore()
    assert.equal("Semaphore<value=1, waiters=0>", tostring(semaphore))
    assert.equal(semaphore, semaphore:acquire())
    assert.is_true(semaphore:locked())
    semaphore:release()
    semaphore:release()
    assert.equal("Semaphore<value=2, waiters=0>", tostring(semaphore))
  end))

  it("gives its permits to the first, and what comes back to the next", testing.virtual(function()
    local semaphore, log = asyncio.Semaphore(2), {}
    for i = 1, 4 do
      asyncio.create_task(function()
        local scope <close> = semaphore:acquire()
        log[#log + 1] = i
        asyncio.sleep(1)
      end)
    end
    turns(1)
    assert.same({ 1, 2 }, log)
    assert.equal("Semaphore<value=0, waiters=2>", tostring(semaphore))
    asyncio.sleep(1.5)
    assert.same({ 1, 2, 3, 4 }, log)
    asyncio.sleep(1)
    assert.equal("Semaphore<value=2, waiters=0>", tostring(semaphore))
  end))

  it("hands a permit over at its release: nobody barges in", testing.virtual(function()
    local semaphore, log = asyncio.Semaphore(0), {}
    asyncio.create_task(function()
      semaphore:acquire()
      log[#log + 1] = "waiter"
      semaphore:release()
    end)
    turns(1)
    semaphore:release()
    assert.is_true(semaphore:locked())
    semaphore:acquire()
    log[#log + 1] = "late"
    assert.same({ "waiter", "late" }, log)
  end))

  it("wakes as many as permits came back, though some are cancelled", testing.virtual(function()
    local semaphore, log, tasks = asyncio.Semaphore(0), {}, {}
    for i = 1, 6 do
      tasks[i] = asyncio.create_task(function()
        semaphore:acquire()
        log[#log + 1] = i
      end)
    end
    turns(1)
    semaphore:release()
    tasks[1]:cancel()
    tasks[2]:cancel()
    semaphore:release()
    semaphore:release()
    tasks[5]:cancel()
    turns(2)
    assert.same({ 1, 3, 4 }, log)
    semaphore:release()
    turns(1)
    assert.same({ 1, 3, 4, 6 }, log)
    assert.is_true(semaphore:locked())
  end))

  it("that is bounded refuses a permit too many", testing.virtual(function()
    local semaphore = asyncio.BoundedSemaphore(2)
    assert.equal("BoundedSemaphore<value=2, waiters=0>", tostring(semaphore))
    local ok, err = pcall(function() semaphore:release() end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " the semaphore was released too often", err)
    assert.matches("BoundedSemaphore<value=%d+,", tostring(asyncio.BoundedSemaphore(math.maxinteger)))
    assert.matches("released too often", witness.text(function()
      local scope <close> = semaphore:acquire()
      semaphore:release()
    end))
    assert.matches("block's own", witness.text(function()
      local scope <close> = semaphore:acquire()
      semaphore:release()
      error("the block's own", 0)
    end))
    assert.equal("BoundedSemaphore<value=2, waiters=0>", tostring(semaphore))
    assert.matches("too often", witness.text(function() asyncio.BoundedSemaphore(0):release() end))
  end))

  it("refuses nonsense", function()
    assert.matches("bad argument #1 to '[%a.]*Semaphore' %(value must not be negative%)",
      witness.text(asyncio.Semaphore, -1))
    assert.matches("bad argument #1 to '[%a.]*BoundedSemaphore' %(number expected, got string%)",
      witness.text(asyncio.BoundedSemaphore, "x"))
    assert.matches("number has no integer representation", witness.text(asyncio.Semaphore, 1.5))
  end)
end)
