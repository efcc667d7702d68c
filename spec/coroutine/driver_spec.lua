--- Driven coroutines: cancels, errors and waits that go through them.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local co = asyncio.coroutine
local turns = witness.turns

-- A to-be-closed value that logs, and waits so long before.
local function closing(log, name, delay)
  return setmetatable({}, { __close = function(_, err)
    if delay then
      asyncio.sleep(delay)
    end
    log[#log + 1] = name .. (err ~= nil and ": " .. tostring(witness.class(err)) or "")
  end })
end

describe("the cancel of a task", function()
  -- at: how the body waits
  local waits = {
    sleep = function() asyncio.sleep(5) end,
    ["sleep(0)"] = function() asyncio.sleep(0) end,
    future = function() asyncio.await(asyncio.Future()) end,
    task = function() asyncio.await(asyncio.create_task(asyncio.sleep, 5)) end,
    gather = function() asyncio.gather(asyncio.Future(), function() asyncio.sleep(5) end) end,
  }
  for name, wait in pairs(waits) do
    it("is raised in the innermost body, at its " .. name, testing.virtual(function()
      local log = {}
      local function level(n)
        local _ <close> = closing(log, "level " .. n, 0.1)
        if n == 0 then
          wait()
        else
          co.wrap(level)(n - 1)
        end
      end
      local task = asyncio.create_task(level, 2)
      turns(1)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
      assert.same({ "level 0: CancelledError", "level 1: CancelledError",
        "level 2: CancelledError" }, log)
      assert.is_true(task:cancelled())
    end))
  end

  it("may be caught there, and the body goes on", testing.virtual(function()
    local c = co.create(function()
      local ok = pcall(asyncio.sleep, 5)
      asyncio.sleep(1)
      co.yield(ok)
      return "end"
    end)
    local log = {}
    local task = asyncio.create_task(function()
      log[1] = table.pack(co.resume(c))
      log[2] = table.pack(co.resume(c))
    end)
    turns(1)
    task:cancel()
    asyncio.await(task)
    assert.same({ { n = 2, true, false }, { n = 2, true, "end" } }, log)
  end))

  it("that came while the body ran is raised at its next wait", testing.virtual(function()
    local log = {}
    local task
    task = asyncio.create_task(function()
      for v in co.wrap(function()
        task:cancel()
        co.yield("a value")
        log[#log + 1] = witness.class(select(2, pcall(asyncio.sleep, 1)))
        co.yield("another")
      end) do
        log[#log + 1] = v
      end
    end)
    asyncio.await(task)
    assert.same({ "a value", "CancelledError", "another" }, log)
  end))

  it("does not undo a wait that has happened", testing.virtual(function()
    local future, log = asyncio.Future(), {}
    local task = asyncio.create_task(function()
      log[1] = co.wrap(function() return asyncio.await(future) end)()
    end)
    turns(1)
    future:set_result("there")
    task:cancel()
    asyncio.await(task)
    assert.same({ "there" }, log)
  end))

  it("comes before a result that comes later in the turn", testing.virtual(function()
    local future = asyncio.Future()
    local task = asyncio.create_task(co.wrap(function() return asyncio.await(future) end))
    turns(1)
    task:cancel()
    assert.is_true(future:cancelled())
    assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
  end))
end)

describe("a body that fails", function()
  it("closes its variables at once, and they may wait", testing.virtual(function()
    for _, via in ipairs { "resume", "wrap" } do
      local log = {}
      local function body()
        local _ <close> = closing(log, "first", 1)
        local _ <close> = closing(log, "second", 1)
        asyncio.sleep(1)
        error("boom", 0)
      end
      local ok
      if via == "resume" then
        ok = co.resume(co.create(body))
      else
        ok = pcall(co.wrap(body))
      end
      assert.is_false(ok)
      assert.same({ "second: boom", "first: boom" }, log)
    end
  end))

  it("has its stack in the traceback of the task", testing.virtual(function()
    local lines = {}
    local function inner()
      asyncio.sleep(0)
      lines[1] = witness.line(1)
      error({})
    end
    local task = asyncio.create_task(function()
      lines[2] = witness.line(1)
      local f = co.wrap(function() inner() end)
      lines[2] = witness.line(1)
      f()
    end)
    assert.is_false(pcall(asyncio.await, task))
    local text = task:traceback()
    local first, second = text:find(lines[1], 1, true), text:find(lines[2], 1, true)
    assert.is_truthy(first and second and first < second, text)
    assert.equal(1, select(2, text:gsub("stack traceback", "")))
    assert.matches("at=" .. lines[1]:sub(1, -2):gsub("%p", "%%%0"), tostring(task))
  end))

  it("does not leave its stack to a later error", testing.virtual(function()
    local mark = witness.line(1)
    pcall(co.wrap(function() error({}) end))
    local task = asyncio.create_task(function() asyncio.sleep(0) error({}) end)
    pcall(asyncio.await, task)
    assert.is_nil(task:traceback():find(mark, 1, true))
  end))
end)

describe("errors that equal one another", function()
  local wrap = asyncio.coroutine.wrap
  local function unrelated() error("connection refused", 0) end

  it("do not add up when they are caught", testing.virtual(function()
    local function fail()
      for _ = 1, 300 do
        pcall(wrap(unrelated))
      end
      witness.collect()
      return collectgarbage("count")
    end
    fail()
    local before = fail()
    assert.is_true(fail() - before < 4, "they did")
  end))

  for name, first in pairs {
    ["of a coroutine"] = function() wrap(unrelated)() end,
    ["of a generator"] = function() asyncio.generator(unrelated)()() end,
    ["of a scope"] = function() asyncio.contextmanager(unrelated)() end,
  } do
    it("have each its own traceback, after one " .. name .. " was caught",
      testing.virtual(function()
        pcall(first)
        local task = asyncio.create_task(function()
          pcall(first)
          error("connection refused", 0)
        end)
        pcall(asyncio.await, task)
        assert.is_nil(task:traceback():find("unrelated", 1, true), task:traceback())
        assert.is_nil(task:traceback():find(debug.getinfo(unrelated, "S").linedefined .. ":", 1, true))
      end))
  end
end)

describe("a task that waits in a body", function()
  it("has the body's stack first in its traceback", testing.virtual(function()
    local lines = {}
    local task = asyncio.create_task { name = "outer", function()
      lines[2] = witness.line(1)
      co.wrap(function()
        lines[1] = witness.line(1)
        asyncio.sleep(1)
      end)()
    end }
    turns(1)
    local text = task:traceback()
    local first = text:find(lines[1], 1, true)
    local second = text:find(lines[2]:gsub(":(%d+):", function(n) return ":" .. n end), 1, true)
      or #text
    assert.is_truthy(first and first < second, text)
    assert.matches("at=" .. lines[1]:sub(1, -2):gsub("%p", "%%%0"), tostring(task))
    asyncio.await(task)
  end))

  it("has the body's frames last in its stack", testing.virtual(function()
    local gen = asyncio.generator(function()
      local f = co.wrap(function() asyncio.sleep(1) end)
      f()
    end)
    local task = asyncio.create_task(function()
      for _ in gen() do error("not reached") end
    end)
    turns(1)
    local lines = {}
    for i, frame in ipairs(task:get_stack()) do
      lines[i] = frame.line
    end
    local here = debug.getinfo(1, "l").currentline
    assert.same({ here - 7, here - 10, here - 11 }, lines)
    assert.equal(here - 11, task:get_stack(1)[1].line)
    asyncio.await(task)
    assert.equal(0, #task:get_stack())
  end))

  it("is closed from the inside when it goes on after too many cancels", function()
    local log = {}
    asyncio.run { shutdown_grace = 0.01, function()
      witness.reports()
      asyncio.create_task(function()
        local _ <close> = closing(log, "task")
        local gen = asyncio.generator(function()
          local _ <close> = closing(log, "generator")
          local f = co.wrap(function()
            local _ <close> = closing(log, "body")
            repeat until (pcall(asyncio.sleep, 1e9))
          end)
          f()
        end)
        for _ in gen() do error("not reached") end
      end)
      asyncio.sleep(0)
    end, loop_factory = function()
      return testing.new_event_loop { clock = "virtual" }
    end }
    assert.same({ "body", "generator", "task" }, log)
  end)

  it("may be made to yield in the middle of a body", function()
    local count, turned = 0, 0
    asyncio.run { time_slice = 0.005, function()
      asyncio.create_task(function()
        while true do turned = turned + 1 asyncio.sleep(0) end
      end)
      local spin = asyncio.generator(function()
        local f = co.wrap(function()
          while turned < 10 do count = count + 1 end
          co.yield("spun")
        end)
        coroutine.yield(f())
      end)
      for v in spin() do
        assert.equal("spun", v)
      end
    end }
    assert.is_true(turned >= 10 and count > 0)
  end)

  it("is cancelled where its time slice ended", function()
    local log = {}
    asyncio.run { time_slice = 0.005, function()
      local task = asyncio.create_task(function()
        local gen = asyncio.generator(function()
          local _ <close> = closing(log, "generator")
          local n = 0
          while true do n = n + 1 end
        end)
        local _ <close> = closing(log, "task")
        for _ in gen() do error("not reached") end
      end)
      asyncio.sleep(0.02)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { witness.try(asyncio.await, task) })
    end }
    assert.same({ "generator: CancelledError", "task: CancelledError" }, log)
  end)

  it("is reported with its whole stack when its step takes long", function()
    local reports
    asyncio.run { watchdog = 0.01, function()
      reports = witness.reports()
      local f = co.wrap(function()
        local start = os.clock()
        while os.clock() < start + 0.1 do end
      end)
      f()
    end }
    local line = debug.getinfo(1, "l").currentline - 4
    assert.is_truthy(#reports > 0)
    local text = reports[1].traceback
    local inner, outer = text:find((":%d:"):format(line)), text:find((":%d:"):format(line + 2))
    assert.is_truthy(inner and outer and inner < outer, text)
  end)

  it("may ask for its own stack", testing.virtual(function()
    local f = co.wrap(function()
      local task = asyncio.current_task()
      return task:get_stack(), task:traceback()
    end)
    local stack, text = f()
    assert.equal(#asyncio.current_task():get_stack() + 1, #stack)
    assert.is_truthy(text:find(":" .. stack[#stack].line .. ":", 1, true), text)
  end))

  it("is closed from the inside by its loop's end", function()
    local log = {}
    local loop = testing.new_event_loop { clock = "virtual" }
    loop:create_task(function()
      local _ <close> = closing(log, "task")
      co.wrap(function()
        local _ <close> = closing(log, "body")
        co.wrap(function()
          local _ <close> = closing(log, "inner body")
          asyncio.sleep(1)
        end)()
      end)()
    end)
    loop:run_until_complete(function() asyncio.sleep(0.5) end)
    loop:close()
    assert.same({ "inner body", "body", "task" }, log)
    assert.equal(1, witness.destroyed())
  end)

  it("and is dropped with its loop does no harm", function()
    local loop = testing.new_event_loop { clock = "virtual" }
    loop:create_task(co.wrap(function()
      co.wrap(function() asyncio.sleep(5) end)()
    end))
    loop:run_until_complete(function() asyncio.sleep(0.5) end)
    loop = nil  -- luacheck: ignore
    witness.collect()
    assert.equal(1, witness.destroyed())
  end)
end)
