-- grep: generators and coroutines, first in plain Lua, then with waits inside a task.
-- One produces values for a `for`; the other consumes lines that are sent to it, until it is closed.
local asyncio = require "asyncio"

-- The library that is handed in is Lua's own `coroutine` or `asyncio.coroutine`; `pause` is what is
-- done before each value.
local function fib(coroutine, pause, limit)
  return coroutine.wrap(function()
    local a, b = 0, 1
    while a <= limit do
      pause()
      coroutine.yield(a)
      a, b = b, a + b
    end
  end)
end

local function grep(coroutine, pause, pattern)
  local co = coroutine.create(function()
    local _ <close> = setmetatable({}, { __close = function()
      pause()
      print("  no more " .. pattern)
    end })
    while true do
      local line = coroutine.yield()
      pause()
      if line:find(pattern, 1, true) then
        print("  " .. line)
      end
    end
  end)
  coroutine.resume(co) -- up to its first yield
  return co
end

local function show(coroutine, pause)
  local numbers = {}
  for n in fib(coroutine, pause, 20) do
    numbers[#numbers + 1] = n
  end
  print("  " .. table.concat(numbers, " "))

  local co = grep(coroutine, pause, "lua")
  coroutine.resume(co, "a line about python")
  coroutine.resume(co, "a line about lua")
  coroutine.resume(co, "luarocks has lua in it, too")
  coroutine.close(co)
end

print("plain:")
show(coroutine, function() end)

asyncio.run(function()
  print("in a task, a tenth of a second for each step:")
  local loop = asyncio.get_running_loop()
  local start = loop:time()
  show(asyncio.coroutine, function() asyncio.sleep(0.1) end)
  print(("  it took %.1f s"):format(loop:time() - start))
end)
