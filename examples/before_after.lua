-- before_after: awaiting a coroutine object runs it to its end before the awaiter goes on.
local asyncio = require "asyncio"

local add_one = asyncio.async(function(number)
  print("add one call")
  asyncio.sleep(1)
  return number + 1
end)

asyncio.run(function()
  local object = add_one(1)
  print("before")
  local two = asyncio.await(object)
  print("after")
  assert(two == 2)
end)
