--- Names of locks, queues and the like: where they are given and shown.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local create_task, turns = asyncio.create_task, witness.turns

-- Each: constructor, its options beside the name, how it prints, how a task
-- comes to wait for it, what reports then say.
local kinds = {
  { "Lock", {}, "Lock<name=x, state=free, waiters=0>",
    function(lock)
      create_task(function() lock:acquire() asyncio.sleep(9) end)
      turns(1)
      lock:acquire()
    end, "lock 'x' held by Task<" },
  { "Event", {}, "Event<name=x, state=unset, waiters=0>",
    function(event) event:wait() end, "event 'x'" },
  { "Condition", {}, "Condition<name=x, state=free, waiters=0, lock waiters=0>",
    function(condition) condition:acquire() condition:wait() end, "condition 'x'" },
  { "Semaphore", { value = 0 }, "Semaphore<name=x, value=0, waiters=0>",
    function(semaphore) semaphore:acquire() end, "semaphore 'x'" },
  { "BoundedSemaphore", { value = 0 }, "BoundedSemaphore<name=x, value=0, waiters=0>",
    function(semaphore) semaphore:acquire() end, "semaphore 'x'" },
  { "Barrier", { parties = 2 }, "Barrier<name=x, state=filling, waiters=0, parties=2>",
    function(barrier) barrier:wait() end, "barrier 'x'" },
  { "Queue", { maxsize = 3 }, "Queue<name=x, size=0, maxsize=3,",
    function(queue) queue:get() end, "queue get 'x'" },
  { "LifoQueue", { maxsize = 1 }, "LifoQueue<name=x, size=0, maxsize=1,",
    function(queue) queue:put(1) queue:put(2) end, "queue put 'x'" },
  { "PriorityQueue", { maxsize = 1, less = function(a, b) return a > b end },
    "PriorityQueue<name=x, size=0, maxsize=1,",
    function(queue) queue:put(1) queue:join() end, "queue join 'x'" },
  { "Future", {}, "Future<name=x, state=pending>", asyncio.await, "Future<name=x, state=pending>" },
}

for _, kind in ipairs(kinds) do
  local name, options, shown, wait, text = table.unpack(kind)

  describe("the name of a " .. name, function()
    local function new()
      local given = { name = "x" }
      for key, value in pairs(options) do given[key] = value end
      return asyncio[name](given)
    end

    it("is shown when it is printed", testing.virtual(function()
      assert.equal(shown, tostring(new()):sub(1, #shown))
      local positional = {}
      for i, key in ipairs { "value", "parties", "maxsize", "less" } do
        positional[#positional + 1] = i and options[key]
      end
      local unnamed = asyncio[name](table.unpack(positional))
      assert.is_nil(tostring(unnamed):find("name=", 1, true))
      positional.name = "x"
      assert.equal(shown, tostring(asyncio[name](positional)):sub(1, #shown))
    end))

    it("is shown where a task waits for it", testing.virtual(function()
      local object = new()
      local task = create_task { name = "waiter", function() wait(object) end }
      turns(3)
      local file = { write = function(self, ...) self.text = (self.text or "") .. table.concat { ... } end }
      asyncio.dump(file)
      assert.matches("Task<name=waiter[^\n]* waits for " .. text, file.text)
      task:cancel()
      turns(3)
      for _, left in ipairs(asyncio.all_tasks()) do
        if left ~= asyncio.current_task() then left:cancel() end
      end
    end))

    it("is refused unless it is a string, as are other options", testing.virtual(function()
      for message, given in pairs {
        ["option 'name' must be a string"] = { name = 5 },
        ["unknown option 'nmae'"] = { nmae = "x" },
        ["unknown option '9'"] = { [9] = 1 },
        ["unknown option 'true'"] = { [true] = 1 },
      } do
        local make = asyncio[name]
        local ok, err = pcall(function() make(given) end) local here = witness.line()
        assert.is_false(ok)
        assert.matches("^" .. here:gsub("%p", "%%%0") .. " bad argument #1 to '[%w.]+' %(" .. message, err)
      end
    end))

    it("costs nothing where there is none", function()
      local loop <close> = testing.new_event_loop()
      asyncio.set_event_loop(loop)
      local function size(...)
        local list = {}
        for i = 1, 32 do list[i] = false end
        collectgarbage()
        collectgarbage("stop")
        local before = collectgarbage("count")
        for i = 1, 32 do list[i] = asyncio[name](...) end
        local after = collectgarbage("count")
        collectgarbage("restart")
        assert.equal(32, #list)
        return math.floor((after - before) * 1024 / 32)
      end
      local plain = name == "Barrier" and 2 or nil
      size(plain)
      local unnamed = size(plain)
      asyncio.set_event_loop(nil)
      local limits = { Lock = 96, Event = 88, Condition = 200, Semaphore = 104, BoundedSemaphore = 104,
        Barrier = 104, Future = 128 }
      assert(unnamed <= (limits[name] or 256), unnamed)
    end)
  end)
end

describe("options of a constructor", function()
  it("name what is wrong with them", testing.virtual(function()
    for message, call in pairs {
      ["option 'maxsize' must be an integer"] = function() asyncio.Queue { maxsize = "many" } end,
      ["option 'less' must be a function"] = function() asyncio.PriorityQueue { less = 1 } end,
      ["option 'lock' must be an asyncio.Lock"] = function() asyncio.Condition { lock = 1 } end,
      ["option 'value' must be an integer"] = function() asyncio.Semaphore { value = {} } end,
      ["option 'loop' must be an asyncio.Loop"] = function() asyncio.Future { loop = 1 } end,
      ["option 'value' is given twice"] = function() asyncio.Semaphore { 1, value = 2 } end,
      ["value must not be negative"] = function() asyncio.Semaphore { value = -1 } end,
    } do
      assert.matches(message, witness.text(call))
    end
  end))

  it("give the object what they say", testing.virtual(function()
    local lock = asyncio.Lock()
    local condition = asyncio.Condition { lock = lock, name = "shared" }
    condition:acquire()
    assert.is_true(lock:locked())
    local queue = asyncio.PriorityQueue { maxsize = 2, less = function(a, b) return a > b end }
    queue:put(1)
    queue:put(2)
    assert.same({ true, 2, 2 }, { queue:full(), queue:get(), queue:maxsize() })
    local future = asyncio.get_running_loop():create_future { name = "answer" }
    assert.equal("Future<name=answer, state=pending>", tostring(future))
    assert.equal(asyncio.get_running_loop(), asyncio.Future { loop = asyncio.get_running_loop() }:get_loop())
  end))

  it("may name the lock in a cycle of waits", function()
    local a, b = asyncio.Lock { name = "a" }, asyncio.Lock { name = "b" }
    local err = witness.raises(asyncio.DeadlockError, asyncio.run, function()
      local other = create_task { function() b:acquire() turns(1) a:acquire() end, name = "other" }
      a:acquire()
      turns(1)
      b:acquire()
      asyncio.await(other)
    end)
    assert.matches("wait cycle:.*waits for lock 'b' held by Task<name=other", tostring(err))
  end)
end)
