--- Connections on loopback for specs, both ends in one process.

local asyncio = require "asyncio"

local sockets = {}

--- Has this machine IPv6, its loopback at least?
function sockets.has_ipv6()
  local file = io.open "/proc/net/if_inet6"
  if not file then
    return not io.open "/proc/net"
  end
  local text = file:read "a"
  file:close()
  return text ~= ""
end

--- A path for a unix socket that is not there yet.
function sockets.path()
  local path = os.tmpname()
  os.remove(path)
  return path .. ".sock"
end

local function close_link(link)
  if not link.over:done() then
    link.over:set_result()
  end
  link.writer:abort()
  link.far_writer:abort()
  link.server:close()
  link.server:wait_closed()
end

--- A connection: `reader`, `writer` of this end, `far_reader`, `far_writer` of
-- the other one, `server`, `port` or `path`. Closing it closes all of them.
-- @param options `unix = true`; `near`, `far`: options of each end
function sockets.link(options)
  options = options or {}
  local link = { over = asyncio.Future() }
  local arrived = asyncio.Future()
  local function handler(reader, writer)
    link.far_reader, link.far_writer = reader, writer
    arrived:set_result()
    asyncio.await(link.over)
  end
  if options.unix then
    link.path = sockets.path()
    link.server = asyncio.start_unix_server(handler, link.path, options.far)
    link.reader, link.writer = asyncio.open_unix_connection(link.path, options.near)
  else
    link.server = asyncio.start_server(handler, "127.0.0.1", 0, options.far)
    link.port = link.server:sockets()[1].port
    link.reader, link.writer = asyncio.open_connection("127.0.0.1", link.port, options.near)
  end
  asyncio.await(arrived)
  return setmetatable(link, { __close = close_link })
end

--- Starts a server that is closed, and its clients aborted, at scope's end.
function sockets.server(handler, options)
  local server = asyncio.start_server(handler, "127.0.0.1", 0, options)
  local port = server:sockets()[1].port
  local scope = setmetatable({}, { __close = function()
    server:close()
    server:abort_clients()
    server:wait_closed()
  end })
  return server, port, scope
end

--- Waits, in turns of the loop, until `condition()` holds.
function sockets.until_true(condition)
  local loop = asyncio.get_running_loop()
  local deadline = loop:time() + 5
  while not condition() do
    assert(loop:time() < deadline, "it never came to be")
    asyncio.sleep(0.001)
  end
end

return sockets
