--- Deadlocks: when nothing can ever wake main, it is told why.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns = witness.turns

local function virtual_loop()
  return testing.new_event_loop { clock = "virtual" }
end

-- Runs `main`, which must end with a deadlock. Returns the text.
local function deadlock(main, loop_factory)
  local err = witness.raises(asyncio.DeadlockError, asyncio.run,
    { main, loop_factory = loop_factory })
  assert.equal("DeadlockError", err.name)
  return err.message
end

-- The part of the text between two of its headings, its places taken out.
local function circle_in(text)
  local part = text:match("\nwait cycle:\n(.-)\nwaiting tasks:")
  return part and part:gsub("<name=([^,]*), [^>]*>", "<%1>")
end

describe("a deadlock", function()
  it("names every waiting task, what it waits for and where", function()
    local here = witness.line(5)
    local text = deadlock(function()
      local event, queue = asyncio.Event(), asyncio.Queue()
      asyncio.create_task { name = "on event", function() event:wait() end }
      asyncio.create_task { name = "on queue", function()
        return (queue:get())
      end }
      asyncio.create_task { name = "finished", function() end }
      asyncio.create_task { name = "on task", function()
        asyncio.await(asyncio.create_task { name = "inner", asyncio.await, asyncio.Future() })
      end }
      asyncio.await(asyncio.Future())
    end)
    assert.matches("^nothing can ever wake the main task\nwaiting tasks:\nTask<name=Task%-%d+", text)
    assert.matches("\nTask<name=on event, [^\n]*> waits for event\nstack traceback:", text)
    assert.matches("\nTask<name=on queue, [^\n]*at=" .. here:gsub("%p", "%%%0"):sub(1, -3)
      .. "> waits for queue get\n", text)
    assert.matches("\nTask<name=on task, [^\n]*> waits for Task<name=inner, ", text)
    assert.matches("\nTask<name=inner, ", text)
    assert.not_matches("finished", text)
    assert.matches("deadlock_spec.lua:%d+: in function", text)
  end)

  it("of tasks that await each other shows the circle", function()
    local text = deadlock(function()
      local a, b, c
      a = asyncio.create_task { name = "A", function() asyncio.await(b) end }
      b = asyncio.create_task { name = "B", function() asyncio.await(c) end }
      c = asyncio.create_task { name = "C", function() asyncio.await(a) end }
      asyncio.create_task { name = "aside", function() asyncio.await(b) end }
      asyncio.await(c)
    end)
    assert.equal("  Task<C> waits for Task<A>\n  Task<A> waits for Task<B>\n"
      .. "  Task<B> waits for Task<C>", circle_in(text))
  end)

  it("of two locks taken in different order shows the circle", function()
    local text = deadlock(function()
      local red, blue = asyncio.Lock(), asyncio.Lock()
      local function take(first, second)
        local _ <close> = first:acquire()
        turns(1)
        local _ <close> = second:acquire()
      end
      local one = asyncio.create_task { name = "red first", take, red, blue }
      local two = asyncio.create_task { name = "blue first", take, blue, red }
      asyncio.gather(one, two)
    end)
    local circle = circle_in(text)
    assert.matches("  Task<red first> waits for lock held by Task<blue first>", circle, 1, true)
    assert.matches("  Task<blue first> waits for lock held by Task<red first>", circle, 1, true)
    assert.matches("waits for gather of Task<name=red first, [^>]*>, Task<name=blue first", text)
    assert.matches("in function <spec/run/deadlock_spec.lua:", text)
  end)

  it("of a lock taken twice is a circle of one", function()
    local text = deadlock(function()
      asyncio.current_task():set_name("greedy")
      local lock = asyncio.Lock()
      lock:acquire()
      lock:acquire()
    end)
    assert.equal("  Task<greedy> waits for lock held by Task<greedy>", circle_in(text))
  end)

  for name, join in pairs {
    gather = function(t) asyncio.gather(t, asyncio.Future()) end,
    wait = function(t) asyncio.wait(t, asyncio.Future()) end,
    as_completed = function(t) for _ in asyncio.as_completed(t) do end end,
    shield = function(t) asyncio.shield(t) end,
  } do
    it("through " .. name .. " shows the circle", function()
      local text = deadlock(function()
        witness.reports()  -- the child's error
        local main = asyncio.current_task():set_name("main")
        join(asyncio.create_task { name = "child", function() asyncio.await(main) end })
      end)
      assert.equal(("  Task<main> waits for %s of Task<child>\n"
        .. "  Task<child> waits for Task<main>"):format(name), circle_in(text))
    end)
  end

  it("names some of very many, and stays quick with thousands of tasks", function()
    local count = witness.many(3000)
    local text = deadlock(function()
      local lock, tasks = asyncio.Lock(), {}
      lock:acquire()
      for i = 1, count do
        tasks[i] = asyncio.create_task(lock.acquire, lock)
      end
      asyncio.gather(tasks)
    end, virtual_loop)
    local _, waiting = text:gsub("> waits for lock held by Task<", "")
    assert.equal(count + 1, waiting)  -- one in the circle
    assert.matches((" and %d more\n"):format(count - 5), text, 1, true)
  end)

  it("is raised where main waits, so that its closing variables run", function()
    local log = {}
    deadlock(function()
      local _ <close> = setmetatable({}, { __close = function(_, err)
        log[#log + 1] = witness.class(err)
        log[#log + 1] = asyncio.sleep(0.001, "slept")
      end })
      asyncio.Event():wait()
    end)
    assert.same({ "DeadlockError", "slept" }, log)
  end)

  it("can be caught by main, which goes on", function()
    assert.equal("went on", asyncio.run(function()
      for _ = 1, 3 do
        witness.raises(asyncio.DeadlockError, asyncio.await, asyncio.Future())
      end
      return asyncio.sleep(0.001, "went on")
    end))
  end)

  it("does not keep what main waited for", function()
    asyncio.run(function()
      local lock = asyncio.Lock()
      local holder = asyncio.create_task(function()
        lock:acquire()
        asyncio.await(asyncio.Future())
      end)
      turns(1)
      witness.raises(asyncio.DeadlockError, lock.acquire, lock)
      holder:cancel()
      turns(2)
      lock:release()
      assert.is_false(lock:locked())
    end)
  end)

  it("of a bare future ends run_until_complete", function()
    local loop <close> = asyncio.new_event_loop()
    local future = loop:create_future()
    local err = witness.raises(asyncio.DeadlockError, loop.run_until_complete, loop, future)
    assert.matches("^nothing can ever wake", err.message)
    assert.is_false(future:done())
    future:set_result("later")
    assert.equal("later", loop:run_until_complete(future))
  end)

  it("text survives names and values that do not print", function()
    local text = deadlock(function()
      asyncio.current_task():set_name("odd\n%s\0name")
      local bad = setmetatable({}, { __tostring = error, __await = function()
        asyncio.await(asyncio.Future())
      end })
      asyncio.await(bad)
    end)
    assert.matches("odd", text)
  end)

  it("text of the same program is complete in debug mode: where tasks were made", function()
    local err = witness.raises(asyncio.DeadlockError, asyncio.run, { debug = true, function()
      asyncio.await(asyncio.create_task(function() asyncio.await(asyncio.Future()) end))
    end })
    assert.matches("created at:\n.-deadlock_spec.lua:" .. witness.line(-2):match(":(%d+):"),
      err.message)
  end)
end)

describe("no deadlock", function()
  local function done_by(f)
    return asyncio.run(function()
      local future = asyncio.Future()
      f(future)
      return asyncio.await(future)
    end)
  end

  it("is seen while a timer is pending", function()
    assert.equal("timer", done_by(function(future)
      asyncio.get_running_loop():call_later(0.02, function() future:set_result("timer") end)
    end))
  end)

  it("is seen while a socket may be heard", function()
    assert.equal("bytes", done_by(function(future)
      local loop = asyncio.get_running_loop()
      local server = asyncio.start_server(function(reader)
        future:set_result(reader:read(5))
      end, "127.0.0.1", 0)
      local address = server:sockets()[1]
      asyncio.create_task(function()
        local _, writer = asyncio.open_connection(address.host, address.port)
        writer:write("bytes")
        asyncio.await(future)
        writer:close()
        server:close()
      end)
      assert(loop:is_running())
    end))
  end)

  it("is seen while a name is looked up", function()
    assert.is_true(asyncio.run(function()
      local done = pcall(function()
        asyncio.get_running_loop():getaddrinfo("localhost", 80)
      end)
      return done ~= nil
    end))
  end)

  it("is seen where only another task waits for ever", function()
    assert.equal("fine", asyncio.run(function()
      asyncio.create_task(function() asyncio.await(asyncio.Future()) end)
      return asyncio.sleep(0.01, "fine")
    end))
  end)

  it("is seen by run_forever", function()
    local loop <close> = asyncio.new_event_loop()
    loop:call_later(0.01, loop.stop, loop)
    loop:run_forever()
  end)
end)
