-- timer: an object that can be awaited, because its metatable has `__await`.
-- It awaits something else, passes the results on and keeps how long that took.
local asyncio = require "asyncio"

local Timer = {}
Timer.__index = Timer

local function new_timer(awaitable)
  return setmetatable({ awaitable = awaitable, spent = nil }, Timer)
end

function Timer:__await()
  local loop = asyncio.get_running_loop()
  local start = loop:time()
  local function stop(...)
    self.spent = loop:time() - start
    return ...
  end
  return stop(asyncio.await(self.awaitable))
end

local slow_foo = asyncio.async(function()
  asyncio.sleep(1)
  return "foo"
end)

asyncio.run(function()
  local timer = new_timer(slow_foo())
  print("result:", asyncio.await(timer))
  print(("spent:  %.1f s"):format(timer.spent))
end)
