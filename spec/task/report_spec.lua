--- Reports: errors that reach nobody go to the loop's exception handler.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns = witness.turns

local function loop()
  return asyncio.get_running_loop()
end

-- What the function writes to standard error.
local function stderr_of(f)
  local old, text = io.stderr, {}
  io.stderr = { write = function(_, ...) text[#text + 1] = table.concat { ... } end }
  local ok, err = pcall(f)
  io.stderr = old
  assert(ok, err)
  return table.concat(text)
end

describe("the error of a task that nobody looks at", function()
  it("is reported once, soon after it is collected", testing.virtual(function()
    local reports, err = witness.reports(), { "lost" }
    do
      local task = asyncio.create_task(function() error(err) end)
      turns(1)
      assert.is_true(task:done())
    end
    assert.equal(0, #reports)
    witness.collect()
    turns(2)
    assert.equal(1, #reports)
    assert.equal(err, reports[1].exception)
    assert.matches("the error of a task was never retrieved", reports[1].message)
    assert.matches("report_spec.lua", reports[1].traceback)
    assert.is_true(asyncio.isfuture(reports[1].task))
    reports[1] = nil
    witness.collect()
    turns(2)
    assert.equal(0, #reports)
  end))

  it("is reported when the loop closes, if it was not before", function()
    local lp = testing.new_event_loop { clock = "virtual" }
    local reports = witness.reports(lp)
    local task = lp:create_task(error, "kept", 0)
    local future = lp:create_future()
    future:set_exception("set")
    lp:run_until_complete(asyncio.async(asyncio.sleep)(1))
    assert.equal(0, #reports)
    lp:close()
    local seen = {}
    for _, context in ipairs(reports) do
      seen[context.exception] = context.task or context.future
    end
    assert.same({ kept = task, set = future }, seen)
  end)

  for _, way in ipairs { "closes", "is dropped" } do
    it("is reported when the loop " .. way .. ", if it was collected after the last turn", function()
      local lp = testing.new_event_loop { clock = "virtual" }
      local reports = witness.reports(lp)
      lp:create_task(error, "kept", 0)
      lp:call_soon(lp.stop, lp)
      lp:run_forever()
      lp:create_future():set_exception("set")
      witness.collect()
      assert.equal(0, #reports)
      if way == "closes" then
        lp:close()
      end
      lp = nil  -- luacheck: ignore
      witness.collect()
      local seen = {}
      for i, context in ipairs(reports) do
        seen[i] = context.exception
      end
      table.sort(seen)
      assert.same({ "kept", "set" }, seen)
    end)
  end

  it("is reported though it came when the loop was closed", function()
    local lp = testing.new_event_loop { clock = "virtual" }
    local reports = witness.reports(lp)
    local future = lp:create_future()
    lp:close()
    future:set_exception("late")
    future = nil  -- luacheck: ignore
    witness.collect()
    assert.same({ 1, "late" }, { #reports, reports[1].exception })
  end)

  it("is one for each task, and each plain future", testing.virtual(function()
    local reports = witness.reports()
    for i = 1, 100 do
      asyncio.create_task(error, i, 0)
      loop():create_future():set_exception(-i)
    end
    turns(1)
    witness.collect()
    turns(2)
    assert.equal(200, #reports)
    local seen = {}
    for _, context in ipairs(reports) do
      assert((context.exception > 0) == (context.task ~= nil))
      assert((context.exception < 0) == (context.future ~= nil))
      seen[context.exception] = true
    end
    for i = 1, 100 do
      assert(seen[i] and seen[-i])
    end
  end))

  it("is not reported once it was looked at, in any way", testing.virtual(function()
    local reports = witness.reports()
    local looks = {
      function(t) pcall(asyncio.await, t) end,
      function(t) pcall(t.result, t) end,
      function(t) t:exception() end,
      function(t) pcall(asyncio.gather, t) end,
      function(t) asyncio.gather { t, return_exceptions = true } end,
      function(t) pcall(asyncio.shield, t) end,
      function(t) pcall(asyncio.wait_for, t, 1) end,
      function(t) pcall(asyncio.wait_for, t, 0) end,
    }
    for _, look in ipairs(looks) do
      local task = asyncio.create_task(error, "seen", 0)
      turns(1)
      look(task)
      local future = loop():create_future()
      future:set_exception("seen")
      look(future)
    end
    witness.collect()
    turns(2)
    assert.same({}, reports)
  end))

  it("is not reported for a cancellation", testing.virtual(function()
    local reports = witness.reports()
    asyncio.create_task(asyncio.sleep, 10):cancel()
    asyncio.create_task(function() error(asyncio.CancelledError()) end)
    loop():create_future():cancel()
    turns(2)
    witness.collect()
    turns(2)
    assert.same({}, reports)
  end))

  it("is reported though the value is nil or false", testing.virtual(function()
    local reports = witness.reports()
    asyncio.create_task(error, nil)
    asyncio.create_task(error, false)
    turns(1)
    witness.collect()
    turns(2)
    assert.equal(2, #reports)
  end))
end)

describe("the exception handler", function()
  it("is called as f(loop, context) and can be asked for and taken away",
    testing.virtual(function()
      local seen
      local function handler(...) seen = table.pack(...) end
      loop():set_exception_handler(nil)
      assert.is_nil(loop():get_exception_handler())
      loop():set_exception_handler(handler)
      assert.equal(handler, loop():get_exception_handler())
      local context = { message = "by hand" }
      loop():call_exception_handler(context)
      assert.same({ n = 2, loop(), context }, seen)
      loop():set_exception_handler(nil)
      assert.is_nil(loop():get_exception_handler())
    end))

  it("that fails has both errors reported by the default one", testing.virtual(function()
    local text = stderr_of(function()
      loop():set_exception_handler(function() error("handler broke") end)
      loop():call_exception_handler { message = "first", exception = "the cause" }
      loop():set_exception_handler(nil)
    end)
    assert.matches("asyncio: first\nthe cause\n.*asyncio: the exception handler failed\n.*"
      .. "handler broke", text)
  end))

  it("that fails does not stop the loop, whatever it raises", testing.virtual(function()
    local log = {}
    for _, value in ipairs { "text", {}, false, setmetatable({}, { __tostring = error }) } do
      stderr_of(function()
        loop():set_exception_handler(function() error(value) end)
        loop():call_soon(error, "in a callback")
        turns(1)
        loop():set_exception_handler(nil)
      end)
      log[#log + 1] = "went on"
    end
    assert.equal(4, #log)
  end))

  it("may itself call the handler, start tasks and see no current task",
    testing.virtual(function()
      local log = {}
      loop():set_exception_handler(function(lp, context)
        log[#log + 1] = context.message
        if context.message == "exception in a callback" then
          lp:call_exception_handler { message = "nested" }
          log[#log + 1] = witness.text(asyncio.sleep, 0)
          asyncio.create_task(function() log[#log + 1] = "task" end)
        end
      end)
      loop():call_soon(error, "x")
      turns(2)
      assert.same({ "exception in a callback", "nested",
        "asyncio.sleep must be called from inside a task", "task" }, log)
    end))

  it("refuses nonsense", testing.virtual(function()
    assert.matches("function or nil expected, got number",
      witness.text(loop().set_exception_handler, loop(), 1))
    assert.matches("table expected, got string",
      witness.text(loop().call_exception_handler, loop(), "x"))
    assert.matches("table expected", witness.text(loop().default_exception_handler, loop()))
  end))
end)

describe("the default handler", function()
  it("writes message, subject, error and the task's traceback", testing.virtual(function()
    local text = stderr_of(function()
      do
        asyncio.create_task { name = "failing", function() error("oh no") end }
      end
      turns(1)
      loop():set_exception_handler(function(lp, context) lp:default_exception_handler(context) end)
      witness.collect()
      turns(2)
      loop():set_exception_handler(nil)
    end)
    assert.matches("^asyncio: the error of a task was never retrieved\n"
      .. "Task<name=failing, state=failed, at=spec/task/report_spec.lua:%d+>\n"
      .. "spec/task/report_spec.lua:%d+: oh no\n"
      .. "stack traceback of failing:\n.*report_spec.lua", text)
  end))

  it("survives any context", testing.virtual(function()
    local bad = setmetatable({}, { __tostring = function() error("no text") end })
    local text = stderr_of(function()
      for _, context in ipairs { {}, { exception = bad, message = "m" }, { message = bad },
        { task = 42 }, { exception = nil, handle = bad }, { traceback = bad } } do
        loop():default_exception_handler(context)
      end
    end)
    assert.matches("unhandled error", text)
    assert.is_nil(text:find("handler failed", 1, true))
  end))

  it("shows the chain of tasks an error came through", testing.virtual(function()
    local text = stderr_of(function()
      do
        local inner = asyncio.create_task { name = "inner", function() error("deep", 0) end }
        local middle = asyncio.create_task { name = "middle", function()
          asyncio.await(inner)
        end }
        asyncio.create_task { name = "outer", function() asyncio.gather(middle) end }
      end
      turns(4)
      loop():set_exception_handler(function(lp, context) lp:default_exception_handler(context) end)
      witness.collect()
      turns(2)
      loop():set_exception_handler(nil)
    end)
    assert.matches("deep\nstack traceback of inner:.*awaited by middle:.*awaited by outer:", text)
  end))
end)

describe("a task that is destroyed while it is pending", function()
  local PENDING = "a task was destroyed while it was pending"

  -- A loop with a task that waits, one that never ran and one that is done.
  local function abandoned()
    local lp = testing.new_event_loop { clock = "virtual" }
    local reports = witness.reports(lp)
    lp:create_task { name = "waiting", function() asyncio.sleep(10) end }
    lp:run_until_complete(asyncio.async(asyncio.sleep)(1))
    lp:create_task { name = "new", print }
    return lp, reports
  end

  local function check(reports)
    assert.same({ 2, PENDING, PENDING }, { #reports, reports[1].message, reports[2].message })
    local traces = {}
    for _, context in ipairs(reports) do
      traces[context.task:get_name()] = context.traceback
      assert.is_nil(context.exception)
    end
    assert.matches("report_spec.lua:%d+", traces.waiting)
    assert.is_string(traces.new)
  end

  it("is reported when its loop closes, once", function()
    local lp, reports = abandoned()
    lp:close()
    check(reports)
    lp:close()
    assert.equal(2, #reports)
  end)

  it("is reported when its loop is collected, once", function()
    local _, reports = abandoned()
    _ = nil
    witness.collect()
    check(reports)
    reports[1], reports[2] = nil, nil
    witness.collect()
    assert.equal(0, #reports)
  end)

  it("may be cancelled or closed once more by the one who is told", function()
    local lp, reports = abandoned()
    lp:set_exception_handler(function(_, context)
      reports[#reports + 1] = context
      context.task:cancel()
      lp:close()
    end)
    lp:close()
    check(reports)
    assert.is_true(lp:is_closed())
  end)
end)

describe("where a task was made", function()
  local function report_of(make)
    local lp = testing.new_event_loop { clock = "virtual" }
    lp:set_debug(true)
    local reports = witness.reports(lp)
    lp:run_until_complete(function() make() asyncio.sleep(1) end)
    lp:close()
    assert.equal(1, #reports)
    return reports[1]
  end

  it("is in the report of its error in debug mode, by each way to make one", function()
    local line
    for _, make in ipairs {
      function() asyncio.create_task(error, "x") line = witness.line() end,
      function() asyncio.create_task { error, "x", name = "named" } line = witness.line() end,
      function() loop():create_task(asyncio.async(error)("x")) line = witness.line() end,
      function() asyncio.ensure_future(asyncio.async(error)("x")) line = witness.line() end,
      function() asyncio.create_task { error, "x", eager_start = true } line = witness.line() end,
    } do
      local context = report_of(make)
      assert.matches(line, context.source_traceback, 1, true)
      local text = stderr_of(function() asyncio.new_event_loop():default_exception_handler(context) end)
      assert.matches("created at:\n", text, 1, true)
      assert.matches(line, text, 1, true)
    end
  end)

  it("is in the report of one that is destroyed", function()
    local lp = asyncio.new_event_loop()
    lp:set_debug(true)
    local reports = witness.reports(lp)
    lp:create_task(print) local line = witness.line()
    lp:close()
    assert.matches(line, reports[1].source_traceback, 1, true)
  end)

  it("is not kept without debug mode", function()
    local lp = asyncio.new_event_loop()
    local reports = witness.reports(lp)
    lp:create_task(print)
    lp:close()
    assert.is_nil(reports[1].source_traceback)
  end)
end)
