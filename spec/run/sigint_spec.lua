--- SIGINT: the first cancels main, the second stops at once, a third is the
-- system's. Each program runs in a process of its own and signals itself.

local child = require "spec.support.child"

local PRELUDE = [[
local asyncio = require "asyncio"
io.stdout:setvbuf "no"
local function interrupt() io.popen("kill -INT $PPID"):close() end
local function later(delay)  -- the signal comes while something else runs
  io.popen(("{ sleep %g; kill -INT $PPID; } >/dev/null 2>&1 &"):format(delay)):close()
end
]]

-- Runs the program. Returns its output and status, and its complaints.
local function run(program)
  local out, complained, status = child.run(PRELUDE .. program)
  return { out, status }, complained
end

describe("the first SIGINT", function()
  it("cancels main, whose clean-up may wait, and run raises", function()
    local seen = run [[
      print(pcall(asyncio.run, function()
        local _ <close> = setmetatable({}, { __close = function(_, err)
          print(asyncio.sleep(0.01, asyncio.isinstance(err, asyncio.CancelledError)))
        end })
        interrupt()
        asyncio.sleep(100)
      end))
    ]]
    assert.same({ "true\nfalse\tinterrupted!\n", 0 }, seen)
  end)

  it("cancels a test, whose clean-up may wait, and it fails by that", function()
    assert.same({ "cleaned up\ninterrupted!\ntrue\n", 0 }, (run [[
      local testing = require "asyncio.testing"
      local loop
      local _, err = pcall(testing.run, function()
        loop = asyncio.get_running_loop()
        local _ <close> = setmetatable({}, { __close = function()
          print(asyncio.sleep(0.01, "cleaned up"))
        end })
        interrupt()
        asyncio.sleep(5)
      end)
      print(err)
      print(loop:is_closed())
    ]]))
  end)

  it("wakes a loop that sleeps", function()
    assert.same({ "false\tinterrupted!\n", 0 }, (run [[
      later(0.1)
      print(pcall(asyncio.run, asyncio.sleep, 100))
    ]]))
  end)

  it("ends the other tasks too, before run raises", function()
    assert.same({ "closed\nfalse\tinterrupted!\n", 0 }, (run [[
      print(pcall(asyncio.run, function()
        asyncio.create_task(function()
          local _ <close> = setmetatable({}, { __close = function() print "closed" end })
          asyncio.sleep(100)
        end)
        asyncio.sleep(0)
        interrupt()
        asyncio.sleep(100)
      end))
    ]]))
  end)

  it("that main swallows does not hide its result, or its own error", function()
    assert.same({ "true\tresult\nfalse\town\n", 0 }, (run [[
      print(pcall(asyncio.run, function()
        interrupt()
        pcall(asyncio.sleep, 100)
        return "result"
      end))
      print(pcall(asyncio.run, function()
        interrupt()
        pcall(asyncio.sleep, 100)
        error("own", 0)
      end))
    ]]))
  end)

  it("that comes while main makes its last step, or before it was raised, is not lost", function()
    assert.same({ "false\tinterrupted!\nfalse\tinterrupted!\nfalse\tinterrupted!\n", 0 }, (run [[
      print(pcall(asyncio.run, function() interrupt() return "result" end))
      print(pcall(asyncio.run, function()
        local future = asyncio.Future()
        asyncio.create_task(function() future:set_result "result" interrupt() end)
        return asyncio.await(future)
      end))
      local runner <close> = asyncio.Runner()
      print(pcall(runner.run, runner, function() interrupt() return "result" end))
    ]]))
  end)

  it("that main never got leaves the others their time to end", function()
    assert.same({ "ended\nfalse\tinterrupted!\nfalse\town\n", 0 }, (run [[
      print(pcall(asyncio.run, function()
        asyncio.create_task(function()
          local _ <close> = setmetatable({}, { __close = function()
            asyncio.sleep(0.05)
            print "ended"
          end })
          asyncio.sleep(100)
        end)
        asyncio.sleep(0)
        interrupt()
        return "result"
      end))
      print(pcall(asyncio.run, function() interrupt() error("own", 0) end))
    ]]))
  end)

  it("that nobody catches ends the program with a word and a status", function()
    local seen, complained = run [[asyncio.run(function() interrupt() asyncio.sleep(100) end)]]
    assert.same({ "", 1 }, seen)
    assert.matches("interrupted!", complained)
  end)

  it("while the others are ended ends the wait for them, and run raises", function()
    local seen = run [[
      print(pcall(asyncio.run, { shutdown_grace = 1000, function()
        asyncio.get_running_loop():set_exception_handler(function(_, context)
          print(context.message)
        end)
        asyncio.create_task(function()
          pcall(asyncio.sleep, 1000)
          interrupt()
          while true do
            pcall(asyncio.sleep, 1000)
          end
        end)
        return asyncio.sleep(0, "result")
      end }))
    ]]
    assert.same({ "a task went on after it was cancelled and was closed by force\n"
      .. "false\tinterrupted!\n", 0 }, seen)
  end)

  it("while the others are ended does not hide an error of main", function()
    assert.same({ "ended\nfalse\town\n", 0 }, (run [[
      print(pcall(asyncio.run, function()
        asyncio.create_task(function()
          pcall(asyncio.sleep, 1000)
          interrupt()
          print "ended"
        end)
        asyncio.sleep(0)
        error("own", 0)
      end))
    ]]))
  end)

  it("while a runner closes is raised by the closing, unless an error is on its way", function()
    assert.same({ "true\tresult\nfalse\tinterrupted!\ntrue\nfalse\tinterrupted!\nfalse\town\n", 0 }, (run [[
      local function main()
        asyncio.create_task(function()
          pcall(asyncio.sleep, 1000)
          interrupt()
        end)
        return asyncio.sleep(0, "result")
      end
      local runner = asyncio.Runner()
      print(pcall(runner.run, runner, main))
      print(pcall(runner.close, runner))
      print(pcall(runner.close, runner))
      print(pcall(function()
        local scope <close> = asyncio.Runner()
        scope:run(main)
      end))
      print(pcall(function()
        local scope <close> = asyncio.Runner()
        scope:run(main)
        error("own", 0)
      end))
    ]]))
  end)
end)

describe("the second SIGINT", function()
  it("stops a busy loop at once", function()
    local seen = run [[
      print(pcall(asyncio.run, function()
        interrupt()
        later(0.1)
        while true do end
      end))
      print "after"
    ]]
    assert.same({ "false\tinterrupted!\nafter\n", 0 }, seen)
  end)

  it("stops code that catches its error, however deep and often", function()
    for _, busy in ipairs {
      "while true do pcall(function() while true do end end) end",
      "while true do pcall(asyncio.coroutine.wrap(function() "
        .. "while true do pcall(function() while true do end end) end end)) end",
      "while true do pcall(string.rep, 'x', 10) end",
    } do
      assert.same({ "false\tinterrupted!\nafter\ttrue\n", 0 }, (run(([[
        print(pcall(asyncio.run, function()
          interrupt()
          later(0.1)
          %s
        end))
        for _ = 1, 1000 do end
        print("after", debug.gethook() == nil)
      ]]):format(busy))), busy)
    end
  end)

  it("stops a callback that catches its error", function()
    local seen = run [[
      print(pcall(asyncio.run, function()
        local loop = asyncio.get_running_loop()
        loop:set_exception_handler(function() end)
        loop:call_soon(function()
          interrupt()
          interrupt()
          while true do pcall(function() while true do end end) end
        end)
        asyncio.sleep(100)
      end))
    ]]
    assert.same({ "false\tinterrupted!\n", 0 }, seen)
  end)

  it("leaves scopes that do not catch it their time to close", function()
    assert.same({ "closed\t5000050000\nfalse\tinterrupted!\n", 0 }, (run [[
      print(pcall(asyncio.run, function()
        local _ <close> = setmetatable({}, { __close = function()
          local sum = 0
          for i = 1, 100000 do sum = sum + i end
          print("closed", sum)
        end })
        interrupt()
        later(0.1)
        while true do end
      end))
    ]]))
  end)

  it("stops a main that swallows the first and waits on", function()
    local seen = run [[
      print(pcall(asyncio.run, function()
        interrupt()
        pcall(asyncio.sleep, 100)
        print "waits on"
        later(0.1)
        asyncio.sleep(100)
      end))
    ]]
    assert.same({ "waits on\nfalse\tinterrupted!\n", 0 }, seen)
  end)

  it("stops a busy callback", function()
    local seen = run [[
      print(pcall(asyncio.run, function()
        local loop = asyncio.get_running_loop()
        loop:set_exception_handler(function() end)
        loop:call_soon(function()
          interrupt()
          interrupt()
          while true do end
        end)
        asyncio.sleep(100)
      end))
      for _ = 1, 1000 do end
      print(debug.gethook())
    ]]
    assert.matches("^false\tinterrupted!\n", seen[1])
    assert.not_matches("hook", seen[1])
    assert.equal(0, seen[2])
  end)

  it("while the others are ended is raised, though main swallowed the first", function()
    assert.same({ "false\tinterrupted!\n", 0 }, (run [[
      print(pcall(asyncio.run, function()
        asyncio.create_task(function()
          pcall(asyncio.sleep, 1000)
          interrupt()
          asyncio.sleep(0)
        end)
        asyncio.sleep(0)
        interrupt()
        pcall(asyncio.sleep, 100)
        return "result"
      end))
    ]]))
  end)

  it("ends the wait for stubborn tasks, and leaves no hook behind", function()
    local seen = run [[
      print(pcall(asyncio.run, { shutdown_grace = 1000, function()
        asyncio.create_task(function()
          pcall(asyncio.sleep, 1000)
          interrupt()
          pcall(asyncio.sleep, 1000)
        end)
        asyncio.sleep(0)
        interrupt()
        asyncio.sleep(100)
      end }))
      for _ = 1, 1000 do end
      print(debug.gethook() == nil)
    ]]
    assert.same({ "false\tinterrupted!\ntrue\n", 0 }, seen)
  end)
end)

describe("the third SIGINT", function()
  it("takes the system's way, even in a C function that no hook reaches", function()
    local seen = run [[
      asyncio.run(function()
        interrupt()
        later(0.1)
        later(0.4)
        string.find(("a"):rep(40), ("a*"):rep(40) .. "b")
      end)
    ]]
    assert.equal(-2, seen[2])
  end)
end)

describe("a run", function()
  it("gives the signal back to whoever had it", function()
    local seen = run [[
      for _ = 1, 2 do
        pcall(asyncio.run, function() interrupt() asyncio.sleep(100) end)
      end
      print(pcall(function()
        interrupt()
        for _ = 1, 1e6 do end
      end))
    ]]
    assert.matches("^false\t[^\n]*interrupted!\n$", seen[1])
    assert.equal(0, seen[2])
  end)
end)
