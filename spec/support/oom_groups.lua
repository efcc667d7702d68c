--- Scenarios of oom.lua: several tasks at once, and limits of time.

local kit = ...

local asyncio

local function prepare()
  asyncio = kit.prepare()
end

local play, equal, expect = kit.play, kit.equal, kit.expect

local function scenario(name, run, first)
  kit.scenario(name, run, first or prepare)
end

scenario("gather", function()
  play(function()
    local function nap(...) return asyncio.sleep(1, ...) end
    local a, b = asyncio.gather(asyncio.async(nap)(1), asyncio.create_task(nap, 2))
    equal(a, 1) equal(b, 2)
    local list = asyncio.gather { nap, function() error(asyncio.TimeoutError("x")) end,
      return_exceptions = true }
    equal(list.n, 2)
    if list.failed[1] then
      error(list[1], 0)
    end
    expect(asyncio.TimeoutError, false, list[2])
    local task = asyncio.create_task(asyncio.gather, nap, nap, function()
      return asyncio.gather(nap, nap)
    end)
    asyncio.sleep(0)
    asyncio.sleep(0)
    task:cancel()
    expect(asyncio.CancelledError, pcall(asyncio.await, task))
  end)
end)

scenario("groups", function()
  play(function()
    local function nap(...) return asyncio.sleep(1, ...) end
    local function crash() asyncio.sleep(2) error(asyncio.Error("mine"), 0) end
    local queue, sum, task = asyncio.Queue(1), 0, nil
    asyncio.task_group(function(group)
      task = group:create_task { nap, 1, name = "first" }
      group:create_task { function()
        group:create_task { nap, eager_start = true }
        nap()
      end, eager_start = true }
      group:create_task(function()
        for i = 1, 3 do queue:put(i) end
        queue:shutdown()
      end)
      group:create_task(function()
        for item in queue:items() do sum = sum + item end
      end)
      equal(group:start(function(started) nap() started("ready") nap() end), "ready")
      equal(type(tostring(group)), "string")
    end)
    equal(task:result(), 1)
    equal(sum, 6)
    local ok, err = pcall(asyncio.task_group, function(group)
      group:create_task(crash)
      group:create_task(asyncio.sleep, 100)
      group:create_task(asyncio.await, asyncio.Future())
      asyncio.sleep(100)
    end)
    expect(asyncio.ExceptionGroup, ok, err)
    expect(asyncio.Error, false, err.exceptions[1])
    expect(asyncio.TimeoutError, pcall(function()
      local scope <close> = asyncio.timeout(1)
      local group <close> = asyncio.TaskGroup()
      group:create_task(asyncio.sleep, 100)
      group:create_task { asyncio.sleep, 100, eager_start = true }
    end))
    asyncio.task_group(function(group)
      expect(asyncio.Error, pcall(group.start, group, crash))
      group:create_task(function() nap() group:cancel() end)
      group:start(function() asyncio.sleep(100) end)
    end)
    local Mine = asyncio.Error:extend("Mine")
    asyncio.task_group(function(group)
      equal(group:start { function(started, v) started(v) asyncio.sleep(100) end, "v", name = "x" }, "v")
      expect(Mine, pcall(group.start, group, { function(_, e) error(e) end, Mine { message = "mine", id = 1 } }))
      asyncio.sleep(0)
      group:cancel_children()
      group:create_task(nap)
    end)
  end)
end)

scenario("timeout", function()
  play(function()
    local function slow() asyncio.sleep(10) return "slow" end
    expect(asyncio.TimeoutError, pcall(function()
      local scope <close> = asyncio.timeout(1)
      slow()
    end))
    expect(asyncio.TimeoutError, pcall(function()
      local _ <close> = asyncio.timeout_at(asyncio.get_running_loop():time() + 1)
      local inner <close> = asyncio.timeout(1)
      inner:reschedule(nil)
      slow()
    end))
    expect(asyncio.TimeoutError, pcall(asyncio.wait_for, slow, 1))
    expect(asyncio.TimeoutError, pcall(asyncio.wait_for, asyncio.create_task(slow), 1))
    expect(asyncio.TimeoutError, pcall(asyncio.wait_for, asyncio.create_task(slow), 0))
    equal(asyncio.wait_for(slow, 20), "slow")
    local inner = asyncio.create_task(slow)
    expect(asyncio.TimeoutError, pcall(asyncio.wait_for, function()
      return asyncio.shield(inner)
    end, 1))
    equal(asyncio.await(inner), "slow")
  end)
end)
