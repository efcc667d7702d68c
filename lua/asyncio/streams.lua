--- Streams: connections and servers by name, over what the core connects and
-- listens on by address.

local core = require("asyncio.core").api
local check = require "asyncio.check"
local race = require "asyncio.race"

local streams = {}

local LIMIT = 64 * 1024
local BACKLOG = 1024
local HAPPY_DELAY = 0.25  -- seconds between attempts (RFC 8305)

--- Addresses of a host: itself if it is numeric, else what a look-up gives.
local function resolve(host, port, family, passive)
  local numeric = host and core.isaddress(host)
  if numeric then
    if family and family ~= numeric then
      error(core.OSError(("no %s address (%s)"):format(family, host),
        { code = "EAI_FAMILY", syscall = "getaddrinfo", address = host }), 0)
    end
    return { { host = host, port = port, family = numeric } }
  end
  local found = core.getaddrinfo(host, nil, family or "any", passive)
  local list, seen = {}, {}
  for _, address in ipairs(found) do
    if not seen[address.host] then
      seen[address.host] = true
      list[#list + 1] = { host = address.host, port = port, family = address.family }
    end
  end
  return list
end

--- Puts the families by turns, `first` of the first one before that.
local function interleave(list, first)
  local by_family, order = {}, {}
  for _, address in ipairs(list) do
    if not by_family[address.family] then
      by_family[address.family] = {}
      order[#order + 1] = address.family
    end
    table.insert(by_family[address.family], address)
  end
  local result = {}
  for _ = 2, first do
    result[#result + 1] = table.remove(by_family[order[1]], 1)
  end
  while #result < #list do
    for _, family in ipairs(order) do
      result[#result + 1] = table.remove(by_family[family], 1)
    end
  end
  return result
end

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
  local_addr = host_and_port, family = check.family, happy_eyeballs_delay = check.seconds,
  interleave = check.count, ssl_handshake_timeout = check.seconds, nodelay = check.boolean,
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

--- What `core.connect` wants to know of the options.
local function connect_options(options)
  return {
    limit = options.limit or LIMIT,
    nodelay = options.nodelay,
    keepalive = wants_keepalive(options),
    local_port = options.local_addr and options.local_addr[2],
  }
end

--- The settings for each family: none for one that the local address is not
-- of.
local function by_family(options)
  if not options.local_addr then
    local settings = connect_options(options)
    return { inet = settings, inet6 = settings }
  end
  local result = {}
  for _, address in ipairs(resolve(options.local_addr[1], 0, options.family)) do
    if not result[address.family] then
      result[address.family] = connect_options(options)
      result[address.family].local_host = address.host
    end
  end
  return result
end

--- Those of the addresses that there are settings for; one at least.
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

--- Connects to a TCP server: reader, writer.
-- Several addresses are tried a quarter of a second apart, families by
-- turns, and the first connection wins.
function streams.open_connection(host, port, options)
  check.task "open_connection"
  check.argument("open_connection", 1, host, host_name)
  check.argument("open_connection", 2, port, check.port)
  options = check.options("open_connection", 3, options, CONNECTION)
  check_keepalive("open_connection", 3, options)
  local settings = by_family(options)
  local list = reachable(resolve(host, port, options.family), settings, options)
  if #list == 1 then
    return core.connect(list[1].host, port, settings[list[1].family])
  end
  list = interleave(list, math.tointeger(options.interleave or 1))
  return race(list, options.happy_eyeballs_delay or HAPPY_DELAY, function(address)
    return core.connect(address.host, port, settings[address.family])
  end)
end

local UNIX_CONNECTION = {
  limit = check.bytes, ssl = check.ssl, server_hostname = check.string,
  ssl_handshake_timeout = check.seconds,
}

--- Connects to the server at a path of the file system: reader, writer.
function streams.open_unix_connection(path, options)
  check.task "open_unix_connection"
  check.argument("open_unix_connection", 1, path, check.path)
  options = check.options("open_unix_connection", 2, options, UNIX_CONNECTION)
  return core.connect(path, nil, { limit = options.limit or LIMIT })
end

local SERVER = {
  limit = check.bytes, backlog = check.count, ssl = check.ssl, reuse_address = check.boolean,
  reuse_port = check.boolean, family = check.family, start_serving = check.boolean,
  keepalive = check.boolean, keep_alive = check.boolean, ssl_handshake_timeout = check.seconds,
  max_connections = check.count,
}

local function new_server(handler, options)
  return core.new_server(handler, options.limit or LIMIT, options.backlog or BACKLOG,
    options.max_connections or 0, wants_keepalive(options))
end

-- How a bind fails where a family, or its loopback, is not configured.
local ABSENT = { EAFNOSUPPORT = true, EADDRNOTAVAIL = true }

--- Binds all addresses to one port, any one if `port` is 0. Of several, those
-- that this machine does not have are left out.
local function bind_all(server, list, port, options)
  local reuse = options.reuse_address ~= false
  local absent, bound
  for _, address in ipairs(list) do
    local ok, got = pcall(core.bind, server, address.host, port, reuse, options.reuse_port)
    if ok then
      port, bound = got, true
    elseif #list > 1 and ABSENT[got.code] then
      absent = absent or got
    else
      error(got, 0)
    end
  end
  if not bound then
    error(absent, 0)
  end
  if options.start_serving ~= false then
    server:start_serving()
  end
end

--- A port that is free for one family may be taken for the other: then all
-- is tried anew with another one.
local function listen(handler, list, port, options)
  local tries = port == 0 and #list > 1 and 16 or 1
  while true do
    local server = new_server(handler, options)
    local ok, err = pcall(bind_all, server, list, port, options)
    if ok then
      return server
    end
    server:close()
    tries = tries - 1
    if tries == 0 or err.code ~= "EADDRINUSE" then
      error(err, 0)
    end
  end
end

--- All interfaces; IPv6 where the system has it.
local function everywhere(family)
  if family == "inet" then
    return { { host = "0.0.0.0" } }
  elseif family == "inet6" then
    return { { host = "::" } }
  end
  return { { host = "0.0.0.0" }, { host = "::" } }
end

--- A TCP server; `handler(reader, writer)` runs in a task of its own for each
-- connection.
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
    list = everywhere(options.family)
  else
    list = resolve(host, port, options.family, true)
  end
  return listen(handler, list, port, options)
end

local UNIX_SERVER = {
  limit = check.bytes, backlog = check.count, ssl = check.ssl, start_serving = check.boolean,
  ssl_handshake_timeout = check.seconds, max_connections = check.count,
}

--- The same at a path of the file system; the file goes when it closes.
function streams.start_unix_server(handler, path, options)
  check.task "start_unix_server"
  check.argument("start_unix_server", 1, handler, check.callable)
  check.argument("start_unix_server", 2, path, check.path)
  options = check.options("start_unix_server", 3, options, UNIX_SERVER)
  local server = new_server(handler, options)
  local ok, err = pcall(core.bind_unix, server, path)
  if ok and options.start_serving ~= false then
    ok, err = pcall(server.start_serving, server)
  end
  if not ok then
    server:close()
    error(err, 0)
  end
  return server
end

return streams
