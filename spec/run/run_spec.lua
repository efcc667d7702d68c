--- run: one call that makes a loop, runs a program on it and cleans up.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns = witness.turns

local function virtual_loop()
  return testing.new_event_loop { clock = "virtual" }
end

-- `run` on the virtual clock.
local function run(main, ...)
  local options = table.pack(main, ...)
  options.loop_factory = virtual_loop
  return asyncio.run(options)
end

describe("run", function()
  it("ends though every cancelled task makes another one", function()
    local made = 0
    local function again()
      made = made + 1
      pcall(asyncio.sleep, 10)
      asyncio.create_task(again)
    end
    asyncio.run { shutdown_grace = 0.01, loop_factory = virtual_loop, function()
      asyncio.create_task(again)
      asyncio.sleep(0)
      asyncio.get_running_loop():set_exception_handler(function() end)
    end }
    assert(made > 1)
  end)

  it("says what is wrong with its arguments at the caller's line", function()
    local used = asyncio.async(function() end)()
    asyncio.run(used)
    local text = witness.text(function() asyncio.run(used) end) local here = witness.line()
    assert.equal(here .. " bad argument #1 to 'run' (coroutine was started or awaited before)", text)
    local runner <close> = asyncio.Runner()
    text = witness.text(function() runner:run(used) end) here = witness.line()
    assert.equal(here .. " bad argument #1 to 'run' (coroutine was started or awaited before)", text)
    text = witness.text(function() asyncio.run(asyncio.async(print)(), 1) end) here = witness.line()
    assert.equal(here .. " bad argument #2 to 'run' (only a function takes arguments)", text)
    text = witness.text(function() asyncio.run { print, dump_on = "SIGFOO" } end) here = witness.line()
    assert.equal(here .. " bad argument #1 to 'run' (option 'dump_on': 'SIGUSR1' or 'SIGUSR2' or "
      .. "'SIGHUP' or 'SIGQUIT' or 'SIGTERM' expected, got 'SIGFOO')", text)
    assert.matches("field 'n' must be the length", witness.text(asyncio.run, { print, n = -1 }))
    text = witness.text(function() runner.run(5, print) end) here = witness.line()
    assert.equal(here .. " calling 'run' on bad self (asyncio.Runner expected, got number)", text)
  end)

  it("gives main its arguments and returns its results, nils included", function()
    assert.same({ n = 4, 3, nil, "b", nil }, table.pack(asyncio.run(function(...)
      asyncio.sleep(0)
      return select("#", ...), ...
    end, nil, "b", nil)))
    assert.same({ n = 0 }, table.pack(asyncio.run(function() end)))
  end)

  it("takes a function, a coroutine function, an object or a thing", function()
    assert.equal("f", run(function() return asyncio.sleep(1, "f") end))
    assert.equal("cf", run(asyncio.async(function(x) return asyncio.sleep(1, x) end), "cf"))
    assert.equal("o", run(asyncio.async(asyncio.sleep)(1, "o")))
    assert.equal("t", run(setmetatable({}, { __await = function()
      return asyncio.sleep(1, "t")
    end })))
    assert.equal("c", run(setmetatable({}, { __call = function(_, x)
      return asyncio.sleep(1, x)
    end }), "c"))
  end)

  it("raises main's error unchanged to a caller who can catch it", function()
    for _, err in ipairs { "text", {}, 42, false, asyncio.TimeoutError("late") } do
      assert.same({ n = 2, false, err },
        table.pack(pcall(run, function() asyncio.sleep(1) error(err, 0) end)))
      local co = coroutine.wrap(function() return pcall(run, error, err, 0) end)
      assert.same({ false, err }, { co() })
    end
    assert.same({ n = 2, false, nil }, table.pack(pcall(run, error, nil)))
    assert.same({ false, "x" }, { asyncio.pcall(run, error, "x", 0) })
    assert.same({ false, "handled x" }, { xpcall(run, function(e) return "handled " .. e end,
      error, "x", 0) })
    assert.same({ false, "in a coroutine" }, { coroutine.resume(coroutine.create(function()
      run(error, "in a coroutine", 0)
    end)) })
  end)

  it("cancels what is left, and waits for it", function()
    local log = {}
    run(function()
      for i = 1, 2 do
        asyncio.create_task(function()
          local _ <close> = setmetatable({}, { __close = function(_, err)
            asyncio.sleep(i)
            log[#log + 1] = i .. " " .. witness.class(err)
          end })
          asyncio.sleep(100)
        end)
      end
      turns(1)
    end)
    assert.same({ "1 CancelledError", "2 CancelledError" }, log)
  end)

  it("cancels what is left after an error of main, too", function()
    local log = {}
    pcall(run, function()
      asyncio.create_task(function()
        log[1] = select(2, witness.try(asyncio.sleep, 100))
      end)
      turns(1)
      error("main failed")
    end)
    assert.same({ "CancelledError" }, log)
  end)

  it("cancels tasks that the ending ones make", function()
    local log = {}
    run(function()
      asyncio.create_task(function()
        pcall(asyncio.sleep, 100)
        asyncio.create_task(function()
          log[#log + 1] = select(2, witness.try(asyncio.sleep, 100))
        end)
        asyncio.sleep(1)
      end)
      turns(1)
    end)
    assert.same({ "CancelledError" }, log)
  end)

  it("reports a task that fails while it ends", function()
    local reports
    run(function()
      reports = witness.reports()
      asyncio.create_task { name = "late", function()
        pcall(asyncio.sleep, 100)
        error("in the clean-up", 0)
      end }
      turns(1)
    end)
    assert.equal(1, #reports)
    assert.same({ "in the clean-up", "late" },
      { reports[1].exception, reports[1].task:get_name() })
  end)

  it("closes its loop, and leaves none set", function()
    local loop
    run(function() loop = asyncio.get_running_loop() end)
    assert.is_true(loop:is_closed())
    assert.matches("no current event loop", witness.text(asyncio.get_event_loop))
    pcall(run, function() loop = asyncio.get_running_loop() error("x") end)
    assert.is_true(loop:is_closed())
    assert.matches("no current event loop", witness.text(asyncio.get_event_loop))
  end)

  it("can be called again and again, also from a coroutine", function()
    for i = 1, 20 do
      assert.equal(i, run(function() return asyncio.sleep(1, i) end))
      assert.equal(i, coroutine.wrap(function() return run(asyncio.sleep, 1, i) end)())
    end
  end)

  it("may be started in a coroutine that is then collected", function()
    local log = {}
    do
      local co = coroutine.create(function()
        run(function() log[1] = asyncio.sleep(1, "ran") end)
        coroutine.yield()
      end)
      coroutine.resume(co)
    end
    witness.collect()
    assert.equal("ran", log[1])
    assert.equal("again", run(asyncio.sleep, 1, "again"))
  end)

  it("takes options, and their arguments from the list", function()
    local made
    assert.equal("value", asyncio.run { function(x)
      assert.is_true(asyncio.get_running_loop():get_debug())
      return x
    end, "value", debug = true, loop_factory = function()
      made = virtual_loop()
      return made
    end })
    assert.is_true(made:is_closed())
  end)

  it("is cancelled with main's own cancel", function()
    witness.raises(asyncio.CancelledError, run, function()
      asyncio.current_task():cancel()
      asyncio.sleep(1)
    end)
  end)

  it("raises DeadlockError when nothing can wake main", function()
    witness.raises(asyncio.DeadlockError, run, function()
      asyncio.await(asyncio.Future())
    end)
    witness.raises(asyncio.DeadlockError, run, function()
      local a, b
      a = asyncio.create_task(function() asyncio.await(b) end)
      b = asyncio.create_task(function() asyncio.await(a) end)
      asyncio.await(a)
    end)
  end)

  it("ends though tasks await each other in a cycle", function()
    assert.equal("done", run(function()
      local a, b
      a = asyncio.create_task(function() asyncio.await(b) end)
      b = asyncio.create_task(function() asyncio.await(a) end)
      asyncio.sleep(1)
      return "done"
    end))
  end)

  it("refuses nonsense, at the caller's line", function()
    local ok, err = pcall(function() asyncio.run(nil) end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " bad argument #1 to 'run' (function or awaitable expected, got nil)",
      err)
    ok, err = pcall(function() asyncio.run { print, dbug = true } end) here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " bad argument #1 to 'run' (unknown option 'dbug')", err)
    assert.matches("got number", witness.text(asyncio.run, 42))
    assert.matches("got nil", witness.text(asyncio.run, {}))
  end)

  it("refuses to start inside a task, and main goes on", testing.virtual(function()
    local ran = false
    local ok, err = pcall(function()
      asyncio.run(function() ran = true end)
    end)
    assert.is_false(ok)
    assert.matches("run_spec.lua:%d+: asyncio.run cannot be called while a loop is running", err)
    assert.equal("fine", asyncio.sleep(1, "fine"))
    assert.is_false(ran)
  end))
end)
