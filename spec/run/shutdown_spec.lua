--- The end of a run: it comes in time, whatever the tasks do.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local function virtual_loop()
  return testing.new_event_loop { clock = "virtual" }
end

-- Runs `main` on the virtual clock. Returns the seconds from its end to the
-- end of the run, and what was reported.
local function time_to_end(main, grace)
  local loop, reports, began
  asyncio.run { loop_factory = virtual_loop, shutdown_grace = grace, function()
    loop = asyncio.get_running_loop()
    reports = witness.reports()
    main()
    began = loop:time()
  end }
  return loop:time() - began, reports
end

local function closing(f)
  return setmetatable({}, { __close = f })
end

describe("the end of a run", function()
  it("comes though a supervisor starts its worker again for ever; the last one is reported", function()
    local starts = 0
    local took, reports = time_to_end(function()
      local function supervise()
        asyncio.create_task { name = "worker", function()
          starts = starts + 1
          asyncio.sleep(10)
        end }:add_done_callback(supervise)
      end
      supervise()
      asyncio.sleep(0.01)
    end)
    assert(took <= 3, took)
    assert(starts < 300, starts)
    assert.equal(1, #reports)
    assert.same({ "a task was destroyed while it was pending", "worker" },
      { reports[1].message, reports[1].task:get_name() })
  end)

  it("gives all rounds together one grace, then one more to those cancelled for good", function()
    local took, reports = time_to_end(function()
      local function slow()
        local _ <close> = closing(function()
          asyncio.create_task(slow)
          asyncio.sleep(0.4)
        end)
        asyncio.sleep(100)
      end
      asyncio.create_task(slow)
      asyncio.sleep(0)
    end, 1)
    assert(took >= 1 and took <= 2, took)
    assert.equal("a task was destroyed while it was pending", reports[1].message)
  end)

  it("closes generators also where tasks are made for ever, and waits for that alone", function()
    local log = {}
    local rows = asyncio.generator(function()
      local _ <close> = closing(function()
        asyncio.sleep(0.5)
        log[1] = "closed"
      end)
      coroutine.yield(1)
    end)
    local kept
    local took = time_to_end(function()
      kept = rows()
      kept()
      local function again()
        asyncio.create_task(asyncio.sleep, 10):add_done_callback(again)
      end
      again()
      asyncio.sleep(0)
    end, 1)
    assert.same({ "closed" }, log)
    assert(took < 2, took)
  end)

  it("ends the tasks that a closing generator makes, too", function()
    local log = {}
    local rows = asyncio.generator(function()
      local _ <close> = closing(function()
        asyncio.create_task(function()
          local _ <close> = closing(function(_, err) log[#log + 1] = witness.class(err) end)
          asyncio.sleep(100)
        end)
        asyncio.sleep(0.1)
      end)
      coroutine.yield(1)
    end)
    local kept
    local took, reports = time_to_end(function()
      kept = rows()
      kept()
    end)
    assert.same({ { "CancelledError" }, {} }, { log, reports })
    assert(took < 1, took)
  end)

  it("stops a generator whose clean-up goes on for ever", function()
    local rows = asyncio.generator(function()
      local _ <close> = closing(function()
        while true do
          pcall(asyncio.sleep, 100)
        end
      end)
      coroutine.yield(1)
    end)
    local kept
    local took, reports = time_to_end(function()
      kept = rows()
      kept()
    end, 1)
    assert(took <= 2, took)
    assert.equal("a task went on after it was cancelled and was closed by force", reports[1].message)
  end)

  it("refuses a grace that is no time", function()
    for _, make in ipairs {
      function(grace) asyncio.run { print, shutdown_grace = grace } end,
      function(grace) asyncio.Runner { shutdown_grace = grace } end,
    } do
      for _, grace in ipairs { -1, -0.001, 0 / 0, "soon", {} } do
        assert.matches("bad argument #1 to '%a+' %(option 'shutdown_grace': ", witness.text(make, grace))
      end
    end
    assert.equal("bad argument #1 to 'Runner' (option 'shutdown_grace': "
      .. "a time in seconds, 0 or more, expected)", (witness.text(asyncio.Runner, { shutdown_grace = -1 })))
    asyncio.run { function() end, shutdown_grace = 0 }
  end)
end)
