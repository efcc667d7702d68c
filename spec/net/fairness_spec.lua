--- Fairness: stream operations that find all they need give way now and then.

local asyncio = require "asyncio"
local files = require "spec.support.files"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local HOST = "127.0.0.1"

describe("an operation that never suspends", function()
  local function fed(text)
    local reader = asyncio.StreamReader()
    reader:feed_data(text)
    return reader
  end

  local LINES = ("x\n"):rep(1000)

  -- Each returns a function that does it once.
  local operations = {
    ["read"] = function()
      local reader = fed(LINES)
      return function() reader:read(1) end
    end,
    ["read of nothing"] = function()
      local reader = fed "x"
      return function() reader:read(0) end
    end,
    ["peek"] = function()
      local reader = fed "x"
      return function() reader:peek(1) end
    end,
    ["readline"] = function()
      local reader = fed(LINES)
      return function() reader:readline() end
    end,
    ["readuntil"] = function()
      local reader = fed(LINES)
      return function() reader:readuntil "x" end
    end,
    ["readexactly"] = function()
      local reader = fed(LINES)
      return function() reader:readexactly(2) end
    end,
    ["lines"] = function()
      return fed(LINES):lines()
    end,
    ["write"] = function(link)
      return function() link.writer:write "x" end
    end,
    ["writelines"] = function(link)
      return function() link.writer:writelines { "x" } end
    end,
    ["drain"] = function(link)
      return function() link.writer:drain() end
    end,
    ["wait_closed"] = function(link)
      link.writer:close()
      link.writer:wait_closed()
      return function() link.writer:wait_closed() end
    end,
    ["Server:wait_closed"] = function()
      local server = asyncio.start_server(print, HOST, 0)
      server:close()
      return function() server:wait_closed() end
    end,
  }

  for name, make in pairs(operations) do
    it(("gives way after some: %s"):format(name), testing.async(function()
      local link <close> = sockets.link()
      local operation = make(link)
      asyncio.sleep(0)
      local count = 0
      local longest, since = 0, 0
      local other = asyncio.create_task(function()
        while true do
          longest, since = math.max(longest, count - since), count
          asyncio.sleep(0)
        end
      end)
      for _ = 1, 500 do
        operation()
        count = count + 1
      end
      other:cancel()
      assert(longest > 0 and longest <= 130, longest)
    end))
  end
end)

describe("the recipe for broadcasting", function()
  -- The functions of the page's own code, for one test.
  local function recipe()
    local page = files.read "docs/reference/streams.md"
    local code = page:match "# Broadcasting.-```lua\n(.-)\nasyncio%.run%("
    return assert(load("local asyncio = ...\n" .. code .. "\nreturn chat, queues", "=page"))(asyncio)
  end

  -- A client that takes `count` lines of `size` bytes, and writes as many if `writes`.
  local function client(port, count, size, writes)
    local reader, writer <close> = asyncio.open_connection(HOST, port)
    local line = ("x"):rep(size - 1) .. "\n"
    local pasted <close> = asyncio.TaskGroup()
    if writes then
      pasted:create_task(function()
        for _ = 1, count // 1000 do
          writer:write(line:rep(1000))
        end
      end)
    end
    for i = 1, count do
      assert(reader:readexactly(size) == line, i)
    end
    return count
  end

  local function connected(queues, count)
    sockets.until_true(function()
      local n = 0
      for _ in pairs(queues) do
        n = n + 1
      end
      return n == count
    end)
  end

  it("drops nobody who reads", testing.async(function()
    local chat, queues = recipe()
    local _, port, scope <close> = sockets.server(chat)
    local count = witness.many(100) * 1000
    local clients = {}
    for i = 1, 3 do
      clients[i] = asyncio.create_task(client, port, count, 5)
    end
    connected(queues, 3)
    assert.equal(count, client(port, count, 5, true))
    assert.same({ count, count, count }, { asyncio.gather(table.unpack(clients)) })
  end, { timeout = 60 }))

  it("drops a client that does not read, and serves the others", testing.async(function()
    local chat, queues = recipe()
    local _, port, scope <close> = sockets.server(chat)
    local idle, idle_writer = asyncio.open_connection(HOST, port)
    local count = 20000
    local other = asyncio.create_task(client, port, count, 1000)
    connected(queues, 2)
    assert.equal(count, client(port, count, 1000, true))
    assert.equal(count, asyncio.await(other))
    local err = witness.raises(asyncio.OSError, idle.read, idle)
    assert.equal("ECONNRESET", err.code)
    idle_writer:abort()
  end, { timeout = 60 }))
end)

describe("a client that pastes many lines", function()
  it("leaves each neighbour time to empty a queue of a hundred", testing.async(function()
    local queue, got = asyncio.Queue(100), 0
    local neighbour = asyncio.create_task(function()
      for _ in queue:items() do
        got = got + 1
      end
    end)
    local reader = asyncio.StreamReader()
    reader:feed_data(("line\n"):rep(10000))
    reader:feed_eof()
    for line in reader:lines() do
      queue:put_nowait(line)  -- raises where the queue is full
    end
    queue:shutdown()
    asyncio.await(neighbour)
    assert.equal(10000, got)
  end))
end)
