--- Connecting: by name and by path, to several addresses, cancelled and refused.

local asyncio = require "asyncio"
local core = require("asyncio.core").api
local race = require "asyncio.net.race"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns, text, until_true = witness.try, witness.turns, witness.text, sockets.until_true

local has_ipv6 = sockets.has_ipv6()

local function now()
  return asyncio.get_running_loop():time()
end

local function silent(reader)
  reader:read()
end

-- A port that nobody listens on.
local function free_port()
  local server = asyncio.start_server(silent, "127.0.0.1", 0)
  local port = server:sockets()[1].port
  server:close()
  return port
end

-- Puts a fake look-up in the place of the system's until the scope's end.
local function names(list)
  local old = core.getaddrinfo
  core.getaddrinfo = function(host)
    asyncio.sleep(0)
    local found = assert(list[host], host)
    for _, address in ipairs(found) do
      address.family = core.isaddress(address.host)
    end
    return found
  end
  return setmetatable({}, { __close = function() core.getaddrinfo = old end })
end

-- A listener that never answers: its backlog is full.
local function black_hole(host, port)
  local server = asyncio.start_server(silent, host, port or 0, { backlog = 1 })
  server:stop_accepting()
  port = server:sockets()[1].port
  local stuck = {}
  for i = 1, 4 do
    stuck[i] = asyncio.create_task(function()
      local _, writer = asyncio.open_connection(host, port)
      stuck[i] = writer
    end)
  end
  asyncio.sleep(0.02)
  return port, setmetatable({}, { __close = function()
    for i = 1, 4 do
      if asyncio.isfuture(stuck[i]) then
        stuck[i]:cancel()
      else
        stuck[i]:abort()
      end
    end
    server:close()
    server:wait_closed()
  end })
end

describe("open_connection", function()
  it("takes keep-alive by either name, as servers do", testing.async(function()
    local server <close> = asyncio.start_server(silent, "127.0.0.1", 0,
      { keepalive = true, keep_alive = true })
    local port = server:sockets()[1].port
    for _, options in ipairs { { keepalive = true }, { keep_alive = true },
      { keepalive = false, keep_alive = false } } do
      local _, _ <close> = asyncio.open_connection("127.0.0.1", port, options)
      asyncio.start_server(silent, "127.0.0.1", 0, options):close()
    end
    local both = { keepalive = true, keep_alive = false }
    assert.matches("connect_spec.lua:%d+: bad argument #3 to 'open_connection' " ..
      "%(options 'keepalive' and 'keep_alive' differ%)",
      witness.text(function() asyncio.open_connection("127.0.0.1", port, both) end))
    assert.matches("connect_spec.lua:%d+: bad argument #4 to 'start_server'",
      witness.text(function() asyncio.start_server(silent, "127.0.0.1", 0, both) end))
  end))

  it("connects by address and by name, over IPv4 and IPv6", testing.async(function()
    local server <close> = asyncio.start_server(function(_, writer) writer:write "hello" end,
      nil, 0)
    local port = server:sockets()[1].port
    local hosts = { "127.0.0.1", "localhost", has_ipv6 and "::1", "::ffff:127.0.0.1" }
    for _, host in ipairs(has_ipv6 and hosts or { "127.0.0.1", "localhost" }) do
      local reader, _ <close> = asyncio.open_connection(host, port)
      assert.equal("hello", reader:read())
    end
    for family, host in pairs { inet = "127.0.0.1", inet6 = "::1" } do
      local ok, reader, writer = pcall(asyncio.open_connection, "localhost", port,
        { family = family })
      if ok then
        assert.equal(host, (writer:get_extra_info "peername"))
        assert.equal("hello", reader:read())
        writer:close()
      else
        assert.equal("EAI_NONAME", reader.code)  -- "localhost" has no such address here
      end
    end
  end))

  it("that is refused names the address", testing.async(function()
    for host, shown in pairs { ["127.0.0.1"] = "127.0.0.1:%d",
      ["::1"] = has_ipv6 and "[::1]:%d" or nil } do
      local port = free_port()
      local err = witness.raises(asyncio.OSError, asyncio.open_connection, host, port)
      shown = shown:format(port)
      assert.same({ "ECONNREFUSED", "connect", shown, true },
        { err.code, err.syscall, err.address, err.errno > 0 })
      assert.equal(("ECONNREFUSED: connection refused (connect %s)"):format(shown), tostring(err))
    end
  end))

  it("to an address of the wrong family says so", testing.async(function()
    local err = witness.raises(asyncio.OSError, asyncio.open_connection, "127.0.0.1", 1,
      { family = "inet6" })
    assert.equal("EAI_FAMILY: no inet6 address (127.0.0.1)", tostring(err))
  end))

  it("refuses nonsense at the caller's line, before anything happens", testing.async(function()
    local function open(...)
      local args = table.pack(...)
      return text(function()
        asyncio.open_connection(table.unpack(args, 1, args.n))
        return nil
      end)
    end
    assert.matches("#1 to 'open_connection' %(string expected, got nil%)", open())
    assert.matches("#1 to 'open_connection' %(string expected, got nil%)", open(nil, 1))
    assert.matches("#1 to 'open_connection' %(host expected, got one with a zero byte%)",
      open("127.0.0.1\0.example.org", 1))
    assert.matches("#2 to 'open_connection' %(integer expected, got nil%)", open "x")
    assert.matches("#2 to 'open_connection' %(integer expected, got string%)", open("x", "http"))
    for _, port in ipairs { 70000, -1 } do
      assert.matches("#2 to 'open_connection' %(port out of range %(0 to 65535%)%)",
        open("x", port))
    end
    assert.matches("#2 to 'open_connection' %(integer expected, got number%)", open("x", 1.5))
    assert.matches("#3 to 'open_connection' %(table expected, got number%)", open("x", 1, 2))
    for pattern, options in pairs {
      ["unknown option 'lmit'"] = { lmit = 1 }, ["unknown option '1'"] = { "x" },
      ["option 'limit': integer expected, got string"] = { limit = "x" },
      ["option 'limit': number of bytes out of range"] = { limit = 0 },
      ["option 'family': 'inet' or 'inet6' expected, got string"] = { family = "ipx" },
      ["option 'local_addr': {host, port} expected, got string"] = { local_addr = "::" },
      ["option 'happy_eyeballs_delay': seconds expected, got NaN"] =
        { happy_eyeballs_delay = 0 / 0 },
      ["option 'happy_eyeballs_delay': a time in seconds, 0 or more, expected"] =
        { happy_eyeballs_delay = -1 },
      ["option 'ssl_handshake_timeout': a positive time in seconds expected"] =
        { ssl_handshake_timeout = -1 },
      ["option 'interleave': count out of range"] = { interleave = 0 },
      ["option 'nodelay': boolean expected, got number"] = { nodelay = 1 },
    } do
      assert.matches(pattern, open("x", 1, options), 1, true)
    end
    local ok, err = pcall(function() asyncio.open_connection(1, 1) end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here, err:sub(1, #here))
  end))

  it("must be called from inside a task", function()
    for _, name in ipairs { "open_connection", "open_unix_connection", "start_server",
      "start_unix_server" } do
      assert.matches(("asyncio.%s must be called from inside a task"):format(name),
        text(asyncio[name], "x", 1))
    end
  end)

  it("binds to a local address", testing.async(function()
    local seen = asyncio.Future()
    local _, port, scope <close> = sockets.server(function(_, writer)
      seen:set_result(writer:get_extra_info "peername")
    end)
    local mine = free_port()
    local _, _ <close> = asyncio.open_connection("127.0.0.1", port,
      { local_addr = { "127.0.0.1", mine }, nodelay = false, keepalive = true })
    assert.same({ "127.0.0.1", mine }, { asyncio.await(seen) })
    local err = witness.raises(asyncio.OSError, asyncio.open_connection, "127.0.0.1", port,
      { local_addr = { "192.0.2.1" } })
    assert.equal("EADDRNOTAVAIL", err.code)
    err = witness.raises(asyncio.OSError, asyncio.open_connection, "127.0.0.1", port,
      { local_addr = { "::1" } })
    assert.matches("EAFNOSUPPORT: no address of the family of ::1", tostring(err))
  end))

  it("that is cancelled leaves nothing open", testing.async(function()
    local loop = asyncio.get_running_loop()
    local port, scope <close> = black_hole "127.0.0.1"
    local before = loop:stats().handles.tcp
    local task = asyncio.create_task(asyncio.open_connection, "127.0.0.1", port)
    turns(2)
    assert.equal(before + 1, loop:stats().handles.tcp)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    witness.raises(asyncio.TimeoutError, asyncio.wait_for, function()
      asyncio.open_connection("127.0.0.1", port)
    end, 0.01)
    until_true(function() return loop:stats().handles.tcp == before end)
  end))

  it("is made or cancelled, never both", testing.async(function()
    local loop = asyncio.get_running_loop()
    local _, port, scope <close> = sockets.server(silent)
    for delay = 0, 8 do
      local writer
      local task = asyncio.create_task(function()
        local _, w = asyncio.open_connection("127.0.0.1", port)
        writer = w
        asyncio.sleep(1)
      end)
      turns(delay)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      if writer then
        writer:abort()
      end
    end
    until_true(function() return not loop:stats().handles.tcp end)
  end))
end)

describe("a name with several addresses", function()
  it("is tried in order: a refused one is passed at once", testing.async(function()
    local _, port, scope <close> = sockets.server(silent)
    local _ <close> = names { several = { { host = "127.0.0.2" }, { host = "127.0.0.1" } } }
    local start = now()
    local _, writer <close> = asyncio.open_connection("several", port,
      { happy_eyeballs_delay = 100 })
    assert.equal("127.0.0.1", (writer:get_extra_info "peername"))
    assert(now() - start < 5)
  end))

  it("is connected in about the delay if the first is a black hole", testing.async(function()
    local loop = asyncio.get_running_loop()
    local _, port, scope <close> = sockets.server(silent)
    local _, _ <close> = black_hole("127.0.0.2", port)
    local _ <close> = names { several = { { host = "127.0.0.2" }, { host = "127.0.0.1" } } }
    local before = loop:stats().handles.tcp
    local start = now()
    local _, writer <close> = asyncio.open_connection("several", port,
      { happy_eyeballs_delay = 0.05 })
    local took = now() - start
    assert.equal("127.0.0.1", (writer:get_extra_info "peername"))
    assert(took >= 0.05 and took < 3, took)
    until_true(function() return loop:stats().handles.tcp <= before + 2 end)
  end))

  it("that all fail names each of them", testing.async(function()
    local port = free_port()
    local _ <close> = names { several = { { host = "127.0.0.2" },
      { host = "127.0.0.3" } } }
    local err = witness.raises(asyncio.OSError, asyncio.open_connection, "several", port)
    assert.equal("ECONNREFUSED", err.code)
    assert.equal(2, #err.errors)
    assert.matches(("connect 127.0.0.2:%d"):format(port), tostring(err), 1, true)
    assert.matches(("connect 127.0.0.3:%d"):format(port), tostring(err), 1, true)
    assert.is_nil(tostring(err):find "\n")
  end))

  it("leaves no attempt behind when it is cancelled", testing.async(function()
    local loop = asyncio.get_running_loop()
    local port, _ <close> = black_hole "127.0.0.1"
    local _ <close> = names { several = { { host = "127.0.0.1" }, { host = "127.0.0.1" } } }
    local before, tasks = loop:stats().handles.tcp, #asyncio.all_tasks()
    local task = asyncio.create_task(asyncio.open_connection, "several", port,
      { happy_eyeballs_delay = 0 })
    asyncio.sleep(0.01)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    until_true(function() return loop:stats().handles.tcp == before end)
    assert.equal(tasks, #asyncio.all_tasks())
  end))

  it("is tried by families in turn, so many of the first one first", testing.virtual(function()
    local order
    local old = core.connect
    local scope <close> = setmetatable({}, { __close = function() core.connect = old end })
    core.connect = function(host)
      order[#order + 1] = host
      asyncio.sleep(0)
      error(core.OSError("refused", { code = "ECONNREFUSED" }), 0)
    end
    local _ <close> = names { several = {
      { host = "::1" }, { host = "::2" }, { host = "::3" }, { host = "::3" },
      { host = "127.0.0.1" }, { host = "127.0.0.2" },
    } }
    for interleave, expected in pairs {
      [1] = { "::1", "127.0.0.1", "::2", "127.0.0.2", "::3" },
      [2] = { "::1", "::2", "127.0.0.1", "::3", "127.0.0.2" },
      [9] = { "::1", "::2", "::3", "127.0.0.1", "127.0.0.2" },
    } do
      order = {}
      witness.raises(asyncio.OSError, asyncio.open_connection, "several", 1,
        { interleave = interleave })
      assert.same(expected, order)
    end
    order = {}
    witness.raises(asyncio.OSError, asyncio.open_connection, "several", 1,
      { local_addr = { "127.0.0.1", 0 } })
    assert.same({ "127.0.0.1", "127.0.0.2" }, order)
  end))
end)

-- Attempts that take their time: { name, seconds, how they end }.

local function attempts(log, start)
  return function(item)
    local name, seconds, fails = table.unpack(item)
    log[#log + 1] = ("%s at %.2f"):format(name, now() - start)
    local ok, err = pcall(asyncio.sleep, seconds)
    if not ok then
      log[#log + 1] = name .. " left"
      error(err, 0)
    elseif fails then
      error(core.OSError(name, { code = fails }), 0)
    end
    return name, { abort = function() log[#log + 1] = name .. " closed" end }
  end
end

local function run(list, delay)
  local log, start = {}, now()
  local ok, name = pcall(race, list, delay, attempts(log, start))
  local took = math.floor((now() - start) * 100 + 0.5) / 100
  turns(3)
  return log, ok and name or tostring(name), took
end

describe("a race of attempts", function()
  it("starts one after another and takes the first that connects", testing.virtual(function()
    local log, winner, took = run({ { "a", 9 }, { "b", 1 }, { "c", 1 } }, 0.25)
    assert.same({ "a at 0.00", "b at 0.25", "c at 0.50", "a left", "c left" }, log)
    assert.same({ "b", 1.25 }, { winner, took })
  end))

  it("starts no other once one has connected", testing.virtual(function()
    local log, winner, took = run({ { "a", 0.1 }, { "b", 1 } }, 0.25)
    assert.same({ { "a at 0.00" }, "a", 0.1 }, { log, winner, took })
  end))

  it("starts the next at once when one fails, and counts its delay anew",
    testing.virtual(function()
      local log, winner = run({ { "a", 0.1, "E" }, { "b", 9 }, { "c", 1 } }, 0.25)
      assert.same({ "a at 0.00", "b at 0.10", "c at 0.35", "b left" }, log)
      assert.equal("c", winner)
    end))

  it("waits for slow ones when the last has failed", testing.virtual(function()
    local _, winner, took = run({ { "a", 5 }, { "b", 0.1, "E" } }, 0.25)
    assert.same({ "a", 5 }, { winner, took })
  end))

  it("tells all errors when all fail, and just the one of one", testing.virtual(function()
    local _, err = run({ { "a", 1, "EA" }, { "b", 0.1, "EB" } }, 0.25)
    assert.equal("EB: every address failed: EB: b; EA: a", err)
    _, err = run({ { "a", 1, "EA" } }, 0.25)
    assert.equal("EA: a", err)
  end))

  it("closes a second winner of the same moment", testing.virtual(function()
    local log, winner = run({ { "a", 1 }, { "b", 0.75 } }, 0.25)
    assert.equal("a", winner)
    assert.same({ "a at 0.00", "b at 0.25", "b closed" }, log)
  end))

  it("that is cancelled stops all attempts", testing.virtual(function()
    local log, start = {}, now()
    local task = asyncio.create_task(race, { { "a", 9 }, { "b", 9 }, { "c", 9 } }, 0.25,
      attempts(log, start))
    asyncio.sleep(0.3)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    turns(2)
    assert.same({ "a at 0.00", "b at 0.25", "a left", "b left" }, log)
  end))

  it("that is cancelled as one connects closes that", testing.virtual(function()
    local log, start = {}, now()
    local task
    asyncio.get_running_loop():call_later(1, function() task:cancel() end)
    task = asyncio.create_task(race, { { "a", 1 }, { "b", 9 } }, 5, attempts(log, start))
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    turns(3)
    assert.equal("a at 0.00", log[1])
    assert(log[2] == "a closed" or log[2] == "a left", log[2])
  end))

  it("goes on if outside code cancels an attempt", testing.virtual(function()
    local log, start = {}, now()
    local task = asyncio.create_task(race, { { "a", 9 }, { "b", 1 } }, 5, attempts(log, start))
    asyncio.sleep(0.5)
    for _, t in ipairs(asyncio.all_tasks()) do
      if t ~= task and t ~= asyncio.current_task() then
        t:cancel()
      end
    end
    assert.equal("b", (asyncio.await(task)))
    assert.same({ "a at 0.00", "a left", "b at 0.50" }, log)
  end))

  it("leaves no timer and no task", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local timers = loop:stats().timers
    for _ = 1, 5 do
      run({ { "a", 1 }, { "b", 1, "E" }, { "c", 2 } }, 0.25)
      run({ { "a", 1, "E" }, { "b", 1, "E" } }, 0.25)
    end
    assert.same({ timers, 1 }, { loop:stats().timers, #asyncio.all_tasks() })
  end, { timeout = 1000 }))
end)

describe("open_unix_connection", function()
  it("names the path it fails at", testing.async(function()
    local path = sockets.path()
    local err = witness.raises(asyncio.OSError, asyncio.open_unix_connection, path)
    assert.same({ "ENOENT", "connect", path }, { err.code, err.syscall, err.path })
    assert.equal(("ENOENT: no such file or directory (connect %s)"):format(path), tostring(err))
  end))

  it("takes 107 bytes of path and no more", testing.async(function()
    local base = sockets.path()
    local longest = base .. ("x"):rep(107 - #base)
    local _ <close> = asyncio.start_unix_server(silent, longest)
    local _, writer <close> = asyncio.open_unix_connection(longest)
    assert.equal(longest, (writer:get_extra_info "peername"))
    for _, length in ipairs { 108, 300 } do
      local path = base .. ("x"):rep(length - #base)
      for _, f in ipairs { asyncio.open_unix_connection, function(p)
        asyncio.start_unix_server(silent, p)
      end } do
        assert.equal("ENAMETOOLONG", witness.raises(asyncio.OSError, f, path).code)
      end
    end
    local listing = io.popen(("ls %s*"):format(base))
    local files = listing:read "a"
    listing:close()
    assert.equal(longest .. "\n", files)
  end))

  it("refuses empty paths and such with a zero byte", testing.async(function()
    for _, path in ipairs { "", "a\0b", "\0abstract" } do
      assert.matches("#1 to 'open_unix_connection' %(path expected, got an empty one or one with",
        text(function() asyncio.open_unix_connection(path) end))
      assert.matches("#2 to 'start_unix_server' %(path expected, got an empty one or one with",
        text(function() asyncio.start_unix_server(silent, path) end))
    end
    assert.matches("unknown option 'nodelay'",
      text(asyncio.open_unix_connection, "x", { nodelay = true }))
  end))
end)
