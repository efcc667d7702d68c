-- luacheck: ignore 512
--- asyncio.generator: values of a loop, waits between them, and every way a loop ends.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns, class = witness.turns, witness.class

local function closing(log, name, delay)
  return setmetatable({}, { __close = function(_, err)
    if delay then
      asyncio.sleep(delay)
    end
    log[#log + 1] = name .. (err ~= nil and ": " .. tostring(class(err)) or "")
  end })
end

-- count(n [, log [, delay]]): 1, 2, ... n, a second apart; logs its end
local count = asyncio.generator(function(n, log, delay)
  local _ <close> = closing(log or {}, "closed", delay)
  for i = 1, n do
    asyncio.sleep(1)
    coroutine.yield(i)
  end
end)

local function open_generators()
  return require("asyncio.core").api.open_generators(asyncio.get_running_loop()).n
end

describe("a generator", function()
  it("gives what its function yields, and may wait between", testing.virtual(function()
    local log = {}
    local pairs_of = asyncio.generator(function(n)
      for i = 1, n do
        asyncio.sleep(1)
        if i % 2 == 0 then
          coroutine.yield(i, i * 2, nil)
        else
          asyncio.coroutine.yield(i, i * 2, nil)
        end
      end
      return "dropped"
    end)
    for a, b in pairs_of(3) do
      log[#log + 1] = { a, b }
    end
    assert.same({ { 1, 2 }, { 2, 4 }, { 3, 6 } }, log)
    assert.equal(3, select("#", (pairs_of(1))()))
  end))

  it("runs nothing before its first value is asked for", testing.virtual(function()
    local ran
    local it = asyncio.generator(function() ran = true end)()
    turns(2)
    assert.is_nil(ran)
    assert.is_nil(it())
    assert.is_true(ran)
  end))

  it("gives its arguments to each call anew", testing.virtual(function()
    local echo = asyncio.generator(function(...) coroutine.yield(select("#", ...), ...) end)
    local a, b = echo(1, nil, nil), echo()
    assert.same({ n = 4, 3, 1, nil, nil }, table.pack(a()))
    assert.same({ n = 1, 0 }, table.pack(b()))
    local many = table.pack(("x"):rep(5000):byte(1, -1))
    assert.equal(5001, select("#", (echo(table.unpack(many)))()))
  end))

  it("is nil after its end, however often it is asked", testing.virtual(function()
    local it = count(1)
    assert.same({ n = 1, 1 }, table.pack(it()))
    for _ = 1, 3 do
      assert.same({ n = 1, nil }, table.pack(it()))
    end
  end))

  it("ends its loop with a nil that it yields", testing.virtual(function()
    local log = {}
    for v in asyncio.generator(function()
      local _ <close> = closing(log, "closed")
      coroutine.yield(1)
      coroutine.yield(nil)
      coroutine.yield(3)
    end)() do
      log[#log + 1] = v
    end
    assert.same({ 1, "closed: CancelledError" }, log)
  end))

  it("raises its error unchanged, closes, and is over", testing.virtual(function()
    for _, err in ipairs { "text", 0, {}, false } do
      local log = {}
      local it = asyncio.generator(function()
        local _ <close> = closing(log, "closed", 1)
        coroutine.yield(1)
        asyncio.sleep(1)
        error(err, 0)
      end)()
      it()
      assert.same({ n = 2, false, err }, table.pack(pcall(it)))
      assert.equal(1, #log)
      assert.is_nil(it())
    end
  end))

  it("has the stack of its function in the traceback of the task", testing.virtual(function()
    local line = witness.line(2)
    local bad = asyncio.generator(function()
      asyncio.sleep(error("boom"))
    end)
    local task = asyncio.create_task(function()
      for _ in asyncio.generator(function() for v in bad() do coroutine.yield(v) end end)() do
        error("not reached")
      end
    end)
    assert.is_false(pcall(asyncio.await, task))
    assert.is_truthy(task:traceback():find(line, 1, true), task:traceback())
  end))

  it("prints its state and place", testing.virtual(function()
    local it = count(2)
    assert.equal("Generator<state=new>", tostring(it))
    it()
    assert.matches("^Generator<state=open, at=spec/coroutine/generator_spec.lua:%d+>$", tostring(it))
    local running = asyncio.create_task(it)
    turns(1)
    assert.matches("^Generator<state=running, at=", tostring(it))
    asyncio.await(running)
    it:aclose()
    assert.equal("Generator<state=closed>", tostring(it))
  end))

  it("wants a function, and an iterator as self", testing.virtual(function()
    assert.matches("bad argument #1 to '.-' %(function expected, got number%)",
      witness.text(asyncio.generator, 1))
    local it = count(1)
    assert.matches("asyncio.Generator expected, got table", witness.text(it.aclose, {}))
    it = asyncio.generator(setmetatable({}, { __call = function(_, x) coroutine.yield(x) end }))(5)
    assert.equal(5, it())
    it:aclose()
  end))

  it("cannot be iterated outside a task, nor in a plain coroutine of one", function()
    local it = count(1)
    assert.matches("asyncio.generator .* must be called from inside a task", witness.text(it))
    assert.matches("asyncio.generator .* must be called from inside a task",
      witness.text(it.aclose, it))
    testing.run { clock = "virtual", function()
      local ok, err = coroutine.resume(coroutine.create(function() return it() end))
      assert.is_false(ok)
      assert.matches("not the task's own", err)
    end }
  end)

  it("can be iterated in a driven coroutine", testing.virtual(function()
    local log = {}
    for v in asyncio.coroutine.wrap(function()
      for v in count(3) do asyncio.coroutine.yield(v * 10) end
    end) do
      log[#log + 1] = v
    end
    assert.same({ 10, 20, 30 }, log)
  end))

  it("nests to ninety levels", testing.virtual(function()
    local function nest(n)
      if n == 0 then
        return asyncio.sleep(0, 0)
      end
      for v in asyncio.generator(function() coroutine.yield(nest(n - 1) + 1) end)() do
        return v
      end
    end
    assert.equal(90, nest(90))
    assert.matches("C stack overflow", witness.text(nest, 300))
    assert.equal(0, open_generators())
  end))

  it("works in the middle of others, in any order", testing.virtual(function()
    local log = {}
    local a, b = count(3), count(3)
    for _, it in ipairs { a, b, b, a, a, b, b, a } do
      log[#log + 1] = it() or "end"
    end
    assert.same({ 1, 1, 2, 2, 3, 3, "end", "end" }, log)
  end))
end)

describe("leaving a generator's loop", function()
  -- Each leaves the loop that it is in the middle of.
  local ways = {
    ["break"] = function(log)
      for v in count(3, log, 1) do
        log[#log + 1] = v
        if v == 2 then break end
      end
    end,
    ["return"] = function(log)
      for v in count(3, log, 1) do
        log[#log + 1] = v
        if v == 2 then return "a result" end
      end
    end,
    ["goto"] = function(log)
      for v in count(3, log, 1) do
        log[#log + 1] = v
        if v == 2 then goto out end
      end
      ::out::
    end,
    error = function(log)
      local ok, err = pcall(function()
        for v in count(3, log, 1) do
          log[#log + 1] = v
          if v == 2 then error("of the loop", 0) end
        end
      end)
      assert.same({ false, "of the loop" }, { ok, err })
    end,
    ["a cancel"] = function(log)
      local task = asyncio.create_task(function()
        for v in count(3, log, 1) do
          log[#log + 1] = v
          if v == 2 then asyncio.sleep(50) end
        end
      end)
      asyncio.sleep(5)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
    end,
    ["a timeout"] = function(log)
      witness.raises(asyncio.TimeoutError, function()
        local _ <close> = asyncio.timeout(5)
        for v in count(3, log, 1) do
          log[#log + 1] = v
          if v == 2 then asyncio.sleep(50) end
        end
      end)
    end,
    aclose = function(log)
      local it = count(3, log, 1)
      log[1], log[2] = it(), it()
      it:aclose()
    end,
    ["a closing variable"] = function(log)
      local it <close> = count(3, log, 1)
      log[1], log[2] = it(), it()
    end,
  }
  for name, leave in pairs(ways) do
    it("by " .. name .. " unwinds the function, whose variables may wait",
      testing.virtual(function()
        local log = {}
        leave(log)
        assert.same({ 1, 2, "closed: CancelledError" }, log)
        assert.equal(0, open_generators())
      end))
  end

  it("raises what the unwinding raises", testing.virtual(function()
    local gen = asyncio.generator(function()
      local _ <close> = setmetatable({}, { __close = function()
        asyncio.sleep(1)
        error("in close", 0)
      end })
      coroutine.yield(1)
    end)
    assert.same({ n = 2, false, "in close" }, table.pack(pcall(function()
      for _ in gen() do break end
    end)))
    assert.same({ n = 2, false, "in close" }, table.pack(pcall(function()
      for _ in gen() do error("of the loop", 0) end
    end)))
    assert.equal(0, open_generators())
  end))

  it("takes a function that catches the raise and ends", testing.virtual(function()
    local log = {}
    for _ in asyncio.generator(function()
      local ok, err = pcall(coroutine.yield, 1)
      log[1], log[2] = ok, class(err)
      asyncio.sleep(1)
      return 5
    end)() do
      break
    end
    assert.same({ false, "CancelledError" }, log)
  end))

  it("is an error if the function goes on", testing.virtual(function()
    local log = {}
    local it = asyncio.generator(function()
      local _ <close> = closing(log, "closed")
      while true do
        pcall(coroutine.yield, 1)
      end
    end)()
    it()
    assert.matches("a generator went on after it was closed", witness.text(it.aclose, it))
    assert.same({ "closed" }, log)
    assert.is_nil(it())
    it:aclose()
    assert.equal(0, open_generators())
  end))

  it("twice, or before the first value, does nothing", testing.virtual(function()
    local log = {}
    local it = count(3, log)
    it:aclose()
    it:aclose()
    assert.is_nil(it())
    it = count(3, log)
    it()
    it:aclose()
    it:aclose()
    assert.same({ "closed: CancelledError" }, log)
    local again <close> = it  -- luacheck: ignore
  end))

  it("closes what the function iterates itself", testing.virtual(function()
    local log = {}
    local outer = asyncio.generator(function()
      local _ <close> = closing(log, "outer", 1)
      for v in count(5, log, 1) do
        coroutine.yield(v)
      end
    end)
    for _ in outer() do break end
    assert.same({ "closed: CancelledError", "outer: CancelledError" }, log)
  end))

  it("with one that a coroutine.close closes, too", testing.virtual(function()
    local log = {}
    local c = asyncio.coroutine.create(function()
      for v in count(5, log, 1) do
        asyncio.coroutine.yield(v)
      end
    end)
    asyncio.coroutine.resume(c)
    assert.is_true(asyncio.coroutine.close(c))
    assert.same({ "closed: CancelledError" }, log)
  end))
end)

describe("a cancel", function()
  it("while the function waits is raised there, and closes it", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function()
      for _ in count(3, log, 1) do
        log[#log + 1] = "a value"
      end
    end)
    asyncio.sleep(1.5)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
    assert.same({ "a value", "closed: CancelledError" }, log)
  end))

  it("may be caught by the function, which goes on with the next value",
    testing.virtual(function()
      local log = {}
      local task = asyncio.create_task(function()
        for v in asyncio.generator(function()
          coroutine.yield((pcall(asyncio.sleep, 5)))
          coroutine.yield "next"
        end)() do
          log[#log + 1] = v
        end
      end)
      turns(1)
      task:cancel()
      asyncio.await(task)
      assert.same({ false, "next" }, log)
    end))

  it("while a variable of a closing function waits is raised there", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function()
      for _ in count(3, log, 50) do
        break
      end
    end)
    asyncio.sleep(2)
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
    assert.same({}, log)
    assert.equal(0, open_generators())
  end))

  it("and a timeout inside the function are told apart", testing.virtual(function()
    local log = {}
    for v in asyncio.generator(function()
      coroutine.yield((witness.class(select(2, pcall(function()
        local _ <close> = asyncio.timeout(1)
        asyncio.sleep(5)
      end)))))
    end)() do
      log[#log + 1] = v
    end
    assert.same({ "TimeoutError" }, log)
  end))
end)

describe("a generator in two tasks", function()
  it("goes on where the other left it", testing.virtual(function()
    local log, it = {}, count(4)
    for _ = 1, 4 do
      local v = asyncio.await(asyncio.create_task(it))
      log[#log + 1] = v
    end
    assert.is_nil(it())
    assert.same({ 1, 2, 3, 4 }, log)
  end))

  it("at once raises in the second, and leaves the first alone", testing.virtual(function()
    local log, it = {}, count(2)
    local first = asyncio.create_task(function()
      for v in it do log[#log + 1] = v end
    end)
    turns(1)
    assert.matches("the generator is running already", witness.text(it))
    assert.matches("the generator is running already", witness.text(it.aclose, it))
    assert.matches("the generator is running already", witness.text(function()
      for _ in it, nil, nil, it do end
    end))
    asyncio.await(first)
    assert.same({ 1, 2 }, log)
  end))

  it("raises in its own function", testing.virtual(function()
    local it
    it = asyncio.generator(function()
      coroutine.yield((pcall(it)))
      coroutine.yield((pcall(it.aclose, it)))
    end)()
    assert.same({ false, false }, { it(), it() })
    it:aclose()
  end))

  it("is over when outside code closed its function", testing.virtual(function()
    local thread
    local it = asyncio.generator(function()
      thread = coroutine.running()
      asyncio.sleep(5)
    end)()
    local task = asyncio.create_task(it)
    turns(1)
    coroutine.close(thread)
    assert.is_nil(it())
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
  end))

  it("makes the task in it fail when outside code closed its function", testing.virtual(function()
    local thread
    local it = asyncio.generator(function()
      thread = coroutine.running()
      asyncio.sleep(5)
    end)()
    local task = asyncio.create_task(it)
    turns(1)
    coroutine.close(thread)
    assert.is_nil(it())
    assert.matches("the generator's function was closed from outside the event loop",
      witness.text(asyncio.await, task))
  end))
end)
