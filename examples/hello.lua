-- hello: a coroutine function, and what calling it does.
-- The call only makes a coroutine object; nothing runs before somebody runs that.
local asyncio = require "asyncio"

local hello = asyncio.async(function()
  print("boom")
  asyncio.sleep(1)
  print("shakaka")
end)

local object = hello()
print("a coroutine object:", asyncio.iscoroutine(object))
asyncio.run(object)
