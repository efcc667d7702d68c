--- Runner: several runs on one loop, and an end that always comes.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns = witness.turns
local FORCED = "a task went on after it was cancelled and was closed by force"

local function virtual_loop()
  return testing.new_event_loop { clock = "virtual" }
end

local function runner(options)
  options = options or {}
  options.loop_factory = virtual_loop
  return asyncio.Runner(options)
end

-- Runs `main` on the virtual clock; returns what was reported, and the loop.
local function reports_of(main, options)
  local reports, loop
  options = options or {}
  options[1] = function()
    loop = asyncio.get_running_loop()
    reports = witness.reports()
    return main()
  end
  options.loop_factory = virtual_loop
  asyncio.run(options)
  assert.is_true(loop:is_closed())
  assert.equal(0, loop:stats().tasks)
  return reports
end

-- A closing variable that calls `f`.
local function closing(f)
  return setmetatable({}, { __close = f })
end

local function messages(reports)
  local texts = {}
  for i, context in ipairs(reports) do
    texts[i] = context.message
  end
  return texts
end

describe("a Runner", function()
  it("runs several programs on one loop, with arguments and results", function()
    local r <close> = runner()
    local loop = r:get_loop()
    for i = 1, 3 do
      assert.same({ n = 3, i, nil, loop }, table.pack(r:run(function(...)
        return asyncio.sleep(1, (...)), nil, asyncio.get_running_loop()
      end, i)))
    end
    assert.equal(loop, r:get_loop())
    assert.equal("awaited", r:run(asyncio.async(asyncio.sleep)(1, "awaited")))
  end)

  it("keeps tasks from run to run, and ends them when it closes", function()
    local log, r = {}, runner()
    r:run(function()
      asyncio.create_task(function()
        local _ <close> = closing(function(_, err)
          asyncio.sleep(1)
          log[#log + 1] = witness.class(err)
        end)
        while true do
          log[#log + 1] = "tick"
          asyncio.sleep(10)
        end
      end)
      asyncio.sleep(5)
    end)
    r:run(asyncio.sleep, 10)
    assert.same({ "tick", "tick" }, log)
    r:close()
    assert.same({ "tick", "tick", "CancelledError" }, log)
  end)

  it("raises main's error unchanged, and can run again", function()
    local r <close> = runner()
    local err = {}
    assert.same({ false, err }, { pcall(r.run, r, function() error(err) end) })
    assert.equal("again", r:run(asyncio.sleep, 1, "again"))
  end)

  it("makes its loop only when it needs one, and closes it", function()
    local made = 0
    local function factory() made = made + 1 return virtual_loop() end
    local r = asyncio.Runner { loop_factory = factory, debug = true }
    r:close()
    assert.equal(0, made)
    r = asyncio.Runner { loop_factory = factory, debug = true }
    local loop = r:get_loop()
    assert.is_true(loop:get_debug())
    assert.equal(loop, asyncio.get_event_loop())
    assert.equal("Runner<state=open>", tostring(r))
    r:close()
    r:close()
    assert.equal(1, made)
    assert.is_true(loop:is_closed())
    assert.matches("no current event loop", witness.text(asyncio.get_event_loop))
    assert.equal("Runner<state=closed>", tostring(r))
    assert.matches("the runner is closed", witness.text(r.get_loop, r))
    assert.matches("the runner is closed", witness.text(r.run, r, print))
  end)

  it("refuses nonsense, and to run or close inside a loop", function()
    local r <close> = runner()
    assert.matches("unknown option 'x'", witness.text(asyncio.Runner, { x = 1 }))
    assert.matches("debug", witness.text(asyncio.Runner, { debug = 1 }))
    assert.matches("shutdown_grace", witness.text(asyncio.Runner, { shutdown_grace = 0 / 0 }))
    assert.matches("function or awaitable expected, got nil", witness.text(r.run, r))
    r:run(function()
      assert.matches("cannot run while a loop is running", witness.text(r.run, r, print))
      assert.matches("cannot be closed while a loop is running", witness.text(r.close, r))
    end)
    assert.matches("loop_factory", witness.text(asyncio.run, { print, loop_factory = 1 }))
    assert.matches("the loop factory returned nil, not an open loop",
      witness.text(asyncio.run, { function() end, loop_factory = function() end }))
    assert.matches("the loop factory returned a table, not an open loop",
      witness.text(asyncio.run, { print, loop_factory = function() return {} end }))
  end)
end)

describe("the end of a run", function()
  local stubborn = {
    sleep = function() asyncio.sleep(1000) end,
    await = function() asyncio.await(asyncio.Future()) end,
    yield = function() coroutine.yield() end,
    ["a lock"] = function()
      local lock = asyncio.Lock()
      lock:acquire()
      lock:acquire()
    end,
    gather = function() asyncio.gather(asyncio.Future(), asyncio.Future()) end,
    ["a shield"] = function() asyncio.shield(asyncio.Future()) end,
    ["a time-out"] = function() asyncio.wait_for(asyncio.Future(), 1000) end,
  }

  for how, wait in pairs(stubborn) do
    it("comes though a task goes on after each cancel, by " .. how, function()
      local closed, seen = 0, 0
      local reports = reports_of(function()
        asyncio.create_task { name = "stubborn", function()
          local _ <close> = closing(function() closed = closed + 1 end)
          while true do
            if not pcall(wait) then
              seen = seen + 1
            end
          end
        end }
        turns(3)
      end, { shutdown_grace = 0.05 })
      assert.same({ FORCED }, messages(reports))
      assert.equal("stubborn", reports[1].task:get_name())
      assert.is_true(reports[1].task:cancelled())
      assert.equal(1, closed)
      assert.is_true(seen >= 100 and seen <= 103, seen)
    end)
  end

  it("comes though several are stubborn, and each is reported once", function()
    local reports = reports_of(function()
      for i = 1, 5 do
        asyncio.create_task { name = "stubborn " .. i, function()
          while true do
            pcall(asyncio.sleep, i)
          end
        end }
      end
      turns(1)
    end)
    local names = {}
    for i, context in ipairs(reports) do
      names[i] = context.task:get_name()
    end
    table.sort(names)
    assert.same({ "stubborn 1", "stubborn 2", "stubborn 3", "stubborn 4", "stubborn 5" }, names)
  end)

  it("leaves one alone that swallows cancels, but ends at last", function()
    local reports = reports_of(function()
      asyncio.create_task(function()
        for _ = 1, 50 do
          pcall(asyncio.sleep, 1000)
        end
      end)
      turns(1)
    end)
    assert.same({}, reports)
  end)

  it("leaves one alone that ends with its last cancel", function()
    local swallowed = 0
    local reports = reports_of(function()
      asyncio.create_task(function()
        for _ = 1, 101 do
          if not pcall(asyncio.sleep, 1000) then
            swallowed = swallowed + 1
          end
        end
      end)
      turns(1)
    end)
    assert.equal(101, swallowed)
    assert.same({}, reports)
  end)

  it("gives a task its grace to clean up", function()
    local log = {}
    local reports = reports_of(function()
      asyncio.create_task(function()
        local _ <close> = closing(function() asyncio.sleep(9) log[#log + 1] = "cleaned up" end)
        asyncio.sleep(1000)
      end)
      turns(1)
    end, { shutdown_grace = 10 })
    assert.same({ "cleaned up" }, log)
    assert.same({}, reports)
  end)

  it("cancels a clean-up that takes longer than its grace", function()
    local log = {}
    local reports = reports_of(function()
      asyncio.create_task(function()
        local _ <close> = closing(function()
          log[#log + 1] = select(2, witness.try(asyncio.sleep, 9))
        end)
        asyncio.sleep(1000)
      end)
      turns(1)
    end, { shutdown_grace = 1 })
    assert.same({ "CancelledError" }, log)
    assert.same({}, reports)
  end)

  it("does not wait for the grace when nothing can happen any more", function()
    local start, loop, reports
    asyncio.run { loop_factory = virtual_loop, shutdown_grace = 1e6, function()
      loop = asyncio.get_running_loop()
      reports = witness.reports()
      asyncio.create_task(function()
        while true do
          pcall(asyncio.await, asyncio.Future())
        end
      end)
      turns(1)
      start = loop:time()
    end }
    assert.same({ FORCED }, messages(reports))
    assert.equal(start, loop:time())
  end)

  it("ends tasks that ending tasks make, whole generations of them", function()
    local ended = 0
    local function generation(n)
      local _ <close> = closing(function()
        ended = ended + 1
        if n > 0 then
          asyncio.create_task(generation, n - 1)
          asyncio.create_task(generation, 0)
          asyncio.sleep(0)
        end
      end)
      asyncio.sleep(1000)
    end
    local reports = reports_of(function()
      asyncio.create_task(generation, 20)
      turns(1)
    end)
    assert.same({}, reports)
    assert.equal(41, ended)
  end)

  it("lets closing variables suspend, in order, innermost first", function()
    local log = {}
    local reports = reports_of(function()
      asyncio.create_task(function()
        local _ <close> = closing(function() asyncio.sleep(1) log[#log + 1] = "outer" end)
        local _ <close> = closing(function() asyncio.sleep(1) log[#log + 1] = "inner" end)
        asyncio.sleep(1000)
      end)
      turns(1)
    end)
    assert.same({ "inner", "outer" }, log)
    assert.same({}, reports)
  end)

  it("closes by force without suspending, and tells what failed in it", function()
    local log = {}
    local reports = reports_of(function()
      asyncio.create_task(function()
        local _ <close> = closing(function()
          log[#log + 1] = witness.text(asyncio.sleep, 1)
          error("in the closing", 0)
        end)
        while true do
          pcall(asyncio.sleep, 1000)
        end
      end)
      turns(1)
    end)
    assert.equal(1, #log)
    assert.matches("must be called from inside a task", log[1])
    assert.same({ FORCED }, messages(reports))
    assert.equal("in the closing", reports[1].exception)
  end)

  it("comes though a closing variable sets what its task waits for", function()
    local reports = reports_of(function()
      asyncio.create_task(function()
        local future = asyncio.Future()
        local _ <close> = closing(function()
          future:set_result("late")
          collectgarbage()
        end)
        while true do
          pcall(asyncio.shield, future)
        end
      end)
      turns(1)
    end)
    assert.same({ FORCED }, messages(reports))
  end)

  it("reports the error of main's child once, though it fails at the end", function()
    local reports = reports_of(function()
      asyncio.create_task { name = "late", function()
        pcall(asyncio.sleep, 1000)
        asyncio.sleep(1)
        error("late", 0)
      end }
      turns(1)
    end)
    witness.collect()
    assert.same({ "a task failed while the run was ending" }, messages(reports))
    assert.equal("late", reports[1].exception)
  end)

  it("leaves no task pending that would be reported as destroyed", function()
    local reports = reports_of(function()
      for _ = 1, 10 do
        asyncio.create_task(asyncio.sleep, 1000)
      end
    end)
    assert.same({}, reports)
  end)

  it("comes before main's results or error reach the caller", function()
    local log = {}
    local ok, err = pcall(asyncio.run, { loop_factory = virtual_loop, function()
      asyncio.create_task(function()
        local _ <close> = closing(function() log[#log + 1] = "child" end)
        asyncio.sleep(1000)
      end)
      local _ <close> = closing(function() log[#log + 1] = "main" end)
      turns(1)
      error("done", 0)
    end })
    log[#log + 1] = err
    assert.is_false(ok)
    assert.same({ "main", "child", "done" }, log)
  end)
end)
