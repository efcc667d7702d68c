---@meta _

---@class asyncio
local asyncio = {}

--- Options of a task.
---@class asyncio.TaskOptions
---@field name string? shown in reports; by default made from a number
---@field eager_start boolean? runs the task at once until it first waits
---@field time_slice number? seconds; a longer step of this task is made to yield
---@field context asyncio.Context? the context it runs in; a copy of the current one by default

--- Options of `create_task`, in one table with the function and its arguments.
---@class asyncio.CreateTaskOptions: asyncio.TaskOptions
---@field [1] asyncio.Startable the task's body
---@field [integer] any its arguments
---@field n integer? how many of both, if there are nils among them

--- Starts a task that runs `f(...)`, beginning in the next turn of the loop.
---@param f asyncio.Startable
---@param ... any arguments of `f`
---@return asyncio.Task
---@overload fun(options: asyncio.CreateTaskOptions): asyncio.Task
function asyncio.create_task(f, ...) end

--- Waits for a task or future, or runs a coroutine object inside the current task.
---@async
---@param awaitable asyncio.Awaitable
---@return any ... its results
function asyncio.await(awaitable) end

--- Waits for an awaitable that goes on if the caller is cancelled.
---@async
---@param awaitable asyncio.Startable
---@return any ... its results
function asyncio.shield(awaitable) end

--- Makes a coroutine function: a call of it does not run it, but returns a coroutine object to await later.
---@param f async fun(...): ...
---@return fun(...): thread
function asyncio.async(f) end

--- Suspends the task for some time and returns the other arguments.
---@async
---@param delay number seconds; 0 or less gives way for one turn
---@param ... any
---@return any ...
function asyncio.sleep(delay, ...) end

--- Returns the task that runs now, or nil outside of tasks.
---@param loop asyncio.Loop? the running one by default
---@return asyncio.Task?
function asyncio.current_task(loop) end

--- Lists the tasks that are not done; field `n` is their number.
---@param loop asyncio.Loop? the running one by default
---@return asyncio.Task[]
function asyncio.all_tasks(loop) end

--- Makes a task from an awaitable; a task or future is returned as it is.
---@param awaitable asyncio.Startable
---@return asyncio.Future
function asyncio.ensure_future(awaitable) end

--- Returns whether a value is a future or task.
---@param value any
---@return boolean
function asyncio.isfuture(value) end

--- Returns whether a value is a coroutine object: a Lua thread that has not begun.
---@param value any
---@return boolean
function asyncio.iscoroutine(value) end

--- Returns whether a value was made by `asyncio.async`.
---@param value any
---@return boolean
function asyncio.iscoroutinefunction(value) end

--- Returns whether a value can be awaited.
---@param value any
---@return boolean
function asyncio.isawaitable(value) end

--- Starts tasks at once, up to where they first wait: for `loop:set_task_factory`.
---@param loop asyncio.Loop
---@param f asyncio.Startable
---@param options asyncio.TaskOptions
---@return asyncio.Task
function asyncio.eager_task_factory(loop, f, options) end

--- Makes an eager factory from a constructor of tasks.
---@param constructor asyncio.TaskFactory
---@return asyncio.TaskFactory
function asyncio.create_eager_task_factory(constructor) end

---@class asyncio.FutureOptions: asyncio.Named
---@field loop asyncio.Loop?

--- Makes a future of the running loop, or else of the one set by `set_event_loop`.
---@param loop (asyncio.Loop|asyncio.FutureOptions)? the loop that it belongs to
---@return asyncio.Future
function asyncio.Future(loop) end

--- Makes a task without asking a factory: for use in factories.
---@param loop asyncio.Loop
---@param f asyncio.Startable
---@param options asyncio.TaskOptions?
---@return asyncio.Task
function asyncio.Task(loop, f, options) end

--- A result that may come later.
---@class asyncio.Future
local Future = {}

--- Settles the future with results and wakes the tasks that wait for it.
---@param ... any
function Future:set_result(...) end

--- Settles the future with an error.
---@param err any
function Future:set_exception(err) end

--- Returns the results, or raises the error; raises InvalidStateError while pending.
---@return any ...
function Future:result() end

--- Returns the error of a future that is done.
---@return any err nil if there is none
---@return boolean failed
function Future:exception() end

--- Returns whether there is a result, an error or a cancellation.
---@return boolean
function Future:done() end

--- Returns whether the future was cancelled.
---@return boolean
function Future:cancelled() end

--- Cancels the future; a task raises CancelledError where it waits.
---@param message string? carried by the CancelledError
---@return boolean accepted false if it was done
function Future:cancel(message) end

--- Schedules a function for when the future is done.
---@param f fun(future: asyncio.Future)
function Future:add_done_callback(f) end

--- Removes a function as often as it was added.
---@param f fun(future: asyncio.Future)
---@return integer count how often that was
function Future:remove_done_callback(f) end

--- Returns the loop that the future belongs to.
---@return asyncio.Loop
function Future:get_loop() end

--- A future that runs a function, and has its results.
---@class asyncio.Task: asyncio.Future
local Task = {}

--- Counts the cancellations asked for and not taken back.
---@return integer
function Task:cancelling() end

--- Takes one cancellation back.
---@return integer count how many are left
function Task:uncancel() end

--- Returns the task's name: by default "Task-7", or "handler of 127.0.0.1:51234" for a server's handler.
---@return string
function Task:get_name() end

--- Renames the task.
---@param name string
---@return asyncio.Task self
function Task:set_name(name) end

--- Returns the context of the task, always the same object.
---@return asyncio.Context
function Task:get_context() end

--- Returns the task's coroutine, to inspect but not to resume; nil once it is done.
---@return thread?
function Task:get_coro() end

--- Shows the stack of the task where it waits, or where it failed.
---@return string
function Task:traceback() end

--- A frame of a task's stack.
---@class asyncio.Frame
---@field source string name of the file, shortened
---@field line integer the line it is at
---@field name string? the name of the function, if known
---@field func function

--- Lists the task's Lua frames, the oldest first; field `n` is their number.
---@param limit integer? the most frames to return, the newest ones
---@return asyncio.Frame[]
function Task:get_stack(limit) end

--- Writes the task's stack.
---@param limit integer? the most frames to show
---@param file file*? standard error by default
function Task:print_stack(limit, file) end
