---@meta _

---@class asyncio
local asyncio = {}

--- A scope that waits for its children: `local group <close> = asyncio.TaskGroup()`.
---@class asyncio.TaskGroup
local TaskGroup = {}

--- Opens a task group. The end of the scope waits for all children, and raises an ExceptionGroup if any
--- failed.
---@return asyncio.TaskGroup
function asyncio.TaskGroup() end

--- Runs `body(group)` in a task group.
---@async
---@generic T
---@param body async fun(group: asyncio.TaskGroup): T...
---@return T ... what the body returned, once all children are done
function asyncio.task_group(body) end

--- Starts a child of the group, as `asyncio.create_task` does.
---@param f async fun(...): ... | thread | table
---@param ... any arguments of `f`
---@return asyncio.Task
function TaskGroup:create_task(f, ...) end

--- Starts a child as `f(started, ...)` and waits until it calls `started(value...)`.
---@async
---@param f async fun(started: fun(...: any), ...): ... | table
---@param ... any further arguments of `f`
---@return any ... the arguments of `started`
function TaskGroup:start(f, ...) end

--- Cancels the children and the block; `asyncio.task_group` then ends without an error.
function TaskGroup:cancel() end

--- Cancels the present children; the group goes on and takes others.
function TaskGroup:cancel_children() end

--- A condition for errors: a class, several, or a function that returns whether an error matches.
---@alias asyncio.ErrorCondition asyncio.ErrorClass | asyncio.ErrorClass[] | fun(err: any): boolean?

--- Several errors raised as one.
---@class asyncio.ExceptionGroup: asyncio.Error
---@field message string
---@field exceptions any[] the errors; their count is in field `n`
---@overload fun(message: string, list: any[]): asyncio.ExceptionGroup
asyncio.ExceptionGroup = {}

--- Divides the group.
---@param condition asyncio.ErrorCondition
---@return asyncio.ExceptionGroup? found the part that matches
---@return asyncio.ExceptionGroup? rest the part that does not
function asyncio.ExceptionGroup:split(condition) end

--- Returns the part of the group that matches.
---@param condition asyncio.ErrorCondition
---@return asyncio.ExceptionGroup?
function asyncio.ExceptionGroup:subgroup(condition) end

--- Options of `gather`, in one table with the values to gather.
---@class asyncio.GatherOptions
---@field [integer] asyncio.Startable
---@field n integer? how many values there are, if not `#`
---@field return_exceptions boolean? true: errors are among the results instead of being raised

--- Results of `gather`, as a table.
---@class asyncio.GatherResults
---@field [integer] any the first result of each, or its error
---@field n integer how many there are
---@field failed table<integer, true>? the places that hold errors, with `return_exceptions`

--- Runs all values at once and waits for all of them; raises the first error.
---@async
---@param ... asyncio.Startable
---@return any ... the first result of each, in order
---@overload async fun(options: asyncio.GatherOptions): asyncio.GatherResults
function asyncio.gather(...) end

--- Makes `wait` wait until all are done.
asyncio.ALL_COMPLETED = "ALL_COMPLETED"

--- Makes `wait` wait until one is done.
asyncio.FIRST_COMPLETED = "FIRST_COMPLETED"

--- Makes `wait` wait until one has failed, or all are done.
asyncio.FIRST_EXCEPTION = "FIRST_EXCEPTION"

--- Options of `wait`, in one table with the futures to wait for.
---@class asyncio.WaitOptions
---@field [integer] asyncio.Future
---@field n? integer length of the list
---@field timeout? number seconds
---@field return_when? "ALL_COMPLETED" | "FIRST_COMPLETED" | "FIRST_EXCEPTION"

--- Waits until some or all tasks or futures are done. Never cancels them or raises their errors.
---@async
---@param first asyncio.Future | asyncio.WaitOptions
---@param ... asyncio.Future
---@return asyncio.Future[] done in the order of the arguments; length in field `n`
---@return asyncio.Future[] pending likewise
function asyncio.wait(first, ...) end

--- Options of `as_completed`, in one table with the values to wait for.
---@class asyncio.CompletedOptions
---@field [integer] any awaitables or functions
---@field n? integer length of the list
---@field timeout? number seconds for the whole loop

--- Iterates over tasks and futures in the order they finish.
---@param first any an awaitable or function, or a table of them with options
---@param ... any
---@return async fun(): asyncio.Future?
function asyncio.as_completed(first, ...) end
