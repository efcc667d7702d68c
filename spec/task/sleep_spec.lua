--- The loop's clock, and sleep.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

local function now()
  return asyncio.get_running_loop():time()
end

describe("sleep", function()
  it("gives its further arguments back, nils included", testing.virtual(function()
    assert.same({ n = 3, nil, "b", nil }, table.pack(asyncio.sleep(1, nil, "b", nil)))
    assert.same({ n = 3, nil, "b", nil }, table.pack(asyncio.sleep(0, nil, "b", nil)))
    assert.same({ n = 0 }, table.pack(asyncio.sleep(1)))
  end))

  it("takes times of hundreds of years; beyond those it never ends", testing.virtual(function()
    local start = now()
    local forever = asyncio.create_task(asyncio.sleep, math.huge)
    asyncio.sleep(1e10)
    assert.near(1e10, now() - start, 1)
    asyncio.sleep(1)
    assert.is_false(forever:done())
    forever:cancel()
  end))

  it("takes seconds as Lua's own functions take numbers", testing.virtual(function()
    local start = now()
    asyncio.sleep "1"
    asyncio.fail_after("2", asyncio.sleep, "0x1")
    asyncio.wait_for(asyncio.sleep, "2", "1")
    local task = asyncio.create_task(asyncio.sleep, 100)
    asyncio.wait { task, timeout = "1" }
    witness.raises(asyncio.TimeoutError, function()
      for _ in asyncio.as_completed { task, timeout = "1e0" } do
        error "not yet"
      end
    end)
    task:cancel()
    assert.equal(5, now() - start)
  end))

  it("ends at its time, in the order of the times", testing.virtual(function()
    local log = {}
    for i, delay in ipairs { 3, 1, 2, 1, 0.5 } do
      asyncio.create_task(function()
        asyncio.sleep(delay)
        log[#log + 1] = ("%d at %.1f"):format(i, now() - 1)
      end)
    end
    asyncio.sleep(4)
    assert.same({ "5 at 0.5", "2 at 1.0", "4 at 1.0", "3 at 2.0", "1 at 3.0" }, log)
  end))

  it("of the same end wakes in the order of the calls, were they thousands",
    testing.virtual(function()
      local woken, count = {}, witness.many(5000)
      for i = 1, count do
        asyncio.create_task(function()
          asyncio.sleep(7)
          woken[#woken + 1] = i
        end)
      end
      asyncio.sleep(8)
      for i = 1, count do
        assert(woken[i] == i)
      end
    end))

  it("keeps the order of any mix of times and cancels", testing.virtual(function()
    local log, tasks, count = {}, {}, witness.many(2000)
    local seed = 42
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n
    end
    for i = 1, count do
      local delay = random(500) + 1
      tasks[i] = asyncio.create_task(function()
        asyncio.sleep(delay)
        log[#log + 1] = { delay, i }
      end)
    end
    turns(1)
    local cancelled = 0
    for i = 1, count do
      if random(3) == 0 then
        tasks[i]:cancel()
        cancelled = cancelled + 1
      end
    end
    asyncio.sleep(501)
    assert.equal(count - cancelled, #log)
    for i = 2, #log do
      local a, b = log[i - 1], log[i]
      assert(a[1] < b[1] or a[1] == b[1] and a[2] < b[2])
    end
  end, { timeout = 1000 }))

  it("of nothing or less is one turn and takes no time", testing.virtual(function()
    local log, start = {}, now()
    asyncio.create_task(function() log[#log + 1] = "other" end)
    asyncio.sleep(0)
    log[#log + 1] = "first"
    asyncio.create_task(function() log[#log + 1] = "another" end)
    asyncio.sleep(-5)
    log[#log + 1] = "second"
    asyncio.sleep(-math.huge)
    assert.same({ "other", "first", "another", "second" }, log)
    assert.equal(start, now())
  end))

  it("for ever ends with a cancel", testing.virtual(function()
    local task = asyncio.create_task(asyncio.sleep, math.huge)
    asyncio.sleep(1e9)
    assert.is_false(task:done())
    task:cancel()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
  end, { timeout = 1e10 }))

  it("that is cancelled leaves no timer", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local timers = loop:stats().timers
    local tasks = {}
    for i = 1, 100 do
      tasks[i] = asyncio.create_task(asyncio.sleep, i)
    end
    turns(1)
    assert.equal(timers + 100, loop:stats().timers)
    for i = 1, 100 do
      tasks[i]:cancel()
    end
    assert.equal(timers, loop:stats().timers)
    turns(1)
  end))

  it("refuses nonsense, at the caller's line", testing.virtual(function()
    local ok, err = pcall(function() asyncio.sleep("x") end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " bad argument #1 to 'sleep' (number expected, got string)", err)
    assert.matches("number expected, got nil", witness.text(asyncio.sleep, nil))
    assert.matches("number expected, got no value", witness.text(asyncio.sleep))
    assert.matches("seconds expected, got NaN", witness.text(asyncio.sleep, 0 / 0))
    assert.equal(1, asyncio.sleep("0.5", 1))
  end))

  it("takes about its time on the real clock, and never less", testing.async(function()
    local start = now()
    asyncio.sleep(0.02)
    local took = now() - start
    assert(took >= 0.02 and took < 2, took)
  end))
end)

describe("the clock", function()
  it("is monotonic and read afresh at each call", testing.async(function()
    local start = now()
    local limit = os.clock() + 0.01
    repeat until os.clock() > limit
    assert(now() > start)
    assert.equal("float", math.type(start))
  end))

  it("stands still in virtual time while anything runs", testing.virtual(function()
    local start = now()
    local limit = os.clock() + 0.01
    repeat until os.clock() > limit
    turns(5)
    assert.equal(start, now())
    asyncio.sleep(86400)
    assert.equal(start + 86400, now())
  end, { timeout = 1e6 }))

  it("lets a timer through a busy ring of ready tasks", testing.async(function()
    local over = false
    local spinner = asyncio.create_task(function()
      while not over do
        asyncio.sleep(0)
      end
    end)
    asyncio.sleep(0.01)
    over = true
    asyncio.await(spinner)
  end))

  it("lets a timer through a busy ring in no virtual time", testing.virtual(function()
    local log = {}
    asyncio.get_running_loop():call_later(0, function() log[1] = "called" end)
    turns(100)
    assert.same({ "called" }, log)
  end))
end)
