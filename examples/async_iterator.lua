-- async_iterator: loops whose steps wait.
-- An object with an iterator of its own, a generator that is collected into a list, a map and a set,
-- and a pipeline of a generator of functions with an await on each.
local asyncio = require "asyncio"

-- An iterator is a function, and any function may wait.
local Countdown = {}
Countdown.__index = Countdown

function Countdown.new(from)
  return setmetatable({ from = from }, Countdown)
end

function Countdown:values()
  local n = self.from + 1
  return function()
    asyncio.sleep(0.1)
    n = n - 1
    return n > 0 and n or nil
  end
end

-- A generator is easier to write, and is closed when its loop is left.
local doubles = asyncio.generator(function(count)
  for i = 1, count do
    asyncio.sleep(0.1)
    coroutine.yield(i, i * 2)
  end
end)

local jobs = asyncio.generator(function(names)
  for _, name in ipairs(names) do
    asyncio.sleep(0.1)
    coroutine.yield(function()
      asyncio.sleep(0.5)
      return name:upper()
    end)
  end
end)

local results = asyncio.generator(function(functions)
  for f in functions do
    coroutine.yield(asyncio.await(asyncio.create_task(f)))
  end
end)

asyncio.run(function()
  for n in Countdown.new(3):values() do
    io.write(n, " ")
  end
  print("go!")

  local list, map, set = {}, {}, {}
  for i, double in doubles(4) do
    list[#list + 1] = double
    map[i] = double
    set[double % 3] = true
  end
  print("list:", table.concat(list, " "))
  print("map: ", map[1], map[2], map[3], map[4])
  print("set: ", set[0], set[1], set[2])

  for i, double in doubles(1000) do
    if double > 4 then
      print("left at", i)
      break
    end
  end

  for result in results(jobs{ "red", "green", "blue" }) do
    print(result)
  end
end)
