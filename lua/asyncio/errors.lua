--- Errors: the classes, and a pcall that a cancellation passes through.

local core = require("asyncio.core").api

local errors = { classes = {} }

for _, name in ipairs {
  "Error", "CancelledError", "TimeoutError", "InvalidStateError", "OSError", "SSLError",
  "IncompleteReadError", "LimitOverrunError", "QueueEmpty", "QueueFull", "QueueShutDown",
  "BrokenBarrierError", "ExceptionGroup", "BrokenWorkerError", "DeadlockError",
} do
  errors.classes[name] = core[name]
end

local isinstance, CancelledError = core.isinstance, core.CancelledError

local function finish(ok, ...)
  if not ok and isinstance((...), CancelledError) then
    error((...), 0)
  end
  return ok, ...
end

--- As `pcall`, but a CancelledError is raised again: a loop that retries
-- can't swallow a cancellation by it.
function errors.pcall(...)
  if select("#", ...) == 0 then
    error("bad argument #1 to 'pcall' (value expected)", 2)
  end
  return finish(pcall(core.body((...)), select(2, ...)))
end

local catchers = { [pcall] = true, [xpcall] = true }

--- Does any call of this coroutine, from `level` of the caller outwards, catch
-- errors? What a host does below the coroutine can't be seen.
function errors.is_caught(level)
  level = level + 1
  while true do
    local info = debug.getinfo(level, "f")
    if not info then
      return false
    elseif catchers[info.func] then
      return true
    end
    level = level + 1
  end
end

return errors
