--- Coroutines of a cqueues controller: `cqueues.lua MEASURE`.

local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local meter = dofile "bench/tasks/meter.lua"

local controller = cqueues.new()

local measures = {}

--- A thousand coroutines that give way to each other.
function measures.switch()
  local coroutines = 1000
  local function give_way(times)
    for _ = 1, times do
      cqueues.poll()
    end
  end
  meter.each(300 * coroutines, function(n)
    for _ = 1, coroutines do
      controller:wrap(give_way, n // coroutines)
    end
    assert(controller:loop())
  end)
end

--- A new coroutine, and a condition that tells of its end.
function measures.spawn()
  local done = condition.new()
  local function child()
    done:signal()
  end
  meter.each(100000, function(n)
    controller:wrap(function()
      for _ = 1, n do
        controller:wrap(child)
        done:wait()
      end
    end)
    assert(controller:loop())
  end)
end

function measures.sleepers()
  local n, early, spread = 1000000, 12, 1
  local count = meter.sleepers(n)
  local start = cqueues.monotime() + early
  local function sleeper(i)
    count.asleep = count.asleep + 1
    cqueues.sleep(start + i * 7919 % n / n * spread - cqueues.monotime())
    count.asleep = count.asleep - 1
  end
  for i = 1, n do
    controller:wrap(sleeper, i)
  end
  assert(controller:step(0))
  count.started()
  assert(controller:loop())
  count.ended()
end

measures[arg[1]]()
