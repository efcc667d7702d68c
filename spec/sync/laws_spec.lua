--- What holds for every wait of src/sync, whatever it waits for.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns
local MANY = witness.many(10001)

local function held(object)
  object:acquire()
  return object
end

local function acquire(object)
  return object:acquire()
end

local function release(object)
  object:release()
end

local function free(object)
  return object:locked() and 0 or 1
end

local function full(queue)
  queue:put_nowait(0)
  return queue
end

-- new: an object whose `wait` has to wait; grant: lets the first waiter go, or `all` of them;
-- left: how many grants nobody has taken; result: what the wait returns, the object if it says so.
local waits = {
  ["lock:acquire"] = {
    new = function() return held(asyncio.Lock()) end,
    wait = acquire, grant = release, left = free, result = "self",
  },
  ["semaphore:acquire"] = {
    new = function() return asyncio.Semaphore(0) end,
    wait = acquire, grant = release, left = free, result = "self",
  },
  ["bounded semaphore:acquire"] = {
    new = function() return held(asyncio.BoundedSemaphore(1)) end,
    wait = acquire, grant = release, left = free, result = "self",
  },
  ["event:wait"] = {
    new = function() return asyncio.Event() end,
    wait = function(event) return event:wait() end,
    grant = function(event) event:set() event:clear() end,
    all = true, result = true,
  },
}

if asyncio.Condition then
  waits["condition:acquire"] = {
    new = function() return held(asyncio.Condition()) end,
    wait = acquire, grant = release, left = free, result = "self",
  }
  waits["condition:wait"] = {
    new = function() return asyncio.Condition() end,
    wait = function(condition)
      local scope <close> = condition:acquire()
      return condition:wait()
    end,
    grant = function(condition)
      local scope <close> = condition:acquire()
      condition:notify()
    end,
    result = true,
  }
end

if asyncio.Queue then
  for _, name in ipairs { "Queue", "LifoQueue", "PriorityQueue" } do
    waits[name .. ":get"] = {
      new = function() return asyncio[name]() end,
      wait = function(queue) return queue:get() end,
      grant = function(queue) queue:put_nowait(7) end,
      left = function(queue) return queue:qsize() end,
      result = 7,
    }
    waits[name .. ":put"] = {
      new = function() return full(asyncio[name](1)) end,
      wait = function(queue) return queue:put(1) end,
      grant = function(queue) queue:get_nowait() end,
      left = function(queue) return queue:maxsize() - queue:qsize() end,
    }
  end
  waits["Queue:join"] = {
    new = function() return full(asyncio.Queue()) end,
    wait = function(queue) return queue:join() end,
    grant = function(queue) queue:task_done() queue:put_nowait(1) end,
    all = true,
  }
end

local function count_left(w, object)
  return w.left and w.left(object) or 0
end

local function start(w, object, count)
  local tasks = {}
  for i = 1, count or 1 do
    tasks[i] = asyncio.create_task(w.wait, object)
  end
  turns(1)
  return tasks
end

for name, w in pairs(waits) do
  describe(name, function()
    local function spec(law, f, options)
      it(law, testing.virtual(f, options))
    end

    spec("waits, and gives its result", function()
      local object = w.new()
      local task = start(w, object)[1]
      turns(3)
      assert.is_false(task:done())
      w.grant(object)
      local result = asyncio.await(task)
      if w.result == "self" then
        assert.equal(object, result)
      else
        assert.equal(w.result, result)
      end
      assert.equal(0, count_left(w, object))
    end)

    spec("shows who waits when it is printed", function()
      local object = w.new()
      local before = tostring(object)
      assert.matches("^%u%a+<[%w_]+=[^<>]+>$", before)
      local tasks = start(w, object, 2)
      assert.not_equal(before, tostring(object))
      for _, task in ipairs(tasks) do
        task:cancel()
      end
      turns(2)
      assert.equal(before, tostring(object))
    end)

    spec("never begins in a task that was cancelled before", function()
      local object = w.new()
      local before = tostring(object)
      local task = asyncio.create_task(w.wait, object)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      assert.equal(before, tostring(object))
    end)

    spec("raises a cancel that came before it, and takes nothing", function()
      local object = w.new()
      local seen
      local task = asyncio.create_task(function()
        asyncio.current_task():cancel()
        seen = { try(w.wait, object) }
      end)
      asyncio.await(task)
      assert.same({ "raised", "CancelledError" }, seen)
      assert.equal(0, count_left(w, object))
      if w.left then
        w.grant(object)
        assert.equal(1, count_left(w, object))
      end
    end)

    spec("ends with a cancel while it waits", function()
      local object = w.new()
      local before = tostring(object)
      local task = start(w, object)[1]
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      assert.equal(before, tostring(object))
    end)

    spec("that was cancelled leaves the grant of the same turn to others", function()
      local object = w.new()
      local task = start(w, object)[1]
      task:cancel()
      w.grant(object)
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      assert.equal(w.left and 1 or 0, count_left(w, object))
    end)

    spec("that was granted keeps it when a cancel follows in the same turn", function()
      local object = w.new()
      local seen
      local task = asyncio.create_task(function()
        seen = { try(w.wait, object) }
        seen[2] = try(asyncio.sleep, 0)
      end)
      turns(1)
      w.grant(object)
      task:cancel()
      asyncio.await(task)
      assert.not_equal("raised", seen[1])
      assert.equal("raised", seen[2])
      assert.equal(0, count_left(w, object))
    end)

    spec("times out where it stands, and nothing is lost", function()
      local object = w.new()
      local before = tostring(object)
      assert.same({ "raised", "TimeoutError" }, { try(asyncio.wait_for, w.wait, 2, object) })
      assert.same({ "raised", "TimeoutError" }, { try(function()
        local scope <close> = asyncio.timeout(2)
        w.wait(object)
      end) })
      assert.equal(before, tostring(object))
      local task = start(w, object)[1]
      w.grant(object)
      asyncio.await(task)
    end)

    spec("does not time out when the grant comes at the same time", function()
      local object = w.new()
      local task = asyncio.create_task(asyncio.wait_for, w.wait, 5, object)
      turns(2)
      asyncio.get_running_loop():call_later(5, function()
        asyncio.create_task(w.grant, object)
      end)
      local results = { try(asyncio.await, task) }
      turns(3)
      if results[1] == "raised" then
        assert.equal(w.left and 1 or 0, count_left(w, object))
      else
        assert.equal(0, count_left(w, object))
      end
    end)

    spec("in the middle of the line leaves the others in their order", function()
      local object, log = w.new(), {}
      local tasks = {}
      for i = 1, 5 do
        tasks[i] = asyncio.create_task(function()
          w.wait(object)
          log[#log + 1] = i
        end)
      end
      turns(1)
      tasks[3]:cancel()
      tasks[1]:cancel()
      for _ = 1, w.all and 1 or 3 do
        w.grant(object)
        turns(2)
      end
      assert.same({ 2, 4, 5 }, log)
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, tasks[3]) })
    end)

    spec("goes on when the last reference from outside is gone", function()
      local object = w.new()
      local weak = setmetatable({ object }, { __mode = "v" })
      local task = start(w, object)[1]
      local grant = w.grant
      object = nil  -- luacheck: ignore
      witness.collect()
      turns(2)
      assert.is_false(task:done())
      grant(weak[1])
      asyncio.await(task)
    end)

    spec("is collected with its object when nothing else is left", function()
      local weak = setmetatable({ w.new() }, { __mode = "v" })
      local task = start(w, weak[1])[1]
      task:cancel()
      pcall(asyncio.await, task)
      task = nil  -- luacheck: ignore
      witness.collect()
      assert.is_nil(weak[1])
    end)

    spec("fails when outside code closes its coroutine, and the line goes on", function()
      local object = w.new()
      local tasks = start(w, object, 2)
      local reports = witness.reports()
      coroutine.close(tasks[1]:get_coro())
      object = w.all and object or nil
      witness.collect()
      tasks[1]:cancel()
      tasks[2]:cancel()
      turns(3)
      assert.is_true(tasks[1]:done())
      assert.is_true(tasks[2]:done())
      reports[1] = object
      tasks = nil  -- luacheck: ignore
      witness.collect()
      turns(1)
      assert.matches("resumed or closed from outside the event loop", reports[#reports].exception)
    end)

    spec("of an object that a close by outside code left to the collector fails", function()
      local reports = witness.reports()
      local task = start(w, w.new())[1]
      coroutine.close(task:get_coro())
      witness.collect()
      turns(3)
      assert.is_true(task:done())
      task = nil  -- luacheck: ignore
      witness.collect()
      turns(1)
      assert.equal(1, #reports)
      assert.matches("resumed or closed from outside the event loop", reports[1].exception)
    end)

    spec("has room for " .. MANY .. " waiters, each cancelled or served in turn", function()
      local object, order = w.new(), {}
      local tasks = {}
      for i = 1, MANY do
        tasks[i] = asyncio.create_task(function()
          w.wait(object)
          order[#order + 1] = i
        end)
      end
      turns(1)
      for i = 1, MANY, 3 do
        tasks[i]:cancel()
      end
      local served = MANY - (MANY + 2) // 3
      if w.all then
        w.grant(object)
      else
        for _ = 1, served do
          w.grant(object)
          if w.result ~= 7 then
            turns(2)
          end
        end
      end
      turns(3)
      assert.equal(served, #order)
      for i = 2, #order do
        assert(order[i - 1] < order[i])
      end
    end, { timeout = 1e6 })

    spec("raises outside of a task, even if it need not wait", function()
      local object = w.new()
      w.grant(object)
      local err
      asyncio.get_running_loop():call_soon(function()
        err = witness.text(w.wait, object)
      end)
      turns(2)
      assert.matches("^asyncio%.%u%a+:%a+ must be called from inside a task", (err:gsub("^[^ ]+: ", "")))
    end)

    spec("raises in a coroutine that is not the task's own", function()
      local object = w.new()
      w.grant(object)
      assert.matches("use asyncio.coroutine", witness.text(coroutine.wrap(w.wait), object))
    end)

    it("serves one loop after another, but not two at once", function()
      local loop, other = asyncio.new_event_loop(), asyncio.new_event_loop()
      local object = loop:run_until_complete(function() return w.new() end)
      local task = loop:create_task(w.wait, object)
      loop:run_until_complete(function() asyncio.sleep(0) end)
      local ok, err = pcall(other.run_until_complete, other, function() w.wait(object) end)
      assert.is_false(ok)
      assert.matches("in use by tasks of another loop", tostring(err))
      task:cancel()
      loop:run_until_complete(function() asyncio.sleep(0) end)
      other:run_until_complete(function()
        local second = asyncio.create_task(w.wait, object)
        asyncio.sleep(0)
        w.grant(object)
        asyncio.await(second)
      end)
      loop:close()
      other:close()
    end)

    if name ~= "condition:wait" then  -- its grant has to wait for the lock
      it("may be let go by a task of another loop, and goes on in its own", function()
        local loop, other = asyncio.new_event_loop(), asyncio.new_event_loop()
        local object = loop:run_until_complete(function() return w.new() end)
        local task = loop:create_task(w.wait, object)
        loop:run_until_complete(function() asyncio.sleep(0) end)
        other:run_until_complete(function() w.grant(object) end)
        assert.is_false(task:done())
        local result = loop:run_until_complete(task)
        assert.equal(w.result == "self" and object or w.result, result)
        loop:close()
        other:close()
      end)
    end

    it("is gone from the object when its loop closes or is dropped", function()
      local loop = asyncio.new_event_loop()
      local object = loop:run_until_complete(function() return w.new() end)
      local before = tostring(object)
      loop:create_task(w.wait, object)
      loop:run_until_complete(function() asyncio.sleep(0) end)
      assert.not_equal(before, tostring(object))
      loop:close()
      assert.equal(before, tostring(object))
      assert.equal(1, witness.destroyed())
      loop = asyncio.new_event_loop()
      loop:create_task(w.wait, object)
      loop:run_until_complete(function() asyncio.sleep(0) end)
      loop = nil  -- luacheck: ignore
      witness.collect()
      pcall(w.grant, object)
      object = nil  -- luacheck: ignore
      witness.collect()
      assert.equal(1, witness.destroyed())
    end)

    it("comes back if the loop is closed before the woken one has run", function()
      if not w.left then
        return
      end
      local loop <close> = asyncio.new_event_loop()
      loop:set_exception_handler(function() end)  -- of the task that never ends
      local object = loop:run_until_complete(function() return w.new() end)
      loop:create_task(w.wait, object)
      loop:run_until_complete(function() asyncio.sleep(0) end)
      w.grant(object)
      local other <close> = asyncio.new_event_loop()
      local function take()
        return w.wait(object)
      end
      assert.matches("in use by tasks of another loop",
        witness.text(other.run_until_complete, other, take))
      loop:close()
      assert.equal(1, w.left(object))
      local result = other:run_until_complete(take)
      if w.result == "self" then
        assert.equal(object, result)
      else
        assert.equal(w.result, result)
      end
    end)

    spec("gives way now and then when it need not wait", function()
      local others = 0
      local done = false
      asyncio.create_task(function()
        while not done do
          others = others + 1
          asyncio.sleep(0)
        end
      end)
      if w.left and w.result ~= 7 and name ~= "Queue:put" then
        local object = w.new()
        for _ = 1, 1000 do
          w.grant(object)
          w.wait(object)
        end
        assert(others >= 5, others)
      end
      done = true
      turns(1)
    end)
  end)
end
