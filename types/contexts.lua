---@meta _
--- Context variables.

---@class asyncio
local asyncio = {}

--- Makes a variable whose value follows tasks and callbacks.
---@param name string for messages
---@param default any its value until one is set
---@return asyncio.ContextVar
function asyncio.ContextVar(name, default) end

--- A variable whose value depends on the context.
---@class asyncio.ContextVar
local ContextVar = {}

--- Returns the value in the current context.
---@param default any returned if there is none; without it the variable's own default; without that an error is raised
---@return any
function ContextVar:get(default) end

--- Sets the value in the current context.
---@param value any
---@return asyncio.Token token for `reset`, or a variable to close
function ContextVar:set(value) end

--- Restores the value from before the `set` that made the token.
---@param token asyncio.Token
function ContextVar:reset(token) end

--- Undoes a `set`, once.
---@class asyncio.Token

--- Copies the current context.
---@return asyncio.Context
function asyncio.copy_context() end

--- Makes an empty context.
---@return asyncio.Context
function asyncio.Context() end

--- The values of a task, a callback or the main program.
---@class asyncio.Context
local Context = {}

--- Calls `f(...)` in this context.
---@async
---@param f async fun(...): ...
---@param ... any
---@return any ... its results
function Context:run(f, ...) end

--- Returns a variable's value in this context.
---@param var asyncio.ContextVar
---@param default any
---@return any
function Context:get(var, default) end

--- Copies this context.
---@return asyncio.Context
function Context:copy() end
