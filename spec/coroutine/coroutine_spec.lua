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

  it("that outside code ended leaves a cancel to its resumer", testing.virtual(function()
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
