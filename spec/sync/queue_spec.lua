--- Queues: what laws_spec does not say of them.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns
local await, create_task = asyncio.await, asyncio.create_task

local kinds = { "Queue", "LifoQueue", "PriorityQueue" }

-- all that can be had without waiting
local function drain(queue)
  local items = {}
  while not queue:empty() do
    items[#items + 1] = queue:get_nowait()
  end
  return items
end

local function filled(queue, items)
  for _, item in ipairs(items) do
    queue:put_nowait(item)
  end
  return queue
end

-- a task whose outcome, results or "raised" and class, goes to the list
local function recorded(list, f, ...)
  return create_task(function(...)
    local outcome = { try(f, ...) }
    list[#list + 1] = outcome
  end, ...)
end

for _, kind in ipairs(kinds) do
  local new = asyncio[kind]

  describe("a " .. kind, function()
    it("tells its state", function()
      local queue = new(2)
      assert.same({ 0, true, false, 2 }, { queue:qsize(), queue:empty(), queue:full(), queue:maxsize() })
      queue:put_nowait(1)
      assert.same({ 1, false, false }, { queue:qsize(), queue:empty(), queue:full() })
      queue:put_nowait(2)
      assert.same({ 2, false, true }, { queue:qsize(), queue:empty(), queue:full() })
      assert.equal(kind .. "<size=2, maxsize=2, getters=0, putters=0, joiners=0, unfinished=2>",
        tostring(queue))
    end)

    it("without a limit is never full", function()
      for _, queue in ipairs { new(), new(0), new(-5) } do
        for i = 1, 100 do
          queue:put_nowait(i)
        end
        assert.is_false(queue:full())
      end
    end)

    it("that has no item or no room tells those who do not wait", testing.virtual(function()
      local queue = new(1)
      local err = witness.raises(asyncio.QueueEmpty, queue.get_nowait, queue)
      assert.equal("QueueEmpty: the queue is empty", tostring(err))
      queue:put_nowait(1)
      err = witness.raises(asyncio.QueueFull, queue.put_nowait, queue, 2)
      assert.equal("QueueFull: the queue is full", tostring(err))
      assert.equal(1, queue:get_nowait())
    end))

    it("refuses nil, and keeps false", testing.virtual(function()
      local queue = new()
      local ok, err = pcall(function() queue:put(nil) end) local here = witness.line()
      assert.is_false(ok)
      assert.equal(here .. " bad argument #1 to 'put' (value expected, got nil)", err)
      assert.matches("value expected, got no value", witness.text(function() queue:put() end))
      assert.matches("bad argument #1 to 'put_nowait'", witness.text(function() queue:put_nowait() end))
      queue:put(false)
      assert.is_false(queue:get())
    end))

    it("does not suspend where it need not wait", testing.virtual(function()
      local queue, other = new(), false
      create_task(function() other = true end)
      for i = 1, 50 do
        queue:put(i)
        queue:get()
      end
      assert.is_false(other)
      turns(1)
    end))

    it("makes a task give way now and then, before it takes anything", testing.virtual(function()
      local queue, taken, put = new(), 0, 0
      local task = create_task(function()
        while true do
          queue:put(put)
          put = put + 1
          queue:get()
          taken = taken + 1
        end
      end)
      turns(3)
      assert(put > 100 and put < 500, put)
      task:cancel()
      turns(1)
      assert.equal(put - taken, queue:qsize())
    end))

    it("wakes a getter with the item, and a putter with the room", testing.virtual(function()
      local queue, log = new(1), {}
      recorded(log, queue.get, queue)
      turns(1)
      queue:put_nowait(1)
      assert.equal(0, queue:qsize())
      turns(1)
      assert.same({ { 1 } }, log)
      queue:put_nowait(2)
      recorded(log, queue.put, queue, 3)
      turns(1)
      assert.equal(2, queue:get_nowait())
      assert.is_true(queue:full())
      assert.equal(0, queue:qsize())
      assert.same({ "raised", "QueueFull" }, { try(queue.put_nowait, queue, 4) })
      turns(1)
      assert.equal(3, queue:get_nowait())
    end))

    it("serves getters and putters in the order they came", testing.virtual(function()
      local queue, log = new(2), {}
      for i = 1, 5 do
        create_task(function()
          local item = queue:get()
          log[#log + 1] = i .. " got " .. item
        end)
      end
      turns(1)
      for i = 1, 5 do
        queue:put(i)
      end
      turns(1)
      assert.same({ "1 got 1", "2 got 2", "3 got 3", "4 got 4", "5 got 5" }, log)
      log = {}
      for i = 1, 5 do
        create_task(function()
          queue:put(i)
          log[#log + 1] = i
        end)
      end
      turns(1)
      for _ = 1, 5 do
        queue:get()
        turns(1)
      end
      assert.same({ 1, 2, 3, 4, 5 }, log)
    end))

    it("lets nobody overtake a getter or a putter that was woken", testing.virtual(function()
      local queue, log = new(1), {}
      create_task(function()
        local item = queue:get()
        log[#log + 1] = "woken got " .. item
      end)
      turns(1)
      queue:put("a")
      create_task(function()
        local item = queue:get()
        log[#log + 1] = "late got " .. item
      end)
      queue:put("b")
      turns(2)
      assert.same({ "woken got a", "late got b" }, log)
      queue:put("x")
      create_task(function()
        queue:put("c")
        queue:put("d")
      end)
      turns(1)
      assert.equal("x", queue:get())
      create_task(function() queue:put("e") end)
      turns(2)
      assert.same({ "c", "d", "e" }, { queue:get(), queue:get(), queue:get() })
    end))

    it("gives each getter what was put for it, though others put and get", testing.virtual(function()
      local queue, log = new(), {}
      for i = 1, 3 do
        create_task(function()
          local item = queue:get()
          log[#log + 1] = i .. " got " .. item
        end)
      end
      turns(1)
      for i = 1, 5 do
        queue:put(i)
      end
      local mine = { queue:get(), queue:get() }
      table.sort(mine)
      assert.same({ 4, 5 }, mine)
      turns(1)
      assert.same({ "1 got 1", "2 got 2", "3 got 3" }, log)
    end))

    it("moves many items through little room", testing.virtual(function()
      local queue, sum = new(3), 0
      local reader = create_task(function()
        for _ = 1, 1000 do
          sum = sum + queue:get()
        end
      end)
      for i = 1, 1000 do
        queue:put(i)
      end
      await(reader)
      assert.equal(500500, sum)
      assert.is_true(queue:empty())
    end))

    it("loses nothing when getters are cancelled and served at random", testing.virtual(function()
      local queue, got, cancelled = new(), {}, 0
      local tasks = {}
      for i = 1, 100 do
        tasks[i] = create_task(function()
          local item = queue:get()
          got[#got + 1] = item
        end)
      end
      turns(1)
      for i = 1, 100 do
        if i % 3 == 0 then
          tasks[i]:cancel()
        end
        if i % 2 == 0 then
          queue:put_nowait(i)
        end
        if i % 7 == 0 then
          tasks[i // 2]:cancel()
        end
      end
      turns(2)
      for i = 1, 100 do
        if tasks[i]:cancelled() then
          cancelled = cancelled + 1
        else
          tasks[i]:cancel()
        end
      end
      assert(cancelled > 30)
      assert.equal(50, #got + queue:qsize())
      turns(1)
    end))

    it("lets go of its items", testing.virtual(function()
      local queue = new(nil, kind == "PriorityQueue" and function() return false end or nil)
      local weak = setmetatable({}, { __mode = "v" })
      for i = 1, 3000 do
        weak[i] = { i }
        queue:put_nowait(weak[i])
      end
      witness.collect()
      assert.equal(3000, #weak)
      for _ = 1, 2999 do
        queue:get_nowait()
      end
      witness.collect()
      local left = 0
      for _ in pairs(weak) do
        left = left + 1
      end
      assert.equal(1, left)
      queue:get_nowait()
      queue:put_nowait({})
      assert.equal(1, queue:qsize())
      witness.collect()
      assert.is_nil(next(weak))
    end))

    it("keeps no memory of a peak once it is empty", testing.virtual(function()
      local queue = new()
      queue:put_nowait(1)
      queue:get_nowait()
      witness.collect()
      local before = collectgarbage("count")
      for i = 1, 20000 do
        queue:put_nowait(i)
      end
      drain(queue)
      witness.collect()
      assert(collectgarbage("count") < before + 40)
    end))

    it("counts what is unfinished, and join waits for it", testing.virtual(function()
      local queue, log = new(), {}
      queue:join()
      queue:put_nowait(1)
      queue:put_nowait(2)
      recorded(log, queue.join, queue)
      recorded(log, queue.join, queue)
      turns(1)
      queue:get()
      queue:task_done()
      turns(1)
      assert.same({}, log)
      queue:get()
      turns(1)
      assert.same({}, log)
      queue:task_done()
      turns(1)
      assert.same({ {}, {} }, log)
      queue:join()
      local ok, err = pcall(function() queue:task_done() end) local here = witness.line()
      assert.is_false(ok)
      assert.equal(here .. " task_done was called more often than put", err)
    end))

    it("has items finished by many workers", testing.virtual(function()
      local queue, sum = new(), 0
      for i = 1, 100 do
        queue:put_nowait(i)
      end
      local workers = {}
      for i = 1, 5 do
        workers[i] = create_task(function()
          while true do
            sum = sum + queue:get()
            asyncio.sleep(i / 10)
            queue:task_done()
          end
        end)
      end
      queue:join()
      assert.equal(5050, sum)
      for i = 1, 5 do
        workers[i]:cancel()
      end
      turns(1)
    end))

    it("that is shut down gives what is left, then raises", testing.virtual(function()
      local queue = filled(new(), { 1, 1 })
      queue:shutdown()
      assert.same({ "raised", "QueueShutDown" }, { try(queue.put, queue, 2) })
      assert.same({ "raised", "QueueShutDown" }, { try(queue.put_nowait, queue, 2) })
      assert.equal(1, queue:get())
      assert.equal(1, queue:get_nowait())
      assert.same({ "raised", "QueueShutDown" }, { try(queue.get, queue) })
      assert.same({ "raised", "QueueShutDown" }, { try(queue.get_nowait, queue) })
      assert.same({ "raised", "TimeoutError" }, { try(asyncio.wait_for, queue.join, 1, queue) })
      queue:task_done()
      queue:task_done()
      queue:join()
      assert.equal("QueueShutDown: the queue is shut down",
        tostring(witness.raises(asyncio.QueueShutDown, queue.get, queue)))
      assert.matches("<state=shut down, size=0", tostring(queue))
      queue:shutdown()
    end))

    it("that is shut down at once drops what is left, and join returns", testing.virtual(function()
      local queue, log = filled(new(), { 1, 1, 1 }), {}
      queue:get()
      recorded(log, queue.join, queue)
      turns(1)
      queue:shutdown(true)
      assert.equal(0, queue:qsize())
      assert.same({ "raised", "QueueShutDown" }, { try(queue.get, queue) })
      turns(1)
      assert.same({}, log)
      queue:task_done()
      turns(1)
      assert.same({ {} }, log)
      assert.matches("more often", witness.text(queue.task_done, queue))
    end))

    it("is shut down by a boolean or nothing", testing.virtual(function()
      local queue = new()
      assert.matches("bad argument #1 to 'shutdown' %(boolean expected, got string%)",
        witness.text(function() queue:shutdown("x") end))
      queue:put(1)
      queue:shutdown(nil)
      assert.equal(1, queue:qsize())
    end))

    it("ends all waits when it is shut down", testing.virtual(function()
      for _, immediate in ipairs { true, false } do
        local log = {}
        local empty, full = new(), filled(new(1), { 1 })
        for _ = 1, 3 do
          recorded(log, empty.get, empty)
          recorded(log, full.put, full, 2)
        end
        turns(1)
        empty:shutdown(immediate)
        full:shutdown(immediate)
        turns(1)
        assert.equal(6, #log)
        for i = 1, 6 do
          assert.same({ "raised", "QueueShutDown" }, log[i])
        end
        assert.equal(immediate and 0 or 1, full:qsize())
      end
    end))

    it("that is shut down keeps to what it gave before", testing.virtual(function()
      local queue, log = new(1), {}
      recorded(log, queue.get, queue)
      turns(1)
      queue:put(1)
      queue:shutdown(true)
      turns(1)
      assert.same({ { 1 } }, log)
      queue:task_done()
      queue:join()
      -- room given to a putter is of no use any more
      queue, log = filled(new(1), { 1 }), {}
      recorded(log, queue.put, queue, 2)
      turns(1)
      queue:get()
      queue:shutdown()
      turns(1)
      assert.same({ { "raised", "QueueShutDown" } }, log)
      assert.equal(0, queue:qsize())
    end))

    it("is walked through until it is shut down and empty", testing.virtual(function()
      local queue, seen = filled(new(), { 1, 1 }), {}
      local walker = create_task(function()
        for item in queue:items() do
          seen[#seen + 1] = item
          queue:task_done()
        end
      end)
      turns(1)
      assert.same({ 1, 1 }, seen)
      queue:put(false)
      turns(1)
      queue:put(2)
      queue:shutdown()
      await(walker)
      assert.same({ 1, 1, false, 2 }, seen)
      queue:join()
    end))

    it("that is walked through can be cancelled there", testing.virtual(function()
      local queue = new()
      local walker = create_task(function()
        for _ in queue:items() do
          error "no item was put"
        end
      end)
      turns(1)
      walker:cancel()
      assert.same({ "raised", "CancelledError" }, { try(await, walker) })
      queue:put(1)
      assert.equal(1, queue:qsize())
    end))

    it("goes from loop to loop, with its items", function()
      local queue = new(2)
      queue:put_nowait(1)
      asyncio.run(function()
        create_task(queue.put, queue, 2)
        create_task(queue.put, queue, 3)
        turns(1)
      end)
      asyncio.run(function()
        assert.equal(2, queue:qsize())
        assert.equal(3, queue:get() + queue:get())
        create_task(queue.get, queue)
        turns(1)
      end)
      asyncio.run(function()
        queue:put(4)
        assert.equal(4, queue:get())
      end)
    end)

    it("has its room and items back when a loop closes under those that were woken", function()
      local queue = filled(new(1), { 1 })
      local loop = asyncio.new_event_loop()
      loop:create_task(queue.put, queue, 2)
      loop:run_until_complete(function() asyncio.sleep(0) end)
      queue:get_nowait()
      loop:close()
      asyncio.run(function()
        queue:put(3)
        assert.equal(3, queue:get())
        create_task(queue.get, queue)
        turns(1)
      end)
      loop = asyncio.new_event_loop()
      loop:create_task(queue.get, queue)
      loop:run_until_complete(function() asyncio.sleep(0) end)
      queue:put_nowait(4)
      loop:close()
      assert.equal(2, witness.destroyed())
      assert.equal(1, queue:qsize())
      asyncio.run(function()
        assert.equal(4, queue:get())
        queue:put(5)
        assert.equal(5, queue:get())
      end)
    end)

    it("has all items in their order when a loop closes under its getters", function()
      local queue = new()
      local loop = asyncio.new_event_loop()
      loop:set_exception_handler(function() end)
      for _ = 1, 3 do
        loop:create_task(queue.get, queue)
      end
      loop:run_until_complete(function() asyncio.sleep(0) end)
      for item = 1, 5 do
        queue:put_nowait(item)
      end
      assert.equal(2, queue:qsize())
      loop:close()
      assert.equal(5, queue:qsize())
      assert.same(new == asyncio.LifoQueue and { 5, 4, 3, 2, 1 } or { 1, 2, 3, 4, 5 }, drain(queue))
    end)

    it("refuses nonsense", function()
      assert.matches("bad argument #1 to '[%w.]+' %(number expected, got string%)", witness.text(new, "x"))
      assert.matches("asyncio.Queue expected, got asyncio.Lock", witness.text(new().qsize, asyncio.Lock()))
    end)
  end)
end

describe("a queue", function()
  it("allocates nothing while nobody waits", testing.virtual(function()
    for _, kind in ipairs(kinds) do
      local queue = filled(asyncio[kind](), { 1, 2, 3, 4 })
      queue:put(5)
      queue:get()
      collectgarbage()
      collectgarbage("stop")
      local before = collectgarbage("count")
      for i = 1, 60 do
        queue:put(i)
        queue:get()
      end
      local after = collectgarbage("count")
      collectgarbage("restart")
      assert.equal(before, after)
    end
  end))

  it("leaves nothing behind after a hundred thousand of each operation", testing.virtual(function()
    local count = os.getenv "SPEC_WAY" == "rock" and 100000 or 2000
    local loop = asyncio.get_running_loop()
    local there, back, lock = asyncio.Queue(1), asyncio.Queue(1), asyncio.Lock()
    local stats = loop:stats()
    witness.collect()
    local memory = collectgarbage("count")
    local echo = create_task(function()
      for item in there:items() do
        local scope <close> = lock:acquire()
        back:put(item)
      end
    end)
    for i = 1, count do
      there:put(i)
      assert(back:get() == i)
    end
    there:shutdown()
    await(echo)
    echo = nil  -- luacheck: ignore
    witness.collect()
    assert(collectgarbage("count") < memory + 20)
    assert.same({ stats.anchors, stats.timers, stats.tasks },
      { loop:stats().anchors, loop:stats().timers, loop:stats().tasks })
  end, { timeout = 1e6 }))
end)
