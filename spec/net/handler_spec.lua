--- Handlers of connections: how they end, and who hears of it.

local asyncio = require "asyncio"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local HOST = "127.0.0.1"

-- Connects, and waits until the server has closed the connection.
local function visit(port)
  local reader, writer = asyncio.open_connection(HOST, port)
  pcall(reader.read, reader)
  writer:abort()
  writer:wait_closed()
end

describe("a handler that fails", function()
  -- The reports of a server whose handlers are made by `factory`.
  local function reported(factory, handler, visits)
    local reports = witness.reports()
    local loop = asyncio.get_running_loop()
    local _, port, scope <close> = sockets.server(handler)
    loop:set_task_factory(factory)
    for _ = 1, visits or 1 do
      visit(port)
    end
    loop:set_task_factory(nil)
    witness.turns(2)
    witness.collect()
    witness.turns(2)
    local result = {}
    for i, report in ipairs(reports) do
      result[i] = { report.message, report.exception }
    end
    return result
  end

  local function boom() error("boom", 0) end
  local FAILED = { "the handler of a connection failed", "boom" }

  it("is reported once, without a factory", testing.async(function()
    assert.same({ FAILED }, reported(nil, boom))
  end))

  it("is reported once where it fails before its first wait", testing.async(function()
    assert.same({ FAILED }, reported(asyncio.eager_task_factory, boom))
  end))

  it("is reported once where a factory runs it to its end", testing.async(function()
    assert.same({ FAILED }, reported(function(loop, body)
      local task = asyncio.Task(loop, body, { eager_start = true })
      witness.collect()
      return task
    end, boom))
  end))

  it("is reported once where a factory gives one future to all", testing.async(function()
    local failed = asyncio.get_running_loop():create_future()
    failed:set_exception "boom"
    assert.same({ FAILED }, reported(function(_, body)
      coroutine.close(body)
      return failed
    end, boom, 3))
  end))

  it("is reported once where its future fails later", testing.async(function()
    local loop = asyncio.get_running_loop()
    assert.same({ FAILED }, reported(function(_, body)
      coroutine.close(body)
      local future = loop:create_future()
      loop:call_soon(future.set_exception, future, "boom")
      return future
    end, boom))
  end))

  it("is not reported where somebody has looked at its error", testing.async(function()
    assert.same({}, reported(function(loop, body)
      local task = asyncio.Task(loop, body, { eager_start = true })
      task:exception()
      return task
    end, boom))
  end))
end)
