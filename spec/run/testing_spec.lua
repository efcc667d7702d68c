--- testing: a loop for each test, a deadline, a virtual clock, a leak check.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

describe("testing.async", function()
  it("runs the body in a task of a loop of its own, with its arguments", function()
    local loops, seen = {}, nil
    local test = testing.async(function(...)
      seen = table.pack(...)
      loops[asyncio.get_running_loop()] = asyncio.current_task() ~= nil
    end)
    test("a", nil)
    test("a", nil)
    local count = 0
    for loop, in_task in pairs(loops) do
      assert.same({ true, true }, { in_task, loop:is_closed() })
      count = count + 1
    end
    assert.same({ 2, { n = 2, "a", nil } }, { count, seen })
  end)

  it("raises the body's error with the traceback of the tasks it came through", function()
    local text = witness.text(testing.virtual(function()
      asyncio.await(asyncio.create_task { name = "inner", function() error("broken") end })
    end))
    assert.matches("testing_spec.lua:%d+: broken\nstack traceback of inner:.*awaited by", text)
  end)

  it("fails a body that takes too long, and says where it is", function()
    local text = witness.text(testing.async(function() asyncio.sleep(11) end, { timeout = 0.02 }))
    assert.matches("the test is not done after 0.02 s\n.*asyncio.sleep.*testing_spec.lua", text)
    assert.matches("not done after 0.03 s", witness.text(testing.virtual(function()
      while true do
        asyncio.sleep(3)
      end
    end, { timeout = 0.03 })))
    assert.matches("not done after 0.02 s", witness.text(testing.virtual(function()
      while true do
        asyncio.sleep(0)
      end
    end, { timeout = 0.02 })))
    testing.virtual(function() asyncio.sleep(3600) end)()
  end)

  -- Busy for a while: a deadline that does not come in ends the spec at last.
  local clock, pcall, error = os.clock, pcall, error  -- busted's globals are Lua code
  local function be_busy(seconds)
    local start = clock()
    while clock() - start < (seconds or 2) do end
  end

  it("stops a body that is busy, and says where it is", function()
    local start = os.clock()
    local text = witness.text(testing.async(be_busy, { timeout = 0.05 }))
    assert.matches("^the test is not done after 0.05 s\n[^\n]*testing_spec.lua:%d+: the time limit was reached\n"
      .. "stack traceback of [^\n]*\n.-testing_spec.lua:%d+: in", text)
    text = witness.text(testing.virtual(function()
      while true do
        if pcall(be_busy) then error "never stopped" end
      end
    end, { timeout = 0.05 }))
    assert.matches("^the test is not done after 0.05 s\n[^\n]*testing_spec.lua:%d+: the time limit was reached\n", text)
    assert(os.clock() - start < 1.5)
  end)

  it("stops another task and a callback that are busy", function()
    local start = os.clock()
    for _, begin in ipairs {
      function() asyncio.create_task { name = "busy", be_busy } end,
      function() asyncio.get_running_loop():call_soon(be_busy) end,
    } do
      local text = witness.text(testing.async(function()
        begin()
        asyncio.sleep(100)
      end, { timeout = 0.05 }))
      assert.matches("^the test is not done after 0.05 s\n.*\n[^\n]*testing_spec.lua:%d+: "
        .. "the time limit was reached\nstack traceback", text)
    end
    assert(os.clock() - start < 1.5)
  end)

  it("says no more than that of a body that ended late", function()
    assert.equal("the test is not done after 0.05 s", witness.text(testing.async(function()
      pcall(be_busy)
      return nil
    end, { timeout = 0.05 })))
  end)

  it("says what a body waits for that takes too long, and names no other error", function()
    local text = witness.text(testing.async(function() asyncio.sleep(100) end, { timeout = 0.02 }))
    assert.matches("^the test is not done after 0.02 s\nwaiting tasks:\nTask<[^\n]*> waits for sleep\n", text)
  end)

  it("leaves the user's hook alone, and one that is in time", function()
    local count = 0
    local function hook() count = count + 1 end
    testing.run { function()
      debug.sethook(coroutine.running(), hook, "", 1)
      pcall(be_busy, 0.05)
      assert.equal(hook, (debug.gethook()))
      debug.sethook(coroutine.running(), nil, "")
    end, timeout = 5 }
    assert(count > 0)
    local kept
    pcall(testing.run, { function()
      debug.sethook(coroutine.running(), hook, "", 1000)
      pcall(be_busy)
      kept = debug.gethook()
      debug.sethook(coroutine.running(), nil, "")
    end, timeout = 0.05 })
    assert.equal(hook, kept)
  end)

  it("fails a body whose wait nothing can end", function()
    assert.matches("nothing can ever wake the main task", witness.text(
      testing.virtual(function()
        asyncio.await(asyncio.Future())
      end)))
  end)

  it("fails on a task left over, unless told not to look", function()
    local function leave()
      asyncio.create_task { name = "forgotten", function() asyncio.sleep(100) end }
    end
    assert.matches("task left over: Task<name=forgotten, state=pending.*testing_spec.lua",
      witness.text(testing.virtual(function() leave() asyncio.sleep(1) end)))
    testing.virtual(function() leave() asyncio.sleep(1) end, { leaks = true })()
  end)

  it("fails on a timer left over", function()
    assert.matches("timer left over: 1", witness.text(testing.virtual(function()
      asyncio.get_running_loop():call_later(5, print)
    end)))
  end)

  it("fails on an error that nobody looked at", function()
    assert.matches("the error of a task was never retrieved.*lost", witness.text(
      testing.virtual(function()
        asyncio.create_task(function() error("lost") end)
        asyncio.sleep(1)
      end)))
    assert.matches("exception in a callback.*lost", witness.text(testing.virtual(function()
      asyncio.get_running_loop():call_soon(function() error("lost") end)
      asyncio.sleep(1)
    end)))
  end)

  it("is not fooled by a body that swallows its cancel", function()
    assert.matches("not done after 0.02 s", witness.text(testing.async(function()
      pcall(asyncio.sleep, 20)
      return "went on"
    end, { timeout = 0.02 })))
  end)

  it("takes the real clock by default", function()
    local start = os.time()
    testing.async(function() asyncio.sleep(0.01) end)()
    assert(os.time() - start < 5)
  end)

  it("refuses nonsense", function()
    assert.matches("bad argument #1 to 'async' %(function expected, got nil%)",
      witness.text(testing.async))
    assert.matches("unknown option 'clok'",
      witness.text(testing.async, function() end, { clok = "virtual" }))
    local function refused(expected, ...)
      assert.equal("bad argument " .. expected, witness.text(...))
    end
    local function nothing() end
    refused("#1 to 'run' (function expected, got nil)", testing.run)
    refused("#1 to 'run' (function expected, got nil)", testing.run, {})
    refused("#1 to 'run' (option 'timeout': number expected, got string)",
      testing.run, { nothing, timeout = "x" })
    refused("#1 to 'run' (option 'clock': 'real' or 'virtual' expected, got string)",
      testing.run, { nothing, clock = "x" })
    refused("#1 to 'new_event_loop' (option 'clock': 'real' or 'virtual' expected, got boolean)",
      testing.new_event_loop, { clock = true })
    refused("#2 to 'async' (table expected, got number)", testing.async, nothing, 5)
    refused("#2 to 'virtual' (option 'leaks': boolean expected, got number)",
      testing.virtual, nothing, { leaks = 1 })
    refused("#1 to 'new_event_loop' (option 'autojump': a time in seconds, 0 or more, expected)",
      testing.new_event_loop, { clock = "virtual", autojump = -1 })
    refused("#1 to 'run' (option 'autojump': a time in seconds, 0 or more, expected)",
      testing.run, { nothing, autojump = -0.1 })
    for _, key in ipairs { 0, -1, 1.5, true } do
      local expected = ("unknown option '%s'"):format(key)
      refused(("#1 to 'run' (%s)"):format(expected), testing.run, { nothing, [key] = 1 })
      refused(("#1 to 'run' (%s)"):format(expected), asyncio.run, { nothing, [key] = 1 })
    end
    assert.matches("unknown option 'x'", witness.text(testing.new_event_loop, { x = 1 }))
    assert.matches("option 'clock': 'real' or 'virtual' expected",
      witness.text(testing.new_event_loop, { clock = "sundial" }))
  end)
end)

describe("testing.run", function()
  it("returns what the body does", function()
    assert.same({ n = 2, nil, 2 }, table.pack(testing.run { function(...)
      return asyncio.sleep(86400, ...)
    end, nil, 2, n = 3, clock = "virtual", timeout = 1e6 }))
    assert.equal(3, testing.run(function(a, b) return a + b end, 1, 2))
  end)
end)

describe("the virtual clock", function()
  it("jumps to the next deadline, in exact order, in no time", function()
    local log, real = {}, os.time()
    testing.run { clock = "virtual", timeout = 1e7, function()
      local start = asyncio.get_running_loop():time()
      for i = 1, 5 do
        asyncio.create_task(function()
          asyncio.sleep(86400 * (6 - i))
          log[#log + 1] = { i, asyncio.get_running_loop():time() - start }
        end)
      end
      asyncio.sleep(86400 * 6)
    end }
    assert.same({ { 5, 86400 }, { 4, 172800 }, { 3, 259200 }, { 2, 345600 }, { 1, 432000 } }, log)
    assert(os.time() - real < 5)
  end)

  -- A server that answers each line, and a client's ends of a connection to it.
  local function echo()
    local server = asyncio.start_server(function(reader, writer)
      for line in reader:lines() do
        writer:write(line, "\n")
      end
    end, "127.0.0.1", 0)
    return server, asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
  end

  it("does not jump over an answer that is on its way", testing.virtual(function()
    local server <close>, reader, writer = echo()  -- luacheck: ignore server
    for i = 1, 20 do
      writer:write(i .. "\n")
      assert.equal(i .. "\n", asyncio.wait_for(function() return reader:readline() end, 60))
    end
    writer:close()
  end))

  it("does not jump while events come that make nothing ready", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local server <close> = asyncio.start_server(function(reader)
      while reader:read(4096) do end
    end, "127.0.0.1", 0)
    local _, writer = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
    local start, late = loop:time(), false
    local timer = loop:call_later(60, function() late = true end)
    for _ = 1, 5 do
      writer:write(("x"):rep(1 << 20))
      writer:drain()
    end
    assert.same({ false, start }, { late, loop:time() })
    timer:cancel()
    writer:close()
  end))

  it("takes the deadline that an event made, not the one before it", function()
    local log = {}
    testing.run { clock = "virtual", function()
      local server <close>, reader, writer = echo()  -- luacheck: ignore server
      local slow = asyncio.create_task(function()
        asyncio.sleep(100)
        log[#log + 1] = "slow"
      end)
      local quick = asyncio.create_task(function()
        reader:readline()
        asyncio.sleep(1)
        log[#log + 1] = "quick"
      end)
      writer:write("go\n")
      asyncio.gather(slow, quick)
      writer:close()
    end }
    assert.same({ "quick", "slow" }, log)
  end)
end)
