--- Testing: a loop for each test, a deadline, a virtual clock, a leak check.

local core = require("asyncio.core").api
local check = require "asyncio.base.check"
local eventually = require "asyncio.testing.eventually"
local fixtures = require "asyncio.testing.fixtures"
local report = require "asyncio.task.report"
local runner = require "asyncio.run.runner"
local shutdown = require "asyncio.run.shutdown"
local verdict = require "asyncio.testing.verdict"

local testing = {}

local DEADLINE = 10  -- real seconds

local CLOCK = {
  clock = check.one_of("real", "virtual"), autojump = check.grace,
}

local TEST = {
  clock = CLOCK.clock, autojump = CLOCK.autojump, timeout = check.duration, leaks = check.boolean,
}

--- Makes a loop, with a virtual clock if that is asked for.
-- @param options `clock` = "real" or "virtual"; `autojump`: real seconds
-- without an event before virtual time jumps
function testing.new_event_loop(options)
  options = check.options("new_event_loop", 1, options, CLOCK)
  return core.new_event_loop(options.clock, options.autojump)
end

--- Runs the test until it is done or the time limit is reached.
local function try(loop, limit, args)
  local trial = {}
  trial.main = loop:create_task(table.unpack(args, 1, args.n))
  core.set_limit(loop, limit, function()
    trial.late = verdict.too_late(loop, limit)
    return trial.late
  end)
  trial.results = table.pack(pcall(core.complete, loop, trial.main, false))
  trial.overdue = core.overdue(loop)
  trial.interrupted = runner.is_interrupted(loop, trial.main, table.unpack(trial.results, 1, 2))
  return trial
end

--- Ends what the test left behind, as `run` does. Code that is busy meanwhile is
-- stopped, too.
-- @return what was left, as lines of text
local function finish(loop, limit, main, leaks)
  local grace = math.min(limit, shutdown.GRACE)
  if core.all_tasks(loop).n > 0 then
    core.set_limit(loop, main:done() and limit or grace)
  else
    core.set_limit(loop, nil)
  end
  local settle = core.Task(loop, function() core.sleep(0) end)
  pcall(core.complete, loop, settle, true)
  local left = leaks and {} or verdict.leftovers(loop)
  shutdown.close(loop, grace, main)
  collectgarbage()
  return left
end

--- Runs a test in a task on a loop of its own. Raises its error, or an error that
-- lists what it left behind.
-- @param test the function, before its arguments; or a table with both and
-- `clock`, `autojump`; `timeout`: deadline in real seconds, whatever the clock
-- (10); `leaks = true`: allow it to leave things behind
function testing.run(test, ...)
  local options, args = {}, table.pack(test, ...)
  if type(test) == "table" then
    options = check.named_options("run", 1, test, TEST)
    args = check.list("run", 1, test)
  end
  check.argument("run", 1, args[1], check.callable)
  verdict.forget()
  local loop = core.new_event_loop(options.clock, options.autojump)
  core.keep_origins(loop)
  local limit = options.timeout or DEADLINE
  local reports = {}
  loop:set_exception_handler(function(_, context)
    reports[#reports + 1] = report.describe(context)
  end)
  local trial = try(loop, limit, args)
  local left = finish(loop, limit, trial.main, options.leaks)
  if trial.overdue then
    error(verdict.late_text(limit, trial.late, trial.main, reports), 0)
  elseif trial.interrupted then
    error("interrupted!", 0)
  elseif not trial.results[1] then
    table.insert(reports, 1, report.chain(trial.main))
    error(verdict.with_text(trial.results[2], table.concat(reports, "\n")), 0)
  elseif #reports + #left > 0 then
    table.move(left, 1, #left, #reports + 1, reports)
    error(table.concat(reports, "\n"), 0)
  end
  return table.unpack(trial.results, 2, trial.results.n)
end

--- Reports an error of an `after_each` function that cannot be raised.
local function report_hidden(err)
  core.get_running_loop():call_exception_handler {
    message = "a function of after_each failed",
    exception = err,
  }
end

local function new_test(f, options, clock)
  local grace = math.min(options.timeout or DEADLINE, shutdown.GRACE)
  return function(...)
    local test = table.pack(fixtures.around(f, grace, report_hidden), ...)
    for key, value in pairs(options) do
      test[key] = value
    end
    test.clock = clock or test.clock
    testing.run(test)
  end
end

--- For a `describe` of busted: each test in it that was made by `async` or
-- `virtual` runs `f()` first, in its own task. Outer blocks come first.
function testing.before_each(f)
  check.argument("before_each", 1, f, check.callable)
  fixtures.note("before_each", "before", f)
end

--- Runs `f()` at the end of each test, however that ended. The function that was
-- added last runs first.
function testing.after_each(f)
  check.argument("after_each", 1, f, check.callable)
  fixtures.note("after_each", "after", f)
end

--- Calls `f()` every 10 ms until it raises no error and returns nothing or a true
-- value. Returns its results.
-- @param timeout seconds of the loop's clock (1)
function testing.eventually(f, timeout)
  check.argument("eventually", 1, f, check.callable)
  check.argument("eventually", 2, timeout, check.optional(check.grace))
  check.task("eventually")
  local info = debug.getinfo(2, "Sl")
  return eventually(f, timeout or 1, ("%s:%d: "):format(info.short_src, info.currentline))
end

--- Makes a test function for busted: `it("...", testing.async(f))`.
-- @param f the test's body, run in a task
-- @param options those of `testing.run`
function testing.async(f, options)
  check.argument("async", 1, f, check.callable)
  return new_test(f, check.options("async", 2, options, TEST))
end

--- Makes such a function for a test on the virtual clock.
function testing.virtual(f, options)
  check.argument("virtual", 1, f, check.callable)
  return new_test(f, check.options("virtual", 2, options, TEST), "virtual")
end

return testing
