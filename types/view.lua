---@meta _

---@class asyncio
local asyncio = {}

--- One place in the graph of who awaits whom.
---@class asyncio.CallGraph
---@field task asyncio.Task|asyncio.Future
---@field stack asyncio.Frame[] its Lua frames, the oldest first
---@field awaited_by asyncio.CallGraph[] who awaits it, upward
---@field cycle boolean? true where it was met below already

--- Tells who awaits a task or future, and who awaits those, upward.
---@param future? asyncio.Task|asyncio.Future the current task without it
---@return asyncio.CallGraph
function asyncio.call_graph(future) end

--- Prints the call graph of a task or future, with a stack for each.
---@param future? asyncio.Task|asyncio.Future the current task without it
---@param file? file* where to; standard error without it
function asyncio.print_call_graph(future, file) end

--- Writes what every task of the running loop is doing: its state, what it waits for and its stack.
---@param file? file* where to; standard error without it
function asyncio.dump(file) end

--- Calls `f(...)` in the current task and holds time slices off meanwhile; `f` may still wait.
---@async
---@param f async fun(...): ...
---@param ... any arguments
---@return ... what `f` returned
function asyncio.uninterrupted(f, ...) end
