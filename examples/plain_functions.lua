-- plain_functions: a loop also calls functions that are no tasks: soon, later or at a given time.
local asyncio = require "asyncio"

local loop = asyncio.new_event_loop()
local start = loop:time()

local function show(name)
  print(("%.1f s  %s"):format(loop:time() - start, name))
end

loop:call_at(start + 0.3, show, "call_at, the time is the loop's own clock")
loop:call_later(0.2, show, "call_later, in 0.2 s")
loop:call_later(0.1, show, "call_later, in 0.1 s")
loop:call_soon(show, "call_soon, in the next turn")
loop:call_soon_threadsafe(show, "call_soon_threadsafe, which wakes a sleeping loop too")

local handle = loop:call_later(0.15, show, "this one is cancelled in time")
loop:call_soon(handle.cancel, handle)

loop:call_later(0.4, loop.stop, loop)
loop:run_forever()
print("cancelled:", handle:cancelled())
loop:close()
