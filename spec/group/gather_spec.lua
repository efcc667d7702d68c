--- gather: results in order, the first error at once, cancels for all.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

local function new_future()
  return asyncio.get_running_loop():create_future()
end

local function now()
  return asyncio.get_running_loop():time()
end

local function nap(delay, ...)
  return asyncio.async(asyncio.sleep)(delay, ...)
end

describe("gather", function()
  it("gives results in the order of its arguments, in the time of the longest",
    testing.virtual(function()
      local start = now()
      assert.same({ "a", "b", "c" }, { asyncio.gather(nap(2, "a"), nap(3, "b"), nap(1, "c")) })
      assert.equal(3, now() - start)
    end))

  it("takes a table and gives one, with its length", testing.virtual(function()
    assert.same({ "a", nil, "c", n = 3, failed = {} },
      asyncio.gather { nap(1, "a"), nap(1), nap(1, "c") })
    assert.same({ n = 0, failed = {} }, asyncio.gather {})
    assert.same({ n = 0 }, table.pack(asyncio.gather()))
    assert.same({ n = 2, nil, "b" }, table.pack(asyncio.gather(nap(1), nap(1, "b"))))
  end))

  it("takes the length of its list from field n", testing.virtual(function()
    local list = setmetatable({ n = 2 }, { __index = function(_, i)
      return math.type(i) and nap(1, i) or nil
    end })
    assert.same({ 1, 2, n = 2, failed = {} }, asyncio.gather(list))
  end))

  it("keeps the first of several results", testing.virtual(function()
    assert.same({ n = 2, 1, 3 }, table.pack(asyncio.gather(nap(1, 1, 2), nap(1, 3, 4))))
  end))

  it("takes futures, tasks, objects, functions and awaitables", testing.virtual(function()
    local future = new_future()
    future:set_result("future")
    local thing = setmetatable({}, { __await = function() return asyncio.sleep(1, "thing") end })
    local call = setmetatable({}, { __call = function() return asyncio.sleep(1, "call") end })
    assert.same({ "future", "task", "object", "function", "thing", "call" }, {
      asyncio.gather(future, asyncio.create_task(asyncio.sleep, 1, "task"), nap(1, "object"),
        function() return "function" end, thing, call) })
    assert.equal("thing", asyncio.gather(thing))
    assert.equal("call", asyncio.gather(call))
  end))

  it("runs a function given twice twice, anything else once", testing.virtual(function()
    local runs = 0
    local function count() runs = runs + 1 return runs end
    assert.same({ 1, 2 }, { asyncio.gather(count, count) })
    local object = asyncio.async(count)()
    assert.same({ 3, 3 }, { asyncio.gather(object, object) })
    local task = asyncio.create_task(count)
    assert.same({ 4, 4 }, { asyncio.gather(task, task) })
    local thing = setmetatable({}, { __await = count })
    assert.same({ 5, 5 }, { asyncio.gather(thing, thing) })
    assert.equal(5, runs)
  end))

  it("does not wait when all are done", testing.virtual(function()
    local a, b, others = new_future(), new_future(), 0
    a:set_result(1)
    b:set_result(2)
    asyncio.create_task(function() others = others + 1 end)
    assert.same({ 1, 2, 0 }, { 1, select(2, asyncio.gather(a, b)), others })
  end))

  it("carries thousands, nested deep", testing.virtual(function()
    local function tree(depth)
      if depth == 0 then
        return asyncio.sleep(1, 1)
      end
      local sum = 0
      local results = asyncio.gather { function() return tree(depth - 1) end,
        function() return tree(depth - 1) end }
      for i = 1, results.n do
        sum = sum + results[i]
      end
      return sum
    end
    local depth = witness.many(1200) // 100
    assert.equal(2 ^ depth, tree(depth))
    local count = witness.many(5000)
    local function tower(n)
      return n == 0 and asyncio.sleep(1, "ground") or asyncio.gather(function()
        return tower(n - 1)
      end)
    end
    assert.equal("ground", tower(count))
    local many = {}
    for i = 1, count do
      many[i] = nap(1, i)
    end
    local results = asyncio.gather(many)
    for i = 1, count do
      assert(results[i] == i)
      many[i] = nap(1, i)
    end
    assert.equal(count, select("#", asyncio.gather(table.unpack(many))))
  end))

  it("refuses nonsense before anything has started", testing.virtual(function()
    local started = false
    local function child() started = true end
    local ok, err = pcall(function() asyncio.gather(child, 42) end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " bad argument #2 to 'gather' (awaitable or function expected, "
      .. "got number)", err)
    for message, argument in pairs {
      ["unknown option 'return_exception'"] = { child, return_exception = true },
      ["unknown option '0'"] = { child, [0] = child },
      ["unknown option '1.5'"] = { child, [1.5] = child },
      ["unknown option 'function: "] = { child, [child] = child },
      ["awaitable or function expected, got string"] = { child, "x" },
      ["field 'n' must be the length"] = { child, n = -1 },
    } do
      assert.matches(message, witness.text(asyncio.gather, argument), 1, true)
    end
    turns(2)
    assert.same({ false, 1 }, { started, #asyncio.all_tasks() })
  end))
end)

describe("an error in a gather", function()
  it("is raised at once, unchanged, and the others run on", testing.virtual(function()
    local log, err = {}, { "an error" }
    local function other(delay) asyncio.sleep(delay) log[#log + 1] = now() - 1 end
    assert.equal(err, (select(2, pcall(asyncio.gather, nap(0.5),
      asyncio.create_task(other, 2),
      function() asyncio.sleep(1) error(err) end))))
    assert.same({ 1, {} }, { now() - 1, log })
    asyncio.sleep(2)
    assert.same({ 2 }, log)
  end))

  it("of the child that failed first is the one", testing.virtual(function()
    local reports = witness.reports()
    local function fail(delay, err) asyncio.sleep(delay) error(err, 0) end
    assert.same({ false, "soon" }, { pcall(asyncio.gather,
      asyncio.async(fail)(3, "late"), asyncio.async(fail)(1, "soon")) })
    asyncio.sleep(5)
    witness.collect()
    turns(2)
    assert.same({ 1, "late" }, { #reports, reports[1] and reports[1].exception })
  end))

  it("is a value with return_exceptions, and marked", testing.virtual(function()
    local err = { "an error" }
    local cancelled = asyncio.create_task(asyncio.sleep, 100)
    cancelled:cancel()
    local results = asyncio.gather { nap(1, "fine"), asyncio.async(error)(err), cancelled,
      asyncio.async(error)(nil), return_exceptions = true }
    assert.equal(err, results[2])
    assert.equal("CancelledError", witness.class(results[3]))
    assert.same({ "fine", nil, 4, { [2] = true, [3] = true, [4] = true } },
      { results[1], results[4], results.n, results.failed })
  end))

  it("that was there before is raised without a wait", testing.virtual(function()
    local failed, pending = new_future(), new_future()
    failed:set_exception("at once")
    assert.same({ false, "at once" }, { pcall(asyncio.gather, pending, failed) })
    pending:cancel()
  end))

  it("that is a child's cancellation reaches the waiter alone", testing.virtual(function()
    local other = asyncio.create_task(asyncio.sleep, 2, "lives")
    local child = asyncio.create_task(asyncio.sleep, 2)
    local task = asyncio.create_task(asyncio.gather, other, child)
    turns(2)
    child:cancel("a child")
    local err = witness.raises(asyncio.CancelledError, asyncio.await, task)
    assert.same({ "a child", 0 }, { err.message, task:cancelling() })
    assert.equal("lives", asyncio.await(other))
  end))
end)

describe("a gather of thousands", function()
  local list = { n = witness.many(5000) }
  for i = 1, list.n do
    list[i] = function() return i end
  end

  it("leaves the collector as it was", testing.virtual(function()
    collectgarbage()
    local results = asyncio.gather(list)
    assert.equal(list.n, results[list.n])
    assert.is_true(collectgarbage("isrunning"))
    collectgarbage("stop")
    asyncio.gather(list)
    local running = collectgarbage("isrunning")
    collectgarbage("restart")
    assert.is_false(running)
  end))

  it("leaves it so, too, when a task cannot be made", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local made = 0
    collectgarbage()
    loop:set_task_factory(function(l, co, options)
      made = made + 1
      if made == list.n then
        error("no more", 0)
      end
      return asyncio.Task(l, co, options)
    end)
    assert.same({ false, "no more" }, { pcall(asyncio.gather, list) })
    loop:set_task_factory(nil)
    assert.is_true(collectgarbage("isrunning"))
    assert.equal(list.n, made)
    turns(2)
  end))
end)

describe("cancelling a gathering task", function()
  it("tells its message to all children, through gathers in gathers", testing.virtual(function()
    local log = {}
    local function child()
      local err = witness.raises(asyncio.CancelledError, asyncio.sleep, 100)
      log[#log + 1] = err.message
    end
    local task = asyncio.create_task(asyncio.gather, child, asyncio.create_task(function()
      asyncio.gather { child, child, asyncio.create_task(asyncio.await, asyncio.create_task(child)),
        return_exceptions = true }
    end))
    turns(4)
    task:cancel("why")
    turns(4)
    assert.same({ "why", "why", "why", "why" }, log)
    assert.equal("why", witness.raises(asyncio.CancelledError, asyncio.await, task).message)
  end))

  it("cancels all children, and raises once they are done", testing.virtual(function()
    local log = {}
    local function child(i)
      local _ <close> = setmetatable({}, { __close = function(_, err)
        log[i] = witness.class(err)
      end })
      asyncio.sleep(100)
    end
    local task = asyncio.create_task(asyncio.gather, asyncio.async(child)(1),
      asyncio.async(child)(2), asyncio.async(child)(3))
    turns(2)
    task:cancel("all of you")
    local err = witness.raises(asyncio.CancelledError, asyncio.await, task)
    assert.equal("all of you", err.message)
    assert.same({ "CancelledError", "CancelledError", "CancelledError" }, log)
    assert.same({ 1, 1, asyncio.get_running_loop():time() },
      { task:cancelling(), #asyncio.all_tasks(), 1.0 })
    assert.is_not_nil(err)
  end))

  it("cancels them with return_exceptions too, and raises", testing.virtual(function()
    local task = asyncio.create_task(function()
      return asyncio.gather { nap(100), function() pcall(asyncio.sleep, 100) return "stayed" end,
        return_exceptions = true }
    end)
    turns(2)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.equal(1, #asyncio.all_tasks())
  end))

  it("is raised though every child swallows it", testing.virtual(function()
    local function stubborn() pcall(asyncio.sleep, 100) return asyncio.sleep(1, "stayed") end
    local task = asyncio.create_task(asyncio.gather, stubborn, stubborn)
    turns(2)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.equal(1, now() - 1)
  end))

  it("before it starts starts no child", testing.virtual(function()
    local ran = false
    local task = asyncio.create_task(asyncio.gather, function() ran = true end)
    task:cancel()
    pcall(asyncio.await, task)
    turns(2)
    assert.is_false(ran)
  end))

  it("that is pending when it starts starts no child", testing.virtual(function()
    local ran = false
    local task = asyncio.create_task(function()
      asyncio.current_task():cancel()
      return asyncio.gather(function() ran = true end)
    end)
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    turns(2)
    assert.is_false(ran)
  end))

  it("after the last result keeps the results", testing.virtual(function()
    local a, b, log = new_future(), new_future(), {}
    local task = asyncio.create_task(function()
      log[1] = asyncio.gather { a, b }
      log[2] = select(2, try(asyncio.sleep, 1))
    end)
    turns(1)
    a:set_result(1)
    b:set_result(2)
    task:cancel()
    asyncio.await(task)
    assert.same({ { 1, 2, n = 2, failed = {} }, "CancelledError" }, log)
  end))

  it("after one result and before the other cancels the other", testing.virtual(function()
    local a, b = new_future(), new_future()
    local task = asyncio.create_task(asyncio.gather, a, b)
    turns(1)
    a:set_result(1)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.same({ 1, true }, { a:result(), b:cancelled() })
  end))

  it("by a timeout around it gives TimeoutError", testing.virtual(function()
    local child
    local ok, err = pcall(function()
      local scope <close> = asyncio.timeout(1)
      child = asyncio.create_task(asyncio.sleep, 100)
      asyncio.gather(child, nap(100))
    end)
    assert.same({ false, "TimeoutError", true, 1 },
      { ok, witness.class(err), child:cancelled(), #asyncio.all_tasks() })
  end))

  it("reaches children 5,000 gathers down", testing.virtual(function()
    local count, bottom = witness.many(5000), nil
    local function tower(n)
      if n == 0 then
        bottom = select(2, try(asyncio.sleep, 100))
        return
      end
      return asyncio.gather(function() return tower(n - 1) end)
    end
    local task = asyncio.create_task(tower, count)
    turns(count + 2)
    task:cancel()
    pcall(asyncio.await, task)
    assert.same({ "CancelledError", 1 }, { bottom, #asyncio.all_tasks() })
  end))

  it("leaves a shielded child alone", testing.virtual(function()
    local inner = asyncio.create_task(asyncio.sleep, 5, "shielded")
    local task = asyncio.create_task(asyncio.gather, function() return asyncio.shield(inner) end)
    turns(2)
    task:cancel()
    pcall(asyncio.await, task)
    assert.equal("shielded", asyncio.await(inner))
  end))
end)

describe("what a gather holds", function()
  it("goes when it is over, though a child lives on", testing.virtual(function()
    local weak = setmetatable({}, { __mode = "k" })
    local slow = new_future()
    do
      local big = {}
      weak[big] = true
      pcall(asyncio.gather, slow, function() error(big) end)
    end
    pcall(asyncio.gather, function() error("the last error is held, for its chain") end)
    witness.collect()
    assert.is_nil(next(weak))
    slow:set_result()
  end))

  it("survives a collection while it waits", testing.virtual(function()
    local task = asyncio.create_task(asyncio.gather, nap(1, "a"), nap(2, "b"))
    turns(2)
    witness.collect()
    assert.equal("a", asyncio.await(task))
  end))

  it("is left when outside code closes the gathering task", testing.virtual(function()
    local future = new_future()
    local task = asyncio.create_task(asyncio.gather, future, nap(1))
    turns(2)
    coroutine.close(task:get_coro())
    witness.collect()
    future:set_result()
    asyncio.sleep(2)
    assert.matches("resumed or closed from outside the event loop", witness.text(asyncio.await, task))
  end))
end)
