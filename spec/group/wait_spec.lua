--- wait and as_completed: waiting for some of many, and never cancelling.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

--- Seconds since the test began: virtual clocks begin at 1.
local function now()
  return asyncio.get_running_loop():time() - 1
end

local function start(delay, ...)
  return asyncio.create_task(asyncio.sleep, delay, ...)
end

local function crash(delay, err)
  return asyncio.create_task(function()
    asyncio.sleep(delay)
    error(err, 0)
  end)
end

--- Cancels what is left, so that the test leaves nothing behind.
local function cancel(...)
  for _, future in ipairs { ... } do
    future:cancel()
  end
  turns(3)
end

describe("wait", function()
  it("gives the done and the pending, in the order of its arguments", testing.virtual(function()
    local a, b, c = start(3), start(1), start(2)
    local done, pending = asyncio.wait { a, b, c }
    assert.same({ { n = 3, a, b, c }, { n = 0 }, 3 }, { done, pending, now() })
    local d, e, f = start(1), start(9), start(2)
    done, pending = asyncio.wait { d, e, f, timeout = 5 }
    assert.same({ { n = 2, d, f }, { n = 1, e }, 8 }, { done, pending, now() })
    cancel(e)
  end))

  it("takes tasks and futures, as arguments too, each once", testing.virtual(function()
    local future, task = asyncio.Future(), start(1)
    asyncio.get_running_loop():call_later(2, future.set_result, future)
    local done, pending = asyncio.wait(task, future, task)
    assert.same({ { n = 2, task, future }, { n = 0 }, 2 }, { done, pending, now() })
  end))

  it("until the first is done", testing.virtual(function()
    local a, b = start(2), start(1)
    local done, pending = asyncio.wait { a, b, return_when = asyncio.FIRST_COMPLETED }
    assert.same({ { n = 1, b }, { n = 1, a }, 1 }, { done, pending, now() })
    cancel(a)
    assert.equal(2, (asyncio.wait { a, b, start(5), return_when = asyncio.FIRST_COMPLETED }).n)
    asyncio.sleep(5)
  end))

  it("until the first error, which a cancellation is not", testing.virtual(function()
    local cancelled, fails, other = start(100), crash(3, "boom"), start(5)
    asyncio.get_running_loop():call_later(1, cancelled.cancel, cancelled)
    local done, pending = asyncio.wait { other, cancelled, fails,
      return_when = asyncio.FIRST_EXCEPTION }
    assert.same({ { n = 2, cancelled, fails }, { n = 1, other }, 3 }, { done, pending, now() })
    assert.equal("boom", fails:exception())
    done, pending = asyncio.wait { other, start(1), return_when = asyncio.FIRST_EXCEPTION }
    assert.same({ 2, 0, 5 }, { done.n, pending.n, now() })
  end))

  it("never raises their errors, and leaves them unseen", testing.virtual(function()
    local reports = witness.reports()
    do
      local done = asyncio.wait { crash(1, "boom"), return_when = asyncio.ALL_COMPLETED }
      assert.equal(1, done.n)
    end
    witness.collect()
    turns(2)
    assert.equal("boom", reports[1] and reports[1].exception)
  end))

  it("does not wait if it need not", testing.virtual(function()
    local a, b, others = start(1), start(100), 0
    asyncio.await(a)
    asyncio.create_task(function() others = others + 1 end)
    asyncio.wait(a)
    asyncio.wait { a, b, return_when = asyncio.FIRST_COMPLETED }
    assert.equal(0, others)
    for _ = 1, 200 do
      asyncio.wait(a)
    end
    assert.equal(1, others)
    cancel(b)
  end))

  it("with no time lets others run once", testing.virtual(function()
    for _, timeout in ipairs { 0, -1, -math.huge } do
      local quick, slow = asyncio.create_task(function() return 1 end), start(100)
      local done, pending = asyncio.wait { quick, slow, timeout = timeout }
      assert.same({ { n = 1, quick }, { n = 1, slow }, 0 }, { done, pending, now() })
      cancel(slow)
    end
  end))

  it("leaves no timer behind", testing.virtual(function()
    local loop, a = asyncio.get_running_loop(), start(1)
    local timers = loop:stats().timers
    asyncio.wait { a, timeout = 100 }
    assert.equal(timers, loop:stats().timers)
  end))

  it("counts one that is done as the time runs out", testing.virtual(function()
    local a = start(1)
    turns(1)  -- its deadline comes first
    assert.equal(1, (asyncio.wait { a, timeout = 1 }).n)
  end))

  it("cancelled leaves the children alone", testing.virtual(function()
    for _, timeout in ipairs { false, 10 } do
      local a, b = start(2, "a"), start(3, "b")
      local task = asyncio.create_task(asyncio.wait, { a, b, timeout = timeout or nil })
      turns(2)
      task:cancel("enough")
      assert.equal("enough", witness.raises(asyncio.CancelledError, asyncio.await, task).message)
      assert.same({ "a", "b" }, { asyncio.gather(a, b) })
    end
  end))

  it("cancelled before it starts, or with a cancel pending, waits for nothing",
    testing.virtual(function()
      local a = start(1)
      local task = asyncio.create_task(asyncio.wait, a)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      task = asyncio.create_task(function()
        asyncio.current_task():cancel()
        return asyncio.wait { a, timeout = 5 }
      end)
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      assert.equal(0, now())
      asyncio.await(a)
    end))

  it("and a cancel in one turn: what comes first wins", testing.virtual(function()
    local log = {}
    local future = asyncio.Future()
    local task = asyncio.create_task(function()
      log[1] = asyncio.wait(future).n
      log[2] = select(2, try(asyncio.sleep, 1))
    end)
    turns(2)
    future:set_result()
    task:cancel()
    asyncio.await(task)
    assert.same({ 1, "CancelledError" }, log)
    future = asyncio.Future()
    task = asyncio.create_task(asyncio.wait, future)
    turns(2)
    task:cancel()
    future:set_result()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
  end))

  it("in a timeout gives TimeoutError, and the children run on", testing.virtual(function()
    local a = start(2, "a")
    witness.raises(asyncio.TimeoutError, function()
      local scope <close> = asyncio.timeout(1)
      asyncio.wait(a)
    end)
    assert.equal("a", asyncio.await(a))
  end))

  it("refuses all but tasks and futures, at the caller's line", testing.virtual(function()
    local a = start(1)
    local text = witness.text(function() asyncio.wait(a, print) end) local here = witness.line()
    assert.equal(here .. " bad argument #2 to 'wait' (task or future expected, got function)", text)
    for message, list in pairs {
      ["one task or future at least expected"] = {},
      ["task or future expected, got thread"] = { asyncio.async(print)() },
      ["unknown option 'timout'"] = { a, timout = 1 },
      ["unknown option '0'"] = { a, [0] = a },
      ["unknown option 'Task<"] = { a, [a] = a },
      ["option 'timeout' must be a number of seconds"] = { a, timeout = "soon" },
      ["option 'return_when' must be"] = { a, return_when = "SOMETIMES" },
      ["field 'n' must be the length"] = { a, n = -1 },
      ["a task cannot wait for itself"] = { asyncio.current_task() },
    } do
      assert.matches(message, witness.text(asyncio.wait, list), 1, true)
    end
    assert.matches("'timeout' must be", witness.text(asyncio.wait, { a, timeout = 0 / 0 }))
    assert.matches("at least expected", witness.text(asyncio.wait))
    asyncio.await(a)
  end))

  it("ends when outside code closes the waiting task", testing.virtual(function()
    local future = asyncio.Future()
    local task = asyncio.create_task(asyncio.wait, { future, timeout = 5 })
    turns(2)
    coroutine.close(task:get_coro())
    witness.collect()
    future:set_result()
    asyncio.sleep(6)
    assert.matches("resumed or closed from outside the event loop", witness.text(asyncio.await, task))
  end))

  it("outside a task raises", function()
    assert.matches("asyncio.wait must be called from inside a task", witness.text(asyncio.wait))
  end)
end)

describe("as_completed", function()
  it("gives the originals in the order they finish", testing.virtual(function()
    local future = asyncio.Future()
    asyncio.get_running_loop():call_later(2.5, future.set_result, future, "future")
    local slow, quick = start(3, "slow"), start(1, "quick")
    local seen, times = {}, {}
    for task in asyncio.as_completed { slow, quick, future, quick } do
      seen[#seen + 1], times[#times + 1] = task, now()
    end
    assert.same({ { quick, future, slow }, { 1, 2.5, 3 } }, { seen, times })
  end))

  it("starts functions, coroutines and other awaitables, and gives their tasks",
    testing.virtual(function()
      local runs, seen = 0, {}
      local function count() runs = runs + 1 return asyncio.sleep(2, "function") end
      local object = asyncio.async(asyncio.sleep)(1, "object")
      local thing = setmetatable({}, { __await = function() return asyncio.sleep(3, "thing") end })
      for task in asyncio.as_completed(count, object, thing, count, object) do
        seen[#seen + 1] = task:result()
      end
      assert.same({ { "object", "function", "function", "thing" }, 2 }, { seen, runs })
    end))

  it("gives those that are done at once, errors and cancellations too", testing.virtual(function()
    local fails, cancelled = crash(0, "boom"), start(100)
    cancelled:cancel()
    turns(3)
    local seen = {}
    for task in asyncio.as_completed(cancelled, fails) do
      seen[#seen + 1] = task
    end
    assert.same({ cancelled, fails }, seen)
    assert.same({ "boom", true }, { fails:exception() })
  end))

  it("of nothing is an empty loop", testing.virtual(function()
    for _ in asyncio.as_completed() do error "nothing" end
    for _ in asyncio.as_completed {} do error "nothing" end
  end))

  it("raises TimeoutError from the loop when the time is over", testing.virtual(function()
    local loop, slow, seen = asyncio.get_running_loop(), start(3, "slow"), {}
    turns(1)
    local timers = loop:stats().timers
    witness.raises(asyncio.TimeoutError, function()
      for task in asyncio.as_completed { slow, start(1, 1), timeout = 2 } do
        seen[#seen + 1] = task:result()
      end
    end)
    assert.same({ { 1 }, 2, timers }, { seen, now(), loop:stats().timers })
    assert.equal("slow", asyncio.await(slow))
  end))

  it("gives what finished in time before it raises", testing.virtual(function()
    local seen, slow = {}, start(9)
    witness.raises(asyncio.TimeoutError, function()
      for task in asyncio.as_completed { start(1, 1), start(1.5, 2), slow, timeout = 2 } do
        seen[#seen + 1] = task:result()
        asyncio.sleep(3)
      end
    end)
    assert.same({ { 1, 2 }, 7 }, { seen, now() })
    cancel(slow)
  end))

  it("with no time gives what is done already", testing.virtual(function()
    local quick, slow, seen = start(0, "quick"), start(9), {}
    asyncio.await(quick)
    witness.raises(asyncio.TimeoutError, function()
      for task in asyncio.as_completed { slow, quick, timeout = 0 } do
        seen[#seen + 1] = task:result()
      end
    end)
    assert.same({ { "quick" }, 0 }, { seen, now() })
    cancel(slow)
  end))

  it("left early leaves all of them running", testing.virtual(function()
    local loop, slow = asyncio.get_running_loop(), start(3, "slow")
    turns(1)
    local timers = loop:stats().timers
    for task in asyncio.as_completed { slow, start(1), timeout = 100 } do
      assert.is_true(task:done())
      if task ~= slow then
        break
      end
    end
    assert.equal(timers, loop:stats().timers)
    local next_task, _, _, closing = asyncio.as_completed { slow, timeout = 100 }
    do
      local scope <close> = closing
    end
    assert.is_nil(next_task())
    assert.equal(timers, loop:stats().timers)
    assert.equal("slow", asyncio.await(slow))
  end))

  it("is an iterator to call by hand as well", testing.virtual(function()
    local a = start(1, "a")
    local next_task = asyncio.as_completed(a)
    assert.equal("as_completed<pending=1>", tostring(next_task))
    assert.equal(a, next_task())
    assert.is_nil(next_task())
    assert.is_nil(next_task())
  end))

  it("cancelled leaves the children alone, and may go on", testing.virtual(function()
    local seen = {}
    local task = asyncio.create_task(function()
      local next_task = asyncio.as_completed { start(2, "a"), start(3, "b"), timeout = 10 }
      seen[1] = select(2, try(next_task))
      for other in next_task do
        seen[#seen + 1] = other:result()
      end
    end)
    turns(3)
    task:cancel()
    asyncio.await(task)
    assert.same({ "CancelledError", "a", "b" }, seen)
  end))

  it("and a cancel in one turn: nothing is lost", testing.virtual(function()
    for _, first in ipairs { "result", "cancel" } do
      local future, seen = asyncio.Future(), {}
      local task = asyncio.create_task(function()
        local next_task = asyncio.as_completed(future)
        seen[1] = witness.class(select(2, pcall(next_task)))
        seen[2] = witness.class(select(2, pcall(next_task)))
        pcall(asyncio.sleep, 1)
      end)
      turns(2)
      if first == "cancel" then
        task:cancel()
      end
      future:set_result()
      if first == "result" then
        task:cancel()
      end
      asyncio.await(task)
      assert.same(first == "result" and { future } or { "CancelledError", future }, seen)
    end
  end))

  it("in a timeout gives TimeoutError", testing.virtual(function()
    local a = start(2, "a")
    witness.raises(asyncio.TimeoutError, function()
      local scope <close> = asyncio.timeout(1)
      for _ in asyncio.as_completed(a) do error "too early" end
    end)
    assert.equal("a", asyncio.await(a))
  end))

  it("may be left with one task waiting, which gets no more", testing.virtual(function()
    local future = asyncio.Future()
    local next_task, _, _, closing = asyncio.as_completed(future)
    local waiting = asyncio.create_task(function() return next_task() == nil end)
    turns(2)
    assert.matches("another task waits", witness.text(next_task))
    do
      local _ <close> = closing
    end
    assert.is_true(asyncio.await(waiting))
  end))

  it("has room for thousands, and gives way now and then", testing.virtual(function()
    local list, sum, others, count = {}, 0, 0, witness.many(5000)
    for i = 1, count do
      list[i] = start(i % 3, i)
    end
    asyncio.create_task(function()
      asyncio.sleep(2)
      while sum < count * (count + 1) // 2 do
        others = others + 1
        asyncio.sleep(0)
      end
    end)
    for task in asyncio.as_completed(list) do
      sum = sum + task:result()
    end
    assert.equal(count * (count + 1) // 2, sum)
    assert(others > count // 500)
  end))

  it("shows in a call graph, for those it still waits for", testing.virtual(function()
    local slow = start(3)
    local task = asyncio.create_task(function()
      local next_task = asyncio.as_completed(slow, asyncio.async(asyncio.sleep)(1, {}))
      next_task()
      witness.collect()
      next_task()
    end)
    asyncio.sleep(2)
    local above = asyncio.call_graph(slow).awaited_by
    assert.same({ 1, task }, { #above, above[1].task })
    asyncio.await(task)
  end))

  it("holds nothing it has given", testing.virtual(function()
    local weak = setmetatable({}, { __mode = "k" })
    local slow = start(3)
    local next_task = asyncio.as_completed(slow, start(1, {}))
    do
      weak[(next_task():result())] = true
    end
    witness.collect()
    assert.is_nil(next(weak))
    assert.equal(slow, next_task())
  end))

  it("dropped while it watches leaves no watch behind", testing.virtual(function()
    local future = asyncio.Future()
    asyncio.as_completed { future, timeout = 5 }
    witness.collect()
    future:set_result()
    assert.equal(0, now())
  end))

  it("refuses nonsense before anything has started", testing.virtual(function()
    local started = false
    local function child() started = true end
    local text = witness.text(function() asyncio.as_completed(child, 42) end) local here = witness.line()
    assert.equal(here .. " bad argument #2 to 'as_completed' (awaitable or function expected, "
      .. "got number)", text)
    assert.matches("unknown option 'return_when'",
      witness.text(asyncio.as_completed, { child, return_when = 1 }))
    assert.matches("'timeout' must be", witness.text(asyncio.as_completed, { child, timeout = {} }))
    assert.matches("cannot wait for itself",
      witness.text(asyncio.as_completed, asyncio.current_task()))
    turns(2)
    assert.is_false(started)
  end))

  it("outside a task raises, in the loop too", function()
    assert.matches("asyncio.as_completed must be called from inside a task",
      witness.text(asyncio.as_completed))
    local next_task
    testing.run { function() next_task = asyncio.as_completed(function() end) end, leaks = true }
    assert.matches("must be called from inside a task", witness.text(next_task))
  end)
end)
