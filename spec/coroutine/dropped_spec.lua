--- Generators that are dropped while open: what they still have to close is there.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

-- A value with both a finalizer and a closing method, which may wait.
local function guard(log, name)
  return setmetatable({}, {
    __close = function()
      asyncio.sleep(1)
      log[#log + 1] = name .. " closed"
    end,
    __gc = function() log[#log + 1] = name .. " finalized" end,
  })
end

-- Starts the iterator and drops it.
local function drop(iterator)
  iterator()
end

-- Starts an iterator whose function holds it, in a variable or an object of its, and drops it.
local self_holding = {
  ["in a variable"] = function(seen, guarded)
    local iterator
    iterator = asyncio.generator(function()
      local _ <close> = guarded
      coroutine.yield(1)
      return iterator
    end)()
    seen[iterator] = true
    drop(iterator)
  end,
  ["through an object"] = function(seen, guarded)
    local source = {}
    function source:each()
      local _ <close> = guarded
      coroutine.yield(1)
      return self
    end
    source.iterator = asyncio.generator(source.each)(source)
    seen[source.iterator] = true
    drop(source.iterator)
  end,
}

describe("a dropped generator whose function holds its iterator", function()
  for how, start in pairs(self_holding) do
    it(how .. " is open until its run ends, which closes it", function()
      local log, seen = {}, setmetatable({}, { __mode = "k" })
      asyncio.run { function()
        start(seen, guard(log, "guard"))
        witness.collect()
        asyncio.sleep(5)
        log[#log + 1] = "end of main"
      end, loop_factory = function()
        return testing.new_event_loop { clock = "virtual" }
      end }
      witness.collect()
      assert.same({ "end of main", "guard closed", "guard finalized" }, log)
      assert.is_nil(next(seen))
    end)

    it(how .. " is collected once its loop was closed", function()
      local log, seen = {}, setmetatable({}, { __mode = "k" })
      local loop = testing.new_event_loop { clock = "virtual" }
      loop:run_until_complete(function() start(seen, guard(log, "guard")) end)
      witness.collect()
      assert.is_truthy(next(seen))
      loop:close()
      witness.collect()
      assert.same({ "guard finalized" }, log)
      assert.is_nil(next(seen))
    end)

    it(how .. " is collected with its loop", function()
      local log, seen = {}, setmetatable({}, { __mode = "k" })
      do
        local loop = testing.new_event_loop { clock = "virtual" }
        loop:run_until_complete(function() start(seen, guard(log, "guard")) end)
      end
      witness.collect()
      witness.collect()
      assert.same({ "guard finalized" }, log)
      assert.is_nil(next(seen))
    end)
  end
end)

describe("a dropped generator", function()
  it("closes what it holds before that is finalized", testing.virtual(function()
    local log = {}
    drop(asyncio.generator(function()
      local _ <close> = guard(log, "guard")
      coroutine.yield(1)
    end)())
    witness.collect()
    asyncio.sleep(2)
    witness.collect()
    assert.same({ "guard closed", "guard finalized" }, log)
  end))

  it("closes its scopes from the inside out, without a report", testing.virtual(function()
    local reports, log = witness.reports(), {}
    local scope = asyncio.contextmanager(function(name)
      local _ <close> = guard(log, name)
      coroutine.yield()
    end)
    local inner = asyncio.generator(function()
      local _ <close> = scope("inner")
      coroutine.yield(1)
    end)
    drop(asyncio.generator(function()
      local _ <close> = scope("outer")
      for v in inner() do coroutine.yield(v) end
    end)())
    witness.collect()
    asyncio.sleep(5)
    assert.same({ "inner closed", "outer closed" }, { log[1], log[2] })
    assert.same({}, reports)
  end))

  it("closes its connection, as its peer sees", testing.async(function()
    local peer_saw = asyncio.Future()
    local server <close> = asyncio.start_server(function(reader, writer)
      writer:write("one\ntwo\n")
      reader:read()
      peer_saw:set_result("the end")
      writer:close()
    end, "127.0.0.1", 0)
    local lines = asyncio.generator(function()
      local reader, writer = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
      local _ <close> = writer
      for line in reader:lines() do coroutine.yield(line) end
    end)
    drop(lines())
    witness.collect()
    assert.equal("the end", asyncio.await(peer_saw))
  end))

  it("is kept by no loop that is closed, nor keeps one", function()
    local weak = setmetatable({}, { __mode = "k" })
    local loop = asyncio.new_event_loop()
    weak[loop] = "loop"
    loop:run_until_complete(loop:create_task(function()
      local kept = {}
      weak[kept] = "kept"
      drop(asyncio.generator(function()
        coroutine.yield(kept)
      end)())
    end))
    loop:close()
    witness.collect()
    assert.same({ "loop" }, { weak[loop], select(2, next(weak, loop)) })
    loop = nil  -- luacheck: ignore 311
    witness.collect()
    assert.is_nil(next(weak))
  end)
end)
