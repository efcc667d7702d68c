---@meta
--- Locks, events and queues.

---@class asyncio.Lock
local Lock = {}

--- Waits until the lock is free and takes it.
---@async
---@return asyncio.Lock self for `local scope <close> = lock:acquire()`
function Lock:acquire() end

--- Gives the lock to the first task that waits, else frees it.
function Lock:release() end

---@return boolean
function Lock:locked() end

---@class asyncio.Event
local Event = {}

--- Waits until the event is set.
---@async
---@return true
function Event:wait() end

--- Sets the event and wakes all that wait.
function Event:set() end

function Event:clear() end

---@return boolean
function Event:is_set() end

---@class asyncio.Semaphore
local Semaphore = {}

--- Waits for a permit and takes it.
---@async
---@return asyncio.Semaphore self for `local scope <close> = semaphore:acquire()`
function Semaphore:acquire() end

--- Gives a permit to the first task that waits, else makes it free.
function Semaphore:release() end

---@return boolean locked whether no permit is free
function Semaphore:locked() end

---@class asyncio.Queue
local Queue = {}

--- Waits for room and puts an item.
---@async
---@param item any not nil
function Queue:put(item) end

--- Waits for an item and takes it.
---@async
---@return any
function Queue:get() end

--- Puts an item, or raises QueueFull.
---@param item any not nil
function Queue:put_nowait(item) end

--- Takes an item, or raises QueueEmpty.
---@return any
function Queue:get_nowait() end

--- `for item in queue:items() do`: until the queue is shut down and empty.
---@async
---@return fun(queue: asyncio.Queue): any
---@return asyncio.Queue
function Queue:items() end

--- Tells that an item that was taken is dealt with.
function Queue:task_done() end

--- Waits until all items are dealt with.
---@async
function Queue:join() end

--- Ends the puts, and the gets once no item is left.
---@param immediate boolean? drop what is left
function Queue:shutdown(immediate) end

---@return integer
function Queue:qsize() end

---@return boolean
function Queue:empty() end

---@return boolean full whether `put_nowait` would raise QueueFull
function Queue:full() end

---@return integer
function Queue:maxsize() end

---@class asyncio
local asyncio = {}

---@return asyncio.Lock
function asyncio.Lock() end

---@return asyncio.Event
function asyncio.Event() end

---@param n integer? permits; 1 by default
---@return asyncio.Semaphore
function asyncio.Semaphore(n) end

--- Raises when more permits come back than there were.
---@param n integer? permits; 1 by default
---@return asyncio.Semaphore
function asyncio.BoundedSemaphore(n) end

--- Items come out as they went in.
---@param maxsize integer? no limit if 0 or less; 0 by default
---@return asyncio.Queue
function asyncio.Queue(maxsize) end

--- The last item comes out first.
---@param maxsize integer? no limit if 0 or less; 0 by default
---@return asyncio.Queue
function asyncio.LifoQueue(maxsize) end

--- The least item comes out first, equal ones as they went in.
---@param maxsize integer? no limit if 0 or less; 0 by default
---@param less (fun(a: any, b: any): boolean)? `<` by default
---@return asyncio.Queue
function asyncio.PriorityQueue(maxsize, less) end
