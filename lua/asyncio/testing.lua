--- Testing: a loop for each test, a deadline, a virtual clock, a leak check.

local core = require("asyncio.core").api
local check = require "asyncio.check"
local report = require "asyncio.report"

local testing = {}

local DEADLINE = 10  -- real seconds
local PENDING = "a task was destroyed while it was pending"

local CLOCK = {
  clock = check.one_of("real", "virtual"), autojump = check.seconds,
}

local TEST = {
  clock = CLOCK.clock, autojump = CLOCK.autojump, timeout = check.duration, leaks = check.boolean,
}

--- A new loop, on a virtual clock if so asked.
-- @param options `clock` = "real" or "virtual"; `autojump`: real seconds
-- without an event before virtual time jumps
function testing.new_event_loop(options)
  options = check.options("new_event_loop", 1, options, CLOCK)
  return core.new_event_loop(options.clock, options.autojump)
end

--- What is left over on the loop, as lines of text.
local function leftovers(loop)
  local lines = {}
  for _, task in ipairs(core.all_tasks(loop)) do
    lines[#lines + 1] = ("task left over: %s\n%s"):format(task, task:traceback())
  end
  local stats = loop:stats()
  for kind, count in pairs(stats.handles) do
    lines[#lines + 1] = ("handle left over: %d %s"):format(count, kind)
  end
  if stats.timers > 0 and #lines == 0 then
    lines[#lines + 1] = ("timer left over: %d"):format(stats.timers)
  end
  return lines
end

local function cancel_all(loop)
  for _, task in ipairs(core.all_tasks(loop)) do
    task:cancel()
  end
  pcall(loop.run_until_complete, loop, function()
    core.sleep(0)
    core.sleep(0)
  end)
end

--- Adds the tracebacks of the tasks that an error came through.
local function with_traceback(err, task)
  if type(err) == "string" then
    return err .. "\n" .. report.chain(task)
  elseif type(err) == "table" and type(err.message) == "string" then
    err.message = err.message .. "\n" .. report.chain(task)
  end
  return err
end

--- The text about a test that took too long: where it was, or what it waited
-- for, and what was reported meanwhile.
local function late_text(limit, main, results, unhandled)
  local lines = { ("the test is not done after %g s"):format(limit) }
  local err = results[2]
  if not results[1] then
    lines[2] = report.text(err):gsub("^DeadlockError: the time is over\n", "")
    if not core.isinstance(err, core.DeadlockError) then
      lines[3] = report.chain(main)
    end
  end
  table.move(unhandled, 1, #unhandled, #lines + 1, lines)
  return table.concat(lines, "\n")
end

--- Runs a test in a task of a loop of its own; raises its error, or one that
-- says what it left behind.
-- @param test the function, before its arguments; or a table with both and
-- `clock`, `autojump`; `timeout`: deadline in real seconds, whatever the clock
-- (10); `leaks = true`: don't look for what is left over
function testing.run(test, ...)
  local options, args = {}, table.pack(test, ...)
  if type(test) == "table" then
    options = check.named_options("run", 1, test, TEST)
    args = check.list("run", 1, test)
  end
  check.argument("run", 1, args[1], check.callable)
  local loop = core.new_event_loop(options.clock, options.autojump)
  local unhandled = {}
  loop:set_exception_handler(function(_, context)
    if not (options.leaks and context.message == PENDING) then
      unhandled[#unhandled + 1] = report.describe(context)
    end
  end)
  local limit = options.timeout or DEADLINE
  local main = loop:create_task(table.unpack(args, 1, args.n))
  core.set_limit(loop, limit)
  local results = table.pack(pcall(loop.run_until_complete, loop, main))
  local overdue = core.overdue(loop)
  core.set_limit(loop, core.all_tasks(loop).n > 0 and limit or nil)  -- for what is left, too
  pcall(loop.run_until_complete, loop, function() core.sleep(0) end)
  local left = options.leaks and {} or leftovers(loop)
  cancel_all(loop)
  loop:close()
  collectgarbage()
  if overdue then
    error(late_text(limit, main, results, unhandled), 0)
  elseif not results[1] then
    error(with_traceback(results[2], main), 0)
  elseif #unhandled + #left > 0 then
    table.move(left, 1, #left, #unhandled + 1, unhandled)
    error(table.concat(unhandled, "\n"), 0)
  end
  return table.unpack(results, 2, results.n)
end

local function new_test(f, options, clock)
  return function(...)
    local test = table.pack(f, ...)
    for key, value in pairs(options) do
      test[key] = value
    end
    test.clock = clock or test.clock
    testing.run(test)
  end
end

--- Makes a test function for busted: `it("...", testing.async(f))`.
-- @param f the test's body, run in a task
-- @param options as of `testing.run`
function testing.async(f, options)
  check.argument("async", 1, f, check.callable)
  return new_test(f, check.options("async", 2, options, TEST))
end

--- The same on the virtual clock.
function testing.virtual(f, options)
  check.argument("virtual", 1, f, check.callable)
  return new_test(f, check.options("virtual", 2, options, TEST), "virtual")
end

return testing
