---@meta
--- Locks, events and semaphores.

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
