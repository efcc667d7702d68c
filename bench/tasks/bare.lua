--- The task programs' yardstick: Lua's coroutines with nothing around them.
-- `bare.lua MEASURE`; the module comes from `build/bench`.

package.cpath = "build/bench/?.so;" .. package.cpath

local bare = require "bare"
local meter = dofile "bench/tasks/meter.lua"

local pause = bare.pause

local function pauses()
  while true do
    pause()
  end
end

local function nothing()
end

local measures = {}

--- One coroutine, always in the cache.
function measures.switch_hot()
  meter.report { ns = bare.switches(pauses, 1, 3000000) }
end

function measures.switch()
  bare.switches(pauses, 1000, 300)
  meter.report { ns = bare.switches(pauses, 1000, 3000) }
end

function measures.spawn()
  bare.spawns(nothing, 100000)
  meter.report { ns = bare.spawns(nothing, 1000000) }
end

function measures.sleepers()
  local n = 1000000
  local count = meter.sleepers(n)
  local threads = {}
  for i = 1, n do
    threads[i] = bare.park(pause)
  end
  count.asleep = n
  count.started()
  for i = 1, n do
    coroutine.resume(threads[i])
    threads[i] = nil
  end
  count.asleep = 0
  count.ended()
end

--- Two calls of C methods: what a lock that is free is measured against.
function measures.calls()
  local object = bare.object()
  meter.each(10000000, function(n)
    for _ = 1, n do
      object:acquire()
      object:release()
    end
  end)
end

measures[arg[1]]()
