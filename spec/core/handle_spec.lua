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
