--- Listening: a server on one or several addresses, which the core binds.

local core = require("asyncio.core").api

local listen = {}

local LIMIT = 64 * 1024
local BACKLOG = 1024

--- Makes a server that is not bound yet.
local function new_server(handler, options)
  return core.new_server(handler, options.limit or LIMIT, options.backlog or BACKLOG,
    options.max_connections or 0, options.keepalive or options.keep_alive)
end

-- Errors of a bind when a family, or its loopback, is not configured.
local ABSENT = { EAFNOSUPPORT = true, EADDRNOTAVAIL = true }

--- Binds all addresses to one port, any free one if `port` is 0. If there are
-- several, those that this machine does not have are left out.
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

--- Makes a server on all addresses. A port that is free for one family may be
-- taken for the other; then another port is tried for all of them.
function listen.at(handler, list, port, options)
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

--- The addresses of all interfaces, with IPv6 if the system has it.
function listen.everywhere(family)
  if family == "inet" then
    return { { host = "0.0.0.0" } }
  elseif family == "inet6" then
    return { { host = "::" } }
  end
  return { { host = "0.0.0.0" }, { host = "::" } }
end

--- Makes a server at a path of the file system.
function listen.at_path(handler, path, options)
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

return listen
