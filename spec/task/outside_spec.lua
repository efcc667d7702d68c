--- Coroutines of tasks that code outside the event loop resumes or closes.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns = witness.turns

local function new_future()
  return asyncio.get_running_loop():create_future()
end

describe("code outside the event loop", function()
  local function victim(body)
    local task = asyncio.create_task(body)
    turns(1)
    return task, task:get_coro()
  end

  it("that resumes a waiting task makes its wait raise", testing.virtual(function()
    local task, co = victim(function() asyncio.sleep(100) end)
    coroutine.resume(co)
    assert.matches("resumed from outside the event loop", witness.text(asyncio.await, task))
    assert.equal("dead", coroutine.status(co))
    assert.equal(1, asyncio.get_running_loop():time())
  end))

  it("can't make it wait in its own turn", testing.virtual(function()
    local log = {}
    local task, co = victim(function()
      log[1] = witness.text(asyncio.sleep, 100)
      log[2] = witness.text(asyncio.sleep, 100)
      return "over"
    end)
    coroutine.resume(co)
    assert.equal("over", asyncio.await(task))
    assert.matches("resumed from outside the event loop", log[1])
    assert.matches("asyncio.sleep must be called from inside a task", log[2])
  end))

  it("that resumes it into a bare yield is survived", testing.virtual(function()
    local task, co = victim(function()
      pcall(asyncio.sleep, 5)
      coroutine.yield("to the outside")
      return asyncio.sleep(1, "recovered")
    end)
    assert.same({ true, "to the outside" }, { coroutine.resume(co) })
    assert.equal("recovered", asyncio.await(task))
  end))

  it("that closes a waiting task makes it fail", testing.virtual(function()
    local task, co = victim(function() asyncio.sleep(5) end)
    assert.is_true(coroutine.close(co))
    assert.matches("closed from outside the event loop", witness.text(asyncio.await, task))
  end))

  it("that closes it gets what its <close> variables raise", testing.virtual(function()
    local task, co = victim(function()
      local _ <close> = setmetatable({}, { __close = function() error("closing", 0) end })
      asyncio.sleep(5)
    end)
    assert.same({ false, "closing" }, { coroutine.close(co) })
    assert.is_false((pcall(asyncio.await, task)))
  end))

  it("that resumes it before its first turn makes it fail", testing.virtual(function()
    local bodies = {
      function() end,
      function(...) return ... end,
      function() return "a", "b", print end,
      function() coroutine.yield(1, 2) end,
      function() asyncio.sleep(1) end,
      function() pcall(asyncio.sleep, 1) coroutine.yield() return 1 end,
      function() error("alone", 0) end,
    }
    for _, body in ipairs(bodies) do
      for _, arguments in ipairs { {}, { "argument" }, { function() end }, { nil, type, n = 2 } } do
        local task = asyncio.create_task(body, table.unpack(arguments, 1, arguments.n))
        coroutine.resume(task:get_coro())
        assert.matches("resumed or closed from outside the event loop", witness.text(asyncio.await, task))
      end
    end
  end))

  it("can't await the coroutine of a task, or make it another's", testing.virtual(function()
    local task = asyncio.create_task(function() return "its own" end)
    for _, name in ipairs { "await", "create_task", "gather", "shield", "ensure_future" } do
      assert.matches("coroutine was started or awaited before",
        witness.text(asyncio[name], task:get_coro()))
    end
    assert.equal("its own", asyncio.await(task))
  end))

  it("that closes it before its first turn makes it fail", testing.virtual(function()
    local task = asyncio.create_task(function() return "never" end)
    assert.is_true(coroutine.close(task:get_coro()))
    assert.matches("resumed or closed from outside the event loop", witness.text(asyncio.await, task))
  end))

  it("may be the task itself, closing or resuming its own coroutine", testing.virtual(function()
    local task = asyncio.create_task(function()
      local co = coroutine.running()
      return pcall(coroutine.close, co), (coroutine.resume(co))
    end)
    assert.same({ false, false }, { asyncio.await(task) })
  end))

  it("that closes it leaves what it waited for whole", testing.virtual(function()
    for _, wait in ipairs { asyncio.await, asyncio.shield, asyncio.gather } do
      local task, co = victim(function()
        local scope <close> = setmetatable({}, { __close = witness.collect })
        wait(new_future())
      end)
      coroutine.close(co)
      witness.collect()
      task:cancel()
      assert.is_false((pcall(asyncio.await, task)))
    end
    assert.equal(1, #asyncio.all_tasks())
  end))

  it("that closes it does not keep it from being cancelled, or its loop from closing", function()
    for _, wait in ipairs { asyncio.await, asyncio.shield, asyncio.gather } do
      local loop = testing.new_event_loop { clock = "virtual" }
      local task = loop:create_task(function() wait(loop:create_future()) end)
      loop:run_until_complete(asyncio.async(asyncio.sleep)(1))
      coroutine.close(task:get_coro())
      witness.collect()
      loop:close()
      assert.is_true(loop:is_closed())
      assert.equal(1, witness.destroyed())
    end
  end)
end)

describe("a task that failed outside its body", function()
  local function nothing() end

  local function waiting()
    local task = asyncio.create_task(function() asyncio.sleep(5) end)
    turns(1)
    return task
  end

  local ways = {
    ["as it was closed while it waited"] = { "closed from outside the event loop", function()
      coroutine.close(waiting():get_coro())
    end },
    ["as it was closed and what it closed failed"] = { "closed from outside the event loop", function()
      local task = asyncio.create_task(function()
        local _ <close> = setmetatable({}, { __close = function() error("closing", 0) end })
        asyncio.sleep(5)
      end)
      turns(1)
      coroutine.close(task:get_coro())
    end },
    ["as it was resumed before its first turn"] = { "resumed or closed from outside", function()
      coroutine.resume(asyncio.create_task(nothing):get_coro())
    end },
    ["as it was closed before its first turn"] = { "resumed or closed from outside", function()
      coroutine.close(asyncio.create_task(nothing):get_coro())
    end },
  }

  for name, way in pairs(ways) do
    it(name .. " is reported to the exception handler", testing.virtual(function()
      local reports = witness.reports()
      way[2]()
      asyncio.sleep(10)
      witness.collect()
      turns(2)
      asyncio.get_running_loop():set_exception_handler(nil)
      assert.equal(1, #reports)
      assert.equal("the error of a task was never retrieved", reports[1].message)
      assert.matches(way[1], reports[1].exception)
      assert.is_true(asyncio.isfuture(reports[1].task))
    end))
  end

  it("is not reported if its error was retrieved", testing.virtual(function()
    local reports = witness.reports()
    for _, way in pairs(ways) do
      local before = {}
      for _, task in ipairs(asyncio.all_tasks()) do
        before[task] = true
      end
      way[2]()
      for _, task in ipairs(asyncio.all_tasks()) do
        if not before[task] then
          assert.is_false((pcall(asyncio.await, task)))
        end
      end
    end
    witness.collect()
    asyncio.sleep(10)
    asyncio.get_running_loop():set_exception_handler(nil)
    assert.same({}, reports)
  end))
end)

describe("the functions at the base of a task", function()
  local TEXT = "a task's coroutine was resumed from outside the event loop"

  --- What is on the stack of a new task's coroutine comes out where it is resumed from outside.
  local function leaked()
    local task = asyncio.create_task(function() end)
    local ok, main, handler = coroutine.resume(task:get_coro())
    assert(ok and main and handler)
    pcall(asyncio.await, task)
    return main, handler, task
  end

  it("refuse to be called by outside code", testing.virtual(function()
    local main, handler, ended = leaked()
    local other = asyncio.create_task(asyncio.sleep, 1)
    asyncio.sleep(0)
    for _, args in ipairs {
      { n = 0 }, { false, "e", n = 2 }, { handler, other, print, n = 3 }, { handler, ended, n = 2 },
      { handler, asyncio.current_task(), error, n = 3 }, { io.stderr, io.stderr, n = 2 },
    } do
      assert.same({ false, TEXT }, { pcall(main, table.unpack(args, 1, args.n)) })
      assert.same({ false, TEXT }, { coroutine.resume(coroutine.create(main), table.unpack(args, 1, args.n)) })
      assert(pcall(handler, table.unpack(args, 1, args.n)))
    end
    asyncio.await(other)
  end))

  it("refuse to be called again by the task itself", testing.virtual(function()
    local task = asyncio.create_task(function()
      local main = debug.getinfo(2, "f").func
      local results = { pcall(main, nil, asyncio.current_task(), print) }
      asyncio.sleep(1)
      return table.unpack(results)
    end)
    assert.same({ false, TEXT }, { asyncio.await(task) })
  end))
end)

describe("a task whose body ended outside the event loop", function()
  it("has no coroutine any more, and all its methods go on", testing.virtual(function()
    for _, body in ipairs { asyncio.sleep, function(...) pcall(asyncio.sleep, ...) end } do
      local task = asyncio.create_task(body, 1)
      asyncio.sleep(0)
      coroutine.resume(task:get_coro())
      collectgarbage()
      collectgarbage()
      assert.is_nil(task:get_coro())
      assert.same({ n = 0 }, task:get_stack())
      assert.equal("table", type(asyncio.call_graph(task)))
      assert.matches("^Task<", tostring(task))
      assert.equal("string", type(task:traceback()))
      assert.equal(2, #asyncio.tasks())
      pcall(asyncio.await, task)
    end
  end))

  it("keeps its outcome where the loop closes before it sees it", function()
    local loop = testing.new_event_loop()
    local task = loop:create_task(function() pcall(asyncio.sleep, 1) return 7 end)
    loop:run_until_complete(function() asyncio.sleep(0) end)
    coroutine.resume(task:get_coro())
    collectgarbage()
    loop:close()
    assert.equal(7, task:result())
  end)
end)
