--- Servers: where they listen, whom they serve, and how they end.

local asyncio = require "asyncio"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns, text, until_true = witness.turns, witness.text, sockets.until_true
local has_ipv6 = sockets.has_ipv6()

local HOST = "127.0.0.1"

local function echo(reader, writer)
  for line in reader:lines() do
    writer:write(line, "\n")
  end
end

local function port_of(server)
  return server:sockets()[1].port
end

local function ask(port, host)
  local reader, writer <close> = asyncio.open_connection(host or HOST, port)
  writer:write "ping\n"
  return reader:readline()
end

local function waiting(f, ...)
  local task = asyncio.create_task(f, ...)
  turns(2)
  assert.is_false(task:done())
  return task
end

describe("start_server", function()
  it("serves each connection in a task of its own", testing.async(function()
    local _, port, scope <close> = sockets.server(echo)
    local tasks = {}
    for i = 1, 20 do
      tasks[i] = function()
        local reader, writer <close> = asyncio.open_connection(HOST, port)
        for round = 1, 5 do
          writer:write(i, "/", round, "\n")
          assert.equal(("%d/%d\n"):format(i, round), reader:readline())
        end
        return i
      end
    end
    local results = asyncio.gather(tasks)
    for i = 1, 20 do
      assert.equal(i, results[i])
    end
  end))

  it("takes a coroutine function or a callable table as handler", testing.async(function()
    for _, handler in ipairs { asyncio.async(echo), setmetatable({}, {
      __call = function(_, ...) return echo(...) end,
    }) } do
      local _, port, scope <close> = sockets.server(handler)
      assert.equal("ping\n", ask(port))
    end
  end))

  it("makes these tasks by the loop's factory, be it an eager one", testing.async(function()
    local loop = asyncio.get_running_loop()
    local function serve(factory)
      local server <close> = asyncio.start_server(echo, HOST, 0)
      loop:set_task_factory(factory)
      local _, answer = pcall(ask, port_of(server))
      loop:set_task_factory(nil)
      until_true(function() return tostring(server):match "connections=0" end)
      return answer
    end
    local made = 0
    assert.equal("ping\n", serve(function(l, co, options)
      made = made + 1
      return asyncio.Task(l, co, options)
    end))
    assert.equal(1, made)
    assert.equal("ping\n", serve(asyncio.eager_task_factory))
    local reports = witness.reports()
    assert.not_equal("ping\n", serve(function() error("no more tasks") end))
    assert.equal("a connection could not be served", reports[1].message)
    assert.matches("no more tasks", tostring(reports[1].exception))
    assert.not_equal("ping\n", serve(function(l)  -- one that is over at once
      local future = l:create_future()
      future:set_result()
      return future
    end))
  end))

  it("without a host listens on every interface, one port for both families",
    testing.async(function()
      for _, host in ipairs { false, "" } do
        local server <close> = asyncio.start_server(echo, host or nil, 0)
        local list = server:sockets()
        assert.equal(has_ipv6 and 2 or 1, list.n)
        assert.same({ host = "0.0.0.0", port = port_of(server), family = "inet" }, list[1])
        assert.equal("ping\n", ask(port_of(server)))
        if has_ipv6 then
          assert.same({ host = "::", port = port_of(server), family = "inet6" }, list[2])
          assert.equal("ping\n", ask(port_of(server), "::1"))
        end
      end
    end))

  it("listens on one family only if told so", testing.async(function()
    for family, host in pairs { inet = "0.0.0.0", inet6 = has_ipv6 and "::" or nil } do
      local server <close> = asyncio.start_server(echo, nil, 0, { family = family })
      assert.same({ n = 1, { host = host, port = port_of(server), family = family } },
        server:sockets())
    end
    local err = witness.raises(asyncio.OSError, asyncio.start_server, echo, HOST, 0,
      { family = "inet6" })
    assert.equal("EAI_FAMILY", err.code)
  end))

  it("listens on the addresses of a name", testing.async(function()
    local server <close> = asyncio.start_server(echo, "localhost", 0)
    assert.equal("ping\n", ask(port_of(server), "localhost"))
    local err = witness.raises(asyncio.OSError, asyncio.start_server, echo, "192.0.2.1", 0)
    assert.equal("EADDRNOTAVAIL: address not available (bind 192.0.2.1:0)", tostring(err))
  end))

  it("on a taken port names address and port, and leaves nothing open",
    testing.async(function()
      local loop = asyncio.get_running_loop()
      local server <close> = asyncio.start_server(echo, HOST, 0)
      local port = port_of(server)
      local err = witness.raises(asyncio.OSError, asyncio.start_server, echo, HOST, port)
      assert.same({ "EADDRINUSE", "bind", ("%s:%d"):format(HOST, port) },
        { err.code, err.syscall, err.address })
      assert.equal(("EADDRINUSE: address already in use (bind %s:%d)"):format(HOST, port),
        tostring(err))
      err = witness.raises(asyncio.OSError, asyncio.start_server, echo, nil, port)
      assert.equal("EADDRINUSE", err.code)
      assert.same({ server = 1 }, loop:stats().handles)
      assert.equal("ping\n", ask(port))
    end))

  it("may take a port again in the very turn that another gave it up", testing.async(function()
    local server = asyncio.start_server(echo, HOST, 0)
    local port = port_of(server)
    local reader, writer <close> = asyncio.open_connection(HOST, port)
    writer:write "ping\n"
    assert.equal("ping\n", reader:readline())
    for _ = 1, 3 do
      server:close()
      server = asyncio.start_server(echo, HOST, port)
      assert.equal("ping\n", ask(port))
    end
    server:close()
  end))

  it("shares a port if both ask for it", testing.async(function()
    local options = { reuse_port = true }
    local one <close> = asyncio.start_server(echo, HOST, 0, options)
    do
      local two <close> = asyncio.start_server(echo, HOST, port_of(one), options)
      assert.equal(port_of(one), port_of(two))
    end
    assert.equal("EADDRINUSE", witness.raises(asyncio.OSError, asyncio.start_server, echo, HOST,
      port_of(one)).code)
  end))

  it("refuses nonsense before anything happens", testing.async(function()
    local function start(...)
      local args = table.pack(...)
      return text(function()
        asyncio.start_server(table.unpack(args, 1, args.n))
        return nil
      end)
    end
    assert.matches("#1 to 'start_server' %(function expected, got nil%)", start(nil, nil, 0))
    assert.matches("#1 to 'start_server' %(function expected, got string%)", start("f", nil, 0))
    assert.matches("#1 to 'start_server' %(function expected, got thread%)",
      start(coroutine.create(echo), nil, 0))
    assert.matches("#2 to 'start_server' %(string expected, got number%)", start(echo, 1, 0))
    assert.matches("#3 to 'start_server' %(integer expected, got nil%)", start(echo, HOST))
    assert.matches("#3 to 'start_server' %(port out of range", start(echo, HOST, 70000))
    for pattern, options in pairs {
      ["unknown option 'nodelay'"] = { nodelay = true },
      ["option 'backlog': count out of range"] = { backlog = 0 },
      ["option 'max_connections': count out of range"] = { max_connections = 0 },
      ["option 'reuse_port': boolean expected, got number"] = { reuse_port = 1 },
      ["option 'limit': number of bytes out of range"] = { limit = "-1" },
      ["option 'backlog': integer expected, got number"] = { backlog = 1.5 },
    } do
      assert.matches(pattern, start(echo, HOST, 0, options), 1, true)
    end
    assert.same({}, asyncio.get_running_loop():stats().handles)
  end))

  it("with start_serving = false holds the address and refuses connections", testing.async(function()
    local server <close> = asyncio.start_server(echo, HOST, 0, { start_serving = false })
    local port = port_of(server)
    assert.is_false(server:is_serving())
    assert.matches("^Server<state=idle", tostring(server))
    assert.equal("ECONNREFUSED", witness.raises(asyncio.OSError, ask, port).code)
    server:start_serving()
    assert.equal("ping\n", ask(port))
  end))

  it("with start_serving = false may find the address in use later", testing.async(function()
    local one <close> = asyncio.start_server(echo, HOST, 0, { start_serving = false })
    local port = port_of(one)
    local two <close> = asyncio.start_server(echo, HOST, port, { start_serving = false })
    one:start_serving()
    local err = witness.raises(asyncio.OSError, two.start_serving, two)
    assert.same({ "EADDRINUSE", "listen", ("%s:%d"):format(HOST, port) },
      { err.code, err.syscall, err.address })
    assert.is_false(two:is_serving())
    assert.equal("ping\n", ask(port))
    one:close()
    two:start_serving()
    assert.equal("ping\n", ask(port))
  end))

  it("that stops accepting lets newcomers wait", testing.async(function()
    local server <close> = asyncio.start_server(echo, HOST, 0)
    server:stop_accepting()
    server:stop_accepting()
    assert.is_false(server:is_serving())
    local task = waiting(ask, port_of(server))
    asyncio.sleep(0.01)
    assert.is_false(task:done())
    server:start_serving()
    server:start_serving()
    assert.is_true(server:is_serving())
    assert.equal("ping\n", asyncio.await(task))
  end))

  it("gives its readers the limit", testing.async(function()
    local got = asyncio.Future()
    local _, port, scope <close> = sockets.server(function(reader)
      got:set_result(select(2, pcall(reader.readline, reader)))
    end, { limit = "3", keep_alive = true, backlog = 5.0, max_connections = "2" })
    local _, writer <close> = asyncio.open_connection(HOST, tostring(port),
      { limit = 2^20, interleave = "1" })
    writer:write "12345\n"
    assert.equal("LimitOverrunError", witness.class(asyncio.await(got)))
  end))
end)

describe("max_connections", function()
  it("holds the others back until one ends, and loses none", testing.async(function()
    local at_once, most, served = 0, 0, 0
    local _, port, scope <close> = sockets.server(function(reader, writer)
      at_once, served = at_once + 1, served + 1
      most = math.max(most, at_once)
      writer:write(reader:readline())
      asyncio.sleep(0.001)
      at_once = at_once - 1
    end, { max_connections = 3 })
    local tasks = {}
    for i = 1, 40 do
      tasks[i] = function() return ask(port) end
    end
    asyncio.gather(tasks)
    assert.same({ 3, 40 }, { most, served })
    until_true(function() return at_once == 0 end)
  end))
end)

describe("a handler", function()
  it("that returns has its connection closed, and all is sent", testing.async(function()
    local payload = ("x"):rep(1 << 22)
    local _, port, scope <close> = sockets.server(function(_, writer)
      writer:set_write_buffer_limits { high = 1 << 30 }
      writer:write(payload)
    end)
    local reader, writer <close> = asyncio.open_connection(HOST, port)
    asyncio.sleep(0.01)
    assert(reader:read() == payload and not writer:is_closing())
  end))

  it("that fails is reported, with its task, and the server goes on", testing.async(function()
    local reports = witness.reports()
    local server, port, scope <close> = sockets.server(function(reader, writer)
      local line = reader:readline()
      if line == "die\n" then
        error "as told"
      end
      writer:write(line)
    end)
    local reader, writer <close> = asyncio.open_connection(HOST, port)
    writer:write "die\n"
    pcall(reader.read, reader)
    assert.equal("ping\n", ask(port))
    assert.equal(1, #reports)
    assert.equal("the handler of a connection failed", reports[1].message)
    assert.matches("as told", reports[1].exception)
    assert.is_true(asyncio.isfuture(reports[1].task))
    assert.matches("in function", reports[1].task:traceback())
    assert.is_true(server:is_serving())
    reports[1] = nil
    witness.collect()
    turns(2)
    assert.equal(0, #reports)
  end))

  it("may fail with any value", testing.async(function()
    local reports = witness.reports()
    local values = { "text", {}, false, 0 }
    local i = 0
    local _, port, scope <close> = sockets.server(function()
      i = i + 1
      error(values[i], 0)
    end)
    for n = 1, 4 do
      local reader, _ <close> = asyncio.open_connection(HOST, port)
      pcall(reader.read, reader)
      until_true(function() return reports[n] end)
      assert.equal(values[n], reports[n].exception)
    end
  end))

  it("that is cancelled closes in silence", testing.async(function()
    local reports = witness.reports()
    local task
    local _, port, scope <close> = sockets.server(function(reader)
      task = asyncio.current_task()
      reader:read()
    end)
    local reader, _ <close> = asyncio.open_connection(HOST, port)
    until_true(function() return task end)
    task:cancel()
    assert.is_nil(reader:read())
    turns(2)
    assert.same({ true, 0 }, { task:cancelled(), #reports })
  end))

  it("that is cancelled before its first step closes too", testing.async(function()
    local ran, known = 0, {}
    local server <close> = asyncio.start_server(function()
      ran = ran + 1
      for _, task in ipairs(asyncio.all_tasks()) do
        if not known[task] and task ~= asyncio.current_task() then
          task:cancel()
        end
      end
    end, HOST, 0)
    server:stop_accepting()
    local one, _ <close> = asyncio.open_connection(HOST, port_of(server))
    local two, _ <close> = asyncio.open_connection(HOST, port_of(server))
    for _, task in ipairs(asyncio.all_tasks()) do
      known[task] = true
    end
    server:start_serving()  -- both are accepted in the same turn
    assert.same({ n = 3, nil, nil, 1 }, table.pack(one:read(), two:read(), ran))
  end))

  it("runs on after its connection is closed", testing.async(function()
    local log, over = {}, asyncio.Future()
    local server, port, scope <close> = sockets.server(function(_, writer)
      writer:close()
      writer:wait_closed()
      log[#log + 1] = "closed"
      asyncio.await(over)
      log[#log + 1] = "done"
    end)
    local reader, _ <close> = asyncio.open_connection(HOST, port)
    assert.is_nil(reader:read())
    until_true(function() return log[1] and tostring(server):match "connections=0" end)
    assert.same({ "closed" }, log)
    server:close()
    server:wait_closed()
    over:set_result()
    turns(2)
    assert.same({ "closed", "done" }, log)
  end))

  it("is not held up by a peer that never reads when it fails", testing.async(function()
    local reports = witness.reports()
    local server, port, scope <close> = sockets.server(function(_, writer)
      writer:set_write_buffer_limits { high = 1 << 30 }
      writer:write(("x"):rep(1 << 23))
      error "enough"
    end)
    local reader, writer = asyncio.open_connection(HOST, port, { limit = 1000 })
    until_true(function() return #reports == 1 end)
    until_true(function() return tostring(server):match "connections=0" end)
    assert.equal("ECONNRESET", witness.raises(asyncio.OSError, reader.read, reader).code)
    writer:abort()
  end))
end)

describe("a server", function()
  it("that is dropped goes on until it is closed", testing.async(function()
    local port
    do
      port = port_of(asyncio.start_server(function(reader, writer)
        writer:write(reader:readline())
      end, HOST, 0))
    end
    witness.collect()
    assert.equal("ping\n", ask(port))
    witness.collect()
    assert.equal("ping\n", ask(port))
  end, { leaks = true }))

  it("that is closed and dropped is collected", testing.async(function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local server <close> = asyncio.start_server(echo, HOST, 0)
      weak[server] = true
      ask(port_of(server))
    end
    turns(3)
    witness.collect()
    assert.is_nil(next(weak))
  end))

  it("knows its loop and prints its state", testing.async(function()
    local server <close> = asyncio.start_server(echo, HOST, 0)
    assert.equal(asyncio.get_running_loop(), server:get_loop())
    assert.equal("Server<state=serving, connections=0>", tostring(server))
  end))

  it("serves a thousand clients at once", testing.async(function()
    local _, port, scope <close> = sockets.server(echo)
    local all_here, here, tasks = asyncio.Future(), 0, {}
    for i = 1, 1000 do
      tasks[i] = function()
        local reader, writer <close> = asyncio.open_connection(HOST, port)
        here = here + 1
        if here == 1000 then
          all_here:set_result()
        end
        asyncio.await(all_here)
        for _ = 1, 5 do
          writer:write(i, "\n")
          assert(reader:readline() == i .. "\n")
        end
      end
    end
    asyncio.gather(tasks)
  end, { timeout = 60 }))

  it("is not taken down by peers that come and go at once", testing.async(function()
    local reports = witness.reports()
    local server, port, scope <close> = sockets.server(function(reader, writer)
      writer:write(reader:readline() or "nothing\n")
    end)
    for i = 1, 200 do
      local _, writer = asyncio.open_connection(HOST, port)
      if i % 3 == 0 then
        writer:write "x\n"
      end
      writer:abort()
    end
    assert.equal("ping\n", ask(port))
    until_true(function() return tostring(server):match "connections=0" end)
    for _, report in ipairs(reports) do
      assert.is_true(asyncio.isinstance(report.exception, asyncio.OSError))
    end
  end))

  it("closed from within its own handler ends in order", testing.async(function()
    local server
    server = asyncio.start_server(function(_, writer)
      server:close()
      server:abort_clients()
      assert.is_true(writer:is_closing())
      server:wait_closed()
    end, HOST, 0)
    local reader, _ <close> = asyncio.open_connection(HOST, port_of(server))
    assert.is_nil(reader:read())
    server:wait_closed()
    turns(2)
  end))

  it("closed by the exception handler does no harm", testing.async(function()
    local server
    asyncio.get_running_loop():set_exception_handler(function() server:close() end)
    server = asyncio.start_server(function() error "x" end, HOST, 0)
    local reader, _ <close> = asyncio.open_connection(HOST, port_of(server))
    pcall(reader.read, reader)
    server:wait_closed()
    assert.is_false(server:is_serving())
  end))
end)
