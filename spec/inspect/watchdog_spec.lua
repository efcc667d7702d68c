--- The watchdog: long steps are reported while they still run.

local asyncio = require "asyncio"
local child = require "spec.support.child"
local output = require "spec.support.output"
local witness = require "spec.support.witness"

-- Runs `main` under a watchdog; it gets a list that the reports go to.
local function watched(main, options)
  options = options or {}
  options[1] = function()
    return main(witness.reports())
  end
  if not options.debug then
    options.watchdog = options.watchdog or 0.02
  end
  local result = asyncio.run(options)
  for line in output.take():gmatch "[^\n]+" do  -- names of steps, where the machine was slow
    assert.matches("^asyncio: a step of .* outside its own Lua code$", line)
  end
  return result
end

describe("the watchdog", function()
  it("reports a long step while it runs: task, time and place", function()
    watched(function(reports)
      asyncio.current_task():set_name("busy")
      local here = witness.line(1)
      while #reports == 0 do end
      assert.equal(1, #reports)
      local context = reports[1]
      assert.equal(asyncio.current_task(), context.task)
      assert.matches("^a step has been running for %d+%.%d+ s$", context.message)
      assert.matches("^stack traceback:\n", context.traceback)
      assert.matches(here, context.traceback, 1, true)
      assert.is_nil(context.exception)
    end)
  end)

  it("reports a step once, and the next one again", function()
    watched(function(reports)
      while #reports == 0 do end
      local stop = os.clock() + 0.1
      while os.clock() < stop do end
      assert.equal(1, #reports)
      asyncio.sleep(0)
      while #reports == 1 do end
      assert.equal(2, #reports)
    end)
  end)

  it("is quiet while steps are short, however many", function()
    watched(function(reports)
      for _ = 1, 300 do
        asyncio.sleep(0)
      end
      asyncio.sleep(0.05)
      assert.equal(0, #reports)
    end, { watchdog = 5 })
  end)

  it("reports a long step of any task, also an eager one", function()
    watched(function(reports)
      local function busy()
        local count = #reports
        while #reports == count do end
      end
      asyncio.await(asyncio.create_task { name = "one", busy })
      asyncio.create_task { name = "two", eager_start = true, busy }
      assert.same({ "one", "two" },
        { reports[1].task:get_name(), reports[2].task:get_name() })
    end)
  end)

  -- A body that takes long in C, and ends there.
  local function in_c()
    return os.execute, "sleep 0.1"
  end

  it("reports a step that ended in C, and those after it", function()
    watched(function(reports)
      local task = asyncio.create_task { name = "in C", in_c() }
      asyncio.await(task)
      assert.equal(1, #reports)
      assert.equal(task, reports[1].task)
      assert.matches("^a step ran for %d+%.%d+ s$", reports[1].message)
      for i = 2, 3 do
        while #reports < i do end
        asyncio.sleep(0)
      end
      assert.matches("^a step has been running", reports[3].message)
    end)
  end)

  it("reports each of two steps of a turn that ended in C, and a callback", function()
    watched(function(reports)
      local loop = asyncio.get_running_loop()
      local one = asyncio.create_task { name = "one", in_c() }
      local two = asyncio.create_task { name = "two", in_c() }
      loop:call_soon(in_c())
      asyncio.gather(one, two)
      asyncio.sleep(0)
      local count = #reports  -- before anything here takes long
      assert.equal(3, count)
      assert.same({ one, two, nil }, { reports[1].task, reports[2].task, reports[3].task })
      assert.matches("^a callback ran for", reports[3].message)
    end)
  end)

  it("reports a step whose generator was slow and ended in C, with its stack", function()
    watched(function(reports)
      local slow = asyncio.generator(function()
        coroutine.yield(1)
        return os.execute("sleep 0.1")
      end)
      local here = witness.line(1)
      for _ in slow() do end
      assert.equal(1, #reports)
      assert.matches("^a step has been running", reports[1].message)
      assert.matches(here, reports[1].traceback, 1, true)
    end)
  end)

  it("reports a long callback, by its place", function()
    watched(function(reports)
      local here
      asyncio.get_running_loop():call_soon(function()
        here = witness.line(1)
        while #reports == 0 do end
      end)
      asyncio.sleep(0)
      assert.equal(1, #reports)
      assert.matches("^a callback has been running for %d+%.%d+ s$", reports[1].message)
      assert.matches(here, reports[1].traceback, 1, true)
      assert.is_nil(reports[1].task)
      asyncio.create_task(function()
        while #reports == 1 do end
      end)
      asyncio.sleep(0)
      assert.matches("^a step has been", reports[2].message)
    end)
  end)

  it("tells the time of the longest step to the stats", function()
    watched(function(reports)
      while #reports == 0 do end
      asyncio.sleep(0)
      assert.is_true(asyncio.get_running_loop():stats().longest_step >= 0.02)
    end)
  end)

  it("watches in debug mode by the loop's own limit", function()
    watched(function(reports)
      local loop = asyncio.get_running_loop()
      loop:set_slow_callback_duration(0.02)
      asyncio.sleep(0)
      while #reports == 0 do end
      loop:set_debug(false)
      asyncio.sleep(0)
      local stop = os.clock() + 0.08
      while os.clock() < stop do end
      assert.equal(1, #reports)
    end, { debug = true })
  end)

  it("keeps the program's limit where debug mode has another", function()
    local reports
    asyncio.run { debug = true, watchdog = 0.02, function()
      reports = witness.reports()
      asyncio.get_running_loop():set_slow_callback_duration(100)
      asyncio.sleep(0)
      while #reports == 0 do end
    end }
    assert.equal(1, #reports)
  end)

  it("leaves a hook of the program's own in place", function()
    watched(function(reports)
      local calls = 0
      local function hook() calls = calls + 1 end
      debug.sethook(hook, "", 1000)
      while #reports == 0 do end
      assert.equal(hook, (debug.gethook()))
      local before = calls
      for _ = 1, 10000 do end
      debug.sethook()
      assert.is_true(before > 0 and calls > before)
    end)
  end)

  it("survives a handler that fails", function()
    watched(function()
      local failed = 0
      asyncio.get_running_loop():set_exception_handler(function()
        failed = failed + 1
        error("in the handler")
      end)
      local old = io.stderr
      io.stderr = { write = function() end }
      while failed == 0 do end
      io.stderr = old
      assert.equal("on", asyncio.sleep(0.001, "on"))
    end)
  end)
end)

describe("a step outside its own Lua code", function()
  local function complains(program)
    local out, complained, status = child.run('local asyncio = require "asyncio"\n' .. program)
    assert.same({ 0, "end\n" }, { status, out }, complained)
    return complained
  end

  it("in a C function is told by name, and with its stack once it is back", function()
    local complained = complains [[
      asyncio.run { watchdog = 0.02, function()
        asyncio.current_task():set_name "in C"
        asyncio.sleep(0)
        os.execute("for i in $(seq 500); do ! grep -q outside " .. arg[1] .. " || exit; sleep 0.02; done")
        for _ = 1, 1000 do end
        print "end"
      end }
    ]]
    assert.matches("asyncio: a step of in C has been running for %d+%.%d+ s, outside its own",
      complained)
    assert.matches("a step has been running for [%d.]+ s\nTask<name=in C, state=running, at=program:%d>\n"
      .. ".*program:[56]", complained)
  end)

  it("in a plain inner coroutine is told by name", function()
    local complained = complains [[
      asyncio.run { watchdog = 0.02, function()
        asyncio.current_task():set_name "in a coroutine"
        asyncio.sleep(0)
        coroutine.wrap(function()
          local stop, told = os.clock() + 10, nil
          repeat
            local file <close> = io.open(arg[1])
            told = file:read("a"):find "outside"
          until told or os.clock() > stop
        end)()
        print "end"
      end }
    ]]
    assert.matches("asyncio: a step of in a coroutine has been running", complained, 1, true)
  end)

  it("in a driven coroutine is told with its stack", function()
    local complained = complains [[
      local coroutine = asyncio.coroutine
      asyncio.run { watchdog = 0.02, function()
        local told
        asyncio.get_running_loop():set_exception_handler(function(loop, context)
          told = true
          loop:default_exception_handler(context)
        end)
        coroutine.wrap(function()
          while not told do end
        end)()
        print "end"
      end }
    ]]
    assert.matches("a step has been running for.*program:10", complained)
  end)
end)
