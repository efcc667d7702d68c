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

--- A queue made of a table and two conditions, as its users write it.
local function new_queue(size)
  local filled, emptied = condition.new(), condition.new()
  local items, first, last = {}, 1, 0
  local queue = {}
  function queue.put(item)
    while last - first + 1 >= size do
      emptied:wait()
    end
    last = last + 1
    items[last] = item
    filled:signal(1)
  end
  function queue.get()
    while last < first do
      filled:wait()
    end
    local item = items[first]
    items[first] = nil
    first = first + 1
    emptied:signal(1)
    return item
  end
  return queue
end

--- Items from one coroutine to another, with room for a hundred.
function measures.pipe()
  meter.each(1000000, function(n)
    local queue = new_queue(100)
    controller:wrap(function()
      for i = 1, n do
        queue.put(i)
      end
    end)
    controller:wrap(function()
      for _ = 1, n do
        queue.get()
      end
    end)
    assert(controller:loop())
  end)
end

--- One item, there and back through two queues.
function measures.pingpong()
  meter.each(300000, function(n)
    local there, back = new_queue(math.huge), new_queue(math.huge)
    controller:wrap(function()
      for _ = 1, n do
        back.put(there.get())
      end
    end)
    controller:wrap(function()
      for i = 1, n do
        there.put(i)
        back.get()
      end
    end)
    assert(controller:loop())
  end)
end

measures[arg[1]]()
