--- The library's threads and signal handlers beside the loop: what `make tsan` looks at.
-- ThreadSanitizer delivers a signal only at a call that it sees, so these busy steps allocate.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local PATIENCE = 10

-- A busy step, until `condition()` holds.
local function busy_until(condition)
  local stop, text = os.time() + PATIENCE, ""
  repeat
    assert(os.time() < stop, "it never came to be")
    text = ("x"):rep(1000 + #text % 2)
  until condition()
end

local function run(main, options)
  options = options or {}
  options[1] = main
  return asyncio.run(options)
end

describe("a thread beside the loop", function()
  it("has long steps reported while they run, and then no more", function()
    local reports
    run(function()
      reports = witness.reports()
      for round = 1, 3 do
        busy_until(function() return #reports >= round end)
        asyncio.sleep(0)
      end
    end, { watchdog = 0.01 })
    assert.matches("has been running for", reports[1].message)
  end)

  it("makes busy tasks take turns", function()
    local turn, seen = 1, 0
    local function player(me)
      for _ = 1, 10 do
        busy_until(function() return turn == me end)
        seen, turn = seen + 1, 3 - me
      end
    end
    run(function()
      asyncio.gather(function() player(1) end, function() player(2) end)
    end, { time_slice = 0.002 })
    assert.equal(20, seen)
  end)

  it("ends a test that is busy at its deadline", function()
    local text = witness.text(testing.run, { function()
      busy_until(function() return false end)
    end, timeout = 0.05 })
    assert.matches("time", text)
    assert.not_matches("it never came to be", text)
  end)

  it("is started, stopped and set anew from one run to the next", function()
    for i = 1, 20 do
      run(function()
        local loop = asyncio.get_running_loop()
        loop:set_slow_callback_duration(0.001 * i)
        asyncio.create_task { asyncio.sleep, 0.001, time_slice = 0.001 }
        asyncio.sleep(0.001)
      end, { watchdog = 0.5, time_slice = i % 2 == 0 and 0.5 or nil })
    end
  end)
end)

describe("a look-up's thread", function()
  it("hands its answer over while others start, leave and end", testing.async(function()
    local function look()
      local _, writer = asyncio.open_connection("127.0.0.1", 1)
      writer:close()
    end
    for round = 1, 10 do
      local tasks = {}
      for i = 1, 10 do
        tasks[i] = asyncio.create_task(function() pcall(look) end)
      end
      asyncio.sleep(0)
      for i = 1, round do
        tasks[i]:cancel()
      end
      asyncio.wait(tasks)
    end
  end))
end)

describe("a signal", function()
  local function pid()
    local pipe = assert(io.popen("echo $PPID"))
    local number = pipe:read "n"
    pipe:close()
    return number
  end

  -- a shell does not live with ThreadSanitizer in it
  local with_shell = os.getenv "SPEC_WAY" == "tsan" and pending or it

  with_shell("has a busy loop dumped from within its step", function()
    local real, dumped = io.stderr, {}
    io.stderr = { write = function(_, text) dumped[#dumped + 1] = text return io.stderr end }
    local ok, err = pcall(run, function()
      os.execute("kill -USR1 " .. pid())
      busy_until(function() return #dumped > 0 end)
    end, { dump_on = "SIGUSR1" })
    io.stderr = real
    assert(ok, err)
    assert.matches("Task", table.concat(dumped))
  end)
end)
