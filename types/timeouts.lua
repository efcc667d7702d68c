---@meta _

---@class asyncio
local asyncio = {}

--- Awaits with a time limit: cancels, waits for the end of it, and raises TimeoutError.
---@async
---@param awaitable asyncio.Startable
---@param timeout number? seconds; nil for no limit
---@param ... any arguments, if it is a function
---@return any ... its results
function asyncio.wait_for(awaitable, timeout, ...) end

--- Limits the rest of a block: `local scope <close> = asyncio.timeout(2)`.
---@param delay number? seconds from now; nil for no limit yet
---@return asyncio.Timeout
function asyncio.timeout(delay) end

--- Limits the rest of a block to a moment: `local scope <close> = asyncio.timeout_at(when)`.
---@param when number? seconds of the loop's clock; nil for no limit yet
---@return asyncio.Timeout
function asyncio.timeout_at(when) end

--- A time limit, which ends where its variable is closed and raises TimeoutError there if the limit was reached.
---@class asyncio.Timeout
local Timeout = {}

--- Returns when the time ends.
---@return number? seconds of the loop's clock; nil without a limit
function Timeout:when() end

--- Moves the end of the time.
---@param when number? seconds of the loop's clock; nil takes the limit away
function Timeout:reschedule(when) end

--- Returns whether the time has run out.
---@return boolean
function Timeout:expired() end

--- Calls `f(...)`; raises TimeoutError when the time runs out.
---@async
---@param delay number? seconds; nil for no limit
---@param f async fun(...): ...
---@param ... any
---@return any ...
function asyncio.fail_after(delay, f, ...) end

--- Calls `f(...)`, and moves on when the time runs out.
---@async
---@param delay number? seconds; nil for no limit
---@param f async fun(...): ...
---@param ... any
---@return boolean finished
---@return any ... the results, if finished
function asyncio.move_on_after(delay, f, ...) end
