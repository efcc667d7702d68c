--- Time limits that are functions, so that they can end without an error.
-- Closing a variable can replace an error but not swallow it; a call can.

local core = require("asyncio.core").api
local check = require "asyncio.base.check"

local timeouts = {}

local optional_seconds = check.optional(check.seconds)

--- Calls `f(...)`, or the body of a coroutine function.
local function call(f, ...)
  if core.iscoroutinefunction(f) then
    return core.await(f(...))
  end
  return f(...)
end

--- Runs `f(...)` with a time limit.
-- @param delay seconds, or nil for no limit
-- @return the results; raises TimeoutError when the limit was reached
function timeouts.fail_after(delay, f, ...)
  check.task "fail_after"
  check.argument("fail_after", 1, delay, optional_seconds)
  check.argument("fail_after", 2, f, check.callable)
  local _ <close> = core.limit(delay, 2)
  return call(f, ...)
end

local function limited(outcome, delay, f, ...)
  local _ <close> = core.limit(delay, 4)  -- past pcall and move_on_after
  local results = table.pack(xpcall(call, core.note_into(outcome), f, ...))
  outcome.results = results
  if not results[1] then
    core.rethrow(results[2], outcome)  -- so that the scope gets it
  end
end

--- Runs `f(...)` with a time limit, and moves on when it is reached.
-- @return true and the results, or false
function timeouts.move_on_after(delay, f, ...)
  check.task "move_on_after"
  check.argument("move_on_after", 1, delay, optional_seconds)
  check.argument("move_on_after", 2, f, check.callable)
  local outcome = {}
  local ok, err = pcall(limited, outcome, delay, f, ...)
  local results = outcome.results
  if ok then
    return table.unpack(results, 1, results.n)
  elseif results and not results[1] and rawequal(err, results[2]) then
    core.rethrow(err, outcome)
  elseif results and core.isinstance(err, core.TimeoutError) then
    return false  -- the scope's own cancel became this error
  end
  error(err, 0)
end

return timeouts
