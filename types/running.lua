---@meta _

---@class asyncio
local asyncio = {}

--- Options of a runner.
---@class asyncio.RunnerOptions
---@field debug boolean? sets the loop's debug mode
---@field loop_factory (fun(): asyncio.Loop)? makes the loop
---@field watchdog number? seconds; a longer step is reported while it still runs
---@field time_slice number? seconds; a longer step is made to yield
---@field dump_on string? name of a signal on which all tasks are dumped
---@field shutdown_grace number? seconds that cancelled tasks may take at the end; 3 by default

--- Options of `run`, in one table with the function and its arguments.
---@class asyncio.RunOptions: asyncio.RunnerOptions
---@field context asyncio.Context? what the main function runs in; a copy of the current one by default
---@field [1] asyncio.Startable the main function
---@field [integer] any its arguments
---@field n integer? how many of both, if there are nils among them

--- Runs a program on a new loop: `main(...)` in a task, until it and everything it started has ended.
---@param main asyncio.Startable
---@param ... any arguments of `main`
---@return any ... what `main` returned
---@overload fun(options: asyncio.RunOptions): ...
function asyncio.run(main, ...) end

--- Options of a run of a runner, in one table with the function and its arguments.
---@class asyncio.RunnerRunOptions
---@field [1] asyncio.Startable the main function
---@field [integer] any its arguments
---@field n integer? how many of both, if there are nils among them
---@field context asyncio.Context? what the main function runs in; the runner's own by default

--- Makes a runner, for several runs on one loop: `local runner <close> = asyncio.Runner()`.
---@param options asyncio.RunnerOptions?
---@return asyncio.Runner
function asyncio.Runner(options) end

--- Runs programs on a loop of its own; closing its variable ends all that they started.
---@class asyncio.Runner
local Runner = {}

--- Runs `main(...)` in a task until that has ended; other tasks stay for the next run.
---@param main asyncio.Startable
---@param ... any arguments of `main`
---@return any ... what `main` returned
---@overload fun(self: asyncio.Runner, options: asyncio.RunnerRunOptions): ...
function Runner:run(main, ...) end

--- Returns the runner's loop, which is made when it is first needed.
---@return asyncio.Loop
function Runner:get_loop() end

--- Ends what is left on the loop, and closes it. Raises `interrupted!` if a SIGINT came meanwhile.
function Runner:close() end

--- Makes a loop, which belongs to the caller.
---@return asyncio.Loop
function asyncio.new_event_loop() end

--- Returns the running loop, or else the one set by `set_event_loop`; raises if there is neither.
---@return asyncio.Loop
function asyncio.get_event_loop() end

--- Sets the loop that `get_event_loop` returns when none is running.
---@param loop asyncio.Loop? nil clears it
function asyncio.set_event_loop(loop) end

--- Returns the loop that runs the caller; raises if there is none.
---@return asyncio.Loop
function asyncio.get_running_loop() end

--- In a forked process, drops the loops of the parent, so that the child can run its own. Elsewhere it does nothing.
function asyncio.after_fork() end

--- An event loop: it runs tasks, calls functions when their time has come, and waits for the system.
---@class asyncio.Loop
local Loop = {}

--- The argument of an exception handler: what it reports.
---@class asyncio.ExceptionContext
---@field message string what happened
---@field exception any? the error
---@field task asyncio.Task? the task that failed
---@field future asyncio.Future? the future that failed
---@field handle asyncio.Handle? the call that failed
---@field traceback string? where the error was raised, or where a pending task stands
---@field source_traceback string? where the task or future was made, if the loop keeps that
---@field peer string? the address or path at the other end of a dropped connection
---@field origin string? the line that made that connection, as "app.lua:14"

--- The numbers that `loop:stats` returns.
---@class asyncio.LoopStats
---@field tasks integer tasks that are not done
---@field ready integer tasks and calls that wait for their turn
---@field timers integer deadlines
---@field turns integer turns of the loop since it was made
---@field longest_step number seconds of the longest step while steps were watched
---@field executor_queue integer 0: there are no executors yet
---@field bytes_in integer bytes read from streams
---@field bytes_out integer bytes written to streams
---@field anchors integer values that the loop keeps alive
---@field handles table<string, integer> open things of the system, by kind

--- Makes a task from a function or coroutine object, for `create_task`. A plain future may stand in for it.
---@alias asyncio.TaskFactory fun(loop: asyncio.Loop, f: asyncio.Startable, o: asyncio.TaskOptions): asyncio.Future

--- Runs the loop until the awaitable is done.
---@param awaitable asyncio.Startable
---@return any ... its results
function Loop:run_until_complete(awaitable) end

--- Runs the loop until `stop` is called.
function Loop:run_forever() end

--- Ends `run_forever` with the present turn.
function Loop:stop() end

--- Closes the loop and frees what it holds; tasks that are not done are dropped.
function Loop:close() end

--- Returns whether the loop runs now.
---@return boolean
function Loop:is_running() end

--- Returns whether the loop was closed.
---@return boolean
function Loop:is_closed() end

--- Reads the loop's clock, which never goes back.
---@return number seconds
function Loop:time() end

--- Schedules a function for the next turn.
---@param f fun(...)
---@param ... any its arguments
---@return asyncio.Handle
function Loop:call_soon(f, ...) end

--- Schedules a function for the next turn, and wakes the loop if it sleeps: for
--- code that a C library calls while the loop waits. Not for other threads.
---@param f fun(...)
---@param ... any its arguments
---@return asyncio.Handle
function Loop:call_soon_threadsafe(f, ...) end

--- Schedules a function for some time from now.
---@param delay number seconds from now
---@param f fun(...)
---@param ... any its arguments
---@return asyncio.TimerHandle
function Loop:call_later(delay, f, ...) end

--- Schedules a function for a moment.
---@param when number seconds of the loop's clock
---@param f fun(...)
---@param ... any its arguments
---@return asyncio.TimerHandle
function Loop:call_at(when, f, ...) end

--- Makes a pending future of this loop.
---@param options asyncio.Named?
---@return asyncio.Future
function Loop:create_future(options) end

--- Starts a task on this loop, which need not run yet.
---@param f asyncio.Startable
---@param ... any arguments of `f`
---@return asyncio.Task
---@overload fun(self: asyncio.Loop, options: asyncio.CreateTaskOptions): asyncio.Task
function Loop:create_task(f, ...) end

--- Sets the handler for failures that reach no caller.
---@param handler fun(loop: asyncio.Loop, context: asyncio.ExceptionContext)? nil restores the default
function Loop:set_exception_handler(handler) end

--- Returns the handler that was set, or nil.
---@return fun(loop: asyncio.Loop, context: asyncio.ExceptionContext)?
function Loop:get_exception_handler() end

--- Reports a failure to the handler.
---@param context asyncio.ExceptionContext
function Loop:call_exception_handler(context) end

--- Writes a failure to standard error, as happens without a handler.
---@param context asyncio.ExceptionContext
function Loop:default_exception_handler(context) end

--- Switches debug mode, in which steps that take too long and dropped connections are reported.
---@param on boolean
function Loop:set_debug(on) end

--- Returns whether the loop is in debug mode.
---@return boolean
function Loop:get_debug() end

--- Sets the time that a step may take before debug mode reports it.
---@param seconds number 0.1 at first
function Loop:set_slow_callback_duration(seconds) end

--- Sets the factory that makes the tasks of this loop.
---@param factory asyncio.TaskFactory? nil restores the default
function Loop:set_task_factory(factory) end

--- Returns the factory that was set, or nil.
---@return asyncio.TaskFactory?
function Loop:get_task_factory() end

--- Returns numbers about what the loop has and has done.
---@return asyncio.LoopStats
function Loop:stats() end

--- A scheduled call.
---@class asyncio.Handle
local Handle = {}

--- Cancels the call; does nothing once it was made.
function Handle:cancel() end

--- Returns whether the call was cancelled.
---@return boolean
function Handle:cancelled() end

--- A call that is scheduled for a moment.
---@class asyncio.TimerHandle: asyncio.Handle
local TimerHandle = {}

--- Returns the moment for which the call is scheduled.
---@return number seconds of the loop's clock
function TimerHandle:when() end
