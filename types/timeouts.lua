---@meta _

---@class asyncio
local asyncio = {}

--- Awaits with a time limit. When that is reached, cancels the awaitable, waits until it has ended, and raises
--- TimeoutError, unless it swallowed the cancellation.
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

--- A time limit. It ends when its variable is closed, and raises TimeoutError then if the limit has
--- cancelled the block and this cancellation ends it.
---@class asyncio.Timeout
local Timeout = {}

--- Returns the moment of the limit.
---@return number? seconds of the loop's clock; nil without a limit
function Timeout:when() end

--- Moves the limit.
---@param when number? seconds of the loop's clock; nil removes the limit
function Timeout:reschedule(when) end

--- Returns whether the limit was reached and has cancelled the block.
---@return boolean
function Timeout:expired() end

--- Calls `f(...)`; raises TimeoutError when the limit has cut it off.
---@async
---@param delay number? seconds; nil for no limit
---@param f async fun(...): ...
---@param ... any
---@return any ...
function asyncio.fail_after(delay, f, ...) end

--- Calls `f(...)`, and moves on when the limit has cut it off.
---@async
---@param delay number? seconds; nil for no limit
---@param f async fun(...): ...
---@param ... any
---@return boolean finished
---@return any ... the results, if finished
function asyncio.move_on_after(delay, f, ...) end
