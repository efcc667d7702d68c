---@meta _
--- Generators, coroutines of a task, and scopes.

---@class asyncio
local asyncio = {}

--- Makes a generator function: a call returns an iterator for the generic `for`, over the values that `f` yields.
--- `f` may wait, and leaving the loop closes it.
---@param f async fun(...): ...
---@return fun(...): asyncio.Generator, nil, nil, asyncio.Generator
function asyncio.generator(f) end

--- An iterator over the values that a function yields; calling it returns the next values, or nil. It is closed with
--- its variable.
---@class asyncio.Generator
---@operator call: any
local Generator = {}

--- Ends the function by an error at its yield.
---@async
function Generator:aclose() end

--- Makes scopes from a function that yields once: `local scope <close>, v = manager()`.
---@param f async fun(...): ...
---@return async fun(...): asyncio.ContextManager, ...
function asyncio.contextmanager(f) end

--- A scope, which is open until its variable is closed.
---@class asyncio.ContextManager

--- Makes a scope to which values are added as the program runs: `local stack <close> = asyncio.ExitStack()`.
---@return asyncio.ExitStack
function asyncio.ExitStack() end

--- A stack of values to close, the last one first.
---@class asyncio.ExitStack
local ExitStack = {}

--- Closes a value with the others.
---@generic T
---@param value T a to-be-closed value
---@param ... any
---@return T value
---@return any ...
function ExitStack:enter(value, ...) end

--- Calls a function with the error that unwinds the stack, or nil.
---@generic T: fun(err: any)
---@param f T
---@return T f
function ExitStack:push(f) end

--- Calls a function with these arguments.
---@generic T: fun(...)
---@param f T
---@param ... any
---@return T f
function ExitStack:callback(f, ...) end

--- Moves everything to a new stack.
---@return asyncio.ExitStack
function ExitStack:pop_all() end

--- Closes everything now.
---@async
function ExitStack:close() end

--- The standard library's coroutine functions; a body that waits suspends its task, not its resumer.
---@class asyncio.coroutine
asyncio.coroutine = {}

--- Makes a coroutine.
---@param f async fun(...): ...
---@return thread
function asyncio.coroutine.create(f) end

--- Starts or continues a coroutine.
---@async
---@param co thread
---@param ... any
---@return boolean success
---@return any ... what it yields or returns, or its error
function asyncio.coroutine.resume(co, ...) end

--- Makes a coroutine and returns a function that resumes it and raises its errors.
---@param f async fun(...): ...
---@return async fun(...): ...
function asyncio.coroutine.wrap(f) end

--- Suspends the running coroutine and passes values to its resumer.
---@param ... any
---@return any ... the arguments of the next resume
function asyncio.coroutine.yield(...) end

--- Returns the state of a coroutine; one that waits for the loop is "normal".
---@param co thread
---@return "running"|"suspended"|"normal"|"dead"
function asyncio.coroutine.status(co) end

--- Returns the running coroutine, and whether it is the main one.
---@return thread
---@return boolean ismain
function asyncio.coroutine.running() end

--- Returns whether a coroutine can yield.
---@param co thread? the running one by default
---@return boolean
function asyncio.coroutine.isyieldable(co) end

--- Ends a coroutine and closes its to-be-closed variables, which may wait.
---@async
---@param co thread
---@return boolean success
---@return any error
function asyncio.coroutine.close(co) end
