--- Many connections opened and closed leave everything where it was.

local asyncio = require "asyncio"
local child = require "spec.support.child"
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

-- How many sockets this process has, as the system counts.
local function descriptors()
  local pipe = io.popen "ls -l /proc/$PPID/fd 2>/dev/null"
  local n = select(2, pipe:read("a"):gsub("socket:", ""))
  pipe:close()
  return n
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
    timers = stats.timers, registry = count(debug.getregistry()),
  }, collectgarbage "count" * 1024, descriptors()
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
  local before, heap, files = measure(loop)
  churn(servers, total, 20, visit)
  settle(loop)
  local after, heap_after, files_after = measure(loop)
  assert.same(before, after)
  assert(heap_after - heap < 128 * 1024, heap_after - heap)
  assert(files_after <= files)  -- fewer: of earlier specs, collected meanwhile
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

  it("leave nothing behind, by the hundred thousand #heavy", function()
    local printed, complained, code = child.run [[
      local asyncio = require "asyncio"
      local function kilobytes()
        local file = io.open "/proc/self/statm"
        local pages = file and select(2, file:read("n", "n")) or 0
        if file then file:close() end
        return pages * 4
      end
      asyncio.run(function()
        local loop, servers = asyncio.get_running_loop(), {}
        for i = 1, 4 do
          servers[i] = asyncio.start_server(function(reader, writer)
            for line in reader:lines() do writer:write(line, "\n") end
          end, "127.0.0." .. i, 0)
        end
        local function churn(left)
          local tasks = {}
          for i = 1, 20 do
            local address = servers[i % 4 + 1]:sockets()[1]
            tasks[i] = function()
              while left > 0 do
                left = left - 1
                local reader, writer = asyncio.open_connection(address.host, address.port)
                writer:write "ping\n"
                assert(reader:readline() == "ping\n")
                writer:close()
              end
            end
          end
          asyncio.gather(tasks)
          while loop:stats().handles.tcp do asyncio.sleep(0.001) end
          collectgarbage()
          collectgarbage()
          return kilobytes(), collectgarbage "count", loop:stats()
        end
        local rss, heap, stats = churn(10000)
        local rss_after, heap_after, stats_after = churn(100000)
        local room = os.getenv "SPEC_WAY" == "asan" and 1 << 20 or 1024  -- it keeps what is freed
        print(rss_after - rss < room or rss_after - rss, heap_after - heap < 16)
        print(stats.anchors == stats_after.anchors, stats.tasks == stats_after.tasks)
      end)
    ]]
    assert.same({ "", "true\ttrue\ntrue\ttrue\n", 0 }, { complained, printed, code })
  end)
end)
