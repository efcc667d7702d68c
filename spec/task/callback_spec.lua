--- Handles: functions that the loop calls soon, later or at a moment.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns = witness.turns

local function loop()
  return asyncio.get_running_loop()
end

describe("call_soon", function()
  it("calls in the order of the calls, in the next turn, with all arguments",
    testing.virtual(function()
      local log = {}
      local function note(...) log[#log + 1] = table.pack(...) end
      loop():call_soon(note, 1, nil)
      loop():call_soon_threadsafe(note)
      loop():call_soon(note, nil, nil, "c")
      assert.same({}, log)
      turns(1)
      assert.same({ { n = 2, 1, nil }, { n = 0 }, { n = 3, nil, nil, "c" } }, log)
    end))

  it("from a callback waits for the next turn, and so starves nobody", testing.virtual(function()
    local count, over = 0, false
    local function again()
      count = count + 1
      if not over then
        loop():call_soon(again)
      end
    end
    again()
    turns(10)
    over = true
    assert.equal(11, count)
    turns(1)
  end))

  it("calls outside of any task, where nothing can wait", testing.virtual(function()
    local log = {}
    loop():call_soon(function()
      log[1] = tostring(asyncio.current_task())
      log[2] = asyncio.get_running_loop() == loop()
      log[3] = witness.text(asyncio.sleep, 0)
      asyncio.create_task(function() log[4] = "may start tasks" end)
    end)
    turns(2)
    assert.same({ "nil", true, "asyncio.sleep must be called from inside a task",
      "may start tasks" }, log)
  end))

  it("reports what fails, with handle and traceback, and goes on", testing.virtual(function()
    local reports, log = witness.reports(), {}
    local handles = {}
    local values = { "text", { "table" }, false, setmetatable({}, { __tostring = error }) }
    for i, value in ipairs(values) do
      handles[i] = loop():call_soon(error, value, 0)
    end
    loop():call_soon(error, nil)
    loop():call_soon(function() log[1] = "went on" end)
    turns(2)
    assert.same({ 5, "went on" }, { #reports, log[1] })
    for i, value in ipairs(values) do
      assert.equal(value, reports[i].exception)
      assert.equal(handles[i], reports[i].handle)
      assert.equal("exception in a callback", reports[i].message)
      assert.matches("^stack traceback:", reports[i].traceback)
    end
    assert.is_nil(reports[5].exception)
  end))

  it("may take anything callable", testing.virtual(function()
    local log = {}
    loop():call_soon(setmetatable({}, { __call = function(_, x) log[1] = x end }), "called")
    turns(1)
    assert.same({ "called" }, log)
  end))

  it("works before the loop runs, and on one that stands still", function()
    local lp, log = testing.new_event_loop { clock = "virtual" }, {}
    lp:call_soon(function() log[#log + 1] = "soon" end)
    lp:call_later(1, function() log[#log + 1] = "later" lp:stop() end)
    assert.same({}, log)
    lp:run_forever()
    assert.same({ "soon", "later" }, log)
    lp:close()
  end)
end)

describe("a coroutine function given as a callback", function()
  it("has its body run", testing.virtual(function()
    local seen = {}
    local note = asyncio.async(function(word) seen[#seen + 1] = tostring(word) end)
    local future = asyncio.Future()
    asyncio.get_running_loop():call_soon(note, "soon")
    asyncio.get_running_loop():call_later(1, note, "later")
    future:add_done_callback(note)
    future:set_result()
    asyncio.sleep(2)
    assert.same({ "soon", tostring(future), "later" }, seen)
    assert.same({ true, "called" }, { asyncio.pcall(asyncio.async(function() return "called" end)) })
    assert.equal("called", asyncio.uninterrupted(asyncio.async(function() return "called" end)))
  end))
end)

describe("call_later and call_at", function()
  it("call at their moments, equal ones in the order of the calls", testing.virtual(function()
    local log, start = {}, loop():time()
    local function note(name) log[#log + 1] = ("%s %g"):format(name, loop():time() - start) end
    loop():call_later(2, note, "a")
    loop():call_at(start + 1, note, "b")
    loop():call_later(1, note, "c")
    loop():call_at(start - 5, note, "d")
    loop():call_later(-1, note, "e")
    asyncio.sleep(3)
    assert.same({ "d 0", "e 0", "b 1", "c 1", "a 2" }, log)
  end))

  it("know their moment", testing.virtual(function()
    local start = loop():time()
    local later, at = loop():call_later(2.5, print), loop():call_at(start + 7.25, print)
    assert.same({ start + 2.5, start + 7.25 }, { later:when(), at:when() })
    later:cancel()
    at:cancel()
  end))

  it("may lie for ever ahead", testing.virtual(function()
    local timer = loop():call_later(math.huge, error, "never")
    asyncio.sleep(1e6)
    timer:cancel()
  end, { timeout = 1e9 }))
end)

describe("a handle", function()
  it("that is cancelled is never called and lets go of everything", testing.virtual(function()
    local weak = setmetatable({}, { __mode = "k" })
    local function new(method, ...)
      local arguments = { ... }
      local value = {}
      weak[value] = true
      arguments[#arguments + 1] = function() error(value) end
      arguments[#arguments + 1] = value
      return loop()[method](loop(), table.unpack(arguments))
    end
    local handles = { new("call_soon"), new("call_later", 1), new("call_at", 2) }
    local timers = loop():stats().timers
    for _, handle in ipairs(handles) do
      assert.is_false(handle:cancelled())
      handle:cancel()
      handle:cancel()
      assert.is_true(handle:cancelled())
    end
    assert.equal(timers - 2, loop():stats().timers)
    witness.collect()
    assert.is_nil(next(weak))
    asyncio.sleep(3)
  end))

  it("may be cancelled by another in the same turn", testing.virtual(function()
    local log, second = {}, nil
    loop():call_soon(function() second:cancel() end)
    second = loop():call_soon(function() log[1] = "called" end)
    turns(1)
    local timer
    loop():call_later(1, function() timer:cancel() end)
    timer = loop():call_later(1, function() log[1] = "called" end)
    asyncio.sleep(2)
    assert.same({}, log)
  end))

  it("may be cancelled after it was called", testing.virtual(function()
    local count = 0
    local soon = loop():call_soon(function() count = count + 1 end)
    local later = loop():call_later(1, function() count = count + 1 end)
    asyncio.sleep(2)
    soon:cancel()
    later:cancel()
    assert.same({ 2, true, true }, { count, soon:cancelled(), later:cancelled() })
    turns(2)
  end))

  it("is called though nobody holds it", testing.virtual(function()
    local log = {}
    loop():call_later(1, function() log[#log + 1] = "later" end)
    loop():call_soon(function() log[#log + 1] = "soon" end)
    witness.collect()
    asyncio.sleep(2)
    assert.same({ "soon", "later" }, log)
  end))

  it("lets go of its function once it was called", testing.virtual(function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local f = function() return weak end
      weak[f] = true
      loop():call_soon(f)
    end
    turns(1)
    witness.collect()
    assert.is_nil(next(weak))
  end))

  it("leaves nothing behind, were there 10,000", testing.virtual(function()
    local anchors, count, many = loop():stats().anchors, 0, witness.many(10000)
    for i = 1, many do
      loop():call_later(i % 100, function() count = count + 1 end)
    end
    asyncio.sleep(200)
    assert.same({ many, anchors, 0 }, { count, loop():stats().anchors, loop():stats().timers })
  end, { timeout = 1000 }))

  it("names its state and its function", testing.virtual(function()
    local line = witness.line(1)
    local function f() end
    local where = line:gsub(":$", ">"):gsub("^", "function=")
    local soon, later = loop():call_soon(f), loop():call_later(5, f)
    local names = { tostring(soon), tostring(later) }
    turns(1)
    later:cancel()
    names[3], names[4] = tostring(soon), tostring(later)
    assert.same({ "Handle<state=ready, " .. where, "Handle<state=scheduled, " .. where,
      "Handle<state=done, " .. where, "Handle<state=cancelled>" }, names)
  end))

  it("outlives its loop without harm", function()
    local lp = testing.new_event_loop { clock = "virtual" }
    local soon, later = lp:call_soon(error, "never"), lp:call_later(1, error, "never")
    lp:close()
    soon:cancel()
    later:cancel()
    assert.same({ true, true }, { soon:cancelled(), later:cancelled() })
    assert.is_string(tostring(later))
  end)
end)

describe("nonsense given to the loop's calls", function()
  it("is named, with the caller's line, and nothing is scheduled", testing.virtual(function()
    local stats = loop():stats()
    local ok, err = pcall(function() loop():call_soon(nil) end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " bad argument #1 to 'call_soon' (function expected, got nil)", err)
    for message, call in pairs {
      ["number expected, got string"] = function() loop():call_later("x", print) end,
      ["function expected, got no value"] = function() loop():call_later(1) end,
      ["seconds expected, got NaN"] = function() loop():call_at(0 / 0, print) end,
      ["asyncio.Loop expected, got table"] = function() loop().call_soon({}, print) end,
    } do
      assert.matches(message, witness.text(call))
    end
    assert.same({ stats.timers, stats.anchors }, { loop():stats().timers, loop():stats().anchors })
  end))

  it("is a closed loop, too", function()
    local lp = testing.new_event_loop()
    local future = lp:create_future()
    lp:close()
    for _, name in ipairs { "call_soon", "call_soon_threadsafe", "create_task" } do
      assert.matches("the loop is closed", witness.text(lp[name], lp, print))
    end
    assert.matches("the loop is closed", witness.text(lp.call_later, lp, 1, print))
    assert.matches("the loop is closed", witness.text(lp.call_at, lp, 1, print))
    assert.matches("the loop is closed", witness.text(lp.create_future, lp))
    assert.matches("the loop is closed", witness.text(future.add_done_callback, future, print))
  end)
end)

describe("a callback", function()
  it("gets as many arguments as were given", testing.virtual(function()
    for _, count in ipairs { 0, 1, 199, 200, 201, 255, 256, 65535, 65536, 70000 } do
      local given, got = {}
      for i = 1, count do given[i] = i end
      local function note(...) got = table.pack(...) end
      for _, call in ipairs {
        function() loop():call_soon(note, table.unpack(given)) end,
        function() loop():call_later(0, note, table.unpack(given)) end,
        function() asyncio.create_task(note, table.unpack(given)) end,
      } do
        got = nil
        call()
        asyncio.sleep(0.1)
        given.n = count
        assert.same(given, got)
        given.n = nil
      end
    end
  end))

  it("with many arguments keeps its context, too", testing.virtual(function()
    local variable, got = asyncio.ContextVar("variable", { default = 0 }), nil
    variable:set(7)
    local given = {}
    for i = 1, 300 do given[i] = i end
    loop():call_soon(function(...) got = { variable:get(), select("#", ...) } end, table.unpack(given))
    variable:set(8)
    turns(1)
    assert.same({ 7, 300 }, got)
  end))

  it("with many arguments forgets them when it is cancelled", testing.virtual(function()
    local weak, given = setmetatable({}, { __mode = "v" }), {}
    for i = 1, 300 do given[i] = { i } end
    weak[1] = given[300]
    local handle = loop():call_later(100, print, table.unpack(given))
    given = nil  -- luacheck: ignore
    handle:cancel()
    witness.collect()
    assert.is_nil(weak[1])
  end))

  it("of a future that fails is reported with a whole handle", testing.virtual(function()
    local reports, future = witness.reports(), asyncio.Future()
    local function failing() error("the callback fails", 0) end
    future:add_done_callback(failing)
    future:set_result()
    asyncio.Future()
    loop():call_soon(failing)
    turns(1)
    assert.equal(2, #reports)
    for _, report in ipairs(reports) do
      local place = ("function=%s:%d"):format(debug.getinfo(failing).short_src,
        debug.getinfo(failing).linedefined)
      assert.equal(("Handle<state=done, %s>"):format(place), tostring(report.handle))
      assert.is_false(report.handle:cancelled())
      report.handle:cancel()
      assert.is_true(report.handle:cancelled())
    end
  end))
end)

describe("a callback of a future that finalizers settle", function()
  -- Drops a future with a callback and an object whose finalizer settles it.
  local function drop(log, first)
    local mt = { __gc = function(self) self.future:set_result("late") end }
    local early = first == "object" and setmetatable({}, mt) or nil
    local future = asyncio.Future()
    for i = 1, 3 do
      future:add_done_callback(function(done) log[#log + 1] = i .. done:result() end)
    end
    local object = early or setmetatable({}, mt)
    object.future = future
  end

  for _, first in ipairs { "object", "future" } do
    it("is called once, where the " .. first .. " was made first", testing.virtual(function()
      local log, anchors = {}, loop():stats().anchors
      drop(log, first)
      for _ = 1, 4 do
        witness.collect()
        turns(1)
      end
      assert.same({ "1late", "2late", "3late" }, log)
      assert.equal(anchors, loop():stats().anchors)
    end))
  end

  it("is left alone once the loop is closed", function()
    local log = {}
    local other = testing.new_event_loop()
    local future = other:create_future()
    future:add_done_callback(function() log[1] = "called" end)
    other:close()
    future:set_result()
    future = nil  -- luacheck: ignore
    witness.collect()
    other = nil  -- luacheck: ignore
    witness.collect()
    assert.same({}, log)
  end)
end)

describe("call_soon_threadsafe", function()
  it("wakes the loop, also when it is called from its own thread", testing.async(function()
    local function turns_of(call)
      asyncio.sleep(0)
      local before = loop():stats().turns
      call(loop(), function() end)
      asyncio.sleep(0.01)
      return loop():stats().turns - before
    end
    assert.equal(turns_of(loop().call_soon) + 1, turns_of(loop().call_soon_threadsafe))
  end))
end)
