--- Timeout scopes and wait_for: a deadline's own cancel becomes TimeoutError.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

local function now()
  return asyncio.get_running_loop():time()
end

local function new_future()
  return asyncio.get_running_loop():create_future()
end

describe("a timeout scope", function()
  it("raises TimeoutError when the time is up", testing.virtual(function()
    local start, scope = now(), nil
    local err = witness.raises(asyncio.TimeoutError, function()
      local s <close> = asyncio.timeout(3)
      scope = s
      asyncio.sleep(10)
    end)
    assert.same({ 3, true, start + 3, "TimeoutError: timed out after 3 s" },
      { now() - start, scope:expired(), scope:when(), tostring(err):match("^.- s%f[ ]") })
    assert.equal(0, asyncio.current_task():cancelling())
  end))

  it("may be given the moment", testing.virtual(function()
    local scope
    witness.raises(asyncio.TimeoutError, function()
      local s <close> = asyncio.timeout_at(5)
      scope = s
      asyncio.sleep(10)
    end)
    assert.same({ 5, 5, true }, { now(), scope:when(), scope:expired() })
  end))

  it("does nothing when the block is faster", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local timers = loop:stats().timers
    local scope
    do
      local s <close> = asyncio.timeout(3)
      scope = s
      asyncio.sleep(1)
      assert.equal(timers + 1, loop:stats().timers)
    end
    assert.same({ false, 4, timers }, { scope:expired(), scope:when(), loop:stats().timers })
    asyncio.sleep(5)
  end))

  it("of nil never ends", testing.virtual(function()
    for _, open in ipairs { asyncio.timeout, asyncio.timeout_at } do
      local scope
      do
        local s <close> = open(nil)
        scope = s
        asyncio.sleep(3)
      end
      assert.same({ false, nil }, { scope:expired(), scope:when() })
    end
  end))

  it("of nothing or less ends at the first wait, even a sleep(0)", testing.virtual(function()
    for _, wait in ipairs { 10, 0 } do
      for _, delay in ipairs { 0, -11, -math.huge } do
        local start, went_on = now(), false
        witness.raises(asyncio.TimeoutError, function()
          local scope <close> = asyncio.timeout(delay)
          asyncio.sleep(wait)
          went_on = true
        end)
        assert.same({ start, false }, { now(), went_on })
      end
      witness.raises(asyncio.TimeoutError, function()
        local scope <close> = asyncio.timeout_at(now() - 5)
        asyncio.sleep(wait)
      end)
    end
  end))

  it("does not end a block that never waits", testing.virtual(function()
    local scope
    do
      local s <close> = asyncio.timeout(0)
      scope = s
    end
    turns(2)
    assert.is_false(scope:expired())
  end))

  it("lets other errors through", testing.virtual(function()
    local err, scope = { "foreign" }, nil
    assert.same({ false, err }, { pcall(function()
      local s <close> = asyncio.timeout(3)
      scope = s
      error(err)
    end) })
    assert.is_false(scope:expired())
    assert.same({ false, "in the clean-up" }, { pcall(function()
      local s <close> = asyncio.timeout(3)
      scope = s
      pcall(asyncio.sleep, 10)
      error("in the clean-up", 0)
    end) })
    assert.same({ true, 0 }, { scope:expired(), asyncio.current_task():cancelling() })
  end))

  it("takes its cancel back in a task that was told of another before", testing.virtual(function()
    local task = asyncio.create_task(function()
      pcall(asyncio.sleep, 100)
      do
        local scope <close> = asyncio.timeout(1)
        asyncio.create_task(function() scope:reschedule(scope:when()) end)
        asyncio.sleep(1)  -- ends in the turn the time runs out, but before
        assert.is_true(scope:expired())
      end
      return asyncio.sleep(1, "cleaned up")
    end)
    turns(2)
    task:cancel()
    assert.same({ "cleaned up", 1 }, { asyncio.await(task), task:cancelling() })
  end))

  it("raises nothing when the block swallows its cancel", testing.virtual(function()
    local scope
    do
      local s <close> = asyncio.timeout(1)
      scope = s
      assert.same({ "raised", "CancelledError" }, { try(asyncio.sleep, 10) })
    end
    assert.same({ true, 0 }, { scope:expired(), asyncio.current_task():cancelling() })
    asyncio.sleep(1)
  end))

  it("lets a foreign cancel through, before its time", testing.virtual(function()
    local scope
    local task = asyncio.create_task(function()
      local s <close> = asyncio.timeout(10)
      scope = s
      asyncio.sleep(20)
    end)
    asyncio.sleep(1)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.same({ false, true, 1 }, { scope:expired(), task:cancelled(), task:cancelling() })
  end))

  it("lets a foreign cancel through that comes with its own, in both orders",
    testing.virtual(function()
      local task, scope
      local orders = {
        function() task:cancel() scope:reschedule(0) end,
        function() scope:reschedule(0) asyncio.get_running_loop():call_soon(task.cancel, task) end,
      }
      for i, order in ipairs(orders) do
        task = asyncio.create_task(function()
          local s <close> = asyncio.timeout(5)
          scope = s
          asyncio.sleep(10)
        end)
        asyncio.get_running_loop():call_later(1, order)
        assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) }, i)
        assert.is_true(task:cancelled())
        assert.equal(1, task:cancelling(), i)
        assert.is_true(scope:expired())
      end
    end, { timeout = 30 }))

  it("nests: of two with one deadline the outer raises", testing.virtual(function()
    local log, outer, inner = {}, nil, nil
    witness.raises(asyncio.TimeoutError, function()
      local deadline = now() + 3
      local a <close> = asyncio.timeout_at(deadline)
      outer = a
      local _, err = pcall(function()
        local b <close> = asyncio.timeout_at(deadline)
        inner = b
        asyncio.sleep(10)
      end)
      log[1] = witness.class(err)
      error(err)
    end)
    assert.same({ true, true, "CancelledError" }, { outer:expired(), inner:expired(), log[1] })
    assert.equal(0, asyncio.current_task():cancelling())
  end))

  it("nests: an inner one ends, and the outer still holds", testing.virtual(function()
    local log = {}
    local ok, err = pcall(function()
      local outer <close> = asyncio.timeout(5)
      log[1] = select(2, try(function()
        local inner <close> = asyncio.timeout(2)
        asyncio.sleep(10)
      end))
      log[2] = now()
      outer:reschedule(now() + 1)
      asyncio.sleep(10)
    end)
    log[3] = now()
    assert.same({ false, "TimeoutError" }, { ok, witness.class(err) })
    assert.same({ "TimeoutError", 3, 4 }, log)
  end))

  it("nests: the outer one ends the inner, which stays unexpired", testing.virtual(function()
    local inner
    local log = {}
    local ok, err = pcall(function()
      local outer <close> = asyncio.timeout(2)
      log[1] = select(2, try(function()
        local s <close> = asyncio.timeout(5)
        inner = s
        asyncio.sleep(10)
      end))
      error(asyncio.CancelledError())
    end)
    assert.same({ false, "TimeoutError", "CancelledError", false },
      { ok, witness.class(err), log[1], inner:expired() })
  end))

  it("may stand in the clean-up of another", testing.virtual(function()
    local log = {}
    local ok, err = pcall(function()
      local outer <close> = asyncio.timeout(1)
      local _ <close> = setmetatable({}, { __close = function()
        log[1] = select(2, try(function()
          local inner <close> = asyncio.timeout(1)
          asyncio.sleep(10)
        end))
        log[2] = now()
      end })
      asyncio.sleep(10)
    end)
    assert.same({ false, "TimeoutError" }, { ok, witness.class(err) })
    assert.same({ "TimeoutError", 3 }, log)
  end))

  it("works in a task that was cancelled before and cleans up", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function()
      asyncio.current_task():cancel()
      log[1] = select(2, try(asyncio.sleep, 1))
      log[2] = select(2, try(function()
        local scope <close> = asyncio.timeout(0)
        asyncio.sleep(1)
      end))
      log[3] = select(2, try(function()
        local scope <close> = asyncio.timeout(1)
        asyncio.current_task():cancel()
        asyncio.sleep(2)
      end))
    end)
    asyncio.await(task)
    assert.same({ "CancelledError", "TimeoutError", "CancelledError" }, log)
  end))

  it("can be moved while the block runs", testing.virtual(function()
    local scope
    local task = asyncio.create_task(function()
      local s <close> = asyncio.timeout(2)
      scope = s
      asyncio.sleep(10)
    end)
    turns(1)
    scope:reschedule(6)
    assert.equal(6, scope:when())
    scope:reschedule(nil)
    assert.is_nil(scope:when())
    scope:reschedule(5)
    assert.same({ "raised", "TimeoutError" }, { try(asyncio.await, task) })
    assert.equal(5, now())
  end))

  it("can't be moved once it expired or was closed", testing.virtual(function()
    local scope
    do
      local s <close> = asyncio.timeout(1)
      scope = s
      pcall(asyncio.sleep, 2)
      assert.matches("cannot change the deadline of an expired scope",
        witness.text(scope.reschedule, scope, 10))
    end
    assert.matches("cannot change the deadline of a closed scope",
      witness.text(scope.reschedule, scope, 10))
  end))

  it("limits one block: the next one that has it raises", testing.virtual(function()
    local scope
    do
      local s <close> = asyncio.timeout(1)
      scope = s
    end
    assert.matches("the timeout scope was closed before", witness.text(function()
      local _ <close> = scope
      asyncio.sleep(2)
    end))
    assert.equal("own", witness.text(function()
      local _ <close> = scope
      error("own", 0)
    end))
  end))

  it("moved into the past ends at the next wait", testing.virtual(function()
    witness.raises(asyncio.TimeoutError, function()
      local scope <close> = asyncio.timeout(100)
      scope:reschedule(now())
      asyncio.sleep(0)
    end)
  end))

  it("ends each kind of wait", testing.virtual(function()
    local future = new_future()
    local waits = {
      sleep = function() asyncio.sleep(math.huge) end,
      future = function() asyncio.await(new_future()) end,
      task = function() asyncio.await(asyncio.create_task(asyncio.sleep, math.huge)) end,
      shield = function() asyncio.shield(future) end,
      gather = function() asyncio.gather(new_future(), new_future()) end,
      wait_for = function() asyncio.wait_for(new_future(), nil) end,
      yield = function() while true do coroutine.yield() end end,
      thing = function() asyncio.await(setmetatable({}, { __await = function()
        asyncio.sleep(math.huge)
      end })) end,
    }
    for name, wait in pairs(waits) do
      local limit = (name == "yield") and 0 or 1
      assert.same({ "raised", "TimeoutError" }, { try(function()
        local scope <close> = asyncio.timeout(limit)
        wait()
      end) }, name)
      assert.same({ 0, 1 }, { asyncio.current_task():cancelling(), #asyncio.all_tasks() })
    end
    assert.is_false(future:done())
  end, { timeout = 30 }))

  it("that expires between a result and its taking keeps the result", testing.virtual(function()
    local future = new_future()
    local got, scope
    asyncio.get_running_loop():call_later(1, function()
      future:set_result("came")
      scope:reschedule(0)
    end)
    do
      local s <close> = asyncio.timeout(5)
      scope = s
      got = asyncio.await(future)
    end
    assert.same({ "came", true, 0 },
      { got, scope:expired(), asyncio.current_task():cancelling() })
    asyncio.sleep(1)
  end))

  it("names its state", testing.virtual(function()
    local scope
    do
      local s <close> = asyncio.timeout(1)
      scope = s
      assert.equal("Timeout<state=open>", tostring(scope))
    end
    assert.equal("Timeout<state=closed>", tostring(scope))
    pcall(function()
      local s <close> = asyncio.timeout(1)
      scope = s
      asyncio.sleep(2)
    end)
    assert.equal("Timeout<state=expired>", tostring(scope))
  end))

  it("that was never closed goes with the collector", testing.virtual(function()
    local timers = asyncio.get_running_loop():stats().timers
    asyncio.timeout(1)
    witness.collect()
    assert.equal(timers, asyncio.get_running_loop():stats().timers)
    asyncio.sleep(2)
  end))

  it("refuses nonsense, at the caller's line", testing.virtual(function()
    local ok, err = pcall(function() asyncio.timeout("x") end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " bad argument #1 to 'timeout' (number expected, got string)", err)
    assert.matches("number expected, got table", witness.text(asyncio.timeout_at, {}))
    assert.matches("got NaN", witness.text(asyncio.timeout, 0 / 0))
    do
      local scope <close> = asyncio.timeout(1)
      assert.matches("number expected", witness.text(scope.reschedule, scope, "x"))
      assert.equal(2, scope:when())
    end
  end))
end)

describe("wait_for", function()
  it("gives the results, nils included", testing.virtual(function()
    assert.same({ n = 3, nil, 2, nil },
      table.pack(asyncio.wait_for(asyncio.async(asyncio.sleep)(1, nil, 2, nil), 5)))
    assert.same({ n = 2, "a", nil }, table.pack(asyncio.wait_for(function(...)
      asyncio.sleep(1)
      return ...
    end, 5, "a", nil)))
    assert.equal("no limit", asyncio.wait_for(function()
      return asyncio.sleep(5, "no limit")
    end, nil))
    assert.equal("no limit", asyncio.wait_for(function() return "no limit" end))
  end))

  it("raises the error of what it waits for, unchanged", testing.virtual(function()
    local err = {}
    assert.same({ false, err }, { pcall(asyncio.wait_for, function()
      asyncio.sleep(1)
      error(err)
    end, 5) })
    assert.same({ n = 2, false, nil }, table.pack(pcall(asyncio.wait_for, error, 5, nil)))
  end))

  it("cancels when the time is up, waits for that, then raises", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function()
      log[1] = select(2, try(asyncio.sleep, 100))
      asyncio.sleep(2)
      error(asyncio.CancelledError())
    end)
    local start = now()
    witness.raises(asyncio.TimeoutError, asyncio.wait_for, task, 3)
    assert.same({ "CancelledError", 5, true }, { log[1], now() - start, task:cancelled() })
    assert.equal(0, asyncio.current_task():cancelling())
  end))

  it("gives the result of a task that swallows its cancel", testing.virtual(function()
    local task = asyncio.create_task(function()
      pcall(asyncio.sleep, 100)
      return "after all"
    end)
    assert.equal("after all", asyncio.wait_for(task, 1))
  end))

  it("raises the error of a task that fails of its cancel", testing.virtual(function()
    local task = asyncio.create_task(function()
      pcall(asyncio.sleep, 100)
      error("spoilt", 0)
    end)
    assert.same({ "raised", "spoilt" }, { try(asyncio.wait_for, task, 1) })
  end))

  it("with no time starts nothing but gives what is there", testing.virtual(function()
    for _, limit in ipairs { 0, -1 } do
      local ran = false
      local function body() ran = true end
      witness.raises(asyncio.TimeoutError, asyncio.wait_for, body, limit)
      witness.raises(asyncio.TimeoutError, asyncio.wait_for, asyncio.async(body)(), limit)
      assert.is_false(ran)
      local done, pending = new_future(), new_future()
      done:set_result("there")
      assert.equal("there", asyncio.wait_for(done, limit))
      witness.raises(asyncio.TimeoutError, asyncio.wait_for, pending, limit)
      assert.is_true(pending:cancelled())
      local task = asyncio.create_task(asyncio.sleep, 1)
      turns(1)
      witness.raises(asyncio.TimeoutError, asyncio.wait_for, task, limit)
      assert.is_true(task:cancelled())
      asyncio.sleep(0)
    end
  end))

  it("passes the caller's cancel on to what it waits for", testing.virtual(function()
    local inner = asyncio.create_task(asyncio.sleep, 100)
    local outer = asyncio.create_task(asyncio.wait_for, inner, 50)
    asyncio.sleep(1)
    outer:cancel("from outside")
    local err = witness.raises(asyncio.CancelledError, asyncio.await, outer)
    assert.same({ "from outside", true, 1, 2 },
      { err.message, inner:cancelled(), outer:cancelling(), now() })
  end))

  it("leaves a shielded thing alone", testing.virtual(function()
    local inner = asyncio.create_task(asyncio.sleep, 5, "shielded")
    witness.raises(asyncio.TimeoutError, asyncio.wait_for, function()
      return asyncio.shield(inner)
    end, 1)
    assert.equal("shielded", asyncio.await(inner))
  end))

  it("runs in the caller's task", testing.virtual(function()
    assert.equal(asyncio.current_task(), asyncio.wait_for(asyncio.current_task, 5))
    assert.equal(asyncio.current_task(),
      asyncio.wait_for(asyncio.async(asyncio.current_task)(), 5))
  end))

  it("keeps a result that comes before a cancel in the same turn", testing.virtual(function()
    local future = new_future()
    local task = asyncio.create_task(asyncio.wait_for, future, 10)
    turns(1)
    future:set_result("kept")
    task:cancel()
    assert.equal("kept", asyncio.await(task))
  end))

  it("does not overtake what was due before it", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    for _, open in ipairs { asyncio.timeout_at, function(when)
      return asyncio.timeout(when - loop:time())
    end } do
      local future, when = loop:create_future(), loop:time() + 1
      loop:call_at(when, future.set_result, future, "on time")
      local scope <close> = open(when)
      assert.equal("on time", asyncio.await(future))
    end
    local log = {}
    local when = loop:time() + 1
    loop:call_at(when, function() log[#log + 1] = "before" end)
    local ok = pcall(asyncio.wait_for, loop:create_future(), 1)
    log[#log + 1] = ok
    assert.same({ "before", false }, log)
  end))

  it("does not swallow a cancel that comes as the time runs out", testing.virtual(function()
    local task
    asyncio.get_running_loop():call_at(6, function() task:cancel() end)
    task = asyncio.create_task(function()
      return asyncio.wait_for(asyncio.create_task(function()
        pcall(asyncio.sleep, 100)
        asyncio.sleep(3)
        error(asyncio.CancelledError())
      end), 5)
    end)
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.is_true(task:cancelled())
  end))

  it("cancelled before it starts starts nothing", testing.virtual(function()
    local ran = false
    local task = asyncio.create_task(asyncio.wait_for, function() ran = true end, 5)
    task:cancel()
    pcall(asyncio.await, task)
    assert.is_false(ran)
  end))

  it("nests, and the shorter time counts", testing.virtual(function()
    local start = now()
    witness.raises(asyncio.TimeoutError, asyncio.wait_for, function()
      asyncio.wait_for(asyncio.sleep, 50, 100)
    end, 2)
    assert.equal(2, now() - start)
  end))

  it("refuses nonsense before anything has started", testing.virtual(function()
    local ran = false
    local function body() ran = true end
    local ok, err = pcall(function() asyncio.wait_for(body, "x") end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " bad argument #2 to 'wait_for' (number expected, got string)", err)
    assert.matches("awaitable or function expected, got number",
      witness.text(asyncio.wait_for, 42, 1))
    assert.matches("value expected", witness.text(asyncio.wait_for))
    turns(1)
    assert.is_false(ran)
  end))
end)
