--- Coroutines over luv's timers, wrapped by hand: `luv.lua MEASURE`.

local uv = require "luv"
local meter = dofile "bench/tasks/meter.lua"

local function sleep(seconds)
  local thread, timer = coroutine.running(), uv.new_timer()
  timer:start(math.max(0, math.ceil(seconds * 1000)), 0, function()
    timer:close()
    assert(coroutine.resume(thread))
  end)
  coroutine.yield()
end

local function spawn(f, ...)
  assert(coroutine.resume(coroutine.create(f), ...))
end

local measures = {}

--- A thousand coroutines that give way to each other.
function measures.switch()
  local coroutines = 1000
  local function give_way(times)
    for _ = 1, times do
      sleep(0)
    end
  end
  meter.each(300 * coroutines, function(n)
    for _ = 1, coroutines do
      spawn(give_way, n // coroutines)
    end
    uv.run()
  end)
end

function measures.sleepers()
  local n, early, spread = 1000000, 12, 1
  local count = meter.sleepers(n)
  uv.update_time()
  local start = uv.now() / 1000 + early
  local function sleeper(i)
    count.asleep = count.asleep + 1
    sleep(start + i * 7919 % n / n * spread - uv.now() / 1000)
    count.asleep = count.asleep - 1
  end
  for i = 1, n do
    spawn(sleeper, i)
  end
  count.started()
  uv.run()
  count.ended()
end

measures[arg[1]]()
