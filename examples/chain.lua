-- chain: functions that wait call each other and hand results on, like any functions.
local asyncio = require "asyncio"

local function phase1()
  print("in phase1")
  asyncio.sleep(1)
  return "result1"
end

local function phase2(given)
  print("in phase2")
  asyncio.sleep(1)
  return "result2, made from " .. given
end

local function outer()
  print("in outer")
  print("waiting for result1")
  local result1 = phase1()
  print("waiting for result2")
  local result2 = phase2(result1)
  return result1, result2
end

local result1, result2 = asyncio.run(outer)
print(("(%s; %s)"):format(result1, result2))
