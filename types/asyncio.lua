---@meta asyncio

--- Asynchronous programs in plain Lua: tasks, time limits and streams on an event loop, in the manner of
--- Python's asyncio. The rooms beside this file add their functions to the same class.
---@class asyncio
local asyncio = {}

--- What `asyncio.await` takes: a future or task, a coroutine object, or any value with an `__await` metamethod.
---@alias asyncio.Awaitable asyncio.Future|thread|table|userdata

--- What functions that start something take: an awaitable, or a function, which may suspend.
---@alias asyncio.Startable asyncio.Awaitable|async fun(...): ...

--- The versions of the library and of what it stands on.
---@class asyncio.Versions
---@field asyncio string this library
---@field lua asyncio.Version
---@field libuv asyncio.Version

--- The version of one library.
---@class asyncio.Version
---@field compiled string the one this library was compiled for
---@field running string the one that is loaded; of Lua without the release where that is hidden

--- Returns the versions of the library, of Lua and of libuv.
---@return asyncio.Versions
function asyncio.versions() end

return asyncio
