--- Streams and servers that finalizers of older objects use: Lua runs finalizers newest first, so their own have run.

local asyncio = require "asyncio"
local child = require "spec.support.child"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local HOST = "127.0.0.1"

local closed_stream = "the stream is closed"
local closed_server = "the server is closed"

-- What every method says after the finalizer: the text of its error, `nothing` where it must do nothing, or its result.
local function nothing() end
local READER = {
  read = { closed_stream, 1 }, readexactly = { closed_stream, 1 }, peek = { closed_stream, 1 },
  readuntil = { closed_stream }, readline = { closed_stream }, lines = { closed_stream },
  at_eof = { closed_stream }, feed_data = { closed_stream, "x" }, feed_eof = { closed_stream },
  exception = { closed_stream }, set_exception = { closed_stream, "x" },
}
local WRITER = {
  write = { closed_stream, "x" }, writelines = { closed_stream, { "x" } }, drain = { closed_stream },
  can_write_eof = { closed_stream }, write_eof = { closed_stream }, close = { nothing },
  abort = { nothing }, is_closing = { true }, wait_closed = { closed_stream },
  get_extra_info = { closed_stream, "peername" }, get_write_buffer_size = { closed_stream },
  set_write_buffer_limits = { closed_stream },
}
local SERVER = {
  start_serving = { closed_server }, serve_forever = { closed_server }, close = { nothing },
  wait_closed = { closed_server }, is_serving = { false }, sockets = { closed_server },
  stop_accepting = { closed_server }, stats = { closed_server },
  close_clients = { closed_server }, abort_clients = { closed_server },
  get_loop = {},
}

-- Makes an object that is older than what `make` returns, and calls `use` with that in its finalizer.
local function outlive(make, use)
  local older = setmetatable({}, { __gc = function(self) use(self.value) end })
  older.value = make()
  older = nil  -- luacheck: ignore
  witness.collect()
end

-- Calls all methods of a finalized object: what each did that it should not.
local function wrong_answers(object, methods)
  local wrong = {}
  for name, case in pairs(methods) do
    local ok, result = pcall(object[name], object, table.unpack(case, 2))
    local want = case[1]
    if type(want) == "string" then
      ok = not ok and tostring(result):find(want, 1, true)
    elseif want == nothing then
      ok = ok and result == nil
    elseif want ~= nil then
      ok = ok and result == want
    end
    if not ok then
      wrong[#wrong + 1] = ("%s: %s"):format(name, result)
    end
  end
  return wrong
end

local function complete(object, methods)
  for name in pairs(debug.getmetatable(object).__index) do
    assert(methods[name], ("no case for method %s"):format(name))
  end
end

-- What an older object's finalizer sees of `make()`.
local function seen(make, methods)
  local called, wrong, text = 0, nil, nil
  outlive(make, function(object)
    called = called + 1
    complete(object, methods)
    wrong = wrong_answers(object, methods)
    text = tostring(object)
    if debug.getmetatable(object).__close then
      local _ <close> = object
    end
  end)
  assert.equal(1, called)
  assert.same({}, wrong)
  return text
end

describe("after its own finalizer", function()
  local function connected(pick)
    return function()
      local server <close> = asyncio.start_server(function(reader) reader:read() end, HOST, 0)
      local reader, writer = asyncio.open_connection(HOST, server:sockets()[1].port)
      return (pick(reader, writer))
    end
  end

  it("a stream's reader says that the stream is closed", testing.async(function()
    local text = seen(connected(function(reader, writer)
      writer:abort()
      return reader
    end), READER)
    assert.equal("StreamReader<state=closed>", text)
  end))

  it("a bare reader says so, too", testing.async(function()
    assert.equal("StreamReader<state=closed>", seen(asyncio.StreamReader, READER))
  end))

  it("a writer says so, and closing does nothing", testing.async(function()
    local text = seen(connected(function(_, writer)
      writer:abort()
      return writer
    end), WRITER)
    assert.equal("StreamWriter<state=closed>", text)
  end))

  it("a server says that it is closed", testing.async(function()
    local text = seen(function()
      local server = asyncio.start_server(print, HOST, 0)
      server:close()
      return server
    end, SERVER)
    assert.equal("Server<state=closed>", text)
  end))

  it("the iterator of a reader's lines says that the stream is closed", testing.async(function()
    local message
    outlive(function() return asyncio.StreamReader():lines() end, function(lines)
      message = witness.text(lines)
    end)
    assert(message:find(closed_stream, 1, true), message)
  end))

  it("all of them stand the end of the Lua state", function()
    local out, err, status = child.run [[
      local asyncio = require "asyncio"
      local older = setmetatable({}, { __gc = function(self)
        for _, object in pairs(self) do
          for method in pairs(debug.getmetatable(object).__index) do
            pcall(object[method], object, "x")
          end
          if debug.getmetatable(object).__close then
            local _ <close> = object
          end
          io.write(tostring(object), "\n")
        end
        pcall(self.lines)
        io.write "alive\n"
      end })
      asyncio.run(function()
        older.server = asyncio.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
        older.reader, older.writer = asyncio.open_connection("127.0.0.1", older.server:sockets()[1].port)
        older.bare = asyncio.StreamReader()
      end)
    ]]
    local lines = {}
    for line in out:gmatch "[^\n]+" do
      lines[#lines + 1] = line
    end
    table.sort(lines)
    assert.same({ "Server<state=closed>", "StreamReader<state=closed>", "StreamReader<state=closed>",
      "StreamWriter<state=closed>", "alive" }, lines)
    assert.equal("", err)
    assert.equal(0, status)
  end)

  it("a read that is resumed by hand raises", function()
    local out, err, status = child.run [[
      local asyncio = require "asyncio"
      local older = setmetatable({}, { __gc = function(self)
        print(coroutine.resume(self.co))
      end })
      local loop = asyncio.new_event_loop()
      loop:call_soon(loop.stop, loop)
      local function read()
        older.reader = asyncio.StreamReader()
        older.co = coroutine.running()
        older.reader:read(1)
      end
      local task = loop:create_task(read)
      loop:run_forever()
      loop, task, older = nil, nil, nil
      collectgarbage()
      collectgarbage()
      print "alive"
    ]]
    assert(out:find "alive", out .. err)
    assert.equal(0, status)
  end)
end)
