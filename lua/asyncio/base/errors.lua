--- Errors: the classes, those that programs add to them, and a pcall that lets
-- cancellations pass.

local core = require("asyncio.core").api

local errors = { classes = {} }

for _, name in ipairs {
  "Error", "CancelledError", "TimeoutError", "InvalidStateError", "OSError", "SSLError",
  "IncompleteReadError", "LimitOverrunError", "QueueEmpty", "QueueFull", "QueueShutDown",
  "BrokenBarrierError", "ExceptionGroup", "BrokenWorkerError", "DeadlockError",
} do
  errors.classes[name] = core[name]
end

local function kind_of(v)
  return core.isinstance(v, core.Error) and "an error" or v == nil and "no value" or type(v)
end

--- Makes a class below this one, for the errors of a program. It inherits fields
-- and methods, and the metamethods that the class has now.
-- @param name its name in texts, such as "NotFound" or "db.NotFound"
function core.Error:extend(name)
  if not (core.is_class(self) and core.isinstance(setmetatable({}, self), core.Error)) then
    error(("calling 'extend' on bad self (error class expected, got %s)"):format(kind_of(self)), 2)
  elseif type(name) ~= "string" then
    error(("bad argument #1 to 'extend' (string expected, got %s)"):format(kind_of(name)), 2)
  elseif not name:find "^[%a_][%w_.]*$" then
    error("bad argument #1 to 'extend' (a name of letters, digits, '_' and '.' expected)", 2)
  end
  local class, meta = {}, {}
  for key, value in next, self do
    class[key] = type(key) == "string" and key:find "^__" and value or nil
  end
  for key, value in next, debug.getmetatable(self) or {} do
    meta[key] = value
  end
  class.__index, class.__super, class.__name, class.name = class, self, name, name
  meta.__index = self
  return setmetatable(class, meta)
end

local isinstance, CancelledError = core.isinstance, core.CancelledError

local function finish(ok, ...)
  if not ok and isinstance((...), CancelledError) then
    error((...), 0)
  end
  return ok, ...
end

--- Like `pcall`, but raises a CancelledError again, so that a loop that retries
-- does not swallow a cancellation.
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
