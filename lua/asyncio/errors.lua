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

return errors
