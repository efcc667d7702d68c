--- StreamWriter: what is written arrives, in order, and not faster than it is read.

local asyncio = require "asyncio"
local child = require "spec.support.child"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns, text, until_true = witness.try, witness.turns, witness.text, sockets.until_true

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

describe("write", function()
  both("takes strings and numbers, and gives nothing", function(options)
    local link <close> = sockets.link(options)
    assert.same({ n = 0 }, table.pack(link.writer:write("a", "", "b\0c", 1, 2.5)))
    assert.same({ n = 0 }, table.pack(link.writer:write ""))
    assert.same({ n = 0 }, table.pack(link.writer:writelines { "x\n", "y\n", 3, n = 2 }))
    assert.same({ n = 0 }, table.pack(link.writer:writelines {}))
    link.writer:close()
    assert.equal("ab\0c12.5x\ny\n", link.far_reader:read())
  end)

  both("refuses nonsense before a byte is out", function(options)
    local link <close> = sockets.link(options)
    assert.matches("bad argument #1 to 'write' %(string expected, got no value%)",
      text(function() link.writer:write() end))
    assert.matches("bad argument #2 to 'write' %(string expected, got table%)",
      text(function() link.writer:write("x", {}) end))
    assert.matches("bad argument #1 to 'writelines' %(line 2 is not a string%)",
      text(function() link.writer:writelines { "x", {} } end))
    assert.matches("bad argument #1 to 'writelines' %(line 2 is not a string%)",
      text(function() link.writer:writelines { "x", nil, "y", n = 3 } end))
    assert.matches("bad argument #1 to 'writelines' %(table expected, got string%)",
      text(function() link.writer:writelines "x" end))
    link.writer:write_eof()
    assert.is_nil(link.far_reader:read())
  end)

  both("in no task only buffers", function(options)
    local link <close> = sockets.link(options)
    local payload, done = flood(), asyncio.Future()
    asyncio.get_running_loop():call_soon(function()
      link.writer:write(payload)
      link.writer:writelines { "the", "end" }
      done:set_result(link.writer:get_write_buffer_size())
    end)
    assert(asyncio.await(done) > 1 << 20)
    coroutine.wrap(function() link.writer:write "!" end)()
    link.writer:close()
    assert(payload .. "theend!" == link.far_reader:read())
  end)

  both("waits while too much is unsent, until little is", function(options)
    local link <close> = sockets.link(options)
    link.writer:set_write_buffer_limits { high = 100000, low = 5000 }
    local payload = flood()
    local task = waiting(link.writer.write, link.writer, payload)
    assert(link.writer:get_write_buffer_size() > 100000)
    local got = 0
    while not task:done() do
      got = got + #link.far_reader:read(1 << 20)
    end
    assert(link.writer:get_write_buffer_size() <= 5000)
    link.writer:write_eof()
    assert.equal(#payload, got + #(link.far_reader:read() or ""))
  end)

  both("keeps the bytes of one call together, whoever else writes", function(options)
    local link <close> = sockets.link(options)
    local tasks = {}
    for i = 0, 9 do
      tasks[#tasks + 1] = asyncio.create_task(function()
        for round = 1, 3 do
          local size = i % 2 == 0 and 10 or 150000
          link.writer:write("<", tostring(i):rep(size), ">")
          link.writer:writelines { "<", tostring(i):rep(round), ">" }
        end
      end)
    end
    local reading = asyncio.create_task(link.far_reader.read, link.far_reader)
    asyncio.gather(tasks)
    link.writer:write_eof()
    local count = 0
    for digits in asyncio.await(reading):gmatch "<(%d+)>" do
      assert(digits == digits:sub(1, 1):rep(#digits))
      count = count + #digits
    end
    assert.equal(5 * 3 * 10 + 5 * 3 * 150000 + 10 * (1 + 2 + 3), count)
  end)

  both("that is cancelled has accepted its bytes, and sends them whole", function(options)
    local link <close> = sockets.link(options)
    local payload = flood()
    local task = waiting(link.writer.write, link.writer, payload, "end")
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    witness.raises(asyncio.TimeoutError, asyncio.wait_for, function()
      link.writer:write "and more"
    end, 0.01)
    link.writer:write_eof()
    assert(payload .. "endand more" == link.far_reader:read())
  end)

  both("is over once it is woken, whatever cancels it then", function(options)
    for _, method in ipairs { "drain", "wait_closed" } do
      local link <close> = sockets.link(options)
      link.writer:set_write_buffer_limits { high = 1 << 30 }
      link.writer:write(flood())
      link.writer:set_write_buffer_limits { high = 1 }
      local log, second = {}, nil
      local function wait(cancels)
        link.writer[method](link.writer)
        if cancels then
          second:cancel()
        end
        log[#log + 1] = cancels and "first" or "second"
        asyncio.sleep(0)
        log[#log + 1] = "went on"
      end
      local first = asyncio.create_task(wait, true)
      second = asyncio.create_task(wait)
      turns(2)
      link.writer:close()
      link.far_reader:read()
      asyncio.await(first)
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, second) })
      assert.same({ "first", "second", "went on" }, log)
    end
  end)

  both("gives way now and then, however fast the peer is", function(options)
    local link <close> = sockets.link(options)
    local other = 0
    local spinner = asyncio.create_task(function()
      while true do
        other = other + 1
        asyncio.sleep(0)
      end
    end)
    local reading = asyncio.create_task(link.far_reader.read, link.far_reader)
    for _ = 1, 3000 do
      link.writer:write "x"
    end
    assert(other >= 20)
    spinner:cancel()
    link.writer:write_eof()
    assert.equal(3000, #asyncio.await(reading))
  end)

  both("after close or write_eof raises", function(options)
    local link <close> = sockets.link(options)
    link.writer:write_eof()
    assert.matches("cannot write after write_eof", text(link.writer.write, link.writer, "x"))
    assert.matches("cannot write after write_eof",
      text(link.writer.writelines, link.writer, { "x" }))
    link.writer:close()
    assert.matches("cannot write to a closed stream", text(link.writer.write, link.writer, "x"))
    assert.matches("cannot write to a closed stream", text(link.writer.write, link.writer, ""))
    link.writer:wait_closed()
    assert.matches("cannot write to a closed stream", text(link.writer.write, link.writer, "x"))
  end)

  it("of 64 MB to a slow reader survives collections of the strings",
    testing.async(function()
      local link <close> = sockets.link()
      local size, part = 64 << 20, 8 << 20
      link.writer:set_write_buffer_limits { high = size }
      for i = 1, size // part do
        link.writer:write(string.char(64 + i):rep(part))
        link.writer:write(string.char(64 + i):rep(1000))
      end
      link.writer:write_eof()
      witness.collect()
      for i = 1, size // part do
        for _, want in ipairs { part, 1000 } do
          while want > 0 do
            local bytes = link.far_reader:read(math.min(want, 500000))
            assert(bytes == string.char(64 + i):rep(#bytes))
            want = want - #bytes
          end
          witness.collect()
        end
      end
      assert.is_nil(link.far_reader:read(1))
      assert.equal(0, link.writer:get_write_buffer_size())
    end, { timeout = 60 }))
end)

describe("drain", function()
  both("returns at once where little is unsent", function(options)
    local link <close> = sockets.link(options)
    local before = asyncio.get_running_loop():stats().turns
    link.writer:write "x"
    assert.same({ n = 0 }, table.pack(link.writer:drain()))
    assert.equal(before, asyncio.get_running_loop():stats().turns)
  end)

  both("raises as write does once the writer is closed", function(options)
    local link <close> = sockets.link(options)
    link.writer:write "x"
    link.writer:close()
    link.writer:drain()
    link.writer:wait_closed()
    for _, method in ipairs { "write", "drain" } do
      assert.equal("cannot write to a closed stream", text(link.writer[method], link.writer, "x"))
    end
  end)

  both("waits as long as write does, and several tasks may", function(options)
    local link <close> = sockets.link(options)
    local payload, log = flood(), {}
    local writing = waiting(link.writer.write, link.writer, payload)
    local tasks = { writing }
    for i = 1, 3 do
      tasks[#tasks + 1] = asyncio.create_task(function()
        link.writer:drain()
        log[#log + 1] = i
      end)
    end
    turns(2)
    assert.same({}, log)
    tasks[3]:cancel()
    local reading = asyncio.create_task(link.far_reader.readexactly, link.far_reader, #payload)
    tasks.return_exceptions = true
    local results = asyncio.gather(tasks)
    assert.same({ 1, 3 }, log)
    assert.is_true(results.failed[3])
    assert(asyncio.await(reading) == payload)
  end)

  both("waits even where it had to give way", function(options)
    local link <close> = sockets.link(options)
    local count = 0
    link.writer:set_write_buffer_limits { high = 1 << 30 }
    link.writer:write(flood())
    local task = asyncio.create_task(function()
      while true do
        count = count + 1
        if count == 127 then
          link.writer:set_write_buffer_limits { high = 1000 }
        end
        if count < 127 then
          link.writer:drain()
        else
          link.writer:drain()
          return
        end
      end
    end)
    turns(5)
    assert.is_false(task:done())
    task:cancel()
    link.writer:abort()
    try(asyncio.await, task)
  end)

  it("must be called from inside a task", testing.async(function()
    local link <close> = sockets.link()
    for _, method in ipairs { "drain", "wait_closed" } do
      local ok, err = coroutine.resume(coroutine.create(link.writer[method]), link.writer)
      assert.is_false(ok)
      assert.matches(("asyncio.%s must be called from inside a task"):format(method), err)
    end
  end))
end)

describe("a peer that vanishes", function()
  it("makes write, drain and wait_closed raise", testing.async(function()
    local link <close> = sockets.link()
    link.far_writer:set_write_buffer_limits { high = 1 << 30 }
    link.far_writer:write(flood())
    link.far_writer:abort()
    local err
    until_true(function()
      local ok, e = pcall(link.writer.write, link.writer, "x")
      err = e
      return not ok
    end)
    assert(err.code == "ECONNRESET" or err.code == "EPIPE", tostring(err))
    for _, method in ipairs { "drain", "write" } do
      local again = witness.raises(asyncio.OSError, link.writer[method], link.writer, "x")
      assert.equal(err.code, again.code)
    end
    link.writer:close()
    assert.equal(err.code,
      witness.raises(asyncio.OSError, link.writer.wait_closed, link.writer).code)
  end))

  both("without a reset is found by a later write", function(options)
    local link <close> = sockets.link(options)
    link.far_writer:close()
    link.far_writer:wait_closed()
    local err
    until_true(function()
      local ok, e = pcall(link.writer.write, link.writer, "x")
      err = e
      return not ok
    end)
    assert(err.code == "ECONNRESET" or err.code == "EPIPE", tostring(err))
  end)

  both("wakes whoever waits for it to read", function(options)
    local link <close> = sockets.link(options)
    local payload = flood()
    local writing = waiting(link.writer.write, link.writer, payload)
    local draining = waiting(link.writer.drain, link.writer)
    link.far_writer:abort()
    for _, task in ipairs { writing, draining } do
      local err = witness.raises(asyncio.OSError, asyncio.await, task)
      assert(err.code == "ECONNRESET" or err.code == "EPIPE", tostring(err))
    end
    link.writer:close()
    try(link.writer.wait_closed, link.writer)
    assert.equal("StreamWriter<state=closed, unsent=0>", tostring(link.writer))
  end)

  it("is an error and never SIGPIPE", function()
    local printed, complained, code = child.run [[
      local asyncio = require "asyncio"
      asyncio.run(function()
        for _, unix in ipairs { false, true } do
          local over = asyncio.Future()
          local path = os.tmpname() .. ".sock"
          local function handler(_, writer) writer:close() over:set_result() end
          local server = unix and asyncio.start_unix_server(handler, path)
            or asyncio.start_server(handler, "127.0.0.1", 0)
          local reader, writer
          if unix then
            reader, writer = asyncio.open_unix_connection(path)
          else
            reader, writer = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
          end
          asyncio.await(over)
          reader:read()
          local err
          for _ = 1, 1000 do
            local ok, e = pcall(writer.write, writer, "x")
            err = err or not ok and e.code
            asyncio.sleep(0)
          end
          print(err == "EPIPE" or err == "ECONNRESET")
          server:close()
        end
      end)
    ]]
    assert.same({ "true\ntrue\n", "", 0 }, { printed, complained, code })
  end)

  it("may be a process that is killed", testing.async(function()
    local found = asyncio.Future()
    local _, port, scope <close> = sockets.server(function(reader, writer)
      os.execute("kill -9 " .. reader:readline())
      local ok, err
      repeat
        ok, err = pcall(writer.write, writer, flood(1 << 20))
      until not ok
      found:set_result(err)
    end)
    local pipe = io.popen(([[SELF=$$ exec %s -e '
      local asyncio = require "asyncio"
      asyncio.run(function()
        local reader, writer = asyncio.open_connection("127.0.0.1", %d)
        writer:write(os.getenv "SELF", "\n")
        asyncio.sleep(60)
      end)' >/dev/null 2>&1]]):format(os.getenv "LUA" or "lua5.4", port))
    local err = asyncio.await(found)
    assert(err.code == "ECONNRESET" or err.code == "EPIPE", tostring(err))
    pipe:close()
  end))
end)

describe("get_extra_info", function()
  it("gives addresses as host and port", testing.async(function()
    local link <close> = sockets.link()
    assert.same({ n = 2, "127.0.0.1", link.port },
      table.pack(link.writer:get_extra_info "peername"))
    assert.same({ link.writer:get_extra_info "peername" },
      { link.far_writer:get_extra_info "sockname" })
    assert.same({ link.writer:get_extra_info "sockname" },
      { link.far_writer:get_extra_info "peername" })
    assert.equal("integer", math.type(link.writer:get_extra_info "socket"))
  end))

  it("gives the path of a unix socket", testing.async(function()
    local link <close> = sockets.link { unix = true }
    assert.same({ n = 1, link.path }, table.pack(link.writer:get_extra_info "peername"))
    assert.same({ n = 1, link.path }, table.pack(link.far_writer:get_extra_info "sockname"))
    assert.same({ n = 1, "" }, table.pack(link.writer:get_extra_info "sockname"))
  end))

  both("gives the default for what is not known", function(options)
    local link <close> = sockets.link(options)
    assert.same({ n = 1, nil }, table.pack(link.writer:get_extra_info "cipher"))
    assert.same({ n = 1, "none" }, table.pack(link.writer:get_extra_info("cipher", "none")))
    link.writer:close()
    link.writer:wait_closed()
    assert.same({ n = 1, "gone" }, table.pack(link.writer:get_extra_info("peername", "gone")))
    assert.same({ n = 1, "gone" }, table.pack(link.writer:get_extra_info("socket", "gone")))
    assert.matches("bad argument #1 to 'get_extra_info'",
      text(function() link.writer:get_extra_info() end))
  end)
end)

describe("set_write_buffer_limits", function()
  it("fills in what is missing, and refuses nonsense", testing.async(function()
    local link <close> = sockets.link()
    local function limits(options)
      return text(function() link.writer:set_write_buffer_limits(options) end)
    end
    link.writer:set_write_buffer_limits()
    link.writer:set_write_buffer_limits {}
    link.writer:set_write_buffer_limits { high = 0 }
    link.writer:set_write_buffer_limits { low = 10 }
    link.writer:set_write_buffer_limits { high = 1e9, low = "0x10" }
    assert.matches("'low' must not be above 'high'", limits { high = 1, low = 2 })
    assert.matches("option 'high' must be a number of bytes", limits { high = -1 })
    assert.matches("option 'low' must be a number of bytes", limits { low = "x" })
    assert.matches("option 'low' must be a number of bytes", limits { low = 1.5 })
    assert.matches("option 'high' must be a number of bytes", limits { high = 2^31 })
    assert.matches("unknown option 'hi'", limits { hi = 1 })
    assert.matches("unknown option '1'", limits { 100 })
    assert.matches("unknown option 'true'", limits { [true] = 100 })
  end))

  both("of zero makes every write wait for the kernel", function(options)
    local link <close> = sockets.link(options)
    link.writer:set_write_buffer_limits { high = 0 }
    link.writer:write "small"
    assert.equal(0, link.writer:get_write_buffer_size())
    local task = waiting(link.writer.write, link.writer, flood())
    assert.equal(5 + #flood(), #link.far_reader:readexactly(5 + #flood()))
    asyncio.await(task)
    assert.equal(0, link.writer:get_write_buffer_size())
  end)
end)
