---@meta _

---@class asyncio
local asyncio = {}

--- Any error object of this library; errors of this class itself are never raised.
---@class asyncio.Error
---@field message string? what happened, fit for a user
---@field name string the name of its class, such as "TimeoutError"
---@overload fun(message?: string | table, fields?: table): asyncio.Error
asyncio.Error = {}

--- Makes a class for the errors of a program, below the class it is called on.
---@param name string letters, digits, `_` and `.`: the name of its errors in texts
---@return asyncio.ErrorClass
function asyncio.Error:extend(name) end

--- Raised in a task that was cancelled while it waited, and where an awaited task or future was cancelled.
---@class asyncio.CancelledError: asyncio.Error
---@overload fun(message?: string | table, fields?: table): asyncio.CancelledError
asyncio.CancelledError = {}

--- Raised when a time limit has passed.
---@class asyncio.TimeoutError: asyncio.Error
---@overload fun(message?: string | table, fields?: table): asyncio.TimeoutError
asyncio.TimeoutError = {}

--- Raised when a future is set twice, or asked for its result before it is done.
---@class asyncio.InvalidStateError: asyncio.Error
---@overload fun(message?: string | table, fields?: table): asyncio.InvalidStateError
asyncio.InvalidStateError = {}

--- Raised when the system refuses something.
---@class asyncio.OSError: asyncio.Error
---@field code string? name of the error, such as "ECONNREFUSED" or, from a look-up, "EAI_NONAME"
---@field errno integer? its positive number on this system; look-ups have none
---@field syscall string? the call that failed, such as "connect"
---@field address string? its address, such as "127.0.0.1:80", or the host that was looked up
---@field path string? path of the file or unix socket
---@field errors asyncio.OSError[]? one for each address, when several were tried and all failed
---@overload fun(message?: string | table, fields?: table): asyncio.OSError
asyncio.OSError = {}

--- Raised when TLS fails; nothing raises it yet.
---@class asyncio.SSLError: asyncio.OSError
---@overload fun(message?: string | table, fields?: table): asyncio.SSLError
asyncio.SSLError = {}

--- Raised when a stream ends before all requested bytes have come.
---@class asyncio.IncompleteReadError: asyncio.Error
---@field partial string the bytes that did come
---@field expected integer? how many bytes were requested, if a number of them was
---@overload fun(message?: string | table, fields?: table): asyncio.IncompleteReadError
asyncio.IncompleteReadError = {}

--- Raised when no separator comes within a reader's limit; the bytes stay in the reader.
---@class asyncio.LimitOverrunError: asyncio.Error
---@field consumed integer how many bytes were searched
---@overload fun(message?: string | table, fields?: table): asyncio.LimitOverrunError
asyncio.LimitOverrunError = {}

--- Raised by `get_nowait` when there is no item.
---@class asyncio.QueueEmpty: asyncio.Error
---@overload fun(message?: string | table, fields?: table): asyncio.QueueEmpty
asyncio.QueueEmpty = {}

--- Raised by `put_nowait` when there is no room.
---@class asyncio.QueueFull: asyncio.Error
---@overload fun(message?: string | table, fields?: table): asyncio.QueueFull
asyncio.QueueFull = {}

--- Raised when a queue is used that was shut down.
---@class asyncio.QueueShutDown: asyncio.Error
---@overload fun(message?: string | table, fields?: table): asyncio.QueueShutDown
asyncio.QueueShutDown = {}

--- Raised in the tasks that wait at a barrier that was reset or aborted.
---@class asyncio.BrokenBarrierError: asyncio.Error
---@overload fun(message?: string | table, fields?: table): asyncio.BrokenBarrierError
asyncio.BrokenBarrierError = {}

--- Raised when a worker of an executor dies; nothing raises it yet.
---@class asyncio.BrokenWorkerError: asyncio.Error
---@overload fun(message?: string | table, fields?: table): asyncio.BrokenWorkerError
asyncio.BrokenWorkerError = {}

--- Raised in the main task when nothing can ever wake it; its message lists what each task waits for.
---@class asyncio.DeadlockError: asyncio.Error
---@overload fun(message?: string | table, fields?: table): asyncio.DeadlockError
asyncio.DeadlockError = {}

--- Any of the classes of errors, such as `asyncio.TimeoutError`.
---@alias asyncio.ErrorClass asyncio.Error

--- Returns whether a value is an error object of that class, or of a class below it.
---@param value any
---@param class asyncio.ErrorClass
---@return boolean
function asyncio.isinstance(value, class) end

--- Calls a function as Lua's `pcall` does, but raises a CancelledError again.
---@async
---@param f async fun(...): ...
---@param ... any arguments of `f`
---@return boolean ok
---@return any ... what `f` returned, or its error
function asyncio.pcall(f, ...) end
