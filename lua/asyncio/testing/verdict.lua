--- Verdicts: the texts about tests that failed.
-- The error of a test stays the same value; its traceback is kept beside it.

local core = require("asyncio.core").api
local errors = require "asyncio.base.errors"
local report = require "asyncio.task.report"
local waits = require "asyncio.inspect.waits"

local verdict = {}

--- Adds what is left over of one kind, with the places where each was made.
local function add_left(lines, what, origins, kind)
  local text = ("%s left over: %d%s"):format(what, #origins, kind and " " .. kind or "")
  local known = {}
  for _, origin in ipairs(origins) do
    known[#known + 1] = origin or nil
  end
  if #known > 0 then
    text = ("%s, created at %s"):format(text, table.concat(known, ", "))
  end
  lines[#lines + 1] = text
end

--- Groups pairs of a list by their first values, in order.
local function by_kind(pairs_of)
  local kinds, origins = {}, {}
  for i = 1, #pairs_of, 2 do
    local kind = pairs_of[i]
    if not origins[kind] then
      kinds[#kinds + 1] = kind
      origins[kind] = {}
    end
    table.insert(origins[kind], pairs_of[i + 1])
  end
  return kinds, origins
end

--- Lists what is left over on the loop, as lines of text, with the places where it
-- was made.
function verdict.leftovers(loop)
  local lines = {}
  for _, task in ipairs(core.all_tasks(loop)) do
    lines[#lines + 1] = ("task left over: %s\n%s"):format(task, task:traceback())
    waits.add_origin(lines, task)
  end
  local kinds, origins = by_kind(core.resources(loop))
  for _, kind in ipairs(kinds) do
    add_left(lines, "handle", origins[kind], kind)
  end
  local timers, made = core.timers(loop), {}
  for i = 2, #timers, 2 do
    made[#made + 1] = timers[i]
  end
  if #made > 0 then
    add_left(lines, "timer", made)
  elseif #lines == 0 and loop:stats().timers > 0 then
    lines[1] = ("timer left over: %d"):format(loop:stats().timers)
  end
  return lines
end

--- Makes the error that a test gets where it waits when its time limit is
-- reached.
function verdict.too_late(loop, limit)
  return core.DeadlockError(("the test is not done after %g s\n%s"):format(
    limit, table.concat(waits.lines(loop), "\n")))
end

--- Describes a test that took too long: where it was or what it waited for, how it
-- ended after that, and what was reported meanwhile.
-- @param late the error that it got, or nil
function verdict.late_text(limit, late, main, reports)
  local lines = { late and late.message or ("the test is not done after %g s"):format(limit) }
  if main:done() then
    local ok, err, failed = pcall(main.exception, main)  -- raises its cancellation
    if (failed or not ok) and err ~= late then
      lines[#lines + 1] = report.text(err)
      lines[#lines + 1] = report.chain(main)
    end
  end
  table.move(reports, 1, #reports, #lines + 1, lines)
  return table.concat(lines, "\n")
end

-- The error of the test that failed last -> the text to show below it.
local shown = setmetatable({}, { __mode = "k" })

for _, class in pairs(errors.classes) do
  local plain = class.__tostring
  class.__tostring = function(err)
    local more = shown[err]
    return more and plain(err) .. "\n" .. more or plain(err)
  end
end

--- Begins a new test: errors of the previous one are shown as they are.
function verdict.forget()
  for err in pairs(shown) do
    shown[err] = nil
  end
end

--- Is it a failed assertion? Busted makes a new table for each, with a message.
local function is_assertion(err)
  local meta = type(err) == "table" and debug.getmetatable(err)
  return type(meta) == "table" and meta.__type == "failure" and type(err.message) == "string"
end

--- Returns an assertion of busted with one more line; nil for any other error.
function verdict.add_line(err, line)
  if is_assertion(err) then
    return setmetatable({ message = err.message .. "\n" .. line }, debug.getmetatable(err))
  end
end

--- Returns the error to raise for that of a test, so that the text is shown below
-- its own. Only strings and assertions of busted become new values for that.
function verdict.with_text(err, text)
  if type(err) == "string" then
    return err .. "\n" .. text
  elseif is_assertion(err) then
    return verdict.add_line(err, text)
  elseif core.isinstance(err, core.Error) then
    shown[err] = text
  else
    io.stderr:write("asyncio: a test failed with ", report.text(err), "\n", text, "\n")
  end
  return err
end

return verdict
