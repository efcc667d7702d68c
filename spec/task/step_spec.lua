--- Steps: eager ones, bare yields, and the first step of an awaited task.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

describe("a bare coroutine.yield in a task", function()
  it("is sleep(0)", testing.virtual(function()
    local log = {}
    local function body(name)
      for i = 1, 2 do
        log[#log + 1] = name .. i
        assert(select("#", coroutine.yield("ignored", i)) == 0)
      end
    end
    asyncio.gather(asyncio.create_task(body, "a"), asyncio.create_task(body, "b"))
    assert.same({ "a1", "b1", "a2", "b2" }, log)
  end))

  it("raises a cancel, also right under pcall", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function()
      log[1] = select(2, try(coroutine.yield))
      log[2] = select(2, try(function() coroutine.yield() end))
      coroutine.yield()
      log[3] = "no more"
    end)
    turns(1)
    task:cancel()
    turns(1)
    task:cancel()
    asyncio.await(task)
    assert.same({ "CancelledError", "CancelledError", "no more" }, log)
  end))

  it("ends a task that is cancelled there, its <close> variables run", testing.virtual(function()
    local log = {}
    local task = asyncio.create_task(function()
      local _ <close> = setmetatable({}, { __close = function(_, err)
        asyncio.sleep(1)
        log[1] = witness.class(err)
      end })
      while true do
        coroutine.yield()
      end
    end)
    turns(3)
    task:cancel("enough")
    assert.equal("enough", witness.raises(asyncio.CancelledError, asyncio.await, task).message)
    assert.same({ "CancelledError" }, log)
  end))

  it("keeps the user's own hook", testing.virtual(function()
    local hook = function() end
    local task = asyncio.create_task(function()
      debug.sethook(hook, "l", 0)
      pcall(coroutine.yield)
      local f, mask = debug.gethook()
      debug.sethook()
      return f == hook, mask
    end)
    turns(1)
    task:cancel()
    assert.same({ true, "l" }, { asyncio.await(task) })
  end))

  it("from an inner plain coroutine is the generator's", testing.virtual(function()
    local items = {}
    for item in coroutine.wrap(function()
      for i = 1, 3 do
        coroutine.yield(i)
      end
    end) do
      items[#items + 1] = item
      asyncio.sleep(1)
    end
    assert.same({ 1, 2, 3 }, items)
  end))
end)

describe("an eager task", function()
  it("runs at once, up to its first wait", testing.virtual(function()
    local log, main = {}, asyncio.current_task()
    local task = asyncio.create_task { eager_start = true, function(x)
      log[#log + 1] = x
      log[#log + 1] = asyncio.current_task()
      asyncio.sleep(1)
      log[#log + 1] = "later"
      return "result"
    end, "argument" }
    log[#log + 1] = asyncio.current_task()
    assert.same({ "argument", task, main }, log)
    assert.equal("result", asyncio.await(task))
    assert.equal("later", log[4])
  end))

  it("that need not wait is done when it is made", testing.virtual(function()
    local task = asyncio.create_task { eager_start = true, function() return 1, 2 end }
    assert.same({ true, 1, 2 }, { task:done(), task:result() })
    local failed = asyncio.create_task { eager_start = true, error, "stored" }
    assert.same({ "stored", true }, { failed:exception() })
    assert.equal(1, #asyncio.all_tasks())
  end))

  it("starts next turn where it would be too deep", testing.virtual(function()
    local deepest = 0
    local function dive(n)
      deepest = math.max(deepest, n)
      if n < 1000 then
        asyncio.create_task { eager_start = true, dive, n + 1 }
      end
    end
    dive(1)
    assert(deepest < 200)
    turns(100)
    assert.equal(1000, deepest)
  end))

  it("is what eager_task_factory makes of every task", testing.virtual(function()
    local loop, log = asyncio.get_running_loop(), {}
    loop:set_task_factory(asyncio.eager_task_factory)
    assert.equal(asyncio.eager_task_factory, loop:get_task_factory())
    local task = asyncio.create_task(function(x) log[1] = x return x end, "eager")
    assert.same({ "eager" }, log)
    assert.equal("eager", asyncio.await(task))
    local named = asyncio.create_task { name = "lazy", eager_start = false, function()
      log[2] = "lazy"
    end }
    assert.same({ "lazy", nil }, { named:get_name(), log[2] })
    asyncio.await(named)
    loop:set_task_factory(nil)
    asyncio.await(asyncio.create_task(function() log[3] = "plain" end))
    assert.same({ "eager", "lazy", "plain" }, log)
  end))

  it("comes from a factory of one's own, too", testing.virtual(function()
    local loop, made = asyncio.get_running_loop(), {}
    local factory = asyncio.create_eager_task_factory(function(lp, co, options)
      made[#made + 1] = options.name
      return asyncio.Task(lp, co, options)
    end)
    loop:set_task_factory(factory)
    asyncio.create_task { name = "counted", function() end }
    loop:set_task_factory(function() return "no task" end)
    assert.matches("returned a string, not a task", witness.text(asyncio.create_task, print))
    loop:set_task_factory(nil)
    assert.same({ "counted" }, made)
  end))
end)

--- A task that nothing else is ready beside may run inside the await of it:
-- nobody can tell by anything but its speed.
describe("the await of a new task", function()
  it("lets what was ready before it run first", testing.virtual(function()
    local log = {}
    local function note(word)
      return function() log[#log + 1] = word end
    end
    asyncio.create_task(note "a")
    asyncio.get_running_loop():call_soon(note "b")
    local task = asyncio.create_task(note "c")
    asyncio.create_task(note "d")
    asyncio.await(task)
    assert.same({ "a", "b", "c", "d" }, log)
  end))

  it("lets what the task made ready run before the awaiter", testing.virtual(function()
    local log = {}
    asyncio.await(asyncio.create_task(function()
      asyncio.create_task(function() log[#log + 1] = "made in it" end)
      asyncio.get_running_loop():call_soon(function() log[#log + 1] = "callback" end)
    end))
    log[#log + 1] = "awaiter"
    assert.same({ "made in it", "callback", "awaiter" }, log)
  end))

  it("is seen by the task as a wait", testing.virtual(function()
    local parent = asyncio.current_task()
    local seen
    asyncio.await(asyncio.create_task(function()
      assert.not_equal(parent, asyncio.current_task())
      seen = asyncio.call_graph(parent)
    end))
    assert.equal(parent, asyncio.current_task())
    assert.is_table(seen)
  end))

  it("passes on a cancel that comes from inside the task", testing.virtual(function()
    local parent = asyncio.current_task()
    local log = {}
    local ok, err = pcall(asyncio.await, asyncio.create_task(function()
      assert.is_true(parent:cancel())
      log[1] = "runs on"
      local _, cancel = pcall(asyncio.sleep, 1)
      log[2] = asyncio.isinstance(cancel, asyncio.CancelledError)
      error(cancel, 0)
    end))
    assert.is_false(ok)
    assert.is_true(asyncio.isinstance(err, asyncio.CancelledError))
    assert.same({ "runs on", true }, log)
    assert.equal(1, parent:cancelling())
    parent:uncancel()
  end))

  it("does not keep deadlines and other tasks from their turn", testing.async(function()
    local loop = asyncio.get_running_loop()
    local rung = false
    loop:call_later(0.01, function() rung = true end)
    local start = loop:time()
    while not rung do
      asyncio.await(asyncio.create_task(function() end))
      assert.is_true(loop:time() - start < 5)
    end
  end))

  it("does not begin once the loop is stopped", function()
    local loop <close> = asyncio.new_event_loop()
    local log = {}
    local main = loop:create_task(function()
      loop:stop()
      asyncio.await(asyncio.create_task(function() log[1] = "began" end))
    end)
    loop:run_forever()
    assert.same({}, log)
    loop:run_until_complete(main)
    assert.same({ "began" }, log)
  end)

  it("ends with the loop that the task stops", function()
    local loop <close> = asyncio.new_event_loop()
    local log = {}
    local parent = loop:create_task(function()
      asyncio.await(asyncio.create_task(function() loop:stop() end))
      log[#log + 1] = "on"
    end)
    loop:run_forever()
    assert.same({}, log)
    loop:run_until_complete(parent)
    assert.same({ "on" }, log)
  end)

  it("leaves the task its depth of calls", testing.virtual(function()
    local function deep(n, last)
      if n == 0 then
        return last()
      end
      return select(2, assert(pcall(deep, n - 1, last)))
    end
    assert.equal("bottom", deep(120, function()
      return asyncio.await(asyncio.create_task(deep, 120, function() return "bottom" end))
    end))
  end))

  it("can be nested without end", testing.virtual(function()
    local function chain(n)
      return n == 0 and "end" or asyncio.await(asyncio.create_task(chain, n - 1))
    end
    assert.equal("end", chain(1000))
  end))
end)
