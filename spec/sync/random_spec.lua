--- Random programs: tasks lock, put, get, sleep, wait, cancel, time out, fail and close groups, and
-- what must always hold is checked at every step. A seed makes the same program again:
--     RANDOM_SEED=42 make random

local asyncio = require "asyncio"
local testing = require "asyncio.testing"

local await, create_task, sleep = asyncio.await, asyncio.create_task, asyncio.sleep
local isinstance = asyncio.isinstance

local WAY = os.getenv "SPEC_WAY"
local STEPS = tonumber(os.getenv "RANDOM_STEPS")
local SEED = tonumber(os.getenv "RANDOM_SEED")

local PLANNED = setmetatable({}, { __tostring = function() return "planned" end })

-- numbers from 1 to n, always the same for a seed
local function new_random(seed)
  local state = seed * 0x9E3779B97F4A7C15 + 1
  return function(n)
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    return (state >> 33) % n + 1
  end
end

-- Errors that a program like this may end with.
local function is_expected(err)
  return err == PLANNED or isinstance(err, asyncio.Error)
    and not isinstance(err, asyncio.DeadlockError)
end

-- A world of shared objects and the tasks that use them.
local function new_world(seed)
  local world = { steps = 0, opened = 0, closed = 0, items = 0, stopping = false }
  local random = new_random(seed)
  local locks, semaphores, queues, old_queues, tasks = {}, {}, {}, {}, {}
  local event, condition = asyncio.Event(), asyncio.Condition()
  local barrier = asyncio.Barrier(3)

  local function check(holds, what)
    if not holds then
      world.broken = world.broken or debug.traceback(what, 2)
      error(world.broken, 0)
    end
  end

  local function new_queue()
    local kind = ({ "Queue", "LifoQueue", "PriorityQueue" })[random(3)]
    return { queue = asyncio[kind](random(4) - 1), states = {}, live = 0 }
  end

  for i = 1, 3 do
    locks[i] = { lock = asyncio.Lock(), line = {}, tickets = 0 }
    semaphores[i] = { semaphore = asyncio.BoundedSemaphore(i), permits = i, out = 0 }
    queues[i] = new_queue()
  end

  -- A scope that must be closed once; `finish` runs then.
  local function guard(finish)
    world.opened = world.opened + 1
    local closed = false
    return setmetatable({}, { __close = function()
      check(not closed, "a scope was closed twice")
      closed = true
      world.closed = world.closed + 1
      if finish then
        finish()
      end
    end })
  end

  local body

  local function remove(list, value)
    for i = 1, #list do
      if list[i] == value then
        return table.remove(list, i)
      end
    end
  end

  -- Takes the lock, in whose line nobody who still waits may be overtaken.
  local function acquire_fairly(l)
    l.tickets = l.tickets + 1
    local me = { ticket = l.tickets }
    l.line[#l.line + 1] = me
    local ok, err = pcall(l.lock.acquire, l.lock)
    remove(l.line, me)
    if not ok then
      error(err, 0)
    end
    check(not me.overtaken, "a lock was given to one who came later")
    for _, other in ipairs(l.line) do
      other.overtaken = other.overtaken or other.ticket < me.ticket
    end
  end

  local ops = {}

  -- Locks are taken in order, so that most programs get on.
  ops[#ops + 1] = function(depth, level)
    local i = level + random(2)
    local l = locks[i]
    if not l then
      return
    end
    acquire_fairly(l)
    check(not l.held, "a lock was given to two")
    l.held = true
    local scope <close> = guard(function()
      l.held = false
      l.lock:release()
    end)
    body(depth + 1, i)
  end

  -- The same by the lock's own scope.
  ops[#ops + 1] = function(depth, level)
    local l = locks[level + 1]
    if not l then
      return
    end
    local scope <close> = l.lock:acquire()
    check(not l.held, "a lock was given to two")
    l.held = true
    local inner <close> = guard(function() l.held = false end)
    check(l.lock:locked(), "a lock that is held says it is free")
    body(depth + 1, level + 1)
  end

  ops[#ops + 1] = function(depth, level)
    local s = semaphores[random(#semaphores)]
    local scope <close> = s.semaphore:acquire()
    s.out = s.out + 1
    local inner <close> = guard(function() s.out = s.out - 1 end)
    check(s.out <= s.permits, "more permits than there are")
    body(depth + 1, level)
  end

  local function put(method)
    local q = queues[random(#queues)]
    world.items = world.items + 1
    local item = world.items
    q.states[item] = "trying"
    local ok, err = pcall(q.queue[method], q.queue, item)
    check(q.states[item] == "trying", "an item was taken before it was put")
    q.states[item] = ok and "put" or nil
    if ok then
      q.live = q.live + 1
    else
      error(err, 0)
    end
  end

  local function got(q, item)
    check(q.states[item] == "put", "an item was taken that is not there")
    q.states[item] = nil
    q.live = q.live - 1
    q.queue:task_done()
  end

  local function get(method)
    local q = queues[random(#queues)]
    got(q, q.queue[method](q.queue))
  end

  for _ = 1, 3 do
    ops[#ops + 1] = function() put("put") end
    ops[#ops + 1] = function() get("get") end
  end
  ops[#ops + 1] = function() put("put_nowait") end
  ops[#ops + 1] = function() get("get_nowait") end

  ops[#ops + 1] = function()
    local q = queues[random(#queues)]
    local left = random(5)
    for item in q.queue:items() do
      got(q, item)
      left = left - 1
      if left == 0 then
        break
      end
    end
  end

  ops[#ops + 1] = function()
    queues[random(#queues)].queue:join()
  end

  ops[#ops + 1] = function()
    local i = random(#queues)
    local q = queues[i]
    if random(8) == 1 then
      queues[i] = new_queue()
      old_queues[#old_queues + 1] = q
      if random(2) == 1 then
        q.live = q.live - q.queue:qsize()
        q.queue:shutdown(true)
      else
        q.queue:shutdown()
      end
    end
  end

  ops[#ops + 1] = function()
    if random(2) == 1 then
      event:set()
    else
      check(event:wait() == true, "an event gave nothing")
      event:clear()
    end
  end

  ops[#ops + 1] = function(depth, level)
    if level > 0 then
      return
    end
    local scope <close> = condition:acquire()
    check(not condition.held, "a condition's lock was given to two")
    if random(3) == 1 then
      condition:notify(random(3))
    else
      local ok, err = pcall(condition.wait, condition)
      check(condition:locked(), "a wait came back without the lock")
      if not ok then
        error(err, 0)
      end
    end
    body(depth + 2, #locks)
  end

  ops[#ops + 1] = function()
    if random(20) == 1 then
      barrier:reset()
    else
      local place = barrier:wait()
      check(place >= 1 and place <= 3, "a wrong place at a barrier")
    end
  end

  for _ = 1, 3 do
    ops[#ops + 1] = function()
      sleep(random(4) - 2)
    end
  end

  ops[#ops + 1] = function(depth, level)
    local ok, err = pcall(function()
      local scope <close> = asyncio.timeout(random(5) - 1)
      body(depth + 1, level)
    end)
    if not ok and not isinstance(err, asyncio.TimeoutError) then
      error(err, 0)
    end
  end

  ops[#ops + 1] = function(depth, level)
    local ok, err = pcall(asyncio.wait_for, body, random(5) - 1, depth + 1, level)
    if not ok and not isinstance(err, asyncio.TimeoutError) then
      error(err, 0)
    end
  end

  ops[#ops + 1] = function(depth, level)
    await(create_task(body, depth + 1, level))
  end

  ops[#ops + 1] = function()
    tasks[random(#tasks)]:cancel()
  end

  ops[#ops + 1] = function()
    if random(4) == 1 then
      error(PLANNED, 0)
    end
  end

  ops[#ops + 1] = function(depth, level)
    local group <close> = asyncio.TaskGroup()
    for _ = 1, random(3) do
      group:create_task(body, depth + 1, level)
    end
    if random(3) == 1 then
      sleep(random(2))
    end
  end

  -- One cancel is survived.
  ops[#ops + 1] = function(depth, level)
    local ok, err = pcall(body, depth + 1, level)
    if not ok and isinstance(err, asyncio.CancelledError) and not world.stopping and random(2) == 1 then
      asyncio.current_task():uncancel()
    elseif not ok then
      error(err, 0)
    end
  end

  -- A few operations in a row. `level`: the last of the locks that are held.
  function body(depth, level)
    local scope <close> = guard()
    for _ = 1, random(depth > 3 and 2 or 4) do
      world.steps = world.steps + 1
      if depth < 6 and not world.broken then
        ops[random(#ops)](depth, level)
      end
    end
    if random(4) == 1 then
      sleep(0)
    end
  end

  local function worker()
    local ok, err = pcall(body, 1, 0)
    if not ok and not is_expected(err) then
      world.broken = world.broken or tostring(err)
    end
  end

  local function spawn()
    tasks[#tasks + 1] = create_task(worker)
  end

  local function sweep()
    for i = #tasks, 1, -1 do
      if tasks[i]:done() then
        table.remove(tasks, i)
      end
    end
  end

  local function waiting(object, who)
    return tonumber(tostring(object):match(who .. "=(%d+)"))
  end

  -- Nobody waits for what is there: between steps this holds, whatever the tasks are about.
  local function check_lines()
    for _, l in ipairs(locks) do
      check(l.lock:locked() or waiting(l.lock, "waiters") == 0, "a lock is free, and yet waited for")
    end
    for _, s in ipairs(semaphores) do
      check(s.semaphore:locked() or waiting(s.semaphore, "waiters") == 0, "a permit is free, and yet waited for")
    end
    for _, q in ipairs(queues) do
      check(q.queue:empty() or waiting(q.queue, "getters") == 0, "an item is there, and yet waited for")
      check(q.queue:full() or waiting(q.queue, "putters") == 0, "room is there, and yet waited for")
    end
  end

  -- Groups cancel their children once; a child that survives it may wait for what its parent holds.
  local function cancel_any()
    local all = asyncio.all_tasks()
    local task = all[random(#all)]
    if task ~= asyncio.current_task() then
      task:cancel()
    end
  end

  -- The tasks and where they wait, when no cancel helps them on.
  local function stuck()
    local lines = { "the tasks are stuck" }
    for _, task in ipairs(asyncio.all_tasks()) do
      lines[#lines + 1] = ("%s\n%s"):format(task, task:traceback())
    end
    return table.concat(lines, "\n")
  end

  function world.run(target)
    local steps, still = 0, 0
    asyncio.get_running_loop():set_exception_handler(function(_, context)
      if not is_expected(context.exception) then
        world.broken = world.broken or tostring(context.exception)
      end
    end)
    while world.steps < target and not world.broken do
      sweep()
      while #tasks < 30 do
        spawn()
      end
      sleep(random(3) / 2)
      check_lines()
      still = world.steps == steps and still + 1 or 0
      steps = world.steps
      if still > 10000 then
        error(stuck(), 0)
      elseif still > 10 then
        cancel_any()
      end
      for _ = 1, random(3) do
        tasks[random(#tasks)]:cancel()
      end
    end
    world.stopping = true
    for _ = 1, 1000 do
      for _, task in ipairs(asyncio.all_tasks()) do
        if task ~= asyncio.current_task() then
          task:cancel()
        end
      end
      sleep(0)
    end
  end

  function world.check_end()
    check(#asyncio.all_tasks() == 1, "a task is left over")
    check(world.opened == world.closed, "a scope was not closed")
    for _, l in ipairs(locks) do
      check(not l.lock:locked() and not l.held and #l.line == 0, "a lock is left over")
    end
    for _, s in ipairs(semaphores) do
      check(s.out == 0, "a permit is left over")
      check(tostring(s.semaphore):find("value=" .. s.permits .. ",", 1, true), "a permit was lost")
    end
    check(not condition:locked(), "the lock of a condition is left over")
    check(barrier:n_waiting() == 0, "somebody is left at a barrier")
    for _, list in ipairs { queues, old_queues } do
      for _, q in ipairs(list) do
        local size, room = q.queue:qsize(), q.queue:maxsize()
        check(q.live == size, "an item was lost")
        check(q.queue:full() == (room > 0 and size >= room), "a place in a queue was lost")
        check(tostring(q.queue):find("getters=0, putters=0, joiners=0", 1, true), "a queue is still waited for")
      end
    end
    check(#asyncio.all_tasks() == 1, "a task is left over")
  end

  return world
end

local function play(seed, steps)
  local world = new_world(seed)
  local ok, err = pcall(function()
    world.run(steps)
    if not world.broken then
      world.check_end()
    end
  end)
  if world.broken or not ok then
    error(("%s\nafter %d steps; again with: RANDOM_SEED=%d RANDOM_STEPS=%d make test SPEC=%s"):format(
      world.broken or tostring(err), world.steps, seed, steps, "spec/sync/random_spec.lua"), 0)
  end
  return world
end

describe("random programs", function()
  local steps = STEPS or ({ hardgc = 8000, valgrind = 20000, asan = 50000 })[WAY] or 250000
  local seeds = SEED and { SEED } or { 1, 2, 3, 4 }
  for _, seed in ipairs(seeds) do
    it(("keep permits, items, locks and scopes: seed %d"):format(seed), testing.virtual(function()
      local world = play(seed, steps)
      assert(world.steps >= steps)
    end, { timeout = 1e9 }))
  end

  it("are the same again with the same seed", testing.virtual(function()
    local first, second = play(5, 3000), play(5, 3000)
    assert.same({ first.steps, first.opened, first.items }, { second.steps, second.opened, second.items })
  end, { timeout = 1e9 }))
end)
