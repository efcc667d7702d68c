---@meta asyncio

---@class asyncio
local asyncio = {}

---A scope that waits for its children: `local group <close> = asyncio.TaskGroup()`.
---@class asyncio.TaskGroup
local TaskGroup = {}

---Opens a task group. The end of the scope waits for all children, and raises an ExceptionGroup if any
---failed.
---@return asyncio.TaskGroup
function asyncio.TaskGroup() end

---Runs `body(group)` in a task group.
---@async
---@generic T
---@param body async fun(group: asyncio.TaskGroup): T...
---@return T...  # what the body returned, once all children are done
function asyncio.task_group(body) end

---Starts a child of the group, as `asyncio.create_task`.
---@param f async fun(...): ... | thread | table
---@param ... any  arguments of `f`
---@return asyncio.Task
function TaskGroup:create_task(f, ...) end

---Starts a child as `f(started, ...)` and waits until it calls `started(value...)`.
---@async
---@param f async fun(started: fun(...: any), ...): ... | table
---@param ... any  further arguments of `f`
---@return any ...  # what `started` was called with
function TaskGroup:start(f, ...) end

---Cancels the children and the block; `asyncio.task_group` ends quietly then.
function TaskGroup:cancel() end

---@alias asyncio.ErrorCondition asyncio.ErrorClass | asyncio.ErrorClass[] | fun(err: any): boolean?

---Several errors raised as one.
---@class asyncio.ExceptionGroup: asyncio.Error
---@field message string
---@field exceptions any[]  the errors; their count is in field `n`
---@overload fun(message: string, list: any[]): asyncio.ExceptionGroup
asyncio.ExceptionGroup = {}

---Divides the group.
---@param condition asyncio.ErrorCondition
---@return asyncio.ExceptionGroup? found  the part that matches
---@return asyncio.ExceptionGroup? rest   what does not
function asyncio.ExceptionGroup:split(condition) end

---The part of the group that matches.
---@param condition asyncio.ErrorCondition
---@return asyncio.ExceptionGroup?
function asyncio.ExceptionGroup:subgroup(condition) end
