--- Tasks: how they start, end, are cancelled and what they tell of themselves.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns = witness.turns

local function new_future()
  return asyncio.get_running_loop():create_future()
end

describe("a task", function()
  it("starts in the next turn, after those made before it", testing.virtual(function()
    local log = {}
    for i = 1, 3 do
      asyncio.create_task(function() log[#log + 1] = i end)
    end
    asyncio.get_running_loop():call_soon(function() log[#log + 1] = 4 end)
    asyncio.create_task(function() log[#log + 1] = 5 end)
    log[#log + 1] = "made"
    turns(1)
    assert.same({ "made", 1, 2, 3, 4, 5 }, log)
  end))

  it("gets its arguments and keeps all its results, nils included", testing.virtual(function()
    local function body(...)
      asyncio.sleep(1)
      return select("#", ...), ...
    end
    local task = asyncio.create_task(body, nil, "b", nil)
    assert.same({ n = 4, 3, nil, "b", nil }, table.pack(asyncio.await(task)))
    assert.same({ n = 4, 3, nil, "b", nil }, table.pack(task:result()))
    assert.same({ n = 0 }, table.pack(asyncio.await(asyncio.create_task(function() end))))
  end))

  it("has room for many arguments and results", testing.virtual(function()
    local many = table.pack(string.byte(("x"):rep(20000), 1, -1))
    local task = asyncio.create_task(function(...) return ... end, table.unpack(many, 1, many.n))
    assert.equal(20000, select("#", asyncio.await(task)))
  end))

  it("fails of any value, which await raises by identity", testing.virtual(function()
    for _, err in ipairs { false, 0, "text", {}, print } do
      local task = asyncio.create_task(error, err, 0)
      assert.same({ n = 2, false, err }, table.pack(pcall(asyncio.await, task)))
      assert.equal(err, (task:exception()))
    end
    assert.same({ n = 2, false, nil },
      table.pack(pcall(asyncio.await, asyncio.create_task(error, nil))))
  end))

  it("can be awaited by many and again", testing.virtual(function()
    local runs = 0
    local task = asyncio.create_task(function()
      runs = runs + 1
      asyncio.sleep(1)
      return "once"
    end)
    local a, b = asyncio.gather(
      function() return asyncio.await(task) end,
      function() return asyncio.await(task) end)
    assert.same({ "once", "once", "once", 1 }, { a, b, asyncio.await(task), runs })
  end))

  it("can't be settled from outside", testing.virtual(function()
    local task = asyncio.create_task(asyncio.sleep, 1, "own")
    assert.matches("set by its body", witness.text(task.set_result, task, 1))
    assert.matches("set by its body", witness.text(task.set_exception, task, 1))
    assert.equal("own", asyncio.await(task))
  end))

  it("can't await itself", testing.virtual(function()
    local task
    task = asyncio.create_task(function() return asyncio.await(task) end)
    assert.matches("cannot await itself", witness.text(asyncio.await, task))
    task = asyncio.create_task(function() return asyncio.gather(task) end)
    assert.matches("cannot wait for itself", witness.text(asyncio.await, task))
  end))

  it("may await the next through 10,000 of them", testing.virtual(function()
    local function link(n)
      if n == 0 then
        return asyncio.sleep(1, "end")
      end
      return asyncio.await(asyncio.create_task(link, n - 1))
    end
    assert.equal("end", link(witness.many(10000)))
  end))

  it("is kept alive by its loop until it is done", testing.virtual(function()
    local weak, log = setmetatable({}, { __mode = "v" }), {}
    weak[1] = asyncio.create_task(function()
      asyncio.sleep(1)
      log[#log + 1] = "ran on"
    end)
    turns(1)
    witness.collect()
    asyncio.sleep(2)
    assert.same({ "ran on" }, log)
    witness.collect()
    assert.is_nil(weak[1])
  end))

  it("lets go of its coroutine when it is done", testing.virtual(function()
    local weak = setmetatable({}, { __mode = "k" })
    local task = asyncio.create_task(function()
      weak[coroutine.running()] = true
      asyncio.sleep(1)
    end)
    asyncio.await(task)
    witness.collect()
    assert.is_nil(next(weak))
    assert.is_nil(task:get_coro())
  end))

  it("has a name, its own or a number", testing.virtual(function()
    local plain = asyncio.create_task(function() end)
    local named = asyncio.create_task { function() end, name = "fetch" }
    assert.matches("^Task%-%d+$", plain:get_name())
    assert.equal("fetch", named:get_name())
    assert.equal(named, named:set_name("store"))
    assert.equal("store", named:get_name())
    assert.equal("Task<name=store, state=pending>", tostring(named))
  end))

  it("names its state and place", testing.virtual(function()
    local log = {}
    local line = witness.line(3):gsub(":$", "")
    local task = asyncio.create_task { name = "t", function()
      log[1] = tostring(asyncio.current_task()):gsub(", at=.*", "")
      asyncio.sleep(1)
    end }
    turns(1)
    log[2] = tostring(task)
    asyncio.await(task)
    log[3] = tostring(task)
    task = asyncio.create_task { name = "t", function() asyncio.sleep(1) end }
    task:cancel()
    turns(1)
    log[4] = tostring(task)
    local failed_line = witness.line(1):gsub(":$", "")
    task = asyncio.create_task { name = "t", function() error("x") end }
    turns(1)
    task:exception()
    log[5] = tostring(task)
    assert.same({
      "Task<name=t, state=running",
      "Task<name=t, state=pending, at=" .. line .. ">",
      "Task<name=t, state=finished>",
      "Task<name=t, state=cancelled>",
      "Task<name=t, state=failed, at=" .. failed_line .. ">",
    }, log)
  end))

  it("is the current one while it runs, and only then", testing.virtual(function()
    local main, log = asyncio.current_task(), {}
    local task = asyncio.create_task(function()
      log[1] = asyncio.current_task()
      turns(1)
      log[2] = asyncio.current_task()
    end)
    turns(1)
    log[3] = asyncio.current_task()
    asyncio.await(task)
    assert.same({ task, task, main }, log)
    assert.equal(main, asyncio.current_task(asyncio.get_running_loop()))
  end))

  it("is among all tasks of its loop until that is closed", function()
    local loop = asyncio.new_event_loop()
    loop:set_exception_handler(function() end)
    loop:create_task(print)
    assert.equal(1, asyncio.all_tasks(loop).n)
    loop:close()
    assert.same({ { n = 0 } }, { asyncio.all_tasks(loop), asyncio.current_task(loop) })
  end)

  it("is among all tasks until it is done", testing.virtual(function()
    local main = asyncio.current_task()
    local task = asyncio.create_task(asyncio.sleep, 1)
    local all = asyncio.all_tasks()
    assert.same({ 2, 2 }, { #all, all.n })
    assert(all[1] == main and all[2] == task or all[1] == task and all[2] == main)
    asyncio.await(task)
    assert.same({ main, n = 1 }, asyncio.all_tasks())
    assert.same({ main, n = 1 }, asyncio.all_tasks(asyncio.get_running_loop()))
  end))

  it("shows its stack while it waits and where it failed", testing.virtual(function()
    local function deep() asyncio.sleep(1) error("deep down", 0) end
    local function body() deep() return 1 end
    local task = asyncio.create_task(body)
    turns(1)
    assert.matches("in upvalue 'deep'.*in function <", task:traceback())
    local frames = task:get_stack()
    assert.same({ 2, deep, body }, { frames.n, frames[2].func, frames[1].func })
    assert.equal(deep, task:get_stack(1)[1].func)
    pcall(asyncio.await, task)
    assert.matches("in upvalue 'deep'", task:traceback())
    assert.equal(0, #task:get_stack())
  end))

  it("prints its stack to a file", testing.virtual(function()
    local task = asyncio.create_task { name = "printed", function() asyncio.sleep(1) end }
    turns(1)
    local text = {}
    local file = { write = function(_, ...) text[#text + 1] = table.concat { ... } end }
    task:print_stack(nil, file)
    assert.matches("^stack of Task<name=printed, .*task_spec.lua:%d+: in function",
      table.concat(text))
    asyncio.await(task)
    task:print_stack(nil, file)
  end))
end)

describe("a task of an awaitable", function()
  it("awaits it", testing.async(function()
    local future = asyncio.Future()
    local task = asyncio.create_task(future)
    local thing = asyncio.create_task(setmetatable({}, { __await = function() return "thing" end }))
    asyncio.sleep(0)
    future:set_result("result")
    assert.same({ "result", "thing" }, { asyncio.await(task), asyncio.await(thing) })
  end, { clock = "virtual" }))
end)

describe("a suspension", function()
  it("may happen in a metamethod, a __close and an iterator", testing.virtual(function()
    local log = {}
    local lazy = setmetatable({}, { __index = function(_, key)
      return asyncio.sleep(1, "value of " .. key)
    end, __add = function(_, n)
      return asyncio.sleep(1, n + 1)
    end, __call = function(_, x)
      return asyncio.sleep(1, x)
    end, __eq = function()
      return asyncio.sleep(1, true)
    end, __lt = function()
      return asyncio.sleep(1, true)
    end, __concat = function(_, x)
      return asyncio.sleep(1, "concat " .. x)
    end, __len = function()
      return asyncio.sleep(1, 7)
    end, __newindex = function(_, key, v)
      asyncio.sleep(1)
      log[#log + 1] = key .. "=" .. v
    end })
    local function ticks(n, i)
      asyncio.sleep(1)
      if i < n then
        return i + 1
      end
    end
    do
      local _ <close> = setmetatable({}, { __close = function()
        asyncio.sleep(1)
        log[#log + 1] = "closed"
      end })
      for i in ticks, 2, 0 do
        log[#log + 1] = i
      end
      lazy.key = "v"
      log[#log + 1] = lazy.name
      log[#log + 1] = lazy + 41
      log[#log + 1] = lazy("called")
      log[#log + 1] = lazy == setmetatable({}, getmetatable(lazy))
      log[#log + 1] = lazy < lazy
      log[#log + 1] = lazy .. "x"
      log[#log + 1] = #lazy
    end
    assert.same({ 1, 2, "key=v", "value of name", 42, "called", true, true, "concat x", 7,
      "closed" }, log)
    assert.equal(12, asyncio.get_running_loop():time() - 1)
  end, { timeout = 60 }))

  it("may happen under pcall, xpcall and asyncio.pcall", testing.virtual(function()
    local function nap() return asyncio.sleep(1, "slept") end
    assert.same({ true, "slept" }, { pcall(nap) })
    assert.same({ true, "slept" }, { xpcall(nap, debug.traceback) })
    assert.same({ true, "slept" }, { asyncio.pcall(nap) })
    local function fail() asyncio.sleep(1) error("late", 0) end
    assert.same({ false, "late" }, { pcall(fail) })
    assert.same({ false, "handled late" },
      { xpcall(fail, function(err) return "handled " .. err end) })
    assert.same({ false, "late" }, { asyncio.pcall(fail) })
  end))

  it("is refused where Lua cannot yield, with the reason", testing.virtual(function()
    local expected = "asyncio.sleep must be called from inside a task: Lua cannot yield here"
    local function nap() asyncio.sleep(1) return true end
    local places = {
      sort = function() table.sort({ 2, 1 }, nap) end,
      gsub = function() return (("x"):gsub("x", nap)) end,
      tostring = function() return tostring(setmetatable({}, { __tostring = nap })) end,
      load = function() return assert(load(nap)) end,
    }
    for name, place in pairs(places) do
      assert.matches(expected, witness.text(place), 1, true, name)
    end
    assert.equal("fine", asyncio.sleep(1, "fine"))
  end))

  it("is refused in a finalizer, and the task goes on", testing.virtual(function()
    local seen
    setmetatable({}, { __gc = function() seen = witness.text(asyncio.sleep, 0) end })
    witness.collect()
    assert.matches("Lua cannot yield here", seen)
  end))

  it("is refused in a plain coroutine, which the error names", testing.virtual(function()
    local seen
    local iterate = coroutine.wrap(function()
      seen = witness.text(asyncio.sleep, 1)
      coroutine.yield("item")
    end)
    assert.equal("item", iterate())
    assert.matches("asyncio.sleep must be called from inside a task: .*asyncio.coroutine", seen)
  end))

  it("is refused outside of a task, even where it need not wait", function()
    local loop = testing.new_event_loop { clock = "virtual" }
    local done = loop:create_future()
    done:set_result(1)
    for name, call in pairs {
      sleep = function() asyncio.sleep(0) end,
      await = function() asyncio.await(done) end,
      shield = function() asyncio.shield(done) end,
      gather = function() asyncio.gather() end,
      wait_for = function() asyncio.wait_for(done, 0) end,
      timeout = function() asyncio.timeout(1) end,
    } do
      assert.matches(("asyncio.%s must be called from inside a task"):format(name),
        witness.text(call))
    end
    local seen
    loop:call_soon(function() seen = witness.text(asyncio.sleep, 0) loop:stop() end)
    loop:run_forever()
    assert.matches("asyncio.sleep must be called from inside a task", seen)
    loop:close()
  end)
end)

describe("nonsense given to create_task", function()
  it("is named, with the caller's line", testing.virtual(function()
    local count = #asyncio.all_tasks()
    local ok, err = pcall(function() asyncio.create_task(nil) end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " bad argument #1 to 'create_task' (function or awaitable expected, "
      .. "got nil)", err)
    for argument, message in pairs {
      [42] = "function or awaitable expected, got number",
      [{}] = "function or awaitable expected",
      [{ print, nam = "x" }] = "unknown option 'nam'",
      [{ print, [0] = "x" }] = "unknown option '0'",
      [{ print, [true] = "x" }] = "unknown option 'true'",
      [{ print, name = {} }] = "option 'name' must be a string",
      [{ print, n = "x" }] = "field 'n' must be the length of the list",
      [coroutine.running()] = "coroutine was started or awaited before",
    } do
      assert.matches(message, witness.text(asyncio.create_task, argument), 1, true)
    end
    assert.matches("function or awaitable expected", witness.text(asyncio.create_task))
    assert.equal(count, #asyncio.all_tasks())
  end))

  it("is an argument beside what takes none, too", testing.virtual(function()
    local function object() return asyncio.async(print)() end
    local count = #asyncio.all_tasks()
    for i, call in ipairs {
      function() asyncio.create_task(object(), 1) end,
      function() asyncio.create_task(asyncio.Future(), nil, 2) end,
      function() asyncio.create_task { object(), 1 } end,
      function() asyncio.wait_for(object(), 1, 2) end,
      function() asyncio.wait_for(asyncio.Future(), 1, 2) end,
    } do
      assert.matches(("#%d to '[%%a_]+' %%(only a function takes arguments%%)"):format(({ 2, 3, 1, 3, 3 })[i]),
        witness.text(call))
    end
    assert.equal(count, #asyncio.all_tasks())
    asyncio.await(asyncio.create_task(asyncio.async(function() end)(), nil))
  end))

  it("and to the constructor of tasks as well", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    assert.matches("bad argument #3 to '[%a.]*Task' %(unknown option 'nme'%)",
      witness.text(function() asyncio.Task(loop, print, { nme = 1 }) end))
    assert.matches("bad argument #3 to '[%a.]*Task' %(unknown option '1'%)",
      witness.text(function() asyncio.Task(loop, print, { "name" }) end))
    assert.matches("asyncio.Loop expected, got no value", witness.text(asyncio.Task))
  end))

  it("or to a method of a task is named, too", testing.virtual(function()
    local task = asyncio.current_task()
    assert.matches("bad argument #1 to 'set_name'", witness.text(function() task:set_name() end))
    assert.matches("a count of frames expected", witness.text(task.get_stack, task, -1))
    assert.equal(1, #task:get_stack("1"))
    assert.equal(1, #task:get_stack(2^0))
    local text = witness.text(function() task:print_stack("x") end) local here = witness.line()
    assert.equal(here .. " bad argument #1 to 'print_stack' (a count of frames expected)", text)
    text = witness.text(function() task:print_stack(1, 5) end) here = witness.line()
    assert.equal(here .. " bad argument #2 to 'print_stack' (file expected, got number)", text)
    assert.matches("file expected, got table", witness.text(task.print_stack, task, 1, {}))
    text = witness.text(function() task.get_stack(5) end) here = witness.line()
    assert.equal(here .. " calling 'get_stack' on bad self (asyncio.Task expected, got number)", text)
    text = witness.text(function() asyncio.eager_task_factory() end) here = witness.line()
    assert.equal(here .. " bad argument #1 to 'eager_task_factory' (asyncio.Loop expected, got nil)", text)
    assert.matches("asyncio.Task expected", witness.text(task.cancelling, new_future()))
  end))

  it("needs a running loop", function()
    assert.matches("no running event loop", witness.text(asyncio.create_task, print))
    assert.matches("no running event loop", witness.text(asyncio.all_tasks))
    assert.is_nil(asyncio.current_task())
  end)
end)
