--- The end of servers: close, serve_forever, <close>.

local asyncio = require "asyncio"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns, text, until_true = witness.try, witness.turns, witness.text, sockets.until_true

local HOST = "127.0.0.1"

local function echo(reader, writer)
  for line in reader:lines() do
    writer:write(line, "\n")
  end
end

local function port_of(server)
  return server:sockets()[1].port
end

-- Connects and says nothing; the server has begun to serve it.
local function client(server)
  local before = tonumber(tostring(server):match "connections=(%d+)")
  local reader, writer = asyncio.open_connection(HOST, port_of(server))
  until_true(function()
    return tonumber(tostring(server):match "connections=(%d+)") > before
  end)
  return reader, writer
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

describe("close", function()
  it("stops listening at once and leaves the clients alone", testing.async(function()
    local server = asyncio.start_server(echo, HOST, 0)
    local port = port_of(server)
    local reader, writer = client(server)
    server:close()
    server:close()
    assert.same({ false, { n = 0 } }, { server:is_serving(), server:sockets() })
    assert.equal("Server<state=closed, connections=1>", tostring(server))
    assert.equal("ECONNREFUSED",
      witness.raises(asyncio.OSError, asyncio.open_connection, HOST, port).code)
    writer:write "ping\n"
    assert.equal("ping\n", reader:readline())
    for _, method in ipairs { "start_serving", "serve_forever" } do
      assert.matches("the server is closed", text(server[method], server))
    end
    writer:close()
    server:wait_closed()
  end))

  it("then wait_closed waits until the last client is gone", testing.async(function()
    local server = asyncio.start_server(echo, HOST, 0)
    local _, one = client(server)
    local _, two = client(server)
    local early = waiting(server.wait_closed, server)
    server:close()
    local late = waiting(server.wait_closed, server)
    local cancelled = waiting(server.wait_closed, server)
    cancelled:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, cancelled) })
    one:close()
    turns(5)
    assert.same({ false, false }, { early:done(), late:done() })
    two:close()
    asyncio.gather(early, late)
    server:wait_closed()
  end))

  it("with close_clients sends what was written to them", testing.async(function()
    local written
    local server = asyncio.start_server(function(reader, writer)
      writer:set_write_buffer_limits { high = 1 << 30 }
      writer:write(("x"):rep(1 << 23))
      written = true
      reader:read()
    end, HOST, 0)
    local reader, _ <close> = client(server)
    until_true(function() return written end)
    server:close()
    server:close_clients()
    local waiter = waiting(server.wait_closed, server)
    assert.equal(1 << 23, #reader:read())
    asyncio.await(waiter)
  end))

  it("with abort_clients waits for nobody", testing.async(function()
    local server = asyncio.start_server(function(_, writer)
      pcall(writer.write, writer, ("x"):rep(1 << 24))
    end, HOST, 0)
    local _, one = client(server)
    local _, two = client(server)
    server:close_clients()
    server:close()
    server:abort_clients()
    server:wait_closed()
    one:abort()
    two:abort()
    turns(3)
  end))

  it("goes in any order with the others", testing.async(function()
    for _, order in ipairs {
      { "close_clients", "close", "wait_closed" }, { "abort_clients", "close", "wait_closed" },
      { "close", "close_clients", "abort_clients", "wait_closed" },
      { "close", "abort_clients", "close_clients", "wait_closed", "close", "close_clients" },
    } do
      local server = asyncio.start_server(echo, HOST, 0)
      local reader, _ <close> = client(server)
      for _, method in ipairs(order) do
        server[method](server)
      end
      pcall(reader.read, reader)
    end
  end))

  it("keeps what stands in the backlog from nobody else", testing.async(function()
    local server = asyncio.start_server(echo, HOST, 0)
    server:stop_accepting()
    local reader, writer = asyncio.open_connection(HOST, port_of(server))
    server:close()
    assert.matches("ECONNRESET", select(2, pcall(reader.read, reader)).code)
    writer:close()
  end))
end)

describe("serve_forever", function()
  it("serves until the server is closed", testing.async(function()
    local server = asyncio.start_server(echo, HOST, 0, { start_serving = false })
    local task = waiting(server.serve_forever, server)
    assert.equal("ping\n", ask(port_of(server)))
    assert.matches("another task is in serve_forever already",
      text(server.serve_forever, server))
    server:close()
    assert.same({ n = 0 }, table.pack(asyncio.await(task)))
  end))

  it("that is cancelled closes the listeners and does not wait for clients",
    testing.async(function()
      local server = asyncio.start_server(echo, HOST, 0)
      local reader, writer = client(server)
      local task = waiting(server.serve_forever, server)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      assert.is_false(server:is_serving())
      writer:write "ping\n"
      assert.equal("ping\n", reader:readline())
      writer:close()
      server:wait_closed()
    end))

  it("that is cancelled before it waits closes them too", testing.async(function()
    local server = asyncio.start_server(echo, HOST, 0)
    local task = asyncio.create_task(function()
      asyncio.current_task():cancel()
      server:serve_forever()
    end)
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.is_false(server:is_serving())
  end))

  it("that was ended by close is not cancelled in the same turn", testing.async(function()
    local server = asyncio.start_server(echo, HOST, 0)
    local log = {}
    local task = waiting(function()
      server:serve_forever()
      log[1] = "ended"
      asyncio.sleep(0)
      log[2] = "went on"
    end)
    server:close()
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.same({ "ended" }, log)
  end))

  it("ends with its deadline", testing.async(function()
    local server = asyncio.start_server(echo, HOST, 0)
    witness.raises(asyncio.TimeoutError, asyncio.wait_for, function()
      server:serve_forever()
    end, 0.01)
    assert.is_false(server:is_serving())
  end))
end)

describe("a <close> variable", function()
  it("closes and waits for the clients", testing.async(function()
    local server, finished
    local task = asyncio.create_task(function()
      local s <close> = asyncio.start_server(echo, HOST, 0)
      server = s
      asyncio.sleep(0.02)
    end)
    turns(1)
    local _, writer = client(server)
    asyncio.sleep(0.03)
    finished = task:done()
    writer:close()
    asyncio.await(task)
    assert.is_false(finished)
  end))

  it("does not wait where an error is on its way", testing.async(function()
    local writer
    local ok, err = pcall(function()
      local server <close> = asyncio.start_server(echo, HOST, 0)
      writer = select(2, client(server))
      error("out", 0)
    end)
    assert.same({ false, "out" }, { ok, err })
    writer:close()
    until_true(function() return not asyncio.get_running_loop():stats().handles.tcp end)
  end))

  it("in no task closes without waiting", testing.async(function()
    local server = asyncio.start_server(echo, HOST, 0)
    local _, writer = client(server)
    coroutine.wrap(function()
      local scope <close> = server
    end)()
    assert.is_false(server:is_serving())
    writer:close()
    server:wait_closed()
  end))
end)
