--- Closing a connection: what still arrives, who waits, and what ends the waiting.

local asyncio = require "asyncio"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns, until_true = witness.try, witness.turns, sockets.until_true

local function both(name, f, options)
  for kind, link_options in pairs { TCP = {}, unix = { unix = true } } do
    it(("%s (%s)"):format(name, kind), testing.async(function()
      f(link_options)
    end, options))
  end
end

-- More than a socket and its peer's reader hold.
local function flood(size)
  return ("0123456789abcdef"):rep((size or 1 << 23) // 16)
end

-- A task that waits in a write, drain or the like.
local function waiting(f, ...)
  local task = asyncio.create_task(f, ...)
  turns(2)
  assert.is_false(task:done())
  return task
end

describe("wait_closed", function()
  it("of a broken connection closes it, and raises what broke it", testing.async(function()
    local server = asyncio.start_server(function(_, writer) writer:abort() end, "127.0.0.1", 0)
    local reader, writer = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
    pcall(writer.write, writer, ("x"):rep(1000000))
    pcall(reader.read, reader)
    server:close()
    server:wait_closed()
    while pcall(writer.write, writer, "more") do
      asyncio.sleep(0)
    end
    local ok, err = pcall(asyncio.wait_for, writer.wait_closed, 5, writer)
    assert.same({ false, true }, { ok, asyncio.isinstance(err, asyncio.OSError) })
    assert.is_true(writer:is_closing())
  end))
end)

describe("close", function()
  both("sends what is unsent; wait_closed waits for that", function(options)
    local link <close> = sockets.link(options)
    link.writer:set_write_buffer_limits { high = 1 << 30 }
    local payload = flood()
    link.writer:write(payload)
    assert.is_false(link.writer:is_closing())
    link.writer:close()
    link.writer:close()
    assert.is_true(link.writer:is_closing())
    local waiters = { waiting(link.writer.wait_closed, link.writer),
      waiting(link.writer.wait_closed, link.writer) }
    local cancelled = waiting(link.writer.wait_closed, link.writer)
    cancelled:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, cancelled) })
    assert(link.far_reader:read() == payload)
    asyncio.gather(waiters)
    assert.same({ n = 0 }, table.pack(link.writer:wait_closed()))
    assert.equal("StreamWriter<state=closed, unsent=0>", tostring(link.writer))
  end)

  both("wakes those who drain once all is sent", function(options)
    local link <close> = sockets.link(options)
    local writing = waiting(link.writer.write, link.writer, flood())
    link.writer:close()
    assert.equal(#flood(), #link.far_reader:read())
    asyncio.await(writing)
  end)

  both("by abort drops what is unsent, and raises in no wait_closed", function(options)
    local link <close> = sockets.link(options)
    local writing = waiting(link.writer.write, link.writer, flood())
    local closed = waiting(link.writer.wait_closed, link.writer)
    link.writer:abort()
    link.writer:abort()
    link.writer:close()
    assert.equal("ECONNABORTED", witness.raises(asyncio.OSError, asyncio.await, writing).code)
    asyncio.await(closed)
    link.writer:wait_closed()
    local ok, got = pcall(link.far_reader.read, link.far_reader)
    if options.unix then
      assert(#got < #flood())
    else
      assert.same({ false, "ECONNRESET" }, { ok, got.code })
    end
  end)

  both("by abort after close ends the waiting", function(options)
    local link <close> = sockets.link(options)
    link.writer:set_write_buffer_limits { high = 1 << 30 }
    link.writer:write(flood())
    link.writer:close()
    local closed = waiting(link.writer.wait_closed, link.writer)
    link.writer:abort()
    asyncio.await(closed)
  end)
end)

describe("a <close> variable", function()
  both("sends all and waits until it is closed", function(options)
    local link <close> = sockets.link(options)
    local payload = flood()
    local reading = asyncio.create_task(link.far_reader.read, link.far_reader)
    do
      local writer <close> = link.writer
      writer:set_write_buffer_limits { high = 1 << 30 }
      writer:write(payload)
    end
    assert.matches("state=closed", tostring(link.writer))
    assert(asyncio.await(reading) == payload)
  end)

  both("lets the error of the block through, and what was sent arrives", function(options)
    local link <close> = sockets.link(options)
    local err = {}
    assert.same({ false, err }, { pcall(function()
      local writer <close> = link.writer
      writer:write "bytes"
      error(err)
    end) })
    assert.is_true(link.writer:is_closing())
    assert.equal("bytes", link.far_reader:read())
    link.writer:wait_closed()
  end)

  both("raises what the connection was lost of", function(options)
    local link <close> = sockets.link(options)
    link.far_writer:abort()
    link.far_writer:wait_closed()
    local err = witness.raises(asyncio.OSError, function()
      local writer <close> = link.writer
      until_true(function() return not pcall(writer.write, writer, "x") end)
    end)
    assert(err.code == "EPIPE" or err.code == "ECONNRESET")
  end)

  both("does not wait for a peer that doesn't read once an error or a cancel leaves it", function(options)
    local leave = {
      error = function(writer)
        writer:set_write_buffer_limits { high = 1 << 30 }
        writer:write(flood())
        error "boom"
      end,
      limit = function(writer)
        asyncio.wait_for(writer.write, 0, writer, flood())
      end,
      cancel = function(writer)
        asyncio.current_task():cancel()
        writer:write(flood())
      end,
      ["pending cancel"] = function(writer)
        writer:set_write_buffer_limits { high = 1 << 30 }
        writer:write(flood())
        asyncio.current_task():cancel()
      end,
    }
    for name, f in pairs(leave) do
      local link <close> = sockets.link(options)
      local task = asyncio.create_task(function()
        local _ <close> = link.writer
        f(link.writer)
      end)
      asyncio.wait { task }
      assert.is_false((pcall(asyncio.await, task)), name)
      link.writer:wait_closed()
    end
  end)

  both("whose wait is cancelled gives up what is unsent", function(options)
    local link <close> = sockets.link(options)
    local task = waiting(function()
      local writer <close> = link.writer
      writer:set_write_buffer_limits { high = 1 << 30 }
      writer:write(flood())
    end)
    assert.is_true(link.writer:is_closing())
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    link.writer:wait_closed()
    assert.equal(0, link.writer:get_write_buffer_size())
  end)

  both("ends within a time limit around its block", function(options)
    local link <close> = sockets.link(options)
    assert.is_false(asyncio.move_on_after(0, function()
      local _ <close> = link.writer
      link.writer:write(flood())
    end))
    link.writer:wait_closed()
  end)

  both("in no task closes without waiting", function(options)
    local link <close> = sockets.link(options)
    coroutine.wrap(function()
      local scope <close> = link.writer
    end)()
    assert.is_true(link.writer:is_closing())
    link.writer:wait_closed()
  end)
end)

describe("write_eof", function()
  both("comes after what is unsent, and twice is once", function(options)
    local link <close> = sockets.link(options)
    assert.is_true(link.writer:can_write_eof())
    link.writer:set_write_buffer_limits { high = 1 << 30 }
    local payload = flood()
    link.writer:write(payload)
    link.writer:write_eof()
    link.writer:write_eof()
    assert(link.far_reader:read() == payload)
    link.far_writer:write "answer\n"
    assert.equal("answer\n", link.reader:readline())
  end)

  both("may be followed by close or abort at once", function(options)
    for _, close in ipairs { "close", "abort" } do
      local link <close> = sockets.link(options)
      link.writer:write "bytes"
      link.writer:write_eof()
      link.writer[close](link.writer)
      link.writer:wait_closed()
      assert.equal("bytes", link.far_reader:read())
    end
  end)
end)
