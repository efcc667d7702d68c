--- Connections that are collected without a close: debug mode says so.

local asyncio = require "asyncio"
local child = require "spec.support.child"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local HOST = "127.0.0.1"
local MESSAGE = "a connection was dropped without close"

-- The reports of `use(port, path)`, with a server at each of them: what it made
-- is collected, and the loop has had its turns. `use` gives no value on.
local function reported(use, debug)
  local loop = asyncio.get_running_loop()
  local reports = witness.reports()
  local function handler(reader) reader:read() end
  local _, port, scope <close> = sockets.server(handler)
  local path = sockets.path()
  local unix <close> = asyncio.start_unix_server(handler, path)
  loop:set_debug(debug ~= false)
  asyncio.await(asyncio.create_task(function() use(port, path) end))
  witness.collect()
  witness.turns(2)
  loop:set_debug(false)
  unix:abort_clients()
  return reports, port, path
end

describe("a dropped connection", function()
  it("is reported in debug mode, with its peer and its line", testing.async(function()
    local here
    local reports, port = reported(function(port)
      local _ = asyncio.open_connection(HOST, port) here = witness.line()
    end)
    assert.equal(1, #reports)
    assert.same({ MESSAGE, ("%s:%d"):format(HOST, port) }, { reports[1].message, reports[1].peer })
    assert.equal(here, reports[1].origin .. ":")
  end))

  it("is reported with the path of a unix socket", testing.async(function()
    local reports, _, path = reported(function(_, path) asyncio.open_unix_connection(path) end)
    assert.equal(1, #reports)
    assert.same({ MESSAGE, path }, { reports[1].message, reports[1].peer })
  end))

  it("is reported once each, in order", testing.async(function()
    local reports = reported(function(port, path)
      asyncio.open_unix_connection(path)
      witness.collect()
      asyncio.open_connection(HOST, port)
      asyncio.open_connection(HOST, port)
    end)
    assert.equal(3, #reports)
    assert.matches("%.sock$", reports[1].peer)
  end))

  it("is reported although its peer has closed it", testing.async(function()
    local reports = witness.reports()
    local _, port, scope <close> = sockets.server(function() end)
    asyncio.get_running_loop():set_debug(true)
    asyncio.await(asyncio.create_task(function()
      local reader = asyncio.open_connection(HOST, port)
      assert.is_nil(reader:read(1))
    end))
    witness.collect()
    witness.turns(2)
    asyncio.get_running_loop():set_debug(false)
    assert.equal(1, #reports)
  end))

  it("is not reported outside debug mode", testing.async(function()
    assert.same({}, (reported(function(port) asyncio.open_connection(HOST, port) end, false)))
  end))

  it("is none once it was closed or aborted", testing.async(function()
    assert.same({}, (reported(function(port, path)
      for _, method in ipairs { "close", "abort" } do
        local _, writer = asyncio.open_connection(HOST, port)
        writer[method](writer)
        _, writer = asyncio.open_unix_connection(path)
        writer[method](writer)
      end
      local _, scope <close> = asyncio.open_connection(HOST, port)
      scope:write "bytes"
    end)))
  end))

  it("is none where connecting fails, or its task is cancelled", testing.async(function()
    assert.same({}, (reported(function(port)
      local server = asyncio.start_server(print, HOST, 0)
      local closed = server:sockets()[1].port
      server:close()
      witness.raises(asyncio.OSError, asyncio.open_connection, HOST, closed)
      local task = asyncio.create_task(asyncio.open_connection, HOST, port)
      asyncio.sleep(0)
      task:cancel()
      asyncio.wait { task }
    end)))
  end))

  it("is none of a server, which closes those of its handlers", testing.async(function()
    local loop = asyncio.get_running_loop()
    local reports, ends = witness.reports(), {}
    loop:set_debug(true)
    local server, port, scope <close> = sockets.server(function(reader)
      ends[#ends + 1] = reader:read(1)
      reader = nil  -- luacheck: ignore
      witness.collect()
      asyncio.sleep(0)
      if ends[#ends] == "f" then
        asyncio.current_task():cancel()
        asyncio.sleep(0)
      end
    end)
    for _, byte in ipairs { "o", "f" } do
      local reader, writer <close> = asyncio.open_connection(HOST, port)
      writer:write(byte)
      pcall(reader.read, reader)
    end
    sockets.until_true(function() return server:stats().active == 0 end)
    witness.collect()
    witness.turns(2)
    loop:set_debug(false)
    assert.same({ "o", "f" }, ends)
    assert.same({}, reports)
  end))

  -- What a loop in debug mode reports of connections when it is closed after
  -- `use(port)`, whose results are held or, if `drop`, collected before.
  local function closed_after(use, drop)
    local loop, held = asyncio.new_event_loop(), {}  -- luacheck: ignore 241
    local reports, dropped = witness.reports(loop), 0
    loop:set_debug(true)
    loop:run_until_complete(function()
      local server = asyncio.start_server(function(reader) reader:read() end, HOST, 0)
      held.ends = { asyncio.await(asyncio.create_task(use, server:sockets()[1].port)) }
    end)
    held.ends = not drop and held.ends
    witness.collect()
    assert.same({}, reports)
    loop:close()
    held.ends = nil
    witness.collect()
    for _, report in ipairs(reports) do
      dropped = dropped + (report.message == MESSAGE and 1 or 0)
    end
    return dropped
  end

  local function connect(port)
    return asyncio.open_connection(HOST, port)
  end

  it("is none that the closing of its loop ends", function()
    assert.equal(0, closed_after(connect))
  end)

  it("is reported by the closing loop if there was no turn before", function()
    assert.equal(1, closed_after(connect, true))
  end)

  it("is printed with peer and line by the default handler", function()
    local _, got = child.run([[
      local asyncio = require "asyncio"
      asyncio.run { debug = true, function()
        local server <close> = asyncio.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
        local port = server:sockets()[1].port
        asyncio.await(asyncio.create_task(function() asyncio.open_connection("127.0.0.1", port) end))
        collectgarbage()
        collectgarbage()
        asyncio.sleep(0)
        asyncio.sleep(0)
        server:abort_clients()
      end }
    ]])
    assert.matches(MESSAGE .. "\npeer: 127%.0%.0%.1:%d+\ncreated at: .-:5\n", got)
  end)
end)
