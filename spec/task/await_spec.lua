--- Coroutine functions, their objects, await and shield.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

local function awaitable(f)
  return setmetatable({}, { __await = f })
end

describe("a coroutine object", function()
  it("runs nothing until it is awaited, then inline, in the current task",
    testing.virtual(function()
      local log, main = {}, asyncio.current_task()
      local co = asyncio.async(function(...)
        log[#log + 1] = asyncio.current_task() == main
        asyncio.sleep(1)
        return ...
      end)(1, nil, 3, nil)
      assert.same({ "thread", "suspended", 0 }, { type(co), coroutine.status(co), #log })
      assert.same({ n = 4, 1, nil, 3, nil }, table.pack(asyncio.await(co)))
      assert.same({ true }, log)
    end))

  it("raises its error unchanged", testing.virtual(function()
    for _, err in ipairs { false, 0, "text", {} } do
      assert.same({ n = 2, false, err },
        table.pack(pcall(asyncio.await, asyncio.async(error)(err, 0))))
    end
  end))

  it("can be awaited or made a task once", testing.virtual(function()
    local f = asyncio.async(function(x) return x end)
    for _, use in ipairs { asyncio.await, asyncio.create_task, asyncio.gather,
      asyncio.shield, asyncio.ensure_future } do
      local co = f("value")
      local first = use(co)
      if asyncio.isfuture(first) then
        first = asyncio.await(first)
      end
      assert.equal("value", first)
      for _, again in ipairs { asyncio.await, asyncio.create_task, asyncio.gather } do
        assert.matches("coroutine was started or awaited before", witness.text(again, co))
      end
    end
  end))

  it("is not one that somebody resumed", testing.virtual(function()
    local co = coroutine.create(function() coroutine.yield() end)
    coroutine.resume(co)
    assert.matches("started or awaited before", witness.text(asyncio.await, co))
    coroutine.resume(co)
    assert.matches("started or awaited before", witness.text(asyncio.await, co))
    assert.matches("started or awaited before",
      witness.text(asyncio.await, coroutine.running()))
  end))

  it("may come from coroutine.create", testing.virtual(function()
    assert.equal("plain", asyncio.await(coroutine.create(function() return "plain" end)))
    local task = asyncio.create_task(coroutine.create(function()
      return asyncio.sleep(1, "task")
    end))
    assert.equal("task", asyncio.await(task))
  end))

  it("passes a cancel on to where it waits", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function()
      asyncio.await(asyncio.async(function()
        log[1] = select(2, try(asyncio.sleep, 10))
      end)())
      return "after it"
    end)
    turns(1)
    task:cancel()
    assert.equal("after it", asyncio.await(task))
    assert.same({ "CancelledError" }, log)
  end))

  it("nests some 150 levels deep, and further down it is an error", testing.virtual(function()
    local nest
    nest = asyncio.async(function(n)
      if n == 0 then
        return asyncio.sleep(1, "bottom")
      end
      return asyncio.await(nest(n - 1))
    end)
    assert.equal("bottom", asyncio.await(nest(150)))
    assert.matches("stack overflow", witness.text(asyncio.await, nest(100000)))
    assert.equal("bottom", asyncio.await(nest(10)))
  end))

  it("that nobody awaits is collected", testing.virtual(function()
    local weak = setmetatable({}, { __mode = "k" })
    for _ = 1, 10 do
      weak[asyncio.async(print)("never printed")] = true
    end
    witness.collect()
    assert.is_nil(next(weak))
  end))
end)

describe("a coroutine function", function()
  it("makes a new object at each call", testing.virtual(function()
    local f = asyncio.async(function(x) return x end)
    local a, b = f(1), f(2)
    assert.same({ 2, 1 }, { asyncio.await(b), asyncio.await(a) })
  end))

  it("has its body run where a function is taken", testing.virtual(function()
    local f = asyncio.async(function(x) return asyncio.sleep(1, x or "body") end)
    assert.equal("given", asyncio.await(asyncio.create_task(f, "given")))
    assert.same({ "body", "body" }, { asyncio.gather(f, f) })
    assert.equal("given", asyncio.wait_for(f, 5, "given"))
    assert.equal("body", asyncio.shield(f))
  end))

  it("is the same after being made one again", function()
    local f = asyncio.async(print)
    assert.equal(f, asyncio.async(f))
  end)

  it("and its objects are known", function()
    local f = asyncio.async(print)
    local co = f()
    local results = {}
    for _, value in ipairs { f, co, print, awaitable(print), 1 } do
      results[#results + 1] = table.concat({ tostring(asyncio.iscoroutinefunction(value)),
        tostring(asyncio.iscoroutine(value)), tostring(asyncio.isawaitable(value)),
        tostring(asyncio.isfuture(value)) }, " ")
    end
    assert.same({ "true false false false", "false true true false", "false false false false",
      "false false true false", "false false false false" }, results)
    assert.is_false(asyncio.isawaitable(nil))
  end)

  it("is made of a function", function()
    assert.matches("bad argument #1 to 'asyncio.async' %(function expected, got nil%)",
      witness.text(asyncio.async, nil))
  end)
end)

describe("await", function()
  it("calls __await in the awaiting task", testing.virtual(function()
    local main = asyncio.current_task()
    local thing
    thing = awaitable(function(self)
      assert(self == thing and asyncio.current_task() == main)
      asyncio.sleep(1)
      return 1, nil, 3
    end)
    assert.same({ n = 3, 1, nil, 3 }, table.pack(asyncio.await(thing)))
    assert.same({ false, "from __await" }, { pcall(asyncio.await, awaitable(function()
      asyncio.sleep(1)
      error("from __await", 0)
    end)) })
  end))

  it("refuses what is not awaitable, at the caller's line", testing.virtual(function()
    for _, value in ipairs { 1, "x", true, {}, print, io.stdout } do
      local ok, err = pcall(function() asyncio.await(value) end) local here = witness.line()
      assert.is_false(ok)
      assert.equal(here, err:match("^.-:%d+:"))
      assert.matches("bad argument #1 to 'await' %(awaitable expected, got ", err)
    end
    assert.matches("bad argument #1 to 'asyncio.await'", witness.text(asyncio.await))
    assert.matches("bad argument #1 to 'asyncio.await'", witness.text(asyncio.await, nil))
  end))
end)

describe("ensure_future", function()
  it("leaves a future and makes all else a task", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local future = loop:create_future()
    assert.equal(future, asyncio.ensure_future(future))
    local results = {}
    for i, thing in ipairs { asyncio.async(function() return "object" end)(),
      function() return "function" end, awaitable(function() return "thing" end) } do
      results[i] = asyncio.await(asyncio.ensure_future(thing, loop))
    end
    assert.same({ "object", "function", "thing" }, results)
    assert.matches("awaitable or function expected, got number",
      witness.text(asyncio.ensure_future, 1))
  end))
end)

describe("shield", function()
  it("gives the results and errors of the inner one", testing.virtual(function()
    assert.same({ n = 2, nil, 2 }, table.pack(asyncio.shield(asyncio.async(function()
      return asyncio.sleep(1, nil, 2)
    end)())))
    assert.same({ false, "inner" }, { pcall(asyncio.shield, function()
      asyncio.sleep(1)
      error("inner", 0)
    end) })
    assert.equal("no wait", asyncio.shield(asyncio.create_task {
      eager_start = true, function() return "no wait" end }))
  end))

  it("raises the caller's cancel at once, while the inner goes on", testing.virtual(function()
    local log = {}
    local inner = asyncio.create_task(function()
      asyncio.sleep(5)
      log[#log + 1] = "inner " .. asyncio.get_running_loop():time()
      return "kept"
    end)
    local outer = asyncio.create_task(asyncio.shield, inner)
    asyncio.sleep(1)
    outer:cancel()
    pcall(asyncio.await, outer)
    log[#log + 1] = "outer " .. asyncio.get_running_loop():time()
    assert.equal("kept", asyncio.await(inner))
    assert.same({ "outer 2.0", "inner 6.0" }, log)
    assert.same({ true, 0 }, { outer:cancelled(), inner:cancelling() })
  end))

  it("starts the inner one even if nobody holds it, and it runs to its end",
    testing.virtual(function()
      local done = false
      local outer = asyncio.create_task(function()
        asyncio.shield(function() asyncio.sleep(5) done = true end)
      end)
      turns(1)
      outer:cancel()
      witness.collect()
      asyncio.sleep(6)
      assert.is_true(done)
    end))

  it("is cancelled with the inner one", testing.virtual(function()
    local inner = asyncio.create_task(asyncio.sleep, 10)
    local outer = asyncio.create_task(asyncio.shield, inner)
    turns(2)
    inner:cancel()
    pcall(asyncio.await, outer)
    assert.same({ true, 0 }, { outer:cancelled(), outer:cancelling() })
  end))

  it("keeps the result when the cancel comes after it", testing.virtual(function()
    local future = asyncio.Future()
    local outer = asyncio.create_task(asyncio.shield, future)
    turns(1)
    future:set_result("first")
    outer:cancel()
    assert.equal("first", asyncio.await(outer))
  end))

  it("reports the late error of an inner one that nobody looks at", testing.virtual(function()
    local reports = witness.reports()
    local outer = asyncio.create_task(asyncio.shield, function()
      asyncio.sleep(1)
      error("late", 0)
    end)
    turns(1)
    outer:cancel()
    asyncio.sleep(2)
    witness.collect()
    turns(2)
    assert.same({ 1, "late" }, { #reports, reports[1] and reports[1].exception })
  end))

  it("refuses nonsense before anything has happened", testing.virtual(function()
    assert.matches("bad argument #1 to 'asyncio.shield' %(awaitable or function expected, got nil%)",
      witness.text(asyncio.shield, nil))
    assert.equal(1, #asyncio.all_tasks())
  end))
end)
