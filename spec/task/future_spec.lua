--- Futures: an outcome that comes once, and those who wait for it.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

local function new_future()
  return asyncio.get_running_loop():create_future()
end

describe("a future", function()
  it("gives all its results to everyone, each time, nils included", testing.virtual(function()
    local future = new_future()
    future:set_result(nil, 2, nil)
    assert.same({ n = 3, nil, 2, nil }, table.pack(future:result()))
    assert.same({ n = 3, nil, 2, nil }, table.pack(asyncio.await(future)))
    assert.same({ n = 3, nil, 2, nil }, table.pack(asyncio.await(future)))
  end))

  it("tells no result from one nil and from a table", testing.virtual(function()
    local none, one, list = new_future(), new_future(), new_future()
    local value = { 2, "a", "b" }
    none:set_result()
    one:set_result(nil)
    list:set_result(value)
    assert.same({ n = 0 }, table.pack(asyncio.await(none)))
    assert.same({ n = 1 }, table.pack(asyncio.await(one)))
    assert.equal(value, asyncio.await(list))
  end))

  it("raises an error of any type by identity", testing.virtual(function()
    for _, err in ipairs { false, 0, "text", {}, print, setmetatable({}, { __tostring = error }) } do
      local future = new_future()
      future:set_exception(err)
      assert.same({ n = 2, false, err }, table.pack(pcall(asyncio.await, future)))
      assert.equal(err, (select(2, pcall(future.result, future))))
      assert.equal(err, (future:exception()))
    end
  end))

  it("can fail of nil", testing.virtual(function()
    local future = new_future()
    future:set_exception(nil)
    assert.same({ n = 2, false, nil }, table.pack(pcall(asyncio.await, future)))
    assert.same({ n = 2, nil, true }, table.pack(future:exception()))
  end))

  it("says by a second value whether there is an error", testing.virtual(function()
    local future = new_future()
    future:set_result("fine")
    assert.same({ n = 2, nil, false }, table.pack(future:exception()))
  end))

  it("gets its outcome once; the first stays", testing.virtual(function()
    local future = new_future()
    future:set_result("first")
    for _, again in ipairs { "set_result", "set_exception" } do
      assert.same({ "raised", "InvalidStateError" }, { try(future[again], future, "second") })
    end
    assert.is_false(future:cancel())
    assert.equal("first", future:result())
  end))

  it("has neither result nor exception before it is done", testing.virtual(function()
    local future = new_future()
    assert.same({ "raised", "InvalidStateError" }, { try(future.result, future) })
    assert.same({ "raised", "InvalidStateError" }, { try(future.exception, future) })
    assert.same({ false, false }, { future:done(), future:cancelled() })
    future:cancel()
    assert.same({ true, true }, { future:done(), future:cancelled() })
  end))

  it("is cancelled once, with a message, and takes no result then", testing.virtual(function()
    local future = new_future()
    assert.is_true(future:cancel("enough"))
    assert.is_false(future:cancel("more"))
    local err = witness.raises(asyncio.CancelledError, future.result, future)
    assert.equal("enough", err.message)
    assert.equal(err, (select(2, pcall(future.exception, future))))
    assert.same({ "raised", "InvalidStateError" }, { try(future.set_result, future, 1) })
  end))

  it("that is given a CancelledError is cancelled", testing.virtual(function()
    local future = new_future()
    local err = asyncio.CancelledError("stop")
    future:set_exception(err)
    assert.is_true(future:cancelled())
    assert.equal(err, (select(2, pcall(asyncio.await, future))))
  end))

  it("names its state", testing.virtual(function()
    local pending, good, bad, gone = new_future(), new_future(), new_future(), new_future()
    good:set_result()
    bad:set_exception("x")
    bad:exception()
    gone:cancel()
    assert.same({
      "Future<state=pending>", "Future<state=finished>", "Future<state=failed>",
      "Future<state=cancelled>",
    }, { tostring(pending), tostring(good), tostring(bad), tostring(gone) })
  end))

  it("knows its loop", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    assert.equal(loop, asyncio.Future():get_loop())
    assert.equal(loop, asyncio.Future(loop):get_loop())
  end))

  it("needs a loop", function()
    asyncio.set_event_loop(nil)
    assert.matches("no current event loop", witness.text(asyncio.Future))
  end)
end)

describe("those who wait for a future", function()
  it("wake in the order they came, callbacks among them", testing.virtual(function()
    local log, future = {}, new_future()
    local function wait(name)
      asyncio.await(future)
      log[#log + 1] = name
    end
    asyncio.create_task(wait, 1)
    turns(1)
    future:add_done_callback(function() log[#log + 1] = 2 end)
    asyncio.create_task(wait, 3)
    turns(1)
    future:add_done_callback(function() log[#log + 1] = 4 end)
    future:set_result()
    turns(1)
    assert.same({ 1, 2, 3, 4 }, log)
  end))

  it("wake in the next turn, not inside set_result", testing.virtual(function()
    local log, future = {}, new_future()
    asyncio.create_task(function()
      asyncio.await(future)
      log[#log + 1] = "woken"
    end)
    turns(1)
    future:set_result()
    log[#log + 1] = "set"
    turns(1)
    assert.same({ "set", "woken" }, log)
  end))

  it("all wake, were they 10,001", testing.virtual(function()
    local future, woken, count = new_future(), {}, witness.many(10001)
    for i = 1, count do
      asyncio.create_task(function()
        woken[i] = asyncio.await(future)
      end)
    end
    turns(1)
    future:set_result("go")
    turns(1)
    assert.equal(count, #woken)
    for i = 1, count do
      assert(woken[i] == "go")
    end
  end))

  it("are all told of an error, the same one", testing.virtual(function()
    local future, seen, err = new_future(), {}, { "an error" }
    for i = 1, 3 do
      asyncio.create_task(function()
        seen[i] = select(2, pcall(asyncio.await, future))
      end)
    end
    turns(1)
    future:set_exception(err)
    turns(1)
    for i = 1, 3 do
      assert.equal(err, seen[i])
    end
  end))

  it("see CancelledError when it is cancelled, and are not cancelled by that",
    testing.virtual(function()
      local future, log = new_future(), {}
      local task = asyncio.create_task(function()
        local err = witness.raises(asyncio.CancelledError, asyncio.await, future)
        log[#log + 1] = err.message
        asyncio.sleep(1)
        return "went on"
      end)
      turns(1)
      future:cancel("no more")
      assert.equal("went on", asyncio.await(task))
      assert.same({ "no more" }, log)
      assert.equal(0, task:cancelling())
    end))

  it("cancel it when they are cancelled; so the others see that", testing.virtual(function()
    local future, log = new_future(), {}
    local first = asyncio.create_task(asyncio.await, future)
    asyncio.create_task(function()
      log[#log + 1] = select(2, try(asyncio.await, future))
    end)
    turns(1)
    first:cancel()
    turns(1)
    assert.same({ "CancelledError" }, log)
    assert.same({ true, true }, { future:cancelled(), first:cancelled() })
  end))

  it("do not cancel it through a shield", testing.virtual(function()
    local future = new_future()
    local first = asyncio.create_task(asyncio.shield, future)
    local second = asyncio.create_task(asyncio.await, future)
    turns(1)
    first:cancel()
    turns(1)
    future:set_result("kept")
    assert.equal("kept", asyncio.await(second))
    assert.is_true(first:cancelled())
  end))

  it("get the result that came before their cancel; it is raised at the next wait",
    testing.virtual(function()
      local future, log = new_future(), {}
      local task = asyncio.create_task(function()
        log[#log + 1] = asyncio.await(future)
        log[#log + 1] = select(2, try(asyncio.sleep, 1))
        return "end"
      end)
      turns(1)
      future:set_result("result")
      task:cancel()
      assert.equal("end", asyncio.await(task))
      assert.same({ "result", "CancelledError" }, log)
    end))

  it("keep the result when they return before they wait again", testing.virtual(function()
    local future = new_future()
    local task = asyncio.create_task(asyncio.await, future)
    turns(1)
    future:set_result("result")
    task:cancel()
    assert.equal("result", asyncio.await(task))
    assert.same({ false, 1 }, { task:cancelled(), task:cancelling() })
  end))

  it("whose cancel came first do not get the result", testing.virtual(function()
    local future, log = new_future(), {}
    local task = asyncio.create_task(function()
      log[#log + 1] = select(2, try(asyncio.await, future))
    end)
    turns(1)
    task:cancel()
    assert.same({ "raised", "InvalidStateError" }, { try(future.set_result, future, "late") })
    asyncio.await(task)
    assert.same({ "CancelledError" }, log)
  end))

  it("cancelled before they start never wait for it", testing.virtual(function()
    local future = new_future()
    local task = asyncio.create_task(asyncio.await, future)
    task:cancel()
    turns(1)
    assert.same({ true, false }, { task:cancelled(), future:done() })
  end))

  it("may be cancelled at any place in the line", testing.virtual(function()
    local future, log, tasks = new_future(), {}, {}
    for i = 1, 5 do
      tasks[i] = asyncio.create_task(function()
        local ok = pcall(asyncio.shield, future)
        log[#log + 1] = ok and i or -i
      end)
    end
    turns(1)
    tasks[1]:cancel()
    tasks[3]:cancel()
    tasks[5]:cancel()
    future:set_result()
    turns(1)
    assert.same({ -1, -3, -5, 2, 4 }, log)
  end))

  it("are not those of another loop", testing.virtual(function()
    local other = testing.new_event_loop { clock = "virtual" }
    local foreign = other:create_future()
    assert.matches("another loop", witness.text(asyncio.await, foreign))
    assert.matches("another loop", witness.text(asyncio.shield, foreign))
    assert.matches("another loop", witness.text(asyncio.gather, foreign))
    assert.matches("another loop", witness.text(asyncio.wait_for, foreign, 1))
    foreign:set_result("there already")
    assert.equal("there already", asyncio.await(foreign))
    other:close()
  end))

  it("keep it alive", testing.virtual(function()
    local weak = setmetatable({}, { __mode = "v" })
    local task = asyncio.create_task(function()
      local future = new_future()
      weak[1] = future
      return asyncio.await(future)
    end)
    turns(1)
    witness.collect()
    weak[1]:set_result("alive")
    assert.equal("alive", asyncio.await(task))
    task = nil  -- luacheck: ignore
    witness.collect()
    assert.is_nil(weak[1])
  end))

  it("give way now and then, even if all it needs is there", testing.virtual(function()
    local future, others = new_future(), 0
    future:set_result()
    asyncio.create_task(function() others = others + 1 end)
    for _ = 1, 200 do
      asyncio.await(future)
    end
    assert.equal(1, others)
  end))
end)

describe("a done callback", function()
  it("is called soon, with the future, outside of any task", testing.virtual(function()
    local future, log = new_future(), {}
    future:add_done_callback(function(...)
      log[#log + 1] = table.pack(...)
      log[#log + 1] = tostring(asyncio.current_task())
    end)
    future:set_result()
    assert.same({}, log)
    turns(1)
    assert.same({ { n = 1, future }, "nil" }, log)
  end))

  it("is called soon if the future is done already", testing.virtual(function()
    local future, log = new_future(), {}
    future:set_result()
    future:add_done_callback(function(done) log[#log + 1] = done end)
    assert.same({}, log)
    turns(1)
    assert.same({ future }, log)
  end))

  it("is called of a failed and of a cancelled future too", testing.virtual(function()
    local failed, cancelled, log = new_future(), new_future(), {}
    failed:add_done_callback(function(done) log[#log + 1] = (done:exception()) end)
    cancelled:add_done_callback(function(done) log[#log + 1] = done:cancelled() end)
    failed:set_exception("oh")
    cancelled:cancel()
    turns(1)
    assert.same({ "oh", true }, log)
  end))

  it("can be removed, each time it was added", testing.virtual(function()
    local future, log = new_future(), {}
    local function note() log[#log + 1] = "unwanted" end
    local function other() log[#log + 1] = "wanted" end
    future:add_done_callback(note)
    future:add_done_callback(other)
    future:add_done_callback(note)
    assert.equal(2, future:remove_done_callback(note))
    assert.equal(0, future:remove_done_callback(note))
    future:set_result()
    turns(1)
    assert.same({ "wanted" }, log)
    assert.equal(0, future:remove_done_callback(other))
  end))

  it("that fails is reported and holds nobody up", testing.virtual(function()
    local reports, future, log = witness.reports(), new_future(), {}
    future:add_done_callback(function() error("in a callback", 0) end)
    future:add_done_callback(function() log[#log + 1] = "second" end)
    future:set_result()
    turns(1)
    assert.same({ "second" }, log)
    assert.equal(1, #reports)
    assert.same({ "exception in a callback", "in a callback" },
      { reports[1].message, reports[1].exception })
    assert.matches("stack traceback", reports[1].traceback)
  end))

  it("may add another, which runs a turn later", testing.virtual(function()
    local future, log = new_future(), {}
    future:add_done_callback(function()
      log[#log + 1] = "first"
      future:add_done_callback(function() log[#log + 1] = "second" end)
    end)
    future:set_result()
    turns(1)
    assert.same({ "first" }, log)
    turns(1)
    assert.same({ "first", "second" }, log)
  end))

  it("goes with a future that is dropped", testing.virtual(function()
    local weak = setmetatable({}, { __mode = "k" })
    local anchors = asyncio.get_running_loop():stats().anchors
    for _ = 1, 100 do
      local future = new_future()
      local function callback() return future end
      weak[future] = true
      future:add_done_callback(callback)
    end
    for _ = 1, 2 do  -- a callback has two finalizers
      witness.collect()
    end
    assert.is_nil(next(weak))
    assert.equal(anchors, asyncio.get_running_loop():stats().anchors)
  end))

  it("lives on when only the loop can still reach it", testing.virtual(function()
    local log = {}
    do
      local future = new_future()
      future:add_done_callback(function() log[#log + 1] = "called" end)
      future:set_result()
    end
    witness.collect()
    turns(1)
    assert.same({ "called" }, log)
  end))

  it("may be callable rather than a function", testing.virtual(function()
    local future, log = new_future(), {}
    future:add_done_callback(setmetatable({}, { __call = function(_, f) log[#log + 1] = f end }))
    future:set_result()
    turns(1)
    assert.same({ future }, log)
  end))
end)

describe("nonsense given to a future", function()
  it("is named, with the caller's line", testing.virtual(function()
    local future = new_future()
    local ok, err = pcall(function() future:add_done_callback(42) end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " bad argument #1 to 'add_done_callback' (function expected, got number)",
      err)
    assert.matches("bad argument #1 to 'set_exception' %(value expected%)",
      witness.text(function() future:set_exception() end))
    assert.matches("asyncio.Future expected, got nil", witness.text(future.result, nil))
    assert.matches("asyncio.Future expected, got no value", witness.text(future.result))
    assert.matches("bad argument #1 to 'cancel' %(string expected, got table%)",
      witness.text(function() future:cancel({}) end))
    assert.matches("asyncio.Future expected, got table", witness.text(future.done, {}))
    assert.matches("asyncio.Loop expected", witness.text(asyncio.Future, 1))
    assert.is_false(future:done())
  end))
end)
