--- Many connections opened and closed leave everything where it was.

local asyncio = require "asyncio"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local HARD = os.getenv "SPEC_WAY" ~= "rock" and os.getenv "SPEC_WAY" ~= "debug"

local function count(t)
  local n = 0
  for _ in pairs(t) do
    n = n + 1
  end
  return n
end

local function descriptors()
  local pipe = io.popen "ls /proc/$PPID/fd 2>/dev/null | wc -l"
  local n = pipe:read "n"
  pipe:close()
  return n
end

-- Bytes of memory that the process has, or 0 where nobody tells.
local function resident()
  local file = io.open "/proc/self/statm"
  local pages = file and select(2, file:read("n", "n")) or 0
  if file then
    file:close()
  end
  return pages * 4096
end

-- Connections to some addresses, so that ports do not run out.
local function new_servers(handler)
  local servers = {}
  for i = 1, 4 do
    servers[i] = asyncio.start_server(handler, ("127.0.0.%d"):format(i), 0)
  end
  return servers
end

local function churn(servers, total, clients, visit)
  local left, tasks = total, {}
  for i = 1, clients do
    local address = servers[i % #servers + 1]:sockets()[1]
    tasks[i] = function()
      while left > 0 do
        left = left - 1
        visit(asyncio.open_connection(address.host, address.port))
      end
    end
  end
  asyncio.gather(tasks)
end

local function settle(loop)
  sockets.until_true(function()
    witness.collect()
    return not loop:stats().handles.tcp
  end)
  witness.turns(3)
  witness.collect()
end

local function measure(loop)
  local stats = loop:stats()
  return {
    handles = stats.handles, anchors = stats.anchors, tasks = stats.tasks,
    timers = stats.timers, registry = count(debug.getregistry()), descriptors = descriptors(),
  }, collectgarbage "count" * 1024, resident()
end

local ways = {
  ["that talk and close"] = function(reader, writer)
    writer:write "ping\n"
    assert(reader:readline() == "ping\n")
    writer:close()
  end,
  ["that are aborted"] = function(_, writer)
    writer:write "ping\n"
    writer:abort()
  end,
  ["that are dropped"] = function(reader, writer)
    writer:write "ping\n"
    reader:readline()
  end,
  ["whose readers time out"] = function(reader, writer)
    pcall(asyncio.wait_for, reader.readexactly, 0, reader, 100)
    writer:close()
    writer:wait_closed()
  end,
}

local function survive(total, visit)
  local loop = asyncio.get_running_loop()
  local servers = new_servers(function(reader, writer)
    for line in reader:lines() do
      pcall(writer.write, writer, line, "\n")
    end
  end)
  loop:set_exception_handler(function(_, context)  -- resets, where aborted
    assert(asyncio.isinstance(context.exception, asyncio.OSError))
  end)
  churn(servers, math.min(total, 2000), 20, visit)
  settle(loop)
  local before, heap, rss = measure(loop)
  churn(servers, total, 20, visit)
  settle(loop)
  local after, heap_after, rss_after = measure(loop)
  assert.same(before, after)
  assert(heap_after - heap < 64 * 1024, heap_after - heap)
  if not HARD then
    assert(rss_after - rss < 8 << 20, rss_after - rss)
  end
  for _, server in ipairs(servers) do
    server:close()
    server:wait_closed()
  end
end

describe("connections", function()
  for name, visit in pairs(ways) do
    it(name .. " leave nothing behind, by the thousand", testing.async(function()
      survive(HARD and 300 or 4000, visit)
    end, { timeout = 100 }))
  end

  it("leave nothing behind, by the hundred thousand #heavy", testing.async(function()
    survive(100000, ways["that talk and close"])
  end, { timeout = 200 }))
end)
