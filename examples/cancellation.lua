-- cancellation: a cancelled task gets a CancelledError where it waits.
-- A good one cleans up, which may wait as well, and lets the error go on. A bad one swallows it.
local asyncio = require "asyncio"

local function careful()
  local ok, err = pcall(asyncio.sleep, 3600)
  if not ok then
    print("careful:  cancelled: " .. err.message)
    asyncio.sleep(1)
    print("careful:  cleaned up")
    error(err)
  end
end

-- Shorter, and right for every way out of the block: a to-be-closed variable.
local function tidy()
  local _ <close> = setmetatable({}, { __close = function()
    asyncio.sleep(1)
    print("tidy:     cleaned up")
  end })
  asyncio.sleep(3600)
end

local function stubborn()
  pcall(asyncio.sleep, 3600) -- catches the cancellation too; `asyncio.pcall` would not
  print("stubborn: cancelled? I go on")
  asyncio.sleep(1)
  return "done all the same"
end

local function stop(f)
  local task = asyncio.create_task(f)
  asyncio.sleep(1) -- let it start
  task:cancel("time to go")
  local _, result = pcall(asyncio.await, task)
  print(("%-9s cancelled = %s, %s"):format("", task:cancelled(), result))
end

asyncio.run(function()
  stop(careful)
  stop(tidy)
  stop(stubborn)
end)
