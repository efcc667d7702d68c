--- Context managers: a scope written as one function, and a stack of scopes
-- that is filled as the program goes.

local core = require("asyncio.core").api
local check = require "asyncio.base.check"

local contextmanager = {}

--- The scope of one call. Its function is the body of a generator, which stands
-- at the yield until the scope is closed. So a scope that is left open is closed
-- as generators are.
local Scope = { __name = "asyncio.ContextManager" }

function Scope:__tostring()
  return ("ContextManager<state=%s>"):format(self.body and "open" or "closed")
end

local function close_now(body)
  local _ <close> = body
end

--- The error of the block, if it raised one, is raised in the function. That must
-- then end, and not yield again.
function Scope:__close(err)
  local body = self.body
  if not body then
    return
  end
  self.body = nil
  if core.cannot_wait() then
    close_now(body)
    return
  elseif err ~= nil then
    core.throw_into(body, err)
  else
    body()
  end
  if core.is_open(body) then
    body:aclose()
    error("the function of a context manager yielded more than once", 0)
  end
end

--- Returns the scope and the values that the function has yielded.
local function enter(body, ...)
  if not core.is_open(body) then
    error("the function of a context manager did not yield", 0)
  end
  return setmetatable({ body = body }, Scope), ...
end

--- Makes scopes from a function that yields once: the part before the yield opens
-- the scope, the part after it closes it.
function contextmanager.contextmanager(f)
  check.argument("contextmanager", 1, f, check.callable)
  local new = core.generator(f)
  return function(...)
    check.task("contextmanager (its function)")
    local body = new(...)
    return enter(body, body())
  end
end

local ExitStack = { __name = "asyncio.ExitStack" }
ExitStack.__index = ExitStack

--- Makes a stack of values to close, the last one first.
function contextmanager.ExitStack()
  return setmetatable({ n = 0 }, ExitStack)
end

local function add(self, exit)
  self[self.n + 1] = exit  -- may fail for lack of memory
  self.n = self.n + 1
end

local function exit_stack(v)
  return getmetatable(v) ~= ExitStack and "asyncio.ExitStack" or nil
end

--- Adds a to-be-closed value, which is closed with the others. Returns all
-- arguments.
function ExitStack:enter(value, ...)
  check.self("enter", self, exit_stack)
  if value then
    local meta = debug.getmetatable(value)
    local close = meta and meta.__close
    if not close then
      error(("bad argument #1 to 'enter' (to-be-closed value expected, got %s)"):format(
        type(value)), 2)
    end
    add(self, function(err)
      close(value, err)
    end)
  end
  return value, ...
end

--- Adds a call of `f(err)`, with the error that unwinds the stack or nil.
-- Returns f.
function ExitStack:push(f)
  check.self("push", self, exit_stack)
  check.argument("push", 1, f, check.callable)
  add(self, f)
  return f
end

--- Adds a call of `f(...)`. Returns f.
function ExitStack:callback(f, ...)
  check.self("callback", self, exit_stack)
  check.argument("callback", 1, f, check.callable)
  local args = table.pack(...)
  add(self, function()
    f(table.unpack(args, 1, args.n))
  end)
  return f
end

--- Moves everything to a new stack and returns that.
function ExitStack:pop_all()
  check.self("pop_all", self, exit_stack)
  local other = contextmanager.ExitStack()
  for i = 1, self.n do
    other[i], self[i] = self[i], nil
  end
  other.n, self.n = self.n, 0
  return other
end

--- Closes all values, the last one first. Each gets the present error, and
-- replaces it if it raises one.
local function unwind(self, err)
  local failed, note = false, {}
  local handler = core.note_into(note)
  while self.n > 0 do
    local exit = self[self.n]
    self[self.n] = nil
    self.n = self.n - 1
    local ok, failure = xpcall(exit, handler, err)
    if not ok then
      err, failed = failure, true
    end
  end
  if failed then
    core.rethrow(err, note)
  end
end

function ExitStack:close()
  check.self("close", self, exit_stack)
  unwind(self, nil)
end

ExitStack.__close = unwind

function ExitStack:__tostring()
  return ("ExitStack<size=%d>"):format(self.n)
end

return contextmanager
