--- The environment: debug mode and dumps without a change to the program.

local child = require "spec.support.child"

-- Runs the program with these variables set; returns what it wrote and its status.
local function run(environment, program)
  return child.run("local asyncio = require 'asyncio'\n" .. program, environment)
end

describe("LUA_ASYNCIO_DEBUG", function()
  local SHOW = [[
    local testing = require "asyncio.testing"
    local function show() io.write(tostring(asyncio.get_running_loop():get_debug()), " ") end
    asyncio.run(show)
    asyncio.run { show, debug = false }
    testing.run(show)
    local loop = asyncio.new_event_loop()
    loop:run_until_complete(show)
    loop:close()
  ]]

  it("sets the debug mode of every new loop, which a program may take back", function()
    assert.equal("true false true true ", (run("LUA_ASYNCIO_DEBUG=1", SHOW)))
  end)

  it("that is empty or 0 does not", function()
    for _, value in ipairs { "", "0" } do
      assert.equal("false false false false ", (run("LUA_ASYNCIO_DEBUG=" .. value, SHOW)))
    end
  end)

  it("shows where a task was made, and steps that take too long", function()
    local _, complained = run("LUA_ASYNCIO_DEBUG=1", [[
      asyncio.run(function()
        asyncio.create_task(error, "lost")
        asyncio.sleep(0)
        local start = os.clock()
        while os.clock() - start < 0.3 do end
      end)
    ]])
    assert.matches("lost.*created at:\n.-program:3:", complained)
    assert.matches("a step has been running for 0", complained, 1, true)
  end)
end)

describe("LUA_ASYNCIO_DUMP_ON", function()
  local PROGRAM = [[
    local options = ...
    asyncio.run { dump_on = SIGNAL, function()
      local self = io.open("/proc/self/stat"):read("n")
      os.execute("kill -USR1 " .. self)
      asyncio.sleep(0.05)
    end }
  ]]

  it("names the signal on which tasks are dumped", function()
    local _, complained, status = run("LUA_ASYNCIO_DUMP_ON=SIGUSR1", PROGRAM)
    assert.matches("^1 tasks of Loop<state=running, tasks=1>\nTask<name=Task%-1, ", complained)
    assert.equal(0, status)
  end)

  it("gives way to the option", function()
    local _, complained, status = run("LUA_ASYNCIO_DUMP_ON=SIGUSR2", "SIGNAL = 'SIGUSR1'\n" .. PROGRAM)
    assert.matches("^1 tasks of Loop", complained)
    assert.equal(0, status)
  end)

  it("that names no such signal is an error that says so", function()
    local _, complained, status = run("LUA_ASYNCIO_DUMP_ON=SIGFOO", "asyncio.run(print)")
    assert.matches("program:2: LUA_ASYNCIO_DUMP_ON: 'SIGUSR1' or .- expected, got 'SIGFOO'", complained)
    assert.equal(1, status)
    assert.equal("ran\n", (run("LUA_ASYNCIO_DUMP_ON=", "asyncio.run(print, 'ran')")))
  end)

  it("goes to one loop where several run", function()
    local out, complained, status = run("LUA_ASYNCIO_DUMP_ON=SIGUSR1", [[
      local one <close> = asyncio.Runner()
      local two <close> = asyncio.Runner()
      print(one:run(asyncio.sleep, 0, 1), two:run(asyncio.sleep, 0, 2))
    ]])
    assert.same({ "1\t2\n", "", 0 }, { out, complained, status })
  end)
end)
