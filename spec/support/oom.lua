--- What oom.c runs while memory fails: for each scenario what it needs first,
-- and what is then run with every single request failing in turn.

local scenarios = { names = {} }

local asyncio, testing

local function prepare()
  asyncio = require "asyncio"
  testing = require "asyncio.testing"
  return asyncio, testing
end

local function scenario(name, run, first)
  scenarios.names[#scenarios.names + 1] = name
  scenarios[name] = { prepare = first or prepare, run = run }
end

-- Runs the body on the virtual clock. What is reported meanwhile is raised in
-- the end: it may have spoilt the results.
local function play(body)
  local reported
  local ok, err = pcall(asyncio.run, { body, loop_factory = function()
    local loop = testing.new_event_loop { clock = "virtual" }
    loop:set_exception_handler(function(_, context)
      reported = reported or context.exception or context.message
    end)
    return loop
  end })
  if not ok and tostring(err):find "not enough memory" then
    error(err, 0)
  elseif reported or not ok then
    error(reported or err, 0)
  end
end

local function equal(a, b)
  if a ~= b then
    error(("expected %s, got %s"):format(tostring(b), tostring(a)))
  end
end

-- The error must be an instance of the class, or tell of the memory.
local function expect(class, ok, err)
  if ok then
    error "an error was expected"
  elseif not asyncio.isinstance(err, class) then
    error(err, 0)
  end
end

scenario("load", function()
  require "asyncio"
  require "asyncio.testing"
end, function() end)

scenario("tasks", function()
  play(function()
    local function body(...)
      asyncio.sleep(1)
      return select("#", ...), ...
    end
    local first = asyncio.create_task(body, 1, nil, 3)
    local second = asyncio.create_task { body, "x", name = "second" }
    local n, a, b, c = asyncio.await(first)
    equal(n, 3) equal(a, 1) equal(b, nil) equal(c, 3)
    equal(select(2, asyncio.await(second)), "x")
    equal(second:get_name(), "second")
    equal(asyncio.await(asyncio.async(body)()), 0)
    equal(#asyncio.all_tasks(), 1)
    asyncio.await(asyncio.create_task { eager_start = true, body })
    equal(type(tostring(first)), "string")
  end)
end)

scenario("many", function()
  play(function()
    local tasks, sum = {}, 0
    for i = 1, 100 do
      tasks[i] = asyncio.create_task(asyncio.sleep, i % 7, i)
    end
    for i = 1, 100 do
      sum = sum + asyncio.await(tasks[i])
    end
    equal(sum, 5050)
  end)
end)

scenario("futures", function()
  play(function()
    local loop, called = asyncio.get_running_loop(), 0
    local future, failed = loop:create_future(), asyncio.Future()
    future:add_done_callback(function() called = called + 1 end)
    local function never() called = called + 100 end
    future:add_done_callback(never)
    equal(future:remove_done_callback(never), 1)
    local waiter = asyncio.create_task(asyncio.await, future)
    asyncio.sleep(0)
    future:set_result(1, 2)
    equal(select("#", asyncio.await(waiter)), 2)
    asyncio.sleep(0)
    equal(called, 1)
    failed:set_exception(asyncio.TimeoutError("set"))
    expect(asyncio.TimeoutError, pcall(asyncio.await, failed))
  end)
end)

scenario("callbacks", function()
  play(function()
    local loop, log = asyncio.get_running_loop(), {}
    loop:call_soon(table.insert, log, "soon")
    loop:call_later(1, table.insert, log, "later")
    loop:call_at(loop:time() + 2, table.insert, log, "at")
    loop:call_later(1, error):cancel()
    asyncio.sleep(3)
    equal(table.concat(log, " "), "soon later at")
  end)
end)

scenario("failing", function()
  play(function()
    local seen = 0
    local loop = asyncio.get_running_loop()
    local old = loop:get_exception_handler()
    loop:set_exception_handler(function(_, context)
      if type(context.exception) == "string" and context.exception:find("mine") then
        seen = seen + 1
      else
        old(loop, context)
      end
    end)
    loop:call_soon(error, "mine")
    asyncio.create_task(error, "mine")
    local inner = asyncio.create_task(function() asyncio.sleep(1) error("mine") end)
    local ok, err = pcall(asyncio.await, asyncio.create_task(asyncio.await, inner))
    equal(ok, false)
    if not tostring(err):find "mine" then
      error(err, 0)
    end
    asyncio.sleep(1)
    collectgarbage()
    asyncio.sleep(0)
    asyncio.sleep(0)
    loop:set_exception_handler(old)
    if seen ~= 2 then
      error "a report was lost: not enough memory for it"
    end
  end)
end)

scenario("cancel", function()
  play(function()
    local closed, lost = 0, nil
    local function body()
      local _ <close> = setmetatable({}, { __close = function(_, err)
        lost = lost or err
        asyncio.sleep(1)
        closed = closed + 1
      end })
      asyncio.sleep(100)
    end
    local inner = asyncio.create_task(body)
    local outer = asyncio.create_task(asyncio.await, inner)
    local unstarted = asyncio.create_task(body)
    unstarted:cancel()
    local bare = asyncio.create_task(function()
      while true do
        coroutine.yield()
      end
    end)
    asyncio.sleep(0)
    asyncio.sleep(0)
    outer:cancel("message")
    bare:cancel()
    expect(asyncio.CancelledError, pcall(asyncio.await, outer))
    expect(asyncio.CancelledError, pcall(asyncio.await, bare))
    expect(asyncio.CancelledError, pcall(asyncio.await, unstarted))
    expect(asyncio.CancelledError, false, lost)
    equal(closed, 1)
  end)
end)

scenario("sync", function()
  play(function()
    local lock, queue, log = asyncio.Lock(), asyncio.Queue(1), {}
    local function locked()
      local _ <close> = lock:acquire()
      asyncio.sleep(1)
      log[#log + 1] = true
    end
    asyncio.gather(locked, locked, locked)
    equal(#log, 3)
    equal(lock:locked(), false)
    local sum = 0
    asyncio.gather(function()
      for item in queue:items() do
        sum = sum + item
        queue:task_done()
      end
    end, function()
      for i = 1, 3 do
        queue:put(i)
      end
      queue:shutdown()
    end)
    equal(sum, 6)
  end)
end)

-- What lock and queue have not shown already.
scenario("primitives", function()
  play(function()
    local event, condition = asyncio.Event(), asyncio.Condition()
    local barrier, semaphore = asyncio.Barrier(2), asyncio.BoundedSemaphore(1)
    local ready, log = false, {}
    asyncio.gather(function()
      local _ <close> = condition:acquire()
      condition:wait_for(function() return ready end)
      log[#log + 1] = "condition"
    end, function()
      event:wait()
      local _ <close> = condition:acquire()
      ready = true
      condition:notify_all()
    end, function()
      local _ <close> = semaphore:acquire()
      asyncio.sleep(1)
      event:set()
    end, function()
      expect(asyncio.TimeoutError, pcall(asyncio.wait_for, semaphore.acquire, 0.5, semaphore))
      semaphore:acquire()
      semaphore:release()
      log[#log + 1] = "semaphore"
    end)
    equal(#log, 2)
    local first, second = asyncio.gather(function() return barrier:wait() end,
      function() return barrier:wait() end)
    equal(first + second, 3)
    expect(asyncio.BrokenBarrierError, pcall(asyncio.gather, function() barrier:wait() end,
      function() asyncio.sleep(1) barrier:abort() end))
    local waiting = asyncio.create_task(condition.wait, condition)
    expect(asyncio.CancelledError, pcall(function() waiting:cancel() asyncio.await(waiting) end))
    equal(condition:locked(), false)
    waiting = asyncio.create_task(function()
      local _ <close> = condition:acquire()
      condition:wait()
    end)
    asyncio.sleep(0)
    do
      local _ <close> = condition:acquire()
      for i = 1, 2 do
        waiting:cancel("message " .. i)
        asyncio.sleep(0)
      end
    end
    expect(asyncio.CancelledError, pcall(asyncio.await, waiting))
    equal(condition:locked(), false)
  end)
end)

scenario("queues", function()
  play(function()
    local lifo, sorted = asyncio.LifoQueue(2), asyncio.PriorityQueue(0, function(a, b) return a > b end)
    local got = {}
    asyncio.gather(function()
      for i = 1, 40 do
        sorted:put(i * 7 % 41)
      end
      for i = 1, 3 do
        lifo:put(i)
      end
    end, function()
      asyncio.sleep(1)
      for i = 1, 3 do
        got[i] = lifo:get()
        lifo:task_done()
      end
    end, function()
      asyncio.sleep(0)
      lifo:join()
    end)
    equal(table.concat(got, " "), "2 1 3")
    local last = 41
    while not sorted:empty() do
      local item = sorted:get_nowait()
      equal(item, last - 1)
      last = item
    end
    local getter = asyncio.create_task(sorted.get, sorted)
    local left = asyncio.create_task(sorted.get, sorted)
    asyncio.sleep(0)
    left:cancel()
    sorted:shutdown(true)
    expect(asyncio.QueueShutDown, pcall(asyncio.await, getter))
    expect(asyncio.CancelledError, pcall(asyncio.await, left))
  end)
end)

scenario("waits", function()
  play(function()
    local function nap(n) asyncio.sleep(n) return n end
    -- So many are done, unless memory was short for one of them.
    local function count(done, n)
      for _, task in ipairs(done) do
        task:result()
      end
      equal(#done, n)
    end
    local function tasks()
      local list = {}
      for i = 1, 3 do
        list[i] = asyncio.create_task(nap, i)
      end
      return list
    end
    local list = tasks()
    list.return_when = "FIRST_COMPLETED"
    local done, pending = asyncio.wait(list)
    count(done, 1) equal(#pending, 2)
    asyncio.wait(pending)
    list = tasks()
    list.timeout = 1.5
    done, pending = asyncio.wait(list)
    count(done, 1) equal(#pending, 2)
    local sum = 0
    for task in asyncio.as_completed(tasks()) do
      sum = sum + task:result()
    end
    equal(sum, 6)
    local waiting = asyncio.create_task(asyncio.wait, tasks())
    asyncio.sleep(0)
    waiting:cancel()
    expect(asyncio.CancelledError, pcall(asyncio.await, waiting))
    asyncio.sleep(5)
    expect(asyncio.TimeoutError, pcall(asyncio.fail_after, 1, asyncio.sleep, 10))
    asyncio.move_on_after(1, asyncio.sleep, 10)
  end)
end)

-- Looking at tasks changes nothing of them.
scenario("views", function()
  play(function()
    local sink = { write = function() end }
    local lock = asyncio.Lock()
    local function deep(n)
      if n > 0 then
        return (deep(n - 1))
      end
      local _ <close> = lock:acquire()
      asyncio.sleep(10)
      return "deep"
    end
    local inner = asyncio.create_task { deep, 3, name = "inner" }
    local outer = asyncio.create_task(asyncio.gather, inner, function() return deep(0) end)
    asyncio.sleep(1)
    if outer:done() then
      outer:result()
    end
    equal(type(tostring(inner)), "string")
    equal(#asyncio.call_graph(inner).awaited_by, 1)
    asyncio.print_call_graph(inner, sink)
    asyncio.dump(sink)
    inner:print_stack(nil, sink)
    equal(#inner:get_stack() > 0, true)
    equal(inner:traceback():find("deep", 1, true) ~= nil, true)
    equal(#asyncio.all_tasks(), 4)
    equal(type(asyncio.get_running_loop():stats()), "table")
    equal(asyncio.await(outer), "deep")
    equal(asyncio.uninterrupted(deep, 0), "deep")
  end)
end)

-- On the loop's factory, on a task's own wish, and by a task that ends at once.
scenario("eager", function()
  play(function()
    local loop = asyncio.get_running_loop()
    local function body(n) asyncio.sleep(n) return n end
    loop:set_task_factory(asyncio.eager_task_factory)
    local now, later = asyncio.create_task(body, 0), asyncio.create_task(body, 1)
    equal(asyncio.await(now), 0)
    equal(asyncio.await(later), 1)
    loop:set_task_factory(nil)
    local failed = asyncio.create_task { eager_start = true, error, "mine" }
    local ok, err = pcall(asyncio.await, failed)
    equal(ok, false)
    if not tostring(err):find "mine" then
      error(err, 0)
    end
    local nested = asyncio.create_task { eager_start = true, function()
      return asyncio.await(asyncio.create_task { eager_start = true, body, 2 })
    end }
    equal(asyncio.await(nested), 2)
  end)
end)

scenario("coroutines", function()
  play(function()
    local closed = 0
    local function closing()
      return setmetatable({}, { __close = function()
        asyncio.sleep(1)
        closed = closed + 1
      end })
    end
    local count = asyncio.generator(function(n)
      local _ <close> = closing()
      for i = 1, n do
        asyncio.sleep(1)
        coroutine.yield(i)
      end
    end)
    for v in count(3) do
      if v == 2 then break end
    end
    equal(closed, 1)
    local co = asyncio.coroutine.create(function()
      local _ <close> = closing()
      asyncio.sleep(1)
      asyncio.coroutine.yield("inner")
    end)
    local ok, v = asyncio.coroutine.resume(co)
    if not ok then
      error(v, 0)
    end
    equal(v, "inner")
    ok, v = asyncio.coroutine.close(co)
    if not ok then
      error(v, 0)
    end
    equal(closed, 2)
    local manager = asyncio.contextmanager(function()
      local _ <close> = closing()
      coroutine.yield("page")
    end)
    do
      local stack <close> = asyncio.ExitStack()
      local _, page = stack:enter(manager())
      equal(page, "page")
    end
    equal(closed, 3)
    local _, err = pcall(function()
      local _ <close> = manager()
      error("in the block", 0)
    end)
    if err ~= "in the block" then
      error(err, 0)
    end
    equal(closed, 4)
    manager()  -- dropped
    count(2)()  -- dropped
    collectgarbage()
    local task = asyncio.create_task(function()
      for _ in count(3) do
        asyncio.sleep(10)
      end
    end)
    asyncio.sleep(2)
    task:cancel()
    expect(asyncio.CancelledError, pcall(asyncio.await, task))
  end)
end)

scenario("contexts", function()
  play(function()
    local var = asyncio.ContextVar("var", "default")
    local token = var:set("set")
    local context = asyncio.copy_context()
    local loop, seen = asyncio.get_running_loop(), nil
    loop:call_soon(function() seen = var:get() end)
    equal(asyncio.await(asyncio.create_task { function()
      var:set("inner")
      asyncio.sleep(1)
      return var:get()
    end, name = "named" }), "inner")
    equal(seen, "set")
    context:run(function()
      var:set("of the context")
      asyncio.sleep(1)
    end)
    equal(context:get(var), "of the context")
    asyncio.await(asyncio.create_task { var.set, var, 1, context = context })
    equal(context:get(var), 1)
    var:reset(token)
    equal(var:get(), "default")
  end)
  local var = asyncio.ContextVar("var", "default")
  local runner <close> = asyncio.Runner { loop_factory = function()
    return testing.new_event_loop { clock = "virtual" }
  end }
  runner:run { function() var:set(1) end, context = asyncio.Context() }
  equal(runner:run(function() var:set(2) return var:get() end), 2)
  equal(runner:run(function() return var:get() end), 2)
end)

local kit = { prepare = prepare, scenario = scenario, play = play, equal = equal, expect = expect }
for _, part in ipairs { "groups", "ends" } do
  assert(loadfile("spec/support/oom_" .. part .. ".lua"))(kit)
end

--- For two states at once: a program in steps, its loop left half way between.
local loop, task, count
function scenarios.half(step)
  prepare()
  if step == "begin" then
    loop = asyncio.new_event_loop()
    count = 0
    task = loop:create_task(function()
      while true do
        asyncio.sleep(0.001)
        count = count + 1
      end
    end)
  elseif step == "nest" then
    loop:run_until_complete(function()
      asyncio.sleep(0)
      _G.within()  -- the driver's
      asyncio.sleep(0)
    end)
  elseif step == "finish" then
    task:cancel()
    pcall(loop.run_until_complete, loop, task)
    loop:close()
    return
  end
  local before = count
  loop:run_until_complete(asyncio.async(asyncio.sleep)(0.01))
  assert(count > before and not task:done())
end

return scenarios
