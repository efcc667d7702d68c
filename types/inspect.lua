---@meta _

---@class asyncio
local asyncio = {}

--- A task or future in the graph of the tasks that await each other.
---@class asyncio.CallGraph
---@field task asyncio.Task|asyncio.Future
---@field stack asyncio.Frame[] its Lua frames, the oldest first
---@field awaited_by asyncio.CallGraph[] the tasks that await it, upward
---@field cycle boolean? true if it stands further below already

--- Returns the tasks that await a task or future, and those that await them, upward.
---@param future? asyncio.Task|asyncio.Future the current task by default
---@return asyncio.CallGraph
function asyncio.call_graph(future) end

--- Prints the call graph of a task or future, with a stack for each.
---@param future? asyncio.Task|asyncio.Future the current task by default
---@param file? file* the file to write to; standard error by default
function asyncio.print_call_graph(future, file) end

---@class asyncio.DumpOptions
---@field file file*? the file to write to; standard error by default
---@field group boolean? true to join tasks that wait at the same place, with their number

--- Writes what every task of the running loop is doing: its state, what it waits for and its stack.
---@param options? file*|asyncio.DumpOptions the file to write to, or options
function asyncio.dump(options) end

--- What one task is doing.
---@class asyncio.TaskInfo
---@field task asyncio.Task
---@field name string
---@field state "new"|"ready"|"running"|"waiting"
---@field place string? where it is, as `FILE:LINE`
---@field waits_for string? what it waits for, as in dumps
---@field since number? loop time, in seconds, at which it began to wait; only if steps are watched
---@field context asyncio.Context?

--- Returns what every task of a loop is doing.
---@param loop? asyncio.Loop the running one by default
---@return asyncio.TaskInfo[]
function asyncio.tasks(loop) end

--- Calls `f(...)` in the current task without time slices; `f` may still wait.
---@async
---@param f async fun(...): ...
---@param ... any arguments
---@return ... what `f` returned
function asyncio.uninterrupted(f, ...) end
