--- asyncio.coroutine: the standard functions, and bodies that wait inside a task.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local co = asyncio.coroutine
local turns = witness.turns
local unpack = table.unpack

-- A to-be-closed value that logs, and waits so long before.
local function closing(log, name, delay)
  return setmetatable({}, { __close = function(_, err)
    if delay then
      asyncio.sleep(delay)
    end
    log[#log + 1] = name .. (err ~= nil and ": " .. tostring(witness.class(err)) or "")
  end })
end

-- What each way of resuming gives: outside any task, in one, in a plain coroutine of one.
local function everywhere(f)
  local function plain()
    return select(2, assert(coroutine.resume(coroutine.create(f))))
  end
  return f(), testing.run { f, clock = "virtual" }, testing.run { plain, clock = "virtual" }
end

-- Laws of the standard library that ours must keep, each a function of the library.
local laws = {}

function laws.values_go_in_and_out(lib)
  local c = lib.create(function(...)
    local log = { ... }
    for _ = 1, 2 do
      log[#log + 1] = table.pack(lib.yield(unpack(log)))
    end
    return #log, nil
  end)
  return { table.pack(lib.resume(c, 1, nil)), table.pack(lib.resume(c, nil, 2)),
    table.pack(lib.resume(c)), lib.status(c), table.pack(lib.resume(c)) }
end

function laws.errors_are_results_of_resume(lib)
  local list = {}
  for i, err in ipairs { "text", 0, false } do
    local c = lib.create(function() lib.yield() error(err, 0) end)
    list[i] = { lib.resume(c), table.pack(lib.resume(c)), lib.status(c),
      table.pack(lib.resume(c)), table.pack(lib.close(c)) }
  end
  local c = lib.create(error)
  list[#list + 1] = table.pack(lib.resume(c))
  return list
end

function laws.status_tells(lib)
  local list = {}
  local c
  c = lib.create(function()
    list[#list + 1] = lib.status(c)
    local inner = lib.create(function() list[#list + 1] = lib.status(c) end)
    lib.resume(inner)
    list[#list + 1] = lib.status(inner)
    list[#list + 1] = table.pack(lib.resume(c))
    list[#list + 1] = select(2, lib.running())
    list[#list + 1] = lib.running() == c
    list[#list + 1] = lib.isyieldable()
    lib.yield()
  end)
  list[#list + 1] = lib.status(c)
  lib.resume(c)
  list[#list + 1] = lib.status(c)
  list[#list + 1] = lib.isyieldable(c)
  lib.resume(c)
  list[#list + 1] = lib.status(c)
  return list
end

function laws.wrap_gives_values(lib)
  local list = {}
  for a, b in lib.wrap(function(...) lib.yield(1, ...) lib.yield(2, 3) end) do
    list[#list + 1] = { a, b }
  end
  return list
end

function laws.wrap_raises(lib)
  local object = {}
  local list = {}
  for i, err in ipairs { "text", object, 1 } do
    local f = lib.wrap(function() error(err, 0) end)
    local _, got = pcall(function() return (f()) end)
    if err == object then
      got = got == object
    elseif type(got) == "string" then
      got = got:gsub("%d+", "N")
    end
    list[i] = { got, (select(2, pcall(f)):gsub("^.-: ", "")) }
  end
  return list
end

function laws.close_closes(lib)
  local closed, results = {}, {}
  local function close(c)
    results[#results + 1] = table.pack(lib.close(c))
  end
  local function body()
    local _ <close> = closing(closed, "closed")
    lib.yield()
  end
  close(lib.create(body))  -- before it began
  local c = lib.create(body)
  lib.resume(c)
  close(c)
  close(c)  -- again
  results[#results + 1] = lib.status(c)
  c = lib.create(function()
    local _ <close> = setmetatable({}, { __close = function() error("in close", 0) end })
    lib.yield()
  end)
  lib.resume(c)
  close(c)
  results[#results + 1] = table.pack(pcall(lib.close, (lib.running())))
  return { closed, results }
end

function laws.many_values_go(lib)
  local many = table.pack(("x"):rep(5000):byte(1, -1))
  local c = lib.create(function(...) return select("#", lib.yield(...)) end)
  return { select("#", lib.resume(c, unpack(many))),
    table.pack(lib.resume(c, unpack(many))) }
end

function laws.arguments_are_checked(lib)
  local list = {}
  for _, name in ipairs { "create", "wrap", "resume", "status", "close", "isyieldable" } do
    for _, v in ipairs { 1, "text" } do
      local err = select(2, pcall(lib[name], v))
      list[#list + 1] = err:gsub("'.-'", "'f'"):gsub("thread", "coroutine")
    end
  end
  return list
end

describe("asyncio.coroutine", function()
  it("says what is missing", function()
    assert.matches("bad argument #1 to '[%a.]*wrap' %(function expected, got no value%)",
      witness.text(function() co.wrap() end))
  end)

  for name, law in pairs(laws) do
    it("keeps the law of the standard library: " .. name:gsub("_", " "), function()
      local function ours() return law(co) end
      local function stds() return law(coroutine) end
      local expected = law(coroutine)
      local outside, inside, plain = everywhere(ours)
      assert.same(expected, outside)
      local within = testing.run { stds, clock = "virtual" }
      if name == "close_closes" then  -- a task's raise is seen by <close> variables
        assert.same({ "closed: CancelledError" }, inside[1])
        inside[1] = { "closed" }
      end
      assert.same(within, inside)
      assert.same(expected, plain)
    end)
  end

  it("names its functions as the standard library does", function()
    local names, std = {}, {}
    for name in pairs(co) do names[name] = true end
    for name in pairs(coroutine) do std[name] = true end
    assert.same(std, names)
  end)
end)

describe("a body that waits", function()
  it("suspends its task and not its resumer", testing.virtual(function()
    local log, start = {}, asyncio.get_running_loop():time()
    local c = co.create(function(a)
      asyncio.sleep(1)
      local b = co.yield(a + 1)
      asyncio.sleep(2)
      return a + b
    end)
    log[1] = { co.resume(c, 1) }
    log[2] = { co.resume(c, 10) }
    log[3] = asyncio.get_running_loop():time() - start
    assert.same({ { true, 2 }, { true, 11 }, 3 }, log)
  end))

  it("lets other tasks run meanwhile", testing.virtual(function()
    local log = {}
    asyncio.create_task(function()
      for i = 1, 3 do log[#log + 1] = i asyncio.sleep(1) end
    end)
    co.wrap(function() asyncio.sleep(1.5) log[#log + 1] = "body" end)()
    asyncio.sleep(2)
    assert.same({ 1, 2, "body", 3 }, log)
  end))

  it("may do so at any depth", testing.virtual(function()
    local function nest(n)
      asyncio.sleep(0.01)
      if n == 0 then
        return 0
      end
      local f = co.wrap(function()
        asyncio.sleep(0)
        co.yield(nest(n - 1) + 1)
        return "rest"
      end)
      local v = f()
      asyncio.sleep(0)
      assert.equal("rest", f())
      return v
    end
    assert.equal(20, nest(20))
    assert.equal(90, nest(90))
    assert.matches("C stack overflow", witness.text(nest, 300))
  end))

  it("gives the library's errors inside, where it waits", testing.virtual(function()
    local future = asyncio.Future()
    asyncio.get_running_loop():call_later(1, function() future:set_exception("boom") end)
    local log = table.pack(co.wrap(function()
      return pcall(asyncio.await, future)
    end)())
    assert.same({ n = 2, false, "boom" }, log)
  end))

  it("is normal, and cannot be resumed or closed", testing.virtual(function()
    local c = co.create(function() asyncio.sleep(1) return "slept" end)
    local log = {}
    asyncio.create_task(function()
      log[1] = co.status(c)
      log[2] = table.pack(co.resume(c))
      log[3] = witness.text(co.close, c)
    end)
    log[4] = table.pack(co.resume(c))
    assert.same({ "normal", { n = 2, false, "cannot resume non-suspended coroutine" },
      "cannot close a normal coroutine", { n = 2, true, "slept" } }, log)
  end))

  it("is normal too while it gives way", testing.virtual(function()
    local c = co.create(function() asyncio.sleep(0) return "gave way" end)
    local status
    asyncio.create_task(function() status = co.status(c) end)
    assert.same({ true, "gave way" }, { co.resume(c) })
    assert.equal("normal", status)
  end))

  it("is raised in when the standard library resumes it", testing.virtual(function()
    local c = co.create(function() asyncio.sleep(1) return "slept" end)
    local log = {}
    asyncio.create_task(function() log[1] = table.pack(coroutine.resume(c)) end)
    log[2] = table.pack(co.resume(c))
    assert.is_false(log[1][1])
    assert.matches("a task's coroutine was resumed from outside the event loop", log[1][2])
    assert.same({ n = 2, false, "cannot resume dead coroutine" }, log[2])
  end))

  it("that a stranger ended leaves a cancel to its resumer", testing.virtual(function()
    local c = co.create(function() asyncio.sleep(1) end)
    local task = asyncio.create_task(co.resume, c)
    turns(1)
    coroutine.close(c)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
  end))

  it("cannot wait where the coroutine is a plain one", testing.virtual(function()
    for _, resume in ipairs { coroutine.resume, co.resume } do
      local function body()
        return resume(co.create(function() asyncio.sleep(1) end))
      end
      local _, ok, err = coroutine.resume(coroutine.create(body))
      assert.is_false(ok)
      assert.matches("asyncio.sleep must be called from inside a task: .*asyncio.coroutine", err)
    end
    local ok, err = coroutine.resume(co.create(function() asyncio.sleep(1) end))
    assert.is_false(ok)
    assert.matches("this coroutine is not the task's own", err)
  end))

  it("cannot wait where Lua cannot yield", testing.virtual(function()
    local list, seen = { 3, 1, 2 }, nil
    table.sort(list, function(a, b)
      seen = seen or table.pack(co.resume(co.create(function() asyncio.sleep(1) end)))
      return a < b
    end)
    assert.is_false(seen[1])
    assert.matches("asyncio.sleep must be called from inside a task", seen[2])
    assert.same({ 1, 2, 3 }, list)
  end))

  it("may pass through pcall, metamethods and iterators", testing.virtual(function()
    local object = setmetatable({}, {
      __index = function(_, k) asyncio.sleep(1) return k .. "!" end,
      __call = function(_, _, i) asyncio.sleep(1) return i < 2 and i + 1 or nil end,
    })
    local log = {}
    for v in co.wrap(function()
      co.yield(object.field)
      for i in object, nil, 0 do co.yield(i) end
      co.yield(select(2, pcall(error, asyncio.sleep(1, "err"))))
    end) do
      log[#log + 1] = v
    end
    assert.same({ "field!", 1, 2, "err" }, log)
  end))

  it("may be moved from task to task between its yields", testing.virtual(function()
    local c = co.wrap(function()
      for i = 1, 4 do
        asyncio.sleep(1)
        co.yield(i, asyncio.current_task():get_name())
      end
    end)
    local log = {}
    for i = 1, 4 do
      log[i] = { asyncio.await(asyncio.create_task { c, name = "t" .. i }) }
    end
    assert.same({ { 1, "t1" }, { 2, "t2" }, { 3, "t3" }, { 4, "t4" } }, log)
  end))

  it("may begin outside any task", function()
    local c = co.create(function(...)
      local a = co.yield(...)
      asyncio.sleep(1)
      return a
    end)
    assert.same({ true, 1 }, { co.resume(c, 1) })
    testing.run { clock = "virtual", function()
      assert.same({ true, "in a task" }, { co.resume(c, "in a task") })
    end }
    c = co.create(function() asyncio.sleep(1) end)
    assert.matches("asyncio.sleep must be called from inside a task",
      select(2, co.resume(c)))
  end)

  it("counts a bare yield of a task's own coroutine as a wait", testing.virtual(function()
    local task = asyncio.create_task(function() coroutine.yield() return "own" end)
    assert.equal("normal", co.status(task:get_coro()))
    assert.same({ false, "cannot resume non-suspended coroutine" },
      { co.resume(task:get_coro()) })
    turns(1)
    assert.equal("normal", co.status(task:get_coro()))
    assert.same({ false, "cannot resume non-suspended coroutine" },
      { co.resume(task:get_coro()) })
    assert.equal("own", asyncio.await(task))
  end))

  it("may be a coroutine object", testing.virtual(function()
    local object = asyncio.async(function(...) asyncio.sleep(1) return ... end)(1, nil, 3)
    assert.same({ n = 5, true, 1, nil, 3, 4 }, table.pack(co.resume(object, 4)))
  end))

  it("may await tasks, gather and timeouts", testing.virtual(function()
    local log = {}
    for v in co.wrap(function()
      co.yield(asyncio.await(asyncio.create_task(asyncio.sleep, 1, "task")))
      co.yield(table.concat({ asyncio.gather(
        function() return asyncio.sleep(2, "a") end,
        function() return asyncio.sleep(1, "b") end) }))
      co.yield(witness.class(select(2, pcall(function()
        local _ <close> = asyncio.timeout(1)
        asyncio.sleep(5)
      end))))
      co.yield(select(2, witness.try(asyncio.wait_for, function() asyncio.sleep(5) end, 1)))
    end) do
      log[#log + 1] = v
    end
    assert.same({ "task", "ab", "TimeoutError", "TimeoutError" }, log)
  end))
end)

describe("the cancel of a task", function()
  -- at: how the body waits
  local waits = {
    sleep = function() asyncio.sleep(5) end,
    ["sleep(0)"] = function() asyncio.sleep(0) end,
    future = function() asyncio.await(asyncio.Future()) end,
    task = function() asyncio.await(asyncio.create_task(asyncio.sleep, 5)) end,
    gather = function() asyncio.gather(asyncio.Future(), function() asyncio.sleep(5) end) end,
  }
  for name, wait in pairs(waits) do
    it("is raised in the innermost body, at its " .. name, testing.virtual(function()
      local log = {}
      local function level(n)
        local _ <close> = closing(log, "level " .. n, 0.1)
        if n == 0 then
          wait()
        else
          co.wrap(level)(n - 1)
        end
      end
      local task = asyncio.create_task(level, 2)
      turns(1)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
      assert.same({ "level 0: CancelledError", "level 1: CancelledError",
        "level 2: CancelledError" }, log)
      assert.is_true(task:cancelled())
    end))
  end

  it("may be caught there, and the body goes on", testing.virtual(function()
    local c = co.create(function()
      local ok = pcall(asyncio.sleep, 5)
      asyncio.sleep(1)
      co.yield(ok)
      return "end"
    end)
    local log = {}
    local task = asyncio.create_task(function()
      log[1] = table.pack(co.resume(c))
      log[2] = table.pack(co.resume(c))
    end)
    turns(1)
    task:cancel()
    asyncio.await(task)
    assert.same({ { n = 2, true, false }, { n = 2, true, "end" } }, log)
  end))

  it("that came while the body ran is raised at its next wait", testing.virtual(function()
    local log = {}
    local task
    task = asyncio.create_task(function()
      for v in co.wrap(function()
        task:cancel()
        co.yield("a value")
        log[#log + 1] = witness.class(select(2, pcall(asyncio.sleep, 1)))
        co.yield("another")
      end) do
        log[#log + 1] = v
      end
    end)
    asyncio.await(task)
    assert.same({ "a value", "CancelledError", "another" }, log)
  end))

  it("does not undo a wait that has happened", testing.virtual(function()
    local future, log = asyncio.Future(), {}
    local task = asyncio.create_task(function()
      log[1] = co.wrap(function() return asyncio.await(future) end)()
    end)
    turns(1)
    future:set_result("there")
    task:cancel()
    asyncio.await(task)
    assert.same({ "there" }, log)
  end))

  it("comes before a result that comes later in the turn", testing.virtual(function()
    local future = asyncio.Future()
    local task = asyncio.create_task(co.wrap(function() return asyncio.await(future) end))
    turns(1)
    task:cancel()
    assert.is_true(future:cancelled())
    assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
  end))
end)

describe("a body that fails", function()
  it("closes its variables at once, and they may wait", testing.virtual(function()
    for _, via in ipairs { "resume", "wrap" } do
      local log = {}
      local function body()
        local _ <close> = closing(log, "first", 1)
        local _ <close> = closing(log, "second", 1)
        asyncio.sleep(1)
        error("boom", 0)
      end
      local ok
      if via == "resume" then
        ok = co.resume(co.create(body))
      else
        ok = pcall(co.wrap(body))
      end
      assert.is_false(ok)
      assert.same({ "second: boom", "first: boom" }, log)
    end
  end))

  it("has its stack in the traceback of the task", testing.virtual(function()
    local lines = {}
    local function inner()
      asyncio.sleep(0)
      lines[1] = witness.line(1)
      error({})
    end
    local task = asyncio.create_task(function()
      lines[2] = witness.line(1)
      local f = co.wrap(function() inner() end)
      lines[2] = witness.line(1)
      f()
    end)
    assert.is_false(pcall(asyncio.await, task))
    local text = task:traceback()
    local first, second = text:find(lines[1], 1, true), text:find(lines[2], 1, true)
    assert.is_truthy(first and second and first < second, text)
    assert.equal(1, select(2, text:gsub("stack traceback", "")))
    assert.matches("at=" .. lines[1]:sub(1, -2):gsub("%p", "%%%0"), tostring(task))
  end))

  it("does not leave its stack to a later error", testing.virtual(function()
    local mark = witness.line(1)
    pcall(co.wrap(function() error({}) end))
    local task = asyncio.create_task(function() asyncio.sleep(0) error({}) end)
    pcall(asyncio.await, task)
    assert.is_nil(task:traceback():find(mark, 1, true))
  end))
end)

describe("errors that equal one another", function()
  local wrap = asyncio.coroutine.wrap
  local function unrelated() error("connection refused", 0) end

  it("do not add up when they are caught", testing.virtual(function()
    local function fail()
      for _ = 1, 300 do
        pcall(wrap(unrelated))
      end
      witness.collect()
      return collectgarbage("count")
    end
    fail()
    local before = fail()
    assert.is_true(fail() - before < 4, "they did")
  end))

  for name, first in pairs {
    ["of a coroutine"] = function() wrap(unrelated)() end,
    ["of a generator"] = function() asyncio.generator(unrelated)()() end,
    ["of a scope"] = function() asyncio.contextmanager(unrelated)() end,
  } do
    it("have each its own traceback, after one " .. name .. " was caught",
      testing.virtual(function()
        pcall(first)
        local task = asyncio.create_task(function()
          pcall(first)
          error("connection refused", 0)
        end)
        pcall(asyncio.await, task)
        assert.is_nil(task:traceback():find("unrelated", 1, true), task:traceback())
        assert.is_nil(task:traceback():find(debug.getinfo(unrelated, "S").linedefined .. ":", 1, true))
      end))
  end
end)

describe("a task that waits in a body", function()
  it("has the body's stack first in its traceback", testing.virtual(function()
    local lines = {}
    local task = asyncio.create_task { name = "outer", function()
      lines[2] = witness.line(1)
      co.wrap(function()
        lines[1] = witness.line(1)
        asyncio.sleep(1)
      end)()
    end }
    turns(1)
    local text = task:traceback()
    local first = text:find(lines[1], 1, true)
    local second = text:find(lines[2]:gsub(":(%d+):", function(n) return ":" .. n end), 1, true)
      or #text
    assert.is_truthy(first and first < second, text)
    assert.matches("at=" .. lines[1]:sub(1, -2):gsub("%p", "%%%0"), tostring(task))
    asyncio.await(task)
  end))

  it("has the body's frames last in its stack", testing.virtual(function()
    local gen = asyncio.generator(function()
      local f = co.wrap(function() asyncio.sleep(1) end)
      f()
    end)
    local task = asyncio.create_task(function()
      for _ in gen() do error("not reached") end
    end)
    turns(1)
    local lines = {}
    for i, frame in ipairs(task:get_stack()) do
      lines[i] = frame.line
    end
    local here = debug.getinfo(1, "l").currentline
    assert.same({ here - 7, here - 10, here - 11 }, lines)
    assert.equal(here - 11, task:get_stack(1)[1].line)
    asyncio.await(task)
    assert.equal(0, #task:get_stack())
  end))

  it("is closed from the inside when it goes on after too many cancels", function()
    local log = {}
    asyncio.run { shutdown_grace = 0.01, function()
      witness.reports()
      asyncio.create_task(function()
        local _ <close> = closing(log, "task")
        local gen = asyncio.generator(function()
          local _ <close> = closing(log, "generator")
          local f = co.wrap(function()
            local _ <close> = closing(log, "body")
            repeat until (pcall(asyncio.sleep, 1e9))
          end)
          f()
        end)
        for _ in gen() do error("not reached") end
      end)
      asyncio.sleep(0)
    end, loop_factory = function()
      return testing.new_event_loop { clock = "virtual" }
    end }
    assert.same({ "body", "generator", "task" }, log)
  end)

  it("may be made to yield in the middle of a body", function()
    local count, turned = 0, 0
    asyncio.run { time_slice = 0.005, function()
      asyncio.create_task(function()
        while true do turned = turned + 1 asyncio.sleep(0) end
      end)
      local spin = asyncio.generator(function()
        local f = co.wrap(function()
          while turned < 10 do count = count + 1 end
          co.yield("spun")
        end)
        coroutine.yield(f())
      end)
      for v in spin() do
        assert.equal("spun", v)
      end
    end }
    assert.is_true(turned >= 10 and count > 0)
  end)

  it("is cancelled where its time slice ended", function()
    local log = {}
    asyncio.run { time_slice = 0.005, function()
      local task = asyncio.create_task(function()
        local gen = asyncio.generator(function()
          local _ <close> = closing(log, "generator")
          local n = 0
          while true do n = n + 1 end
        end)
        local _ <close> = closing(log, "task")
        for _ in gen() do error("not reached") end
      end)
      asyncio.sleep(0.02)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
    end }
    assert.same({ "generator: CancelledError", "task: CancelledError" }, log)
  end)

  it("is reported with its whole stack when its step takes long", function()
    local reports
    asyncio.run { watchdog = 0.01, function()
      reports = witness.reports()
      local f = co.wrap(function()
        local start = os.clock()
        while os.clock() < start + 0.1 do end
      end)
      f()
    end }
    local line = debug.getinfo(1, "l").currentline - 4
    assert.is_truthy(#reports > 0)
    local text = reports[1].traceback
    local inner, outer = text:find((":%d:"):format(line)), text:find((":%d:"):format(line + 2))
    assert.is_truthy(inner and outer and inner < outer, text)
  end)

  it("may ask for its own stack", testing.virtual(function()
    local f = co.wrap(function()
      local task = asyncio.current_task()
      return task:get_stack(), task:traceback()
    end)
    local stack, text = f()
    assert.equal(#asyncio.current_task():get_stack() + 1, #stack)
    assert.is_truthy(text:find(":" .. stack[#stack].line .. ":", 1, true), text)
  end))

  it("is closed from the inside by its loop's end", function()
    local log = {}
    local loop = testing.new_event_loop { clock = "virtual" }
    loop:create_task(function()
      local _ <close> = closing(log, "task")
      co.wrap(function()
        local _ <close> = closing(log, "body")
        co.wrap(function()
          local _ <close> = closing(log, "inner body")
          asyncio.sleep(1)
        end)()
      end)()
    end)
    loop:run_until_complete(function() asyncio.sleep(0.5) end)
    loop:close()
    assert.same({ "inner body", "body", "task" }, log)
    assert.equal(1, witness.destroyed())
  end)

  it("and is dropped with its loop does no harm", function()
    local loop = testing.new_event_loop { clock = "virtual" }
    loop:create_task(co.wrap(function()
      co.wrap(function() asyncio.sleep(5) end)()
    end))
    loop:run_until_complete(function() asyncio.sleep(0.5) end)
    loop = nil  -- luacheck: ignore
    witness.collect()
    assert.equal(1, witness.destroyed())
  end)
end)

describe("asyncio.coroutine.close", function()
  it("unwinds a body at its yield, whose variables may wait", testing.virtual(function()
    local log = {}
    local c = co.create(function()
      local _ <close> = closing(log, "outer", 1)
      local _ <close> = closing(log, "inner", 1)
      co.yield()
      log[#log + 1] = "not reached"
    end)
    co.resume(c)
    assert.same({ n = 1, true }, table.pack(co.close(c)))
    assert.same({ "inner: CancelledError", "outer: CancelledError" }, log)
    assert.equal("dead", co.status(c))
    assert.same({ n = 1, true }, table.pack(co.close(c)))
  end))

  it("gives the error of a variable's closing", testing.virtual(function()
    local c = co.create(function()
      local _ <close> = setmetatable({}, { __close = function()
        asyncio.sleep(1)
        error("in close", 0)
      end })
      co.yield()
    end)
    co.resume(c)
    assert.same({ n = 2, false, "in close" }, table.pack(co.close(c)))
    assert.equal("dead", co.status(c))
  end))

  it("ends a body that catches the raise", testing.virtual(function()
    local log = {}
    local c = co.create(function()
      local _ <close> = closing(log, "closed")
      while true do
        pcall(co.yield)
      end
    end)
    co.resume(c)
    assert.same({ n = 1, true }, table.pack(co.close(c)))
    assert.same({ "dead", "closed" }, { co.status(c), log[1] })
    c = co.create(function()
      pcall(co.yield)
      return "a result nobody sees"
    end)
    co.resume(c)
    assert.same({ n = 1, true }, table.pack(co.close(c)))
  end))

  it("may be cancelled while a variable waits", testing.virtual(function()
    local log = {}
    local c = co.create(function()
      local _ <close> = closing(log, "not reached", 5)
      co.yield()
    end)
    local task = asyncio.create_task(function()
      co.resume(c)
      local _, err = co.close(c)
      log[#log + 1] = witness.class(err)
    end)
    turns(1)
    task:cancel()
    asyncio.await(task)
    assert.same({ "CancelledError" }, log)
  end))

  it("puts a hook back that was set", testing.virtual(function()
    local log = {}
    local c = co.create(function() co.yield() end)
    co.resume(c)
    local function hook() end
    debug.sethook(c, hook, "c", 0)
    co.close(c)
    log[1] = debug.gethook(c) == hook
    assert.same({ true }, log)
  end))
end)
