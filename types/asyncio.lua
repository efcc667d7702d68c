---@meta asyncio

--- Asynchronous programs in plain Lua: tasks, time limits and streams on an event loop, in the manner of
--- Python's asyncio. The rooms beside this file add their functions to the same class.
---@class asyncio
local asyncio = {}

--- What `asyncio.await` takes: a future or task, a coroutine object, or any value with an `__await` metamethod.
---@alias asyncio.Awaitable asyncio.Future|thread|table|userdata

--- What functions that start something take: an awaitable, or a function, which may suspend.
---@alias asyncio.Startable asyncio.Awaitable|async fun(...): ...

return asyncio
