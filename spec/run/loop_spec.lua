--- Loops: turns, running by hand, stopping, closing, and which one it is.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns = witness.turns

local function new_loop()
  return testing.new_event_loop { clock = "virtual" }
end

describe("run_until_complete", function()
  it("gives the results of a function, an object, a future or a thing", function()
    local loop <close> = new_loop()
    assert.same({ n = 2, nil, 2 }, table.pack(loop:run_until_complete(function()
      return asyncio.sleep(1, nil, 2)
    end)))
    assert.equal("object", loop:run_until_complete(asyncio.async(asyncio.sleep)(1, "object")))
    local future = loop:create_future()
    loop:call_later(1, future.set_result, future, "future")
    assert.equal("future", loop:run_until_complete(future))
    assert.equal("future", loop:run_until_complete(future))
    assert.equal("thing", loop:run_until_complete(setmetatable({}, { __await = function()
      return asyncio.sleep(1, "thing")
    end })))
  end)

  it("raises the error unchanged", function()
    local loop <close> = new_loop()
    local err = {}
    assert.same({ false, err }, { pcall(loop.run_until_complete, loop, function() error(err) end) })
    local future = loop:create_future()
    future:cancel()
    witness.raises(asyncio.CancelledError, loop.run_until_complete, loop, future)
  end)

  it("leaves the others where they are, and goes on with them the next time", function()
    local loop <close> = new_loop()
    local log = {}
    loop:create_task(function()
      asyncio.sleep(2)
      log[#log + 1] = "other"
    end)
    loop:run_until_complete(function() asyncio.sleep(1) log[#log + 1] = "first" end)
    loop:run_until_complete(function() asyncio.sleep(2) log[#log + 1] = "second" end)
    assert.same({ "first", "other", "second" }, log)
  end)

  it("raises DeadlockError in a task that nothing can wake, <close> variables run", function()
    local loop <close> = new_loop()
    local log = {}
    local err = witness.raises(asyncio.DeadlockError, loop.run_until_complete, loop, function()
      local _ <close> = setmetatable({}, { __close = function(_, e)
        asyncio.sleep(1)
        log[1] = witness.class(e)
      end })
      asyncio.await(loop:create_future())
    end)
    assert.same({ "DeadlockError", 2 }, { log[1], loop:time() })
    assert.matches("nothing can ever wake the main task", tostring(err))
    assert.matches("waits for Future<", tostring(err))
    assert.matches("loop_spec.lua", tostring(err))
  end)

  it("raises DeadlockError for a future that nobody can set", function()
    local loop <close> = new_loop()
    local future = loop:create_future()
    witness.raises(asyncio.DeadlockError, loop.run_until_complete, loop, future)
    future:set_result("later on")
    assert.equal("later on", loop:run_until_complete(future))
  end)

  it("says so when it is stopped before the end", function()
    local loop <close> = new_loop()
    local future = loop:create_future()
    loop:call_later(1, loop.stop, loop)
    assert.matches("stopped before the future was done",
      witness.text(loop.run_until_complete, loop, future))
    future:set_result(1)
  end)

  it("refuses nonsense", function()
    local loop <close> = new_loop()
    local other <close> = new_loop()
    assert.matches("awaitable or function expected, got number",
      witness.text(loop.run_until_complete, loop, 42))
    assert.matches("value expected", witness.text(loop.run_until_complete, loop))
    local text = witness.text(function() loop:run_until_complete(print, nil, 3) end) local here = witness.line()
    assert.equal(here .. " bad argument #3 to 'run_until_complete' (nil expected: it hands on no arguments)", text)
    assert.equal("fine", loop:run_until_complete(function() return "fine" end, nil, nil))
    assert.matches("another loop",
      witness.text(loop.run_until_complete, loop, other:create_future()))
  end)
end)

describe("run_forever", function()
  it("runs until stop, to the end of that turn", function()
    local loop <close> = new_loop()
    local log = {}
    loop:call_soon(function()
      log[#log + 1] = "first"
      loop:stop()
      loop:call_soon(function() log[#log + 1] = "next run" loop:stop() end)
    end)
    loop:call_soon(function() log[#log + 1] = "same turn" end)
    loop:run_forever()
    assert.same({ "first", "same turn" }, log)
    loop:run_forever()
    assert.same({ "first", "same turn", "next run" }, log)
  end)

  it("can be stopped by a task, a timer or a callback of a future", function()
    local loop <close> = new_loop()
    loop:create_task(function() asyncio.sleep(1) loop:stop() end)
    loop:run_forever()
    loop:call_later(1, loop.stop, loop)
    loop:run_forever()
    local future = loop:create_future()
    future:add_done_callback(function() loop:stop() end)
    future:cancel()
    loop:run_forever()
    assert.equal(3, loop:time())
  end)

  it("that was stopped before makes one turn", function()
    local loop <close> = new_loop()
    local log = {}
    loop:call_soon(function() log[1] = "called" end)
    loop:stop()
    loop:run_forever()
    loop:stop()
    loop:run_forever()
    assert.is_false(loop:is_running())
    assert.same({ "called" }, log)
  end)
end)

describe("one loop at a time", function()
  it("runs in a Lua state; another is refused, from anywhere within", testing.virtual(function()
    local other = new_loop()
    local log = {}
    local function attempts()
      log[#log + 1] = witness.text(other.run_forever, other)
      log[#log + 1] = witness.text(other.run_until_complete, other, print)
      log[#log + 1] = witness.text(asyncio.run, print)
      local this = asyncio.get_running_loop()
      log[#log + 1] = witness.text(this.run_forever, this)
      log[#log + 1] = witness.text(this.close, this)
    end
    local function check()
      assert.equal(5, #log)
      assert.matches("already running", log[1])
      assert.matches("already running", log[2])
      assert.matches("asyncio.run cannot be called while a loop is running", log[3])
      assert.matches("already running", log[4])
      assert.matches("cannot close a running loop", log[5])
      log = {}
    end
    attempts()
    check()
    asyncio.get_running_loop():call_soon(attempts)
    turns(1)
    check()
    setmetatable({}, { __gc = attempts })
    witness.collect()
    check()
    asyncio.get_running_loop():set_exception_handler(attempts)
    asyncio.get_running_loop():call_exception_handler {}
    asyncio.get_running_loop():set_exception_handler(nil)
    check()
    assert.is_true(asyncio.get_running_loop():is_running())
    other:close()
  end))

  it("is the running one, else the one that was set", function()
    local loop <close> = new_loop()
    asyncio.set_event_loop(nil)
    assert.matches("no running event loop", witness.text(asyncio.get_running_loop))
    assert.matches("no current event loop", witness.text(asyncio.get_event_loop))
    asyncio.set_event_loop(loop)
    assert.equal(loop, asyncio.get_event_loop())
    assert.matches("no running event loop", witness.text(asyncio.get_running_loop))
    local other <close> = new_loop()
    other:run_until_complete(function()
      assert.equal(other, asyncio.get_running_loop())
      assert.equal(other, asyncio.get_event_loop())
    end)
    asyncio.set_event_loop(nil)
    assert.matches("asyncio.Loop expected", witness.text(asyncio.set_event_loop, 1))
  end)

  it("may run after another, and again after an error", function()
    local a <close> = new_loop()
    local b <close> = new_loop()
    for i = 1, 3 do
      assert.equal(i, a:run_until_complete(function() return asyncio.sleep(1, i) end))
      assert.is_false((pcall(b.run_until_complete, b, error)))
      assert.equal(i, b:run_until_complete(function() return asyncio.sleep(1, i) end))
    end
  end)
end)

describe("closing a loop", function()
  it("is done once, again does nothing", function()
    local loop = new_loop()
    assert.same({ false, false }, { loop:is_closed(), loop:is_running() })
    loop:close()
    loop:close()
    assert.same({ true, "Loop<state=closed, tasks=0>" }, { loop:is_closed(), tostring(loop) })
    assert.matches("the loop is closed", witness.text(loop.run_forever, loop))
    assert.matches("the loop is closed", witness.text(loop.run_until_complete, loop, print))
  end)

  it("ends its tasks: <close> variables run, in order, and cannot wait", function()
    local loop, log = new_loop(), {}
    local function closing(name)
      return setmetatable({}, { __close = function()
        log[#log + 1] = name .. ": " .. witness.text(asyncio.sleep, 1)
      end })
    end
    local waits = {
      sleep = function() asyncio.sleep(5) end,
      future = function() asyncio.await(loop:create_future()) end,
      gather = function() asyncio.gather(loop:create_future()) end,
      ["yield"] = function() while true do coroutine.yield() end end,
      wait_for = function() asyncio.wait_for(loop:create_future(), 5) end,
    }
    local tasks, count = {}, 0
    for name, wait in pairs(waits) do
      tasks[#tasks + 1] = loop:create_task(function()
        local _ <close> = closing(name)
        wait()
      end)
      count = count + 1
    end
    local unstarted = loop:create_task(function() log[#log + 1] = "never" end)
    unstarted:cancel()
    loop:run_until_complete(asyncio.async(asyncio.sleep)(0))
    tasks[#tasks + 1] = loop:create_task(function() log[#log + 1] = "never" end)
    loop:close()
    assert.equal(count, #log)
    for _, line in ipairs(log) do
      assert.matches("^%w+_?%w*: asyncio.sleep must be called from inside a task", line)
    end
    for _, task in ipairs(tasks) do
      assert.is_true(task:cancelled())
      assert.is_false(task:cancel())
    end
    assert.equal(count + 1, witness.destroyed())
  end)

  it("reports what a closing task raises", function()
    local loop = new_loop()
    local reports = witness.reports(loop)
    loop:create_task(function()
      local _ <close> = setmetatable({}, { __close = function() error("closing", 0) end })
      asyncio.sleep(5)
    end)
    loop:run_until_complete(asyncio.async(asyncio.sleep)(0))
    loop:close()
    assert.same({ 2, "closing" }, { #reports, reports[2].exception })
  end)

  it("is safe from what closing tasks do", function()
    local loop = new_loop()
    local log = {}
    local future = loop:create_future()
    local victims = {}
    for i = 1, 4 do
      victims[i] = loop:create_task(function()
        local _ <close> = setmetatable({}, { __close = function()
          for k = 1, 4 do
            victims[k]:cancel()
          end
          log[#log + 1] = i
          if not future:done() then
            future:set_result()
          end
          loop:call_soon(print, "never")
          loop:create_task(print, "never")
        end })
        if i % 2 == 0 then
          asyncio.await(future)
        end
        asyncio.sleep(5)
      end)
    end
    loop:run_until_complete(asyncio.async(asyncio.sleep)(0))
    loop:close()
    table.sort(log)
    assert.same({ 1, 2, 3, 4 }, log)
    assert.equal(8, witness.destroyed())  -- the victims, and a task made by each
  end)

  it("leaves futures that can be settled, to no effect", function()
    local loop = new_loop()
    local future, called = loop:create_future(), false
    future:add_done_callback(function() called = true end)
    loop:create_task(asyncio.await, future)
    loop:run_until_complete(asyncio.async(asyncio.sleep)(0))
    loop:close()
    future:set_result("late")
    assert.same({ "late", false }, { future:result(), called })
    assert.equal(1, witness.destroyed())
    local failed = new_loop()
    local other = failed:create_future()
    failed:close()
    other:set_exception("late")
    assert.same({ "late", true }, { other:exception() })
  end)

  it("may be left to a <close> variable or to the collector", function()
    local weak = setmetatable({}, { __mode = "k" })
    for _ = 1, 20 do
      local loop = new_loop()
      loop:set_exception_handler(type)
      weak[loop] = true
      local future = loop:create_future()
      loop:create_task(function() asyncio.await(future) end)
      loop:create_task(function() asyncio.gather(future, function() asyncio.sleep(5) end) end)
      loop:call_later(1, print, "never")
      loop:run_until_complete(asyncio.async(asyncio.sleep)(0))
    end
    witness.collect()
    witness.collect()
    assert.is_nil(next(weak))
  end)

  it("frees what its tasks held", function()
    local weak = setmetatable({}, { __mode = "k" })
    local loop = new_loop()
    loop:set_exception_handler(type)
    do
      local value = {}
      weak[value] = true
      loop:create_task(function() asyncio.sleep(5) return value end)
      loop:call_later(5, print, value)
    end
    loop:run_until_complete(asyncio.async(asyncio.sleep)(0))
    loop:close()
    witness.collect()
    assert.is_nil(next(weak))
  end)
end)

describe("a loop", function()
  it("counts what it has", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local before = loop:stats()
    asyncio.create_task(asyncio.sleep, 1)
    loop:call_later(1, function() end)
    loop:call_soon(function() end)
    local after = loop:stats()
    assert.same({ 1, 1, 2, {} }, { after.tasks - before.tasks, after.timers - before.timers,
      after.ready - before.ready, after.handles })
    asyncio.sleep(2)
    assert.same({ before.tasks, before.timers }, { loop:stats().tasks, loop:stats().timers })
    assert(loop:stats().turns > before.turns)
  end))

  it("makes all tasks by its factory", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local made = 0
    loop:set_task_factory(function(l, co, options)
      made = made + 1
      return asyncio.Task(l, co, options)
    end)
    local function one()
      return 1
    end
    local ways = {
      create_task = function() return asyncio.await(asyncio.create_task(one)) end,
      ["loop:create_task"] = function() return asyncio.await(loop:create_task(one)) end,
      ensure_future = function() return asyncio.await(asyncio.ensure_future(one)) end,
      gather = function() return (asyncio.gather(one)) end,
      shield = function() return asyncio.shield(asyncio.async(one)()) end,
      as_completed = function()
        local result
        for task in asyncio.as_completed { one } do
          result = asyncio.await(task)
        end
        return result
      end,
      group = function()
        return asyncio.task_group(function(group) return asyncio.await(group:create_task(one)) end)
      end,
    }
    for name, way in pairs(ways) do
      local before = made
      assert.same({ name, 1 }, { name, way() })
      assert.same({ name, 1 }, { name, made - before })
    end
    local other <close> = asyncio.new_event_loop()
    loop:set_task_factory(function() return other:create_future() end)
    assert.matches("belongs to another loop", witness.text(asyncio.gather, one))
    loop:set_task_factory(function() end)
    assert.matches("returned nil, not a task", witness.text(asyncio.shield, one))
    loop:set_task_factory(nil)
  end))

  it("takes a future of its factory in place of a task, in every call that makes one", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local made
    loop:set_task_factory(function(l, f)
      made = l:create_future()
      l:call_later(1, function()
        made:set_result(select(2, coroutine.resume(f)))
      end)
      return made
    end)
    local function one() return 1 end
    for name, way in pairs {
      create_task = function() return asyncio.await(asyncio.create_task(one)) end,
      ["loop:create_task"] = function() return asyncio.await(loop:create_task { one, name = "one" }) end,
      ensure_future = function() return asyncio.await(asyncio.ensure_future(one)) end,
      gather = function() return (asyncio.gather(one)) end,
      shield = function() return asyncio.shield(one) end,
      as_completed = function()
        local result
        for future in asyncio.as_completed { one } do
          result = future:result()
        end
        return result
      end,
      group = function()
        return asyncio.task_group(function(group) return asyncio.await(group:create_task(one)) end)
      end,
    } do
      made = nil
      assert.same({ name, 1 }, { name, way() })
      assert.matches("^Future<", tostring(made))
    end
    loop:set_task_factory(function(l) return l:create_future() end)
    local future = asyncio.create_task(one)
    assert.is_nil(future.get_name)
    assert.is_false(future:done())
    loop:set_task_factory(nil)
  end))

  it("ends its run whatever the factory does", function()
    for _, factory in ipairs {
      function() error("no tasks") end,
      function(l)
        local future = l:create_future()
        future:set_result()
        return future
      end,
    } do
      local closed = {}
      local function closing(name)
        return setmetatable({}, { __close = function() asyncio.sleep(0) closed[name] = true end })
      end
      local numbers = asyncio.generator(function()
        local _ <close> = closing "generator"
        asyncio.coroutine.yield(1)
      end)
      assert.equal("main's", asyncio.run(function()
        local next_number = numbers()
        assert.equal(1, next_number())
        asyncio.create_task(function()
          local _ <close> = closing "task"
          asyncio.sleep(100)
        end)
        asyncio.sleep(0)
        asyncio.get_running_loop():set_task_factory(factory)
        return "main's"
      end))
      assert.same({ generator = true, task = true }, closed)
    end
  end)

  it("looks at timers and sockets between long steps, however many are ready", testing.async(function()
    local rung, steps = false, 0
    asyncio.get_running_loop():call_later(0.001, function() rung = true end)
    while not rung do
      local stop = os.clock() + 0.005
      while os.clock() < stop do end
      steps = steps + 1
      asyncio.sleep(0)
    end
    assert(steps <= 10, steps)
    rung = false
    asyncio.get_running_loop():call_later(0.001, function() rung = true end)
    while not rung do
      asyncio.await(asyncio.create_task(function()
        local stop = os.clock() + 0.005
        while os.clock() < stop do end
      end))
      steps = steps + 1
    end
    assert(steps <= 14, steps)
  end))

  it("keeps no memory of tasks and timers gone by", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local function batch()
      for _ = 1, witness.many(20000) do
        asyncio.create_task(asyncio.sleep, 1)
      end
      asyncio.sleep(2)
    end
    batch()
    batch()
    local anchors = loop:stats().anchors
    witness.collect()
    local before = collectgarbage("count")
    batch()
    batch()
    batch()
    witness.collect()
    assert.equal(anchors, loop:stats().anchors)
    assert(collectgarbage("count") - before < 100)
  end, { timeout = 100 }))

  it("has switches that remember", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    assert.is_false(loop:get_debug())
    loop:set_debug(true)
    assert.is_true(loop:get_debug())
    loop:set_debug(false)
    loop:set_slow_callback_duration(1)
    assert.matches("number expected", witness.text(loop.set_slow_callback_duration, loop))
    assert.matches("a time in seconds expected", witness.text(loop.set_slow_callback_duration, loop, -1))
    assert.matches("function or nil expected", witness.text(loop.set_task_factory, loop, 1))
    assert.matches("^Loop<state=running, tasks=1>$", tostring(loop))
  end))

  it("is not an object that anybody can pretend to be", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    assert.equal("asyncio.Loop", getmetatable(loop))
    for _, name in ipairs { "close", "stop", "run_forever", "time", "stats", "is_closed" } do
      assert.matches("asyncio.Loop expected, got userdata", witness.text(loop[name], io.stdout)
        :gsub("FILE%*", "userdata"))
    end
  end))
end)
