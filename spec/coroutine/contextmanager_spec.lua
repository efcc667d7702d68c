--- asyncio.contextmanager and ExitStack: what opens is closed, in order, on every way out.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local class, turns = witness.class, witness.turns

local log

local function note(text)
  log[#log + 1] = text
end

local function closing(name, delay)
  return setmetatable({}, { __close = function(_, err)
    if delay then
      asyncio.sleep(delay)
    end
    note(name .. (err ~= nil and ": " .. tostring(class(err)) or ""))
  end })
end

-- Opens and closes in a second each.
local page = asyncio.contextmanager(function(...)
  asyncio.sleep(1)
  note "open"
  local _ <close> = closing("closed", 1)
  coroutine.yield(...)
  note "after the yield"
end)

before_each(function() log = {} end)

describe("a context manager", function()
  it("gives a scope and what its function yielded", testing.virtual(function()
    local function with(...)
      local scope <close>, a, b, c = page(...)
      note "block"
      assert.equal("ContextManager<state=open>", tostring(scope))
      return a, b, c
    end
    assert.same({ n = 3, 1, nil, 3 }, table.pack(with(1, nil, 3)))
    assert.same({ "open", "block", "after the yield", "closed" }, log)
  end))

  it("may yield with asyncio.coroutine, and be used again", testing.virtual(function()
    local manager = asyncio.contextmanager(function(x)
      asyncio.coroutine.yield(x)
      note("end " .. x)
    end)
    for _, x in ipairs { "a", "b" } do
      local scope <close>, got = manager(x)
      note(got)
    end
    assert.same({ "a", "end a", "b", "end b" }, log)
  end))

  it("raises an error of the block at the yield", testing.virtual(function()
    for _, err in ipairs { "text", 0, {}, false } do
      log = {}
      assert.same({ n = 2, false, err }, table.pack(pcall(function()
        local scope <close> = page()
        asyncio.sleep(1)
        error(err, 0)
      end)))
      assert.same({ "open", "closed: " .. tostring(err) }, log)
    end
  end, { timeout = 60 }))

  it("lets its function see the error, but not swallow it", testing.virtual(function()
    local manager = asyncio.contextmanager(function()
      local ok, err = pcall(coroutine.yield)
      note(tostring(ok) .. " " .. tostring(err))
      asyncio.sleep(1)
      note "ended"
    end)
    assert.same({ n = 2, false, "boom" }, table.pack(pcall(function()
      local scope <close> = manager()
      error("boom", 0)
    end)))
    assert.same({ "false boom", "ended" }, log)
    do
      local scope <close> = manager()
    end
    assert.same({ "true nil", "ended" }, { log[3], log[4] })
  end))

  it("may replace the error", testing.virtual(function()
    local manager = asyncio.contextmanager(function()
      local _, err = pcall(coroutine.yield)
      error("instead of " .. err, 0)
    end)
    assert.same({ n = 2, false, "instead of boom" }, table.pack(pcall(function()
      local scope <close> = manager()
      error("boom", 0)
    end)))
  end))

  it("may fail after a block that did not", testing.virtual(function()
    local manager = asyncio.contextmanager(function()
      local _ <close> = closing("closed", 1)
      coroutine.yield()
      error("late", 0)
    end)
    assert.same({ n = 2, false, "late" }, table.pack(pcall(function()
      local scope <close> = manager()
    end)))
    assert.same({ "closed: late" }, log)
  end))

  it("that fails before its yield raises from the call", testing.virtual(function()
    local object = {}
    local manager = asyncio.contextmanager(function()
      local _ <close> = closing("closed", 1)
      error(object)
    end)
    assert.same({ n = 2, false, object }, table.pack(pcall(manager)))
    assert.equal(1, #log)
  end))

  it("must yield", testing.virtual(function()
    assert.matches("did not yield", witness.text(asyncio.contextmanager(function() end)))
  end))

  it("must not yield again, and is closed if it does", testing.virtual(function()
    local manager = asyncio.contextmanager(function()
      local _ <close> = closing("closed", 1)
      pcall(coroutine.yield, 1)
      coroutine.yield(2)
    end)
    for _, err in ipairs { false, "boom" } do
      log = {}
      assert.matches("yielded more than once", witness.text(function()
        local scope <close> = manager()
        if err then
          error(err)
        end
      end))
      assert.same({ "closed: CancelledError" }, log)
    end
  end))

  it("closes once", testing.virtual(function()
    local scope = page()
    for _ = 1, 2 do
      local _ <close> = scope
    end
    assert.same({ "open", "after the yield", "closed" }, log)
    assert.equal("ContextManager<state=closed>", tostring(scope))
  end))

  it("nests", testing.virtual(function()
    local named = asyncio.contextmanager(function(name)
      local _ <close> = closing(name, 1)
      local scope <close> = page()
      coroutine.yield()
    end)
    pcall(function()
      local a <close> = named "a"  -- luacheck: ignore
      local b <close> = named "b"  -- luacheck: ignore
      error("boom", 0)
    end)
    assert.same({ "open", "open", "closed: boom", "b: boom", "closed: boom", "a: boom" }, log)
  end))

  it("wants a function and a task", function()
    assert.matches("bad argument #1 to 'contextmanager' %(function expected, got n",
      witness.text(asyncio.contextmanager))
    local text = witness.text(function() page() end) local here = witness.line()
    assert.equal(here .. " asyncio.contextmanager (its function) must be called from inside a task", text)
  end)

  it("takes what can be called", testing.virtual(function()
    local callable = setmetatable({}, { __call = function(_, x) coroutine.yield(x) end })
    local scope <close>, x = asyncio.contextmanager(callable)(5)
    assert.equal(5, x)
  end))

  it("has its function's stack in the traceback of the task", testing.virtual(function()
    local line = witness.line(1)
    local manager = asyncio.contextmanager(function() asyncio.sleep(0) error("boom") end)
    local task = asyncio.create_task(function()
      local scope <close> = manager()
    end)
    assert.is_false(pcall(asyncio.await, task))
    assert.is_truthy(task:traceback():find(line, 1, true))
  end))
end)

describe("a cancel", function()
  local function use()
    local scope <close> = page()
    note "block"
    asyncio.sleep(5)
  end

  for name, case in pairs {
    ["while the function opens"] = { 0.5, {} },
    ["in the block"] = { 1.5, { "open", "block", "closed: CancelledError" } },
    ["while the function closes"] = { 6.5, { "open", "block", "after the yield" } },
  } do
    it(name .. " is raised there", testing.virtual(function()
      local task = asyncio.create_task(use)
      asyncio.sleep(case[1])
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
      assert.same(case[2], log)
    end))
  end

  it("of the block may be a timeout's", testing.virtual(function()
    witness.raises(asyncio.TimeoutError, function()
      local limit <close> = asyncio.timeout(2)  -- luacheck: ignore
      use()
    end)
    assert.same({ "open", "block", "closed: CancelledError" }, log)
  end))

  it("of a timeout inside the function is the timeout's error", testing.virtual(function()
    local limited = asyncio.contextmanager(function()
      local _ <close> = asyncio.timeout(1)
      coroutine.yield()
    end)
    witness.raises(asyncio.TimeoutError, function()
      local scope <close> = limited()
      asyncio.sleep(5)
    end)
  end))
end)

describe("a scope left open", function()
  local function leave_open()
    page()
  end

  it("is closed soon after it was dropped", testing.virtual(function()
    leave_open()
    witness.collect()
    asyncio.sleep(2)
    assert.same({ "open", "closed: CancelledError" }, log)
  end))

  it("is closed at the end of run, after the tasks", function()
    local scope
    asyncio.run { loop_factory = function()
      return testing.new_event_loop { clock = "virtual" }
    end, function()
      scope = page()
      asyncio.create_task(function()
        local _ <close> = closing("the task", 1)
        asyncio.sleep(100)
      end)
      asyncio.sleep(0)
    end }
    assert.same({ "open", "the task: CancelledError", "closed: CancelledError" }, log)
    local _ <close> = scope
  end)
end)

describe("a scope left by force", function()
  it("is closed without waiting", function()
    local manager = asyncio.contextmanager(function()
      local _ <close> = closing "closed"
      coroutine.yield()
      note "not reached"
    end)
    local loop = testing.new_event_loop { clock = "virtual" }
    loop:create_task(function()
      local scope <close> = manager()
      asyncio.sleep(5)
    end)
    loop:run_until_complete(function() asyncio.sleep(1) end)
    loop:close()
    assert.same({ "closed" }, log)
    assert.equal(1, witness.destroyed())
  end)
end)

describe("an exit stack", function()
  it("closes what it has, the last first", testing.virtual(function()
    do
      local stack <close> = asyncio.ExitStack()
      assert.same({ "value", 2 }, { select(2, stack:enter(closing("first", 1), "value", 2)) })
      local scope, x = stack:enter(page("x"))
      assert.equal("x", x)
      assert.equal("ContextManager<state=open>", tostring(scope))
      stack:callback(function(...)
        asyncio.sleep(1)
        note(table.concat({ ... }, " "))
      end, "called", "with")
      stack:push(function(err) note("pushed " .. tostring(err)) end)
      assert.equal("ExitStack<size=4>", tostring(stack))
      note "block"
    end
    assert.same({ "open", "block", "pushed nil", "called with", "after the yield", "closed",
      "first" }, log)
  end))

  it("gives the error of the block to all", testing.virtual(function()
    local object = {}
    local seen = {}
    assert.same({ n = 2, false, object }, table.pack(pcall(function()
      local stack <close> = asyncio.ExitStack()
      stack:push(function(err) seen[1] = err return true end)
      stack:enter(closing "value")
      stack:callback(note, "callback")
      error(object)
    end)))
    assert.equal(object, seen[1])
    assert.equal("callback", log[1])
    assert.matches("^value: ", log[2])
  end))

  it("lets a later error replace the one before, and closes the rest", testing.virtual(function()
    local stack = asyncio.ExitStack()
    stack:enter(closing("outermost", 1))
    stack:push(function(err) error("third after " .. tostring(err), 0) end)
    stack:enter(closing "middle")
    stack:callback(error, "second", 0)
    stack:push(function(err) note("first " .. tostring(err)) end)
    assert.equal("third after second", witness.text(stack.close, stack))
    assert.same({ "first nil", "middle: second", "outermost: third after second" }, log)
    assert.equal("replaced", witness.text(function()
      local again <close> = stack  -- luacheck: ignore
      stack:callback(error, "replaced", 0)
      error("of the block", 0)
    end))
  end))

  it("is empty after it was closed, and can be filled again", testing.virtual(function()
    local stack = asyncio.ExitStack()
    stack:callback(note, "once")
    stack:close()
    stack:close()
    stack:callback(note, "again")
    stack:close()
    assert.same({ "once", "again" }, log)
  end))

  it("closes what is pushed while it closes", testing.virtual(function()
    local stack = asyncio.ExitStack()
    stack:callback(note, "last")
    stack:callback(function()
      stack:callback(note, "pushed late")
    end)
    stack:close()
    assert.same({ "pushed late", "last" }, log)
  end))

  it("can give all to another", testing.virtual(function()
    local kept
    do
      local stack <close> = asyncio.ExitStack()
      stack:callback(note, "a")
      stack:callback(note, "b")
      kept = stack:pop_all()
    end
    assert.same({}, log)
    kept:close()
    assert.same({ "b", "a" }, log)
  end))

  it("goes on after a cancel that comes while it closes", testing.virtual(function()
    local task = asyncio.create_task(function()
      local stack <close> = asyncio.ExitStack()
      stack:enter(closing "outer")
      stack:callback(asyncio.sleep, 5)
    end)
    turns(1)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
    assert.same({ "outer: CancelledError" }, log)
  end))

  it("enters nil and false as Lua does", testing.virtual(function()
    local stack <close> = asyncio.ExitStack()
    assert.same({ nil, "x" }, { stack:enter(nil, "x") })
    assert.same({ false }, { stack:enter(false) })
  end))

  it("refuses what cannot be closed or called", function()
    local stack = asyncio.ExitStack()
    assert.matches("bad argument #1 to 'enter' %(to%-be%-closed value expected, got table%)",
      witness.text(stack.enter, stack, {}))
    assert.matches("bad argument #1 to 'push' %(function expected, got number%)",
      witness.text(stack.push, stack, 1))
    assert.matches("bad argument #1 to 'callback' %(function expected, got n",
      witness.text(stack.callback, stack))
    assert.matches("asyncio.ExitStack expected", witness.text(stack.close, {}))
  end)

  it("works outside of tasks", function()
    do
      local stack <close> = asyncio.ExitStack()
      stack:callback(note, "closed")
    end
    assert.same({ "closed" }, log)
  end)
end)
