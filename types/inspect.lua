---@meta _

---@class asyncio
local asyncio = {}

--- One place in the graph of who awaits whom.
---@class asyncio.CallGraph
---@field task asyncio.Task|asyncio.Future
---@field stack asyncio.Frame[] its Lua frames, the oldest first
---@field awaited_by asyncio.CallGraph[] who awaits it, upward
---@field cycle boolean? true where it was met below already

--- Returns who awaits a task or future, and who awaits those, upward.
---@param future? asyncio.Task|asyncio.Future the current task without it
---@return asyncio.CallGraph
function asyncio.call_graph(future) end

--- Prints the call graph of a task or future, with a stack for each.
---@param future? asyncio.Task|asyncio.Future the current task without it
---@param file? file* where to; standard error without it
function asyncio.print_call_graph(future, file) end

---@class asyncio.DumpOptions
---@field file file*? where to; standard error without it
---@field group boolean? true to join tasks that wait at the same place, with their number

--- Writes what every task of the running loop is doing: its state, what it waits for and its stack.
---@param options? file*|asyncio.DumpOptions where to, or options
function asyncio.dump(options) end

--- What one task is doing.
---@class asyncio.TaskInfo
---@field task asyncio.Task
---@field name string
---@field state "new"|"ready"|"running"|"waiting"
---@field place string? `FILE:LINE` where it is
---@field waits_for string? what it waits for, as dumps say it
---@field since number? loop time, in seconds, at which it began to wait; only where steps are watched
---@field context asyncio.Context?

--- Returns what every task of a loop is doing.
---@param loop? asyncio.Loop the running one without it
---@return asyncio.TaskInfo[]
function asyncio.tasks(loop) end

--- Calls `f(...)` in the current task and holds time slices off meanwhile; `f` may still wait.
---@async
---@param f async fun(...): ...
---@param ... any arguments
---@return ... what `f` returned
function asyncio.uninterrupted(f, ...) end
