--- Context managers: a scope written as one function, and a stack of scopes
-- that is filled as the program goes.

local core = require("asyncio.core").api
local check = require "asyncio.base.check"

local contextmanager = {}

--- The scope of one call: its function is the body of a generator, which
-- stands at the yield until the scope is closed. So one that is left open is
-- closed as generators are.
local Scope = { __name = "asyncio.ContextManager" }

function Scope:__tostring()
  return ("ContextManager<state=%s>"):format(self.body and "open" or "closed")
end

local function close_now(body)
  local _ <close> = body
end

--- `err` is what the block raised, if it did: then the function gets it.
-- Nothing but the function's end may come.
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

--- The function has yielded: what it gave, after the scope.
local function enter(body, ...)
  if not core.is_open(body) then
    error("the function of a context manager did not yield", 0)
  end
  return setmetatable({ body = body }, Scope), ...
end

--- Makes scopes of a function that yields once: what comes before the yield
-- opens, what comes after it closes.
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

--- A stack of things to close, the last one first.
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

--- Takes a to-be-closed value, to be closed with the others; gives all its
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

--- Will call `f(err)`, with the error that unwinds the stack or nil; gives f.
function ExitStack:push(f)
  check.self("push", self, exit_stack)
  check.argument("push", 1, f, check.callable)
  add(self, f)
  return f
end

--- Will call `f(...)`; gives f.
function ExitStack:callback(f, ...)
  check.self("callback", self, exit_stack)
  check.argument("callback", 1, f, check.callable)
  local args = table.pack(...)
  add(self, function()
    f(table.unpack(args, 1, args.n))
  end)
  return f
end

--- A new stack that has all of this one's, which is then empty.
function ExitStack:pop_all()
  check.self("pop_all", self, exit_stack)
  local other = contextmanager.ExitStack()
  for i = 1, self.n do
    other[i], self[i] = self[i], nil
  end
  other.n, self.n = self.n, 0
  return other
end

--- Closes all, the last one first. Each sees the error so far, and one that
-- fails replaces it.
local function unwind(self, err)
  local failed = false
  while self.n > 0 do
    local exit = self[self.n]
    self[self.n] = nil
    self.n = self.n - 1
    local ok, failure = pcall(exit, err)
    if not ok then
      err, failed = failure, true
    end
  end
  if failed then
    error(err, 0)
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
