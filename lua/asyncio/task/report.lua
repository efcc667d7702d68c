--- Reports: the texts of errors that nothing else will show.

local core = require("asyncio.core").api
local waits = require "asyncio.inspect.waits"

local report = {}

--- Returns a text for any error value, even if its `__tostring` fails.
function report.text(err)
  local ok, text = pcall(tostring, err)
  return ok and text or ("(error object: %s)"):format(type(err))
end

local add_chain

local function is_group(err)
  return core.isinstance(err, core.ExceptionGroup) and type(err.exceptions) == "table"
end

--- Adds the places where the errors of a group were raised.
local function add_origins(lines, seen, err)
  if seen[err] then
    return
  end
  seen[err] = true
  for i = 1, err.exceptions.n or #err.exceptions do
    local origin = err._origins and err._origins[i]
    if core.isfuture(origin) then
      add_chain(lines, seen, origin)
    elseif is_group(err.exceptions[i]) then
      add_origins(lines, seen, err.exceptions[i])
    elseif origin then
      lines[#lines + 1] = (origin:gsub("^stack traceback:", "stack traceback of a group's body:"))
    end
  end
end

--- Returns the error of a failed future if it is an exception group.
local function group_of(future)
  if not future:done() or future:cancelled() then
    return nil
  end
  local err = future:exception()
  return is_group(err) and err or nil
end

function add_chain(lines, seen, task)
  local chain = {}
  while task and not seen[task] do
    seen[task] = true
    table.insert(chain, 1, task)
    task = core.cause(task)
  end
  local group = chain[1] and group_of(chain[1])
  if group then
    add_origins(lines, seen, group)
  end
  for i, link in ipairs(chain) do
    if link.traceback then
      local trace = link:traceback():gsub("^stack traceback:", "")
      lines[#lines + 1] = ("%s %s:%s"):format(
        i == 1 and "stack traceback of" or "awaited by", link:get_name(), trace)
    end
  end
end

--- Returns the tracebacks of a failed task and of the tasks its error came
-- through, beginning where the error was raised; and those of each error in an
-- exception group.
function report.chain(task)
  local lines = {}
  add_chain(lines, {}, task)
  return table.concat(lines, "\n")
end

--- Returns the text of the report for a context.
function report.describe(context)
  local lines = { "asyncio: " .. report.text(context.message or "unhandled error") }
  local subject = context.task or context.future or context.handle
  if subject then
    lines[#lines + 1] = report.text(subject)
  end
  if context.peer ~= nil then
    lines[#lines + 1] = "peer: " .. report.text(context.peer)
  end
  if context.origin ~= nil then
    lines[#lines + 1] = "created at: " .. report.text(context.origin)
  end
  if context.exception ~= nil then
    lines[#lines + 1] = report.text(context.exception)
  end
  if context.task and core.isfuture(context.task) and context.task:done() then
    lines[#lines + 1] = report.chain(context.task)
  elseif context.traceback then
    lines[#lines + 1] = report.text(context.traceback)
  end
  if core.isfuture(context.task) then
    waits.add_origin(lines, context.task)
  end
  return table.concat(lines, "\n")
end

--- The default exception handler: writes one report to standard error.
function report.default_handler(_, context)
  io.stderr:write(report.describe(context), "\n")
end

return report
