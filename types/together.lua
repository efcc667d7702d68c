---@meta _

---@class asyncio
local asyncio = {}

--- Options of `gather`, in one table with what it gathers.
---@class asyncio.GatherOptions
---@field [integer] asyncio.Startable
---@field n integer? how many there are, if not `#`
---@field return_exceptions boolean? errors stand among the results instead of being raised

--- Results of `gather`, as a table.
---@class asyncio.GatherResults
---@field [integer] any the first result of each, or its error
---@field n integer how many there are
---@field failed table<integer, true>? of those whose error stands here, with `return_exceptions`

--- Runs all of them at once and waits for all; raises the first error.
---@async
---@param ... asyncio.Startable
---@return any ... the first result of each, in order
---@overload async fun(options: asyncio.GatherOptions): asyncio.GatherResults
function asyncio.gather(...) end

--- Waits for an awaitable that goes on if the caller is cancelled.
---@async
---@param awaitable asyncio.Startable
---@return any ... its results
function asyncio.shield(awaitable) end

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

--- Tells when the time ends.
---@return number? seconds of the loop's clock; nil without a limit
function Timeout:when() end

--- Moves the end of the time.
---@param when number? seconds of the loop's clock; nil takes the limit away
function Timeout:reschedule(when) end

--- Tells whether the time has run out.
---@return boolean
function Timeout:expired() end
