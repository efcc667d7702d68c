--- Reports: what an error looks like once nobody else will show it.

local core = require("asyncio.core").api

local report = {}

--- Text of any error value; one whose `__tostring` fails still gives some.
function report.text(err)
  local ok, text = pcall(tostring, err)
  return ok and text or ("(error object: %s)"):format(type(err))
end

--- Tracebacks of a failed task and of those its error came through, from
-- where the error was raised outwards.
function report.chain(task)
  local chain, seen = {}, {}
  while task and not seen[task] do
    seen[task] = true
    table.insert(chain, 1, task)
    task = core.cause(task)
  end
  local lines = {}
  for i, link in ipairs(chain) do
    if link.traceback then
      local trace = link:traceback():gsub("^stack traceback:", "")
      lines[#lines + 1] = ("%s %s:%s"):format(
        i == 1 and "stack traceback of" or "awaited by", link:get_name(), trace)
    end
  end
  return table.concat(lines, "\n")
end

--- Text of the report about what a context tells.
function report.describe(context)
  local lines = { "asyncio: " .. tostring(context.message or "unhandled error") }
  local subject = context.task or context.future or context.handle
  if subject then
    lines[#lines + 1] = report.text(subject)
  end
  if context.exception ~= nil then
    lines[#lines + 1] = report.text(context.exception)
  end
  if context.task and core.isfuture(context.task) and context.task:done() then
    lines[#lines + 1] = report.chain(context.task)
  elseif context.traceback then
    lines[#lines + 1] = tostring(context.traceback)
  end
  return table.concat(lines, "\n")
end

--- The default exception handler: one report on standard error.
function report.default_handler(_, context)
  io.stderr:write(report.describe(context), "\n")
end

return report
