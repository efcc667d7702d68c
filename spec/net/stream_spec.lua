--- Streams over sockets: what the other end does, and how it shows.

local asyncio = require "asyncio"
local naive = require "spec.support.naive"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local HARD = os.getenv "SPEC_WAY" == "hardgc" or os.getenv "SPEC_WAY" == "valgrind"

local try, turns, until_true = witness.try, witness.turns, sockets.until_true

-- The same for both kinds of sockets.
local function both(name, f, options)
  for kind, link_options in pairs { TCP = {}, unix = { unix = true } } do
    it(("%s (%s)"):format(name, kind), testing.async(function()
      f(link_options)
    end, options))
  end
end

local function with(options, more)
  for key, value in pairs(options) do
    more[key] = value
  end
  return more
end

local function buffered(reader)
  return tonumber(tostring(reader):match "buffered=(%d+)")
end

-- Makes the other end reset the connection, with bytes before that.
local function reset(link)
  link.far_writer:set_write_buffer_limits { high = 0x7fffffff }
  link.far_writer:write(("x"):rep(1 << 23))
  assert(link.far_writer:get_write_buffer_size() > 0)
  link.far_writer:abort()
end

describe("a stream", function()
  both("carries bytes both ways at the same time", function(options)
    local link <close> = sockets.link(options)
    local payload = ("0123456789abcdef"):rep(65536)
    local function send(writer)
      writer:write(payload)
      writer:write_eof()
    end
    local near, far = asyncio.gather(
      function() return link.reader:read() end,
      function() return link.far_reader:read() end,
      function() send(link.writer) end,
      function() send(link.far_writer) end)
    assert(near == payload and far == payload)
  end)

  both("ends where the peer closes, and every read tells so", function(options)
    local link <close> = sockets.link(options)
    link.far_writer:write "last words"
    link.far_writer:close()
    assert.equal("last words", link.reader:read())
    assert.is_true(link.reader:at_eof())
    for _, method in ipairs { "read", "readline" } do
      assert.is_nil(link.reader[method](link.reader))
    end
    assert.is_nil(link.reader:peek(1))
    witness.raises(asyncio.IncompleteReadError, link.reader.readexactly, link.reader, 1)
    witness.raises(asyncio.IncompleteReadError, link.reader.readuntil, link.reader)
  end)

  both("that is closed before a byte came ends without an error", function(options)
    local link <close> = sockets.link(options)
    local task = asyncio.create_task(link.reader.read, link.reader, 1)
    link.far_writer:close()
    assert.is_nil(asyncio.await(task))
    assert.same({ n = 2, nil, false }, table.pack(link.reader:exception()))
  end)

  both("of which one half ended still works the other way", function(options)
    local link <close> = sockets.link(options)
    link.writer:write "question"
    link.writer:write_eof()
    assert.equal("question", link.far_reader:read())
    local answer = ("answer"):rep(200000)
    local task = asyncio.create_task(function()
      link.far_writer:write(answer)
      link.far_writer:close()
    end)
    assert(link.reader:read() == answer)
    asyncio.await(task)
  end)

  it("gives the bytes that came before a reset, then the error", testing.async(function()
    local link <close> = sockets.link()
    link.far_writer:write "before it\n"
    assert.equal("before it\n", link.reader:peek(100))
    reset(link)
    assert.equal("before it\n", link.reader:readline())
    local rest, err = 0, nil
    repeat
      local ok, bytes = pcall(link.reader.read, link.reader, 100000)
      if ok then
        assert(bytes, "the end is told as if nothing were lost")
        rest = rest + #bytes
      else
        err = bytes
      end
    until err
    assert(rest > 0)
    assert.same({ "ECONNRESET", "read" }, { err.code, err.syscall })
    assert.same({ err.code, true }, { link.reader:exception().code, select(2, link.reader:exception()) })
    assert.matches("^ECONNRESET: connection reset by peer %(read 127%.0%.0%.1:%d+%)", tostring(err))
  end))

  it("that is reset wakes whoever waits in it", testing.async(function()
    for method, args in pairs { read = {}, readline = {}, readexactly = { 1e9 // 1 | 0 },
      readuntil = { ";", { limit = 1 << 30 } } } do
      local link <close> = sockets.link { near = { limit = 1 << 30 } }
      local task = asyncio.create_task(link.reader[method], link.reader, table.unpack(args))
      turns(2)
      reset(link)
      local err = witness.raises(asyncio.OSError, asyncio.await, task)
      assert.equal("ECONNRESET", err.code)
    end
  end))

  both("lets one task read while another writes", function(options)
    local link <close> = sockets.link(options)
    local task = asyncio.create_task(link.reader.readline, link.reader)
    turns(1)
    link.writer:write "ping\n"
    assert.equal("ping\n", link.far_reader:readline())
    link.far_writer:write "pong\n"
    assert.equal("pong\n", asyncio.await(task))
  end)

  both("refuses a second reader at once", function(options)
    local link <close> = sockets.link(options)
    local task = asyncio.create_task(link.reader.readline, link.reader)
    turns(1)
    assert.matches("another task is reading this stream already",
      witness.text(link.reader.read, link.reader))
    link.far_writer:write "pong\n"
    assert.equal("pong\n", asyncio.await(task))
  end)

  both("loses no byte to cancels and deadlines", function(options)
    local link <close> = sockets.link(options)
    local received = {}
    local feeder = asyncio.create_task(function()
      for i = 1, 300 do
        link.far_writer:write(("%05d"):format(i))
        if i % 3 == 0 then
          asyncio.sleep(0.0003)
        end
      end
      link.far_writer:write_eof()
    end)
    repeat
      local bytes
      local ok, err = pcall(asyncio.wait_for, function()
        bytes = link.reader:readexactly(7)
      end, 0.0002)
      received[#received + 1] = bytes
      local partial = not ok and asyncio.isinstance(err, asyncio.IncompleteReadError)
      if partial then
        received[#received + 1] = err.partial
      end
    until partial
    asyncio.await(feeder)
    received = table.concat(received)
    assert.equal(1500, #received)
    for i = 1, 300 do
      assert.equal(i, tonumber(received:sub(5 * i - 4, 5 * i)))
    end
  end)

  both("reads the same for any cut of the bytes", function(options)
    for seed = 1, HARD and 3 or 12 do
      local random = naive.random(seed)
      local limit = random(20)
      local link <close> = sockets.link(with(options, { near = { limit = limit } }))
      local model = naive.reader(naive.bytes(random, random(HARD and 500 or 3000)), limit)
      local feeder = asyncio.create_task(function()
        local at = 1
        while at <= #model.data do
          local n = random(200)
          link.far_writer:write(model.data:sub(at, at + n - 1))
          at = at + n
          asyncio.sleep(0)
        end
        link.far_writer:close()
      end)
      repeat until not naive.compare(link.reader, model, random)
      asyncio.await(feeder)
    end
  end)
end)

describe("a pending read", function()
  both("whose own writer closes gives nil", function(options)
    for method, arg in pairs { read = 10, readline = false, peek = 10 } do
      for _, close in ipairs { "close", "abort" } do
        local link <close> = sockets.link(options)
        local task = asyncio.create_task(link.reader[method], link.reader, arg or nil)
        turns(1)
        link.writer[close](link.writer)
        assert.same({ n = 1 }, table.pack(asyncio.await(task)))
      end
    end
  end)

  both("for so many bytes is incomplete then, and nothing is lost", function(options)
    local link <close> = sockets.link(options)
    local task = asyncio.create_task(link.reader.readexactly, link.reader, 10)
    link.far_writer:write "abc"
    until_true(function() return buffered(link.reader) == 3 end)
    link.writer:close()
    local err = witness.raises(asyncio.IncompleteReadError, asyncio.await, task)
    assert.equal("abc", err.partial)
  end)

  both("gives bytes that came, whatever cancels it in the same turn", function(options)
    local link <close> = sockets.link(options)
    local task = asyncio.create_task(link.reader.read, link.reader, 10)
    turns(1)
    task:cancel()
    link.far_writer:write "abc"
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.equal("abc", link.reader:read(10))
    task = asyncio.create_task(link.reader.read, link.reader, 10)
    turns(1)
    link.reader:feed_data "def"
    task:cancel()
    assert.equal("def", asyncio.await(task))
  end)
end)

describe("a reader that nobody reads", function()
  both("stops its peer, and memory stays bounded", function(options)
    local limit = 16384
    local link <close> = sockets.link(with(options, { near = { limit = limit } }))
    local chunk, sent, count = ("x"):rep(100000), 0, 400
    local flood = asyncio.create_task(function()
      for _ = 1, count do
        link.far_writer:write(chunk)
        sent = sent + #chunk
      end
      link.far_writer:write_eof()
    end)
    local before
    repeat
      before = sent
      asyncio.sleep(0.02)
    until sent == before
    assert(sent < count * #chunk, "it took all")
    assert(buffered(link.reader) <= 2 * limit + 256 * 1024)
    assert(link.far_writer:get_write_buffer_size() <= 64 * 1024 + #chunk)
    local total = 0
    repeat
      local bytes = link.reader:read(65536)
      total = total + #(bytes or "")
    until not bytes
    asyncio.await(flood)
    assert.equal(count * #chunk, total)
  end)

  both("may still read more than its limit at once", function(options)
    local link <close> = sockets.link(with(options, { near = { limit = 1000 } }))
    local task = asyncio.create_task(function()
      for _ = 1, 10 do
        link.far_writer:write(("y"):rep(100000))
      end
      link.far_writer:write(";")
    end)
    asyncio.sleep(0.01)
    assert.equal(500000, #link.reader:readexactly(500000))
    assert.equal(500001, #link.reader:readuntil(";", { limit = 1000000 }))
    asyncio.await(task)
  end)

  it("is stopped although a line is far too long", testing.async(function()
    local link <close> = sockets.link { near = { limit = 1000 } }
    local flood = asyncio.create_task(function()
      for _ = 1, 1000 do
        link.far_writer:write(("z"):rep(100000))
      end
    end)
    for _ = 1, 10 do
      witness.raises(asyncio.LimitOverrunError, link.reader.readline, link.reader)
      asyncio.sleep(0)
    end
    assert(buffered(link.reader) <= 2000 + 256 * 1024)
    flood:cancel()
    try(asyncio.await, flood)
  end))
end)

describe("a stream that is dropped", function()
  both("closes once it is collected, and all was sent", function(options)
    local link <close> = sockets.link(options)
    local payload = ("x"):rep(3000000)
    link.writer:set_write_buffer_limits { high = 10000000 }
    link.writer:write(payload)
    local fake = { abort = function() end }
    link.reader, link.writer = nil, fake
    witness.collect()
    payload = #payload
    local got = link.far_reader:read()
    assert.equal(payload, #got)
  end)

  both("stays open while one half is held", function(options)
    local link <close> = sockets.link(options)
    link.reader = nil
    witness.collect()
    link.writer:write "a line\n"
    assert.equal("a line\n", link.far_reader:readline())
  end)

  it("is closed in thousands", testing.async(function()
    local _, port <const>, scope <close> = sockets.server(function(reader)
      reader:read()
    end)
    local loop = asyncio.get_running_loop()
    for _ = 1, 10 do
      for _ = 1, 100 do
        asyncio.open_connection("127.0.0.1", port)
      end
      witness.collect()
    end
    until_true(function()
      witness.collect()
      return (loop:stats().handles.tcp or 0) < 10
    end)
  end))
end)

describe("a loop that closes", function()
  local function open_all(loop)
    local left = {}
    loop:run_until_complete(function()
      for _, options in ipairs { {}, { unix = true } } do
        local link = sockets.link(options)
        left[#left + 1] = link
        link.far_writer:set_write_buffer_limits { high = 1 << 30 }
        link.far_writer:write(("x"):rep(10000000))
        asyncio.create_task(function()
          link.reader:readexactly(1 << 30)
        end)
        asyncio.create_task(function()
          link.writer:set_write_buffer_limits { high = 0 }
          link.writer:write(("x"):rep(10000000))
        end)
        local waiter <const> = link
        asyncio.create_task(function() waiter.far_writer:close() waiter.far_writer:wait_closed() end)
        asyncio.create_task(function() waiter.server:close() waiter.server:wait_closed() end)
      end
      left.server = asyncio.start_server(print, "127.0.0.1", 0)
      asyncio.create_task(left.server.serve_forever, left.server)
      asyncio.create_task(asyncio.open_connection, "127.0.0.1", left.server:sockets()[1].port)
      asyncio.create_task(asyncio.open_connection, "localhost", 1)
      asyncio.sleep(0)
    end)
    return left
  end

  it("takes everything with it, and what is left is closed", function()
    local loop = testing.new_event_loop()
    local left = open_all(loop)
    loop:close()
    witness.collect()
    for _, link in ipairs(left) do
      assert.is_true(link.writer:is_closing())
      assert.matches("^StreamWriter<state=clos", tostring(link.writer))
      assert.matches("^StreamReader<", tostring(link.reader))
      assert.is_nil(link.writer:get_extra_info "peername")
      assert.matches("closed stream", witness.text(link.writer.write, link.writer, "x"))
      link.writer:close()
      link.writer:abort()
      assert.equal(loop, link.server:get_loop())
      assert.is_false(link.server:is_serving())
      link.server:close_clients()
      link.server:abort_clients()
      link.server:close()
    end
    assert.same({ n = 0 }, left.server:sockets())
    left.server:close()
    testing.run(function()
      for _, link in ipairs(left) do
        link.writer:wait_closed()
        link.server:wait_closed()
        pcall(link.reader.read, link.reader)
      end
    end)
    assert(witness.destroyed() > 0)
  end)

  it("does so too when it is dropped", function()
    local left
    do
      left = open_all(testing.new_event_loop())
    end
    witness.collect()
    witness.collect()
    for _, link in ipairs(left) do
      link.writer:abort()
      tostring(link.reader)
      tostring(link.server)
    end
    left = nil
    witness.collect()
    assert.is_nil(left)
    assert(witness.destroyed() > 0)
  end)

  it("leaves no trace of handlers that it ended", function()
    local loop = testing.new_event_loop()
    local task, left
    loop:run_until_complete(function()
      left = sockets.link()
      local server = asyncio.start_server(function(_, writer)
        task = asyncio.current_task()
        writer:close()
        asyncio.sleep(1000)
      end, "127.0.0.1", 0)
      local reader = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
      reader:read()
      server:close()
      left.server:close()
    end)
    loop:close()
    witness.collect()
    assert.is_true(task:done())
    assert.equal(0, task:remove_done_callback(print))
    left = nil
    witness.collect()
    assert.equal(0, task:remove_done_callback(print))
    assert.is_nil(left)
    assert.equal(2, witness.destroyed())
  end)
end)

describe("a stream of another loop", function()
  it("is refused, and not harmed", function()
    local first, second = testing.new_event_loop(), testing.new_event_loop()
    local link
    first:run_until_complete(function()
      link = sockets.link()
    end)
    second:run_until_complete(function()
      assert.matches("stream that belongs to another loop", witness.text(link.reader.read, link.reader, 1))
      assert.matches("stream that belongs to another loop", witness.text(link.writer.write, link.writer, "x"))
      assert.matches("stream that belongs to another loop", witness.text(link.writer.drain, link.writer))
      assert.matches("stream that belongs to another loop",
        witness.text(link.writer.wait_closed, link.writer))
      assert.matches("server that belongs to another loop",
        witness.text(link.server.wait_closed, link.server))
      assert.matches("server that belongs to another loop",
        witness.text(link.server.serve_forever, link.server))
    end)
    second:close()
    first:run_until_complete(function()
      link.writer:write "still here\n"
      assert.equal("still here\n", link.far_reader:readline())
      getmetatable(link).__close(link)
    end)
    first:close()
  end)
end)
