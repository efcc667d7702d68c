--- Readers whose wait is cancelled or shared: no byte is lost.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"


local try, turns, text = witness.try, witness.turns, witness.text

-- A reader that has these bytes and then its end.
local function ended(bytes, options)
  local reader = asyncio.StreamReader(options)
  reader:feed_data(bytes)
  reader:feed_eof()
  return reader
end

-- A task that reads, and has come to its wait.
local function waiting(reader, method, ...)
  local task = asyncio.create_task(reader[method], reader, ...)
  turns(1)
  assert.is_false(task:done())
  return task
end

describe("a read that is cancelled", function()
  local ways = {
    read = { 10 }, readexactly = { 10 }, readline = {}, readuntil = { ";" }, peek = { 10 },
  }

  it("loses no byte and leaves the stream to the next", testing.virtual(function()
    for method, args in pairs(ways) do
      local reader = asyncio.StreamReader()
      local task = waiting(reader, method, table.unpack(args))
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      reader:feed_data "0123"
      if method ~= "read" and method ~= "peek" then
        task = waiting(reader, method, table.unpack(args))
        task:cancel()
        turns(1)
      end
      reader:feed_data "456789\n;"
      assert.equal("0123456789", reader:readexactly(10))
    end
  end))

  it("by a deadline loses no byte either", testing.virtual(function()
    for method, args in pairs(ways) do
      local reader = asyncio.StreamReader()
      if method ~= "read" and method ~= "peek" then
        reader:feed_data "0123"
      end
      witness.raises(asyncio.TimeoutError, asyncio.wait_for, function()
        return reader[method](reader, table.unpack(args))
      end, 1)
      reader:feed_data "0123456789"
      assert.equal("0123", reader:readexactly(4))
    end
  end))

  it("before its bytes come, leaves them; after, has taken them", testing.virtual(function()
    local reader = asyncio.StreamReader()
    local task = waiting(reader, "read", 3)
    task:cancel()
    reader:feed_data "abc"
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.equal("abc", reader:read(3))

    task = waiting(reader, "read", 3)
    reader:feed_data "def"
    task:cancel()
    assert.equal("def", asyncio.await(task))
    turns(1)
  end))

  it("where it gave way has taken nothing", testing.virtual(function()
    local reader = ended(("x"):rep(1000))
    local taken = 0
    local task = asyncio.create_task(function()
      while reader:read(1) do
        taken = taken + 1
      end
    end)
    turns(1)
    assert(taken > 0 and taken < 1000)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.equal(1000 - taken, #reader:read())
  end))
end)

describe("two readers", function()
  it("are one too many: the second gets an error at once", testing.virtual(function()
    local reader = asyncio.StreamReader()
    local task = waiting(reader, "readexactly", 2)
    for _, method in ipairs { "read", "readline", "readuntil" } do
      assert.matches("another task is reading this stream already", text(reader[method], reader))
    end
    for _, method in ipairs { "readexactly", "peek", "read" } do
      assert.matches("another task is reading this stream already",
        text(reader[method], reader, 0 + 1))
    end
    assert.matches("another task is reading this stream already", text(reader:lines()))
    reader:feed_data "ab"
    assert.equal("ab", asyncio.await(task))
  end))

  it("are told apart even where one of them gave way", testing.virtual(function()
    local reader = asyncio.StreamReader()
    reader:feed_data(("x"):rep(1000))
    local function drain()
      while reader:read(1) do end
    end
    local first = asyncio.create_task(drain)
    turns(1)  -- it has had its share of operations
    local second = asyncio.create_task(function()
      reader:read(10000)
      return reader:read(1)
    end)
    turns(3)
    reader:feed_data "y"
    reader:feed_eof()
    local results = { try(asyncio.await, first) }
    assert.equal("raised", results[1])
    assert.matches("another task is reading", results[2])
    assert.equal("y", asyncio.await(second))
  end))

  it("may take turns", testing.virtual(function()
    local reader, got = ended "abcdef", {}
    local function take()
      got[#got + 1] = reader:read(3)
    end
    asyncio.gather(take, take)
    assert.same({ "abc", "def" }, got)
  end))
end)
