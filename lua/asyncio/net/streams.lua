--- Streams: connections and servers by name; the core connects and listens by
-- address.

local core = require("asyncio.core").api
local check = require "asyncio.base.check"
local listen = require "asyncio.net.listen"
local names = require "asyncio.net.names"
local race = require "asyncio.net.race"

local streams = {}

local LIMIT = 64 * 1024
local HAPPY_DELAY = 0.25  -- seconds between attempts (RFC 8305)

local function host_name(v)
  if type(v) ~= "string" then
    return "string"
  elseif v:find("\0", 1, true) then
    return "host expected, got one with a zero byte", true
  end
end

local function host_and_port(v)
  if type(v) ~= "table" or host_name(v[1]) or check.port(v[2] or 0) then
    return "{host, port}"
  end
end

local CONNECTION = {
  limit = check.bytes, ssl = check.ssl, server_hostname = check.string,
  local_addr = host_and_port, family = check.family, happy_eyeballs_delay = check.grace,
  interleave = check.count, ssl_handshake_timeout = check.duration, nodelay = check.boolean,
  keepalive = check.boolean, keep_alive = check.boolean,
}

--- Raises, as from the caller of the public function, if the two names of an
-- option contradict each other.
local function check_keepalive(name, i, options)
  local keepalive, alias = options.keepalive, options.keep_alive
  if keepalive ~= nil and alias ~= nil and keepalive ~= alias then
    error(("bad argument #%d to '%s' (options 'keepalive' and 'keep_alive' differ)"):format(i, name), 3)
  end
end

local function wants_keepalive(options)
  return options.keepalive or options.keep_alive
end

--- Returns the options that `core.connect` needs.
local function connect_options(options)
  return {
    limit = options.limit or LIMIT,
    nodelay = options.nodelay,
    keepalive = wants_keepalive(options),
    local_port = options.local_addr and options.local_addr[2],
  }
end

--- Returns the settings for each family; none for a family to which the local
-- address does not belong.
local function by_family(options)
  if not options.local_addr then
    local settings = connect_options(options)
    return { inet = settings, inet6 = settings }
  end
  local result = {}
  for _, address in ipairs(names.resolve(options.local_addr[1], 0, options.family)) do
    if not result[address.family] then
      result[address.family] = connect_options(options)
      result[address.family].local_host = address.host
    end
  end
  return result
end

--- Returns the addresses whose family has settings; raises if there are none.
local function reachable(list, settings, options)
  local result = {}
  for _, address in ipairs(list) do
    if settings[address.family] then
      result[#result + 1] = address
    end
  end
  if #result == 0 then
    error(core.OSError(("no address of the family of %s (connect %s)"):format(
      options.local_addr[1], list[1].host),
      { code = "EAFNOSUPPORT", syscall = "connect", address = list[1].host }), 0)
  end
  return result
end

--- Connects to a TCP server and returns a reader and a writer.
-- Several addresses are tried a quarter of a second apart, with alternating
-- families, and the first connection wins.
function streams.open_connection(host, port, options)
  check.task "open_connection"
  check.argument("open_connection", 1, host, host_name)
  check.argument("open_connection", 2, port, check.port)
  options = check.options("open_connection", 3, options, CONNECTION)
  check_keepalive("open_connection", 3, options)
  local settings = by_family(options)
  local list = reachable(names.resolve(host, port, options.family), settings, options)
  if #list == 1 then
    return core.connect(list[1].host, port, settings[list[1].family])
  end
  list = names.interleave(list, math.tointeger(options.interleave or 1))
  return race(list, options.happy_eyeballs_delay or HAPPY_DELAY, function(address)
    return core.connect(address.host, port, settings[address.family])
  end)
end

local UNIX_CONNECTION = {
  limit = check.bytes, ssl = check.ssl, server_hostname = check.string,
  ssl_handshake_timeout = check.duration,
}

--- Connects to the server at a path of the file system; returns a reader and a
-- writer.
function streams.open_unix_connection(path, options)
  check.task "open_unix_connection"
  check.argument("open_unix_connection", 1, path, check.path)
  options = check.options("open_unix_connection", 2, options, UNIX_CONNECTION)
  return core.connect(path, nil, { limit = options.limit or LIMIT })
end

local SERVER = {
  limit = check.bytes, backlog = check.count, ssl = check.ssl, reuse_address = check.boolean,
  reuse_port = check.boolean, family = check.family, start_serving = check.boolean,
  keepalive = check.boolean, keep_alive = check.boolean, ssl_handshake_timeout = check.duration,
  max_connections = check.count,
}

--- Starts a TCP server, which runs `handler(reader, writer)` in a task of its own
-- for each connection.
function streams.start_server(handler, host, port, options)
  check.task "start_server"
  check.argument("start_server", 1, handler, check.callable)
  if host ~= nil then
    check.argument("start_server", 2, host, host_name)
  end
  check.argument("start_server", 3, port, check.port)
  options = check.options("start_server", 4, options, SERVER)
  check_keepalive("start_server", 4, options)
  port = math.tointeger(port)
  local list
  if host == nil or host == "" then
    list = listen.everywhere(options.family)
  else
    list = names.resolve(host, port, options.family, true)
  end
  return listen.at(handler, list, port, options)
end

local UNIX_SERVER = {
  limit = check.bytes, backlog = check.count, ssl = check.ssl, start_serving = check.boolean,
  ssl_handshake_timeout = check.duration, max_connections = check.count,
}

--- Does the same at a path of the file system. Closing the server removes the
-- file.
function streams.start_unix_server(handler, path, options)
  check.task "start_unix_server"
  check.argument("start_unix_server", 1, handler, check.callable)
  check.argument("start_unix_server", 2, path, check.path)
  options = check.options("start_unix_server", 3, options, UNIX_SERVER)
  return listen.at_path(handler, path, options)
end

return streams
