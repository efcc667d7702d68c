--- Handlers of connections: how they end, and who hears of it.

local asyncio = require "asyncio"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local HOST = "127.0.0.1"

-- Connects, and waits until the server has closed the connection.
local function visit(port)
  local reader, writer = asyncio.open_connection(HOST, port)
  pcall(reader.read, reader)
  writer:abort()
  writer:wait_closed()
end

describe("a handler that fails", function()
  -- The reports of a server whose handlers are made by `factory`.
  local function reported(factory, handler, visits)
    local reports = witness.reports()
    local loop = asyncio.get_running_loop()
    local _, port, scope <close> = sockets.server(handler)
    loop:set_task_factory(factory)
    for _ = 1, visits or 1 do
      visit(port)
    end
    loop:set_task_factory(nil)
    witness.turns(2)
    witness.collect()
    witness.turns(2)
    local result = {}
    for i, report in ipairs(reports) do
      result[i] = { report.message, report.exception }
    end
    return result
  end

  local function boom() error("boom", 0) end
  local FAILED = { "the handler of a connection failed", "boom" }

  it("is reported once, without a factory", testing.async(function()
    assert.same({ FAILED }, reported(nil, boom))
  end))

  it("is reported once where it fails before its first wait", testing.async(function()
    assert.same({ FAILED }, reported(asyncio.eager_task_factory, boom))
  end))

  it("is reported once where a factory runs it to its end", testing.async(function()
    assert.same({ FAILED }, reported(function(loop, body)
      local task = asyncio.Task(loop, body, { eager_start = true })
      witness.collect()
      return task
    end, boom))
  end))

  it("is reported once where a factory gives one future to all", testing.async(function()
    local failed = asyncio.get_running_loop():create_future()
    failed:set_exception "boom"
    assert.same({ FAILED }, reported(function(_, body)
      coroutine.close(body)
      return failed
    end, boom, 3))
  end))

  it("is reported once where its future fails later", testing.async(function()
    local loop = asyncio.get_running_loop()
    assert.same({ FAILED }, reported(function(_, body)
      coroutine.close(body)
      local future = loop:create_future()
      loop:call_soon(future.set_exception, future, "boom")
      return future
    end, boom))
  end))

  it("is not reported where somebody has looked at its error", testing.async(function()
    assert.same({}, reported(function(loop, body)
      local task = asyncio.Task(loop, body, { eager_start = true })
      task:exception()
      return task
    end, boom))
  end))
end)

describe("a server's statistics", function()
  local function stats(server)
    local found = server:stats()
    return { found.accepted, found.active, found.handler_errors, found.peer_errors }
  end

  it("count who came, who is there, and how handlers failed", testing.async(function()
    local reports = witness.reports()
    local server, port, scope <close> = sockets.server(function(reader)
      if reader:readline() == "fail\n" then
        error "failed"
      end
    end)
    assert.same({ accepted = 0, active = 0, refused = 0, handshake_errors = 0, handler_errors = 0,
      peer_errors = 0 }, server:stats())
    for _, line in ipairs { "end\n", "fail\n" } do
      local reader, writer <close> = asyncio.open_connection(HOST, port)
      writer:write(line)
      reader:read()
    end
    local _, _ <close> = asyncio.open_connection(HOST, port)
    sockets.until_true(function() return server:stats().active == 1 end)
    assert.same({ 3, 1, 1, 0 }, stats(server))
    assert.equal(1, #reports)
    server:close()
    assert.same({ 3, 1, 1, 0 }, stats(server))
  end))

  it("count a connection that no handler got as refused", testing.async(function()
    local reports = witness.reports()
    local server, port, scope <close> = sockets.server(print)
    asyncio.get_running_loop():set_task_factory(function() error "no task" end)
    visit(port)
    asyncio.get_running_loop():set_task_factory(nil)
    assert.same({ 1, 1 }, { server:stats().accepted, server:stats().refused })
    assert.equal("a connection could not be served", reports[1].message)
  end))

  -- The handler's end after its client has reset the connection.
  local function lost(handler, debug)
    local reports = witness.reports()
    local server, port, scope <close> = sockets.server(handler)
    asyncio.get_running_loop():set_debug(debug or false)
    asyncio.get_running_loop():set_slow_callback_duration(60)  -- no report but the handler's
    local _, writer = asyncio.open_connection(HOST, port)
    local name = ("%s:%d"):format(select(1, writer:get_extra_info "sockname"),
      (select(2, writer:get_extra_info "sockname")))
    writer:set_write_buffer_limits { high = 1 << 30 }
    writer:write(("x"):rep(1 << 23))
    writer:abort()
    sockets.until_true(function()
      local now = server:stats()
      return now.peer_errors + now.handler_errors == 1 and now.active == 0
    end)
    witness.turns(2)
    asyncio.get_running_loop():set_debug(false)
    return stats(server), reports, name
  end

  local function read_all(reader)
    while reader:read(1 << 20) do end
  end

  it("count a handler that ends with its own connection as the peer's, without a report",
    testing.async(function()
      local found, reports = lost(read_all)
      assert.same({ 1, 0, 0, 1 }, found)
      assert.same({}, reports)
    end))

  it("and with a report in debug mode, which names the peer", testing.async(function()
    local found, reports, name = lost(read_all, true)
    assert.same({ 1, 0, 0, 1 }, found)
    assert.equal(1, #reports)
    local report, err = reports[1], reports[1].exception
    assert.same({ "the connection of a handler was lost", "ECONNRESET", name, "read" },
      { report.message, err.code, err.address, err.syscall })
  end))

  it("count another connection's loss as the handler's", testing.async(function()
    local found, reports = lost(function(reader)
      local _, port, scope <close> = sockets.server(function(_, writer)
        writer:set_write_buffer_limits { high = 1 << 30 }
        writer:write(("x"):rep(1 << 23))
        writer:abort()
      end)
      local other, _ <close> = asyncio.open_connection(HOST, port)
      pcall(read_all, reader)
      read_all(other)
    end)
    assert.same({ 1, 0 }, { found[3], found[4] })
    assert.equal("the handler of a connection failed", reports[1].message)
  end))

  it("take any other error after a loss for the handler's", testing.async(function()
    local found, reports = lost(function(reader)
      pcall(read_all, reader)
      error "other"
    end)
    assert.same({ 1, 0 }, { found[3], found[4] })
    assert.equal(1, #reports)
  end))
end)
