-- loop: an event loop made, used and closed by hand, which is what `run` does for you.
local asyncio = require "asyncio"

local coroutine_function = asyncio.async(function()
  print("in coroutine")
  asyncio.sleep(1)
  return "result"
end)

local loop = asyncio.new_event_loop()

print("starting coroutine")
local object = coroutine_function()

print("entering event loop")
local result = loop:run_until_complete(object)
print("it returned: " .. result)

print("closing event loop")
loop:close()
