--- The task that reads a stream: one at a time, and what it leaves behind.

local asyncio = require "asyncio"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns, text = witness.turns, witness.text

local function waiting(f, ...)
  local task = asyncio.create_task(f, ...)
  turns(2)
  assert.is_false(task:done())
  return task
end

-- Is a second reader told that there is one already?
local function refused(reader)
  return text(reader.read, reader, 1):find("another task is reading", 1, true) ~= nil
end

describe("a task whose coroutine is closed from outside while it reads", function()
  local function close(task)
    assert.is_true(coroutine.close(task:get_coro()))
  end

  -- Waits until the task has failed.
  local function fail(task)
    asyncio.wait { task }
    assert.matches("resumed or closed from outside the event loop", text(asyncio.await, task))
  end

  it("leaves a stream when bytes come, and they are the next reader's", testing.async(function()
    local link <close> = sockets.link()
    local task = waiting(link.reader.read, link.reader, 5)
    close(task)
    link.far_writer:write "bytes"
    fail(task)
    assert.equal("bytes", link.reader:read(5))
  end))

  it("leaves a stream at its end", testing.async(function()
    local link <close> = sockets.link()
    local task = waiting(link.reader.read, link.reader)
    close(task)
    link.far_writer:close()
    fail(task)
    assert.is_nil(link.reader:read())
  end))

  it("leaves a bare reader when it is fed", testing.virtual(function()
    local reader = asyncio.StreamReader()
    local task = waiting(reader.read, reader, 5)
    close(task)
    assert.is_true(refused(reader))
    reader:feed_data "bytes"
    fail(task)
    assert.equal("bytes", reader:read(5))
  end))

  it("can be cancelled after the reader was collected", testing.virtual(function()
    local tasks = {}
    for i = 1, 2 do
      local reader = asyncio.StreamReader()
      tasks[i] = waiting(function() reader:read(5) end)
      reader = nil
      close(tasks[i])
    end
    witness.collect()
    for _, task in ipairs(tasks) do
      task:cancel()
    end
    asyncio.wait(tasks)
    assert.is_false((pcall(asyncio.await, tasks[1])))
    fail(tasks[2])
  end))
end)

describe("a search for a separator", function()
  it("is not misled by one for another that was cancelled", testing.virtual(function()
    local reader = asyncio.StreamReader()
    local first = waiting(reader.readuntil, reader, "x")
    reader:feed_data "a;b"
    turns(2)
    first:cancel()
    asyncio.wait { first }
    assert.equal("a;", reader:readuntil ";")
  end))

  -- Makes a task of `f` that gives way at its next read, its budget being spent.
  local function tired(f)
    return function()
      local spent = asyncio.StreamReader()
      spent:feed_data(("."):rep(200))
      for _ = 1, 64 do  -- a read counts twice
        spent:read(1)
      end
      return f()
    end
  end

  it("is not misled by another task's, made while it gave way", testing.virtual(function()
    local reader = asyncio.StreamReader()
    reader:feed_data "a;b"
    local second
    local first = asyncio.create_task(tired(function()
      second = asyncio.create_task(reader.readuntil, reader, "x")
      asyncio.get_running_loop():call_soon(second.cancel, second)
      return reader:readuntil ";"
    end))
    assert.equal("a;", asyncio.await(first))
    assert.is_true(second:cancelled())
  end))

  it("is not misled by another task's, made between its wake and its turn", testing.virtual(function()
    local reader = asyncio.StreamReader()
    local second
    local first = waiting(reader.readuntil, reader, ";")
    second = asyncio.create_task(reader.readuntil, reader, "x")
    asyncio.get_running_loop():call_soon(second.cancel, second)
    reader:feed_data "a;b"
    assert.equal("a;", asyncio.await(first))
    assert.is_true(second:cancelled() or second:done())
  end))
end)
