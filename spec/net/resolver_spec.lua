--- Names: looked up off the loop, left at once, never in the way of an exit.

local asyncio = require "asyncio"
local core = require("asyncio.core").api
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

-- A name server that never answers: nobody accepts what comes to its port. A
-- child asks it, over TCP, by a resolv.conf of its own.
local SERVER = "127.0.0.77"

local function with_private_config(config, command)
  return ([[kept=$LD_PRELOAD; unset LD_PRELOAD; unshare -m sh -c '
    mount --bind %s /etc/resolv.conf && LD_PRELOAD=$0 exec %s' "$kept" 2>&1]])
    :format(config, command)
end

local function new_config()
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write("nameserver ", SERVER, "\noptions use-vc timeout:10 attempts:2\n")
  file:close()
  return path
end

local function can_hang()
  local config = new_config()
  local pipe = io.popen(with_private_config(config, "cat /etc/resolv.conf"))
  local seen = pipe:read "a"
  pipe:close()
  os.remove(config)
  return seen:find(SERVER, 1, true) and pcall(testing.run, function()
    asyncio.start_server(print, SERVER, 53, { start_serving = false }):close()
  end)
end

-- Runs a program where every look-up of a name hangs.
-- @return what it printed on both outputs, and its exit code
local function run_hanging(program)
  local config, path = new_config(), os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(program)
  file:close()
  local loop = testing.new_event_loop()
  loop:run_until_complete(function()
    asyncio.start_server(print, SERVER, 53):stop_accepting()
  end)
  local pipe = io.popen(with_private_config(config,
    ("timeout 15 %s %s"):format(os.getenv "LUA" or "lua5.4", path)))
  local printed = pipe:read "a"
  local _, _, code = pipe:close()
  loop:close()
  os.remove(config)
  os.remove(path)
  return printed, code
end

describe("a look-up", function()
  it("gives the addresses of a name, with port and family", testing.async(function()
    local list = core.getaddrinfo("localhost", "80", "any", false)
    assert(#list >= 1)
    for _, address in ipairs(list) do
      assert.equal(80, address.port)
      assert.equal(address.family, core.isaddress(address.host))
    end
  end))

  it("of a number needs no name server, and gives that", testing.async(function()
    assert.same({ { host = "127.0.0.1", port = 0, family = "inet" } },
      core.getaddrinfo("127.0.0.1", nil, "any", false))
    assert.same({ { host = "::1", port = 7, family = "inet6" } },
      core.getaddrinfo("::1", "7", "inet6", false))
  end))

  it("that fails names the host and is an OSError", testing.async(function()
    local err = witness.raises(asyncio.OSError, asyncio.open_connection, "no.such.host.invalid", 1)
    assert.same({ "no.such.host.invalid", "getaddrinfo" }, { err.address, err.syscall })
    assert.matches("^EAI_%u+$", err.code)
    assert.matches("^EAI_%u+: .+ %(getaddrinfo no%.such%.host%.invalid%)$", tostring(err))
    err = witness.raises(asyncio.OSError, asyncio.start_server, print, "no.such.host.invalid", 1)
    assert.equal("no.such.host.invalid", err.address)
    err = witness.raises(asyncio.OSError, asyncio.open_connection, "", 1)
    assert.matches("^EAI_", err.code)
  end, { timeout = 30 }))

  it("that is cancelled is left at once", testing.async(function()
    for delay = 0, 3 do
      local task = asyncio.create_task(core.getaddrinfo, "localhost", nil, "any", false)
      turns(delay)
      if task:cancel() then
        assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      end
    end
  end))

  it("is done or cancelled, never both", testing.async(function()
    local log = {}
    local first, second, cancelled
    first = asyncio.create_task(function()
      core.getaddrinfo("127.0.0.1", nil, "any", false)
      cancelled = second:cancel()
      log[#log + 1] = "first"
    end)
    second = asyncio.create_task(function()
      local list = core.getaddrinfo("127.0.0.1", nil, "any", false)
      log[#log + 1] = list[1].host
      asyncio.sleep(0)
      log[#log + 1] = "went on"
    end)
    asyncio.await(first)
    if cancelled then
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, second) })
      assert.not_matches("went on", table.concat(log, " "))
    else  -- the threads came the other way round
      asyncio.await(second)
      assert.same({ "127.0.0.1", "went on", "first" }, log)
    end
  end))

  it("may be one of a thousand at once", testing.async(function()
    local tasks, count = {}, 0
    for i = 1, 1000 do
      tasks[i] = asyncio.create_task(function()
        local list = core.getaddrinfo("127.0.0.1", tostring(i), "any", false)
        assert.equal(i, list[1].port)
        count = count + 1
      end)
    end
    turns(1)
    for i = 3, 1000, 3 do
      tasks[i]:cancel()
    end
    tasks.return_exceptions = true
    local results = asyncio.gather(tasks)
    for i = 1, 1000 do
      if i % 3 ~= 0 then
        assert.is_falsy(results.failed[i])
      end
    end
    assert(count >= 667)
  end, { timeout = 60 }))

  it("of a loop that is closed or dropped meanwhile does no harm", function()
    for _, close in ipairs { true, false } do
      for round = 1, 10 do
        local loop = testing.new_event_loop()
        loop:run_until_complete(function()
          for i = 1, 200 do
            asyncio.create_task(core.getaddrinfo, "127.0.0.1", tostring(i), "any", false)
          end
          turns(round % 3 + 1)
        end)
        if close then
          loop:close()
        end
        loop = nil
        witness.collect()
        assert.is_nil(loop)
        assert(witness.destroyed() > 0)
      end
    end
  end)

  it("of a task whose coroutine is closed from outside fails", testing.virtual(function()
    local task = asyncio.create_task(core.getaddrinfo, "localhost", nil, "any", false)
    turns(1)
    coroutine.close(task:get_coro())
    witness.collect()
    turns(2)
    assert.is_true(task:done())
    assert.matches("resumed or closed from outside the event loop", witness.text(asyncio.await, task))
  end))

  it("does not hold up time on the virtual clock once it is left", testing.virtual(function()
    local task = asyncio.create_task(core.getaddrinfo, "localhost", nil, "any", false)
    turns(1)
    task:cancel()
    local scope <close> = asyncio.timeout(1000)
    asyncio.sleep(100)
  end, { timeout = 1e6 }))
end)

describe("a name server that never answers", function()
  local hanging = can_hang() and it or pending

  hanging("holds up neither a cancel, nor a deadline, nor an exit", function()
    local printed, code = run_hanging [[
      local asyncio = require "asyncio"
      local start
      asyncio.run(function()
        local loop = asyncio.get_running_loop()
        start = loop:time()
        local task = asyncio.create_task(asyncio.open_connection, "slow.example", 80)
        asyncio.sleep(0.05)
        task:cancel()
        print(pcall(asyncio.await, task))
        local ok, err = pcall(asyncio.wait_for, asyncio.open_connection, 0.05, "slow.example", 80)
        print(ok, tostring(err):match("^TimeoutError: timed out after 0.05 s"))
        asyncio.create_task(asyncio.open_connection, "slow.example", 80)
        asyncio.sleep(0)
        print(loop:time() - start < 3)
      end)
    ]]
    assert.same({ "false\tCancelledError\nfalse\tTimeoutError: timed out after 0.05 s\ntrue\n", 0 },
      { printed, code })
  end)

  hanging("keeps a hundred look-ups waiting, and others queue behind them", function()
    local printed, code = run_hanging [[
      local asyncio = require "asyncio"
      local function threads()
        for line in io.lines "/proc/self/status" do
          local n = line:match "^Threads:%s+(%d+)"
          if n then return tonumber(n) end
        end
      end
      asyncio.run(function()
        local loop, tasks = asyncio.get_running_loop(), {}
        for i = 1, 400 do
          tasks[i] = asyncio.create_task(asyncio.open_connection, "slow.example", 80)
        end
        asyncio.sleep(0.2)
        local n = threads()
        print(n >= 100 and n <= 140)
        local start = loop:time()
        for i = 1, 400 do
          tasks[i]:cancel()
        end
        tasks.return_exceptions = true
        asyncio.gather(tasks)
        -- the loop goes on with its work meanwhile
        local server <close> = asyncio.start_server(function(_, writer) writer:write "hi" end,
          "127.0.0.1", 0)
        local reader, writer = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
        print(reader:read())
        writer:close()
        print(loop:time() - start < 3)
      end)
    ]]
    assert.same({ "true\nhi\ntrue\n", 0 }, { printed, code })
  end)

  hanging("holds up no os.exit in a task", function()
    local printed, code = run_hanging [[
      local asyncio = require "asyncio"
      asyncio.run(function()
        for _ = 1, 50 do
          asyncio.create_task(asyncio.open_connection, "slow.example", 80)
        end
        asyncio.sleep(0.01)
        print "here"
        os.exit(3, true)
      end)
    ]]
    assert.same({ "here\n", 3 }, { printed, code })
  end)
end)
