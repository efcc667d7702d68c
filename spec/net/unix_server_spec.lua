--- Servers on unix sockets: their files, and those of servers that are gone.

local asyncio = require "asyncio"
local child = require "spec.support.child"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local until_true = sockets.until_true

local function silent(reader)
  reader:read()
end

local function echo(reader, writer)
  for line in reader:lines() do
    writer:write(line, "\n")
  end
end

local function exists(path)
  return (os.rename(path, path))
end

describe("start_unix_server", function()
  it("serves at a path, whose file goes when it closes", testing.async(function()
    local path = sockets.path()
    do
      local server <close> = asyncio.start_unix_server(echo, path)
      assert.same({ n = 1, { path = path } }, server:sockets())
      local reader, writer <close> = asyncio.open_unix_connection(path)
      writer:write "ping\n"
      assert.equal("ping\n", reader:readline())
      assert.truthy(exists(path))
    end
    assert.falsy(exists(path))
  end))

  it("takes the place of a file that a dead server left", testing.async(function()
    local path = sockets.path()
    local _, complained = child.run(([[
      local asyncio = require "asyncio"
      asyncio.run(function()
        asyncio.start_unix_server(print, %q)
        os.exit(0, false)
      end)]]):format(path))
    assert.equal("", complained)
    assert.truthy(exists(path))
    local _ <close> = asyncio.start_unix_server(echo, path)
    local reader, writer <close> = asyncio.open_unix_connection(path)
    writer:write "ping\n"
    assert.equal("ping\n", reader:readline())
  end))

  it("does not take the place of one that lives, nor of another file", testing.async(function()
    local path = sockets.path()
    do
      local server <close> = asyncio.start_unix_server(silent, path)
      local err = witness.raises(asyncio.OSError, asyncio.start_unix_server, silent, path)
      assert.equal(("EADDRINUSE: address already in use (bind %s)"):format(path), tostring(err))
      assert.same({ "EADDRINUSE", path }, { err.code, err.path })
      server:close_clients()
    end
    local file = assert(io.open(path, "w"))
    file:write "precious"
    file:close()
    assert.equal("EADDRINUSE",
      witness.raises(asyncio.OSError, asyncio.start_unix_server, silent, path).code)
    assert.equal("precious", io.open(path):read "a")
    os.remove(path)
    assert.equal("ENOENT", witness.raises(asyncio.OSError, asyncio.start_unix_server, silent,
      path .. "/no/such/place").code)
  end))

  it("shows a server that lives nothing of the one that wanted its path", testing.async(function()
    local path, seen = sockets.path(), {}
    local _ <close> = asyncio.start_unix_server(function(reader)
      seen[#seen + 1] = reader:read() or "nothing"
    end, path)
    for _ = 1, 3 do
      witness.raises(asyncio.OSError, asyncio.start_unix_server, silent, path)
    end
    local _, writer <close> = asyncio.open_unix_connection(path)
    writer:write "bytes"
    writer:write_eof()
    until_true(function() return #seen > 0 end)
    assert.same({ "bytes" }, seen)
  end))

  it("leaves a file alone that somebody put in its place", testing.async(function()
    local path = sockets.path()
    do
      local server <close> = asyncio.start_unix_server(silent, path)
      os.remove(path)
      local other <close> = asyncio.start_unix_server(echo, path)
      server:close()
      local reader, writer <close> = asyncio.open_unix_connection(path)
      writer:write "ping\n"
      assert.equal("ping\n", reader:readline())
      writer:close()
      other:close()
      assert.falsy(exists(path))
      assert(io.open(path, "w")):close()
    end
    assert.truthy(exists(path))
    os.remove(path)
  end))

  it("takes its file away when its loop closes, or is dropped", function()
    for _, close in ipairs { true, false } do
      local path = sockets.path()
      do
        local loop = testing.new_event_loop()
        loop:run_until_complete(function() asyncio.start_unix_server(silent, path) end)
        assert.truthy(exists(path))
        if close then
          loop:close()
        end
      end
      witness.collect()
      assert.falsy(exists(path))
    end
  end)
end)
