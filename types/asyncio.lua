---@meta asyncio

--- Asynchronous programs in plain Lua: tasks, time limits and streams on an event loop, as in Python's asyncio.
--- The files beside this one add their functions to the same class.
---@class asyncio
local asyncio = {}

--- A value that `asyncio.await` takes: a future or task, a coroutine object, or one with an `__await` metamethod.
---@alias asyncio.Awaitable asyncio.Future|thread|table|userdata

--- A value that can be started: an awaitable, or a function, which may suspend.
---@alias asyncio.Startable asyncio.Awaitable|async fun(...): ...

--- The versions of the library and of those it is built on.
---@class asyncio.Versions
---@field asyncio string this library
---@field lua asyncio.Version
---@field libuv asyncio.Version

--- The version of one library.
---@class asyncio.Version
---@field compiled string the one this library was compiled for
---@field running string the one that is loaded; for Lua without the release if that is hidden

--- Returns the versions of the library, of Lua and of libuv.
---@return asyncio.Versions
function asyncio.versions() end

return asyncio
