--- Polling: an assertion is tried until it holds.

local core = require("asyncio.core").api
local errors = require "asyncio.base.errors"
local report = require "asyncio.task.report"
local verdict = require "asyncio.testing.verdict"

local PAUSE = 0.01  -- seconds between tries

--- Must the error be raised at once? So must cancellations and a test's deadline.
local function is_final(err)
  return core.isinstance(err, errors.classes.CancelledError) or
    core.isinstance(err, errors.classes.DeadlockError)
end

--- Do the results of `f` mean that it holds? An assertion returns nothing.
local function holds(results)
  return results[1] and (results.n == 1 or results[2])
end

--- Makes the error of a lasting failure. Only one of a busted assertion stays an
-- assertion.
local function failure(results, seconds, place)
  local text = ("still so after %g s"):format(seconds)
  if results[1] then
    return ("%sthe function returned %s, %s"):format(place, tostring(results[2]), text)
  end
  return verdict.add_line(results[2], text) or report.text(results[2]) .. "\n" .. text
end

--- Calls `f()` until it holds, for some seconds of the loop's clock.
-- @param place the position that errors show
-- @return its results then
local function eventually(f, seconds, place)
  local loop = core.get_running_loop()
  local limit = loop:time() + seconds
  while true do
    local left = limit - loop:time()
    local results = table.pack(pcall(f))
    if holds(results) then
      return table.unpack(results, 2, results.n)
    elseif not results[1] and is_final(results[2]) then
      error(results[2], 0)
    elseif left <= 0 then
      error(failure(results, seconds, place), 0)
    end
    core.sleep(math.min(left, PAUSE))
  end
end

return eventually
