---@meta _
--- Locks, events and queues.

--- Held by one task at a time.
---@class asyncio.Lock
local Lock = {}

--- Waits until the lock is free and takes it.
---@async
---@return asyncio.Lock self for `local scope <close> = lock:acquire()`
function Lock:acquire() end

--- Gives the lock to the first task that waits, else frees it.
function Lock:release() end

--- Returns whether it is held.
---@return boolean
function Lock:locked() end

--- A flag that many tasks may wait for.
---@class asyncio.Event
local Event = {}

--- Waits until the event is set.
---@async
---@return true
function Event:wait() end

--- Sets the event and wakes all that wait.
function Event:set() end

--- Makes later calls of `wait` wait again.
function Event:clear() end

--- Returns whether the event is set.
---@return boolean
function Event:is_set() end

--- Permits for a number of tasks at a time.
---@class asyncio.Semaphore
local Semaphore = {}

--- Waits for a permit and takes it.
---@async
---@return asyncio.Semaphore self for `local scope <close> = semaphore:acquire()`
function Semaphore:acquire() end

--- Gives a permit to the first task that waits, else makes it free.
function Semaphore:release() end

--- Returns whether no permit is free.
---@return boolean
function Semaphore:locked() end

--- Tasks wait at a condition until another task notifies them of a change.
---@class asyncio.Condition
local Condition = {}

--- Waits until the lock is free and takes it.
---@async
---@return asyncio.Condition self for `local scope <close> = condition:acquire()`
function Condition:acquire() end

--- Releases the lock.
function Condition:release() end

--- Returns whether the lock is held.
---@return boolean
function Condition:locked() end

--- Releases the lock, waits for a notification, takes the lock again.
---@async
---@return true
function Condition:wait() end

--- Waits until the predicate returns a true value.
---@async
---@generic T
---@param predicate fun(): T
---@return T
function Condition:wait_for(predicate) end

--- Wakes the first tasks that wait.
---@param n integer? 1 by default
function Condition:notify(n) end

--- Wakes all tasks that wait.
function Condition:notify_all() end

--- A fixed number of tasks wait for each other at a barrier.
---@class asyncio.Barrier
local Barrier = {}

--- Waits until as many tasks wait as there are parties.
---@async
---@return integer place the number of this one among them, from 1
function Barrier:wait() end

--- Starts a new round; tasks that wait raise BrokenBarrierError.
function Barrier:reset() end

--- Makes every `wait` raise BrokenBarrierError until `reset`.
function Barrier:abort() end

--- Returns how many tasks it waits for.
---@return integer
function Barrier:parties() end

--- Counts the tasks that wait.
---@return integer
function Barrier:n_waiting() end

--- Returns whether it is broken.
---@return boolean
function Barrier:broken() end

--- Passes items from task to task.
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

--- Iterates over items as `get` returns them, until the queue is shut down and empty: `for item in queue:items() do`.
---@return async fun(queue: asyncio.Queue): any
---@return asyncio.Queue
function Queue:items() end

--- Marks an item that was taken as done.
function Queue:task_done() end

--- Waits until all items are marked as done.
---@async
function Queue:join() end

--- Refuses further items; `get` fails, too, once no item is left.
---@param immediate boolean? true drops the items that are left
function Queue:shutdown(immediate) end

--- Counts the items.
---@return integer
function Queue:qsize() end

--- Returns whether there is no item.
---@return boolean
function Queue:empty() end

--- Returns whether `put_nowait` would raise QueueFull.
---@return boolean
function Queue:full() end

--- Returns how many items there is room for; 0 without a limit.
---@return integer
function Queue:maxsize() end

--- Options of constructors. Other arguments may stand in the same table, by name or by position.
---@class asyncio.Named
---@field name string? shown by `tostring` and in reports of what tasks wait for

---@class asyncio.ConditionOptions: asyncio.Named
---@field lock asyncio.Lock?

---@class asyncio.BarrierOptions: asyncio.Named
---@field parties integer

---@class asyncio.SemaphoreOptions: asyncio.Named
---@field value integer?

---@class asyncio.QueueOptions: asyncio.Named
---@field maxsize integer?

---@class asyncio.PriorityQueueOptions: asyncio.QueueOptions
---@field less (fun(a: any, b: any): boolean)?

---@class asyncio
local asyncio = {}

--- Makes a lock that is free.
---@param options asyncio.Named?
---@return asyncio.Lock
function asyncio.Lock(options) end

--- Makes an event that is not set.
---@param options asyncio.Named?
---@return asyncio.Event
function asyncio.Event(options) end

--- Makes a condition.
---@param lock (asyncio.Lock|asyncio.ConditionOptions)? a new one by default
---@return asyncio.Condition
function asyncio.Condition(lock) end

--- Makes a barrier.
---@param parties integer|asyncio.BarrierOptions at least 1
---@return asyncio.Barrier
function asyncio.Barrier(parties) end

--- Makes a semaphore.
---@param n (integer|asyncio.SemaphoreOptions)? permits; 1 by default
---@return asyncio.Semaphore
function asyncio.Semaphore(n) end

--- Makes a semaphore that raises when more permits come back than there were.
---@param n (integer|asyncio.SemaphoreOptions)? permits; 1 by default
---@return asyncio.Semaphore
function asyncio.BoundedSemaphore(n) end

--- Makes a queue whose items come out in the order they went in.
---@param maxsize (integer|asyncio.QueueOptions)? no limit if 0 or less; 0 by default
---@return asyncio.Queue
function asyncio.Queue(maxsize) end

--- Makes a queue whose last item comes out first.
---@param maxsize (integer|asyncio.QueueOptions)? no limit if 0 or less; 0 by default
---@return asyncio.Queue
function asyncio.LifoQueue(maxsize) end

--- Makes a queue whose least item comes out first; equal ones come out in the order they went in.
---@param maxsize (integer|asyncio.PriorityQueueOptions)? no limit if 0 or less; 0 by default
---@param less (fun(a: any, b: any): boolean)? `<` by default
---@return asyncio.Queue
function asyncio.PriorityQueue(maxsize, less) end
