--- How a test ends: by its own end, by its deadline, and by that of `run`.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local function closing(f)
  return setmetatable({}, { __close = f })
end

-- Runs the test, which must fail, within so many real seconds. Returns its text.
local function fails_within(seconds, test)
  local loop = asyncio.new_event_loop()
  local start = loop:time()
  local text = witness.text(testing.run, test)
  local took = loop:time() - start
  loop:close()
  assert(took < seconds, ("took %g s"):format(took))
  return text
end

local LATE = "^the test is not done after 0.05 s\n"

describe("the deadline of a test #heavy", function()
  local pcall, clock = pcall, os.clock  -- busted's globals are Lua code

  local catchers = {
    ["retries in a pcall"] = function()
      repeat
        local up = pcall(asyncio.open_connection, "127.0.0.1", 1)
      until up
    end,
    ["sleeps in a pcall, for ever"] = function()
      while true do
        pcall(asyncio.sleep, 0.01)
      end
    end,
    ["gives way in a pcall, for ever"] = function()
      while true do
        pcall(asyncio.sleep, 0)
      end
    end,
    ["catches it before a busy loop"] = function()
      pcall(asyncio.sleep, 10)
      local start = clock()
      while clock() - start < 5 do end
    end,
    ["cleans up for very long"] = function()
      local _ <close> = closing(function() asyncio.sleep(1000) end)
      asyncio.sleep(1000)
    end,
    ["catches a deadlock for ever"] = function()
      while true do
        pcall(asyncio.await, asyncio.Future())
      end
    end,
    ["awaits a task that catches"] = function()
      asyncio.await(asyncio.create_task(function()
        while true do
          pcall(asyncio.sleep, 0.01)
        end
      end))
    end,
    ["has a group whose children catch"] = function()
      local group <close> = asyncio.TaskGroup()
      for _ = 1, 3 do
        group:create_task(function()
          while true do
            pcall(asyncio.sleep, 0.01)
          end
        end)
      end
    end,
    ["starts a worker again for ever"] = function()
      local function again()
        asyncio.create_task(asyncio.sleep, 0.01):add_done_callback(again)
      end
      again()
      pcall(asyncio.Event().wait, asyncio.Event())
      asyncio.sleep(1000)
    end,
  }

  for what, body in pairs(catchers) do
    it("ends a test that " .. what, function()
      assert.matches(LATE, fails_within(3, { body, timeout = 0.05 }))
    end)
  end

  for _, what in ipairs {
    "sleeps in a pcall, for ever", "gives way in a pcall, for ever",
    "awaits a task that catches", "has a group whose children catch",
  } do
    it("ends a test that " .. what .. ", on the virtual clock", function()
      assert.matches(LATE, fails_within(3, { catchers[what], timeout = 0.05, clock = "virtual" }))
    end)
  end

  it("says what all tasks waited for, also if the test catches its error", function()
    local text = fails_within(3, { timeout = 0.05, function()
      asyncio.create_task { name = "other", asyncio.sleep, 100 }
      pcall(asyncio.sleep, 100)
      asyncio.sleep(100)
    end })
    assert.matches(LATE .. "waiting tasks:\nTask<name=Task[^\n]* waits for sleep\n", text)
    assert.matches("\nTask<name=other, [^\n]* waits for sleep\n", text)
  end)

  it("leaves a clean-up time to wait", function()
    local log = {}
    local text = fails_within(3, { timeout = 0.2, function()
      local _ <close> = closing(function(_, err)
        asyncio.sleep(0.02)
        log[#log + 1] = witness.class(err)
      end)
      asyncio.sleep(100)
    end })
    assert.matches("^the test is not done after 0.2 s\nwaiting tasks:\n", text)
    assert.same({ "DeadlockError" }, log)
  end)

  it("stops tasks that are busy while the test ends", function()
    local text = fails_within(3, { timeout = 0.05, function()
      asyncio.create_task(function()
        pcall(asyncio.sleep, 100)
        local start = clock()
        while clock() - start < 5 do end
      end)
      asyncio.sleep(0)
    end })
    assert.matches("the time limit was reached", text)
  end)

  it("shows another error that the test ended with after it", function()
    local text = fails_within(3, { timeout = 0.05, function()
      pcall(asyncio.sleep, 100)
      asyncio.sleep(0.01)
      error "in the clean-up"
    end })
    assert.matches(LATE .. ".*testing_end_spec.lua:%d+: in the clean%-up\nstack traceback of ", text)
  end)
end)

describe("a test ends as a run does", function()
  local rows = function(log)
    return asyncio.generator(function()
      local _ <close> = closing(function() log[#log + 1] = "closed" end)
      coroutine.yield(1)
    end)()
  end

  it("closes generators and context managers left open", function()
    for _, keep in ipairs { true, false } do
      local log, kept = {}, nil
      testing.run(function()
        local iterator = rows(log)
        iterator()
        kept = keep and iterator
      end)
      assert.same({ "closed" }, log)
      assert(kept ~= nil)
    end
    local log = {}
    testing.run(function()
      asyncio.contextmanager(function()
        local _ <close> = closing(function() log[#log + 1] = "left" end)
        coroutine.yield()
      end)()
    end)
    assert.same({ "left" }, log)
  end)

  local function background(log)
    local _ <close> = closing(function()
      asyncio.sleep(0.01)
      log[#log + 1] = "cleaned up"
    end)
    asyncio.sleep(100)
  end

  it("waits for the clean-up of tasks left over, however the test ended", function()
    local log = {}
    local function leave()
      asyncio.create_task(background, log)
      asyncio.sleep(0)
    end
    for how, test in pairs {
      error = { function() leave() error("failed", 0) end },
      leaks = { leave, leaks = true },
      leak = { leave },
      leak_in_virtual_time = { leave, clock = "virtual" },
      deadline = { function() leave() asyncio.sleep(10) end, timeout = 0.05 },
    } do
      log[1] = nil
      pcall(testing.run, test)
      assert.same({ "cleaned up" }, log, how)
    end
  end)

  it("names what is left before that, and reports what goes wrong meanwhile", function()
    local text = witness.text(testing.virtual(function()
      asyncio.create_task { name = "forgotten", function()
        pcall(asyncio.sleep, 100)
        asyncio.sleep(1)
        error("too late", 0)
      end }
      asyncio.sleep(0)
    end))
    assert.matches("task left over: Task<name=forgotten, state=pending", text)
    assert.matches("a task failed while the run was ending\n[^\n]*\ntoo late", text)
  end)

  it("says where what is left was made", function()
    local here = {}
    local text = witness.text(testing.run, function()
      local server = asyncio.start_server(print, "127.0.0.1", 0) here.server = witness.line()
      asyncio.get_running_loop():call_later(5, print) here.timer = witness.line()
      asyncio.create_task { name = "left", asyncio.sleep, 5 } here.task = witness.line()
      assert(server)
    end)
    local function at(what)
      return what:sub(1, -2)
    end
    assert.matches("handle left over: 1 server, created at " .. at(here.server), text, 1, true)
    assert.matches("timer left over: 1, created at " .. at(here.timer), text, 1, true)
    assert.matches("created at:\n\t" .. at(here.task) .. "\n", text, 1, true)
  end)

  it("takes a loop away that it had set", function()
    testing.run(function() asyncio.set_event_loop(asyncio.get_running_loop()) end)
    assert.matches("no current event loop", witness.text(asyncio.get_event_loop))
  end)
end)

describe("the error of a test", function()
  -- Runs `f` with what it writes to standard error taken into a list.
  local function capture(f)
    local real, written = io.stderr, {}
    io.stderr = { write = function(_, ...) written[#written + 1] = table.concat { ... } end }
    local ok, err = pcall(f)
    io.stderr = real
    assert(ok, err)
    return written
  end

  it("travels unchanged, whatever it is", function()
    local frozen = setmetatable({}, {
      __index = { message = "frozen" },
      __newindex = function() error("read only", 0) end,
    })
    local plain = { message = "plain" }
    local written = capture(function()
      for _, err in ipairs { frozen, plain, 42, false } do
        assert.same({ false, err }, { pcall(testing.run, function() error(err) end) })
        assert.equal(err, select(2, pcall(testing.run, function() error(err) end)))
      end
      assert.equal(nil, select(2, pcall(testing.run, error, nil)))
    end)
    assert.equal("plain", plain.message)
    assert.equal(9, #written)
    assert.matches("^asyncio: a test failed with 42\nstack traceback of Task%-%d+:\n", written[5])
  end)

  it("does not grow with every test that raises it", function()
    local NOT_FOUND = asyncio.Error("not found")
    for _ = 1, 3 do
      local _, err = pcall(testing.run, function() error(NOT_FOUND) end)
      assert.equal(NOT_FOUND, err)
      assert.equal("not found", NOT_FOUND.message)
      local text = tostring(err)
      assert.matches("^Error: not found\nstack traceback of Task%-%d+:\n.-testing_end_spec", text)
      assert.equal(1, select(2, text:gsub("stack traceback of ", "")))
    end
    testing.run(function() assert.equal("Error: not found", tostring(NOT_FOUND)) end)
  end)

  it("of a group is its text, whole, then the tracebacks", function()
    local _, err = pcall(testing.run, function()
      local group <close> = asyncio.TaskGroup()
      group:create_task { name = "child", error, "the error", 0 }
    end)
    assert.equal("unhandled errors in a TaskGroup", err.message)
    assert.matches("^ExceptionGroup: unhandled errors in a TaskGroup %(1 error%)\n  1. the error\n"
      .. "stack traceback of child:\n.*\nstack traceback of Task%-%d+:", tostring(err))
  end)

  it("that is an assertion of busted shows the traceback too, and stays one", function()
    local original
    local _, err = pcall(testing.run, function()
      local ok
      ok, original = pcall(function() assert.equal(1, 2) end)
      assert(not ok)
      error(original)
    end)
    assert.equal(getmetatable(original), getmetatable(err))
    assert.not_matches("stack traceback of", original.message)
    assert.equal(original.message, err.message:sub(1, #original.message))
    assert.matches("\nstack traceback of Task%-%d+:\n", err.message)
  end)

  it("comes with what was reported meanwhile", function()
    local text = witness.text(testing.run, function()
      asyncio.get_running_loop():call_soon(error, "the cause", 0)
      asyncio.sleep(0)
      error("the effect", 0)
    end)
    assert.matches("^the effect\nstack traceback of .*exception in a callback.*the cause", text)
  end)
end)
