--- Time slices: a task in a busy loop gives way where Lua lets it.

local asyncio = require "asyncio"
local witness = require "spec.support.witness"

local SLICE = 0.002

-- Runs `main` with time slices; real time, as only that passes in a loop.
local function sliced(main, options)
  options = options or {}
  options[1], options.time_slice = main, SLICE
  return asyncio.run(options)
end

-- Spins until `flag[1]` is set; the other tasks must get their turn for that.
local function spin(flag)
  while not flag[1] do end
end

-- Spins for so many seconds of processor time, in Lua.
local function burn(seconds)
  local stop = os.clock() + seconds
  while os.clock() < stop do
    for _ = 1, 1000 do end
  end
end

-- Starts a task that counts its turns until `flag[1]` is set.
local function ticker(flag)
  local ticks = { 0 }
  asyncio.create_task(function()
    while not flag[1] do
      ticks[1] = ticks[1] + 1
      asyncio.sleep(0)
    end
  end)
  return ticks
end

describe("the time slice of one task", function()
  it("makes that one give way", function()
    asyncio.run(function()
      local flag = {}
      local task = asyncio.create_task { spin, flag, time_slice = SLICE }
      asyncio.sleep(0)
      flag[1] = true
      asyncio.await(task)
    end)
  end)

  it("goes through a task factory", function()
    asyncio.run(function()
      asyncio.get_running_loop():set_task_factory(asyncio.Task)
      local flag = {}
      local task = asyncio.create_task { spin, flag, time_slice = SLICE }
      asyncio.sleep(0)
      flag[1] = true
      asyncio.await(task)
    end)
  end)

  it("is a positive time", function()
    asyncio.run(function()
      for _, slice in ipairs { 0, -1, "x" } do
        local ok, err = pcall(asyncio.create_task, { spin, time_slice = slice })
        assert.same({ false, true }, { ok, err:find("option 'time_slice' must be") ~= nil })
      end
    end)
  end)
end)

describe("a time slice", function()
  it("lets other tasks, timers and callbacks go on beside a busy loop", function()
    local log = {}
    sliced(function()
      local flag = {}
      asyncio.create_task(function() asyncio.sleep(0.01) log[#log + 1] = "sleeper" end)
      asyncio.get_running_loop():call_later(0.03, function() flag[1] = true end)
      spin(flag)
      log[#log + 1] = "main"
    end)
    assert.same({ "sleeper", "main" }, log)
  end)

  it("lets two busy loops take turns", function()
    sliced(function()
      local a, b = {}, {}
      local one = asyncio.create_task(function() spin(b) a[1] = true end)
      local two = asyncio.create_task(function() b[1] = true spin(a) end)
      asyncio.gather(one, two)
    end)
  end)

  it("does not change what a computation gives", function()
    local count = witness.many(3000)
    local function work()
      local list, seed = {}, 42
      for i = 1, count do
        seed = (seed * 1103515245 + 12345) % 2147483648
        list[i] = { seed, tostring(seed) }
      end
      table.sort(list, function(a, b) return a[1] < b[1] end)
      local sum, text = 0, {}
      for i, pair in ipairs(list) do
        sum = (sum * 31 + pair[1] * i) % 1000000007
        text[i] = pair[2]:gsub("%d", function(d) return (d + 1) % 10 .. "" end)
      end
      local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
      local co = coroutine.wrap(function(...) for i = 1, 100 do coroutine.yield(i, ...) end end)
      local ok, err = pcall(function() fib(15) error({ fib(12) }) end)
      return sum, table.concat(text):sub(1, 200), fib(18), ok, err[1], co("x"), (select("#", co()))
    end
    local plain = table.pack(work())
    for _ = 1, witness.many(300) // 100 + 1 do
      local results = sliced(function()
        local tasks = {}
        for i = 1, 3 do
          tasks[i] = asyncio.create_task(work)
        end
        for i = 1, 3 do
          tasks[i] = table.pack(asyncio.await(tasks[i]))
        end
        return tasks
      end)
      for i = 1, 3 do
        assert.same(plain, results[i])
      end
    end
  end)

  it("raises a cancel in the loop, through any pcall that asks for it", function()
    sliced(function()
      local closed = 0
      local function close() closed = closed + 1 end
      local task = asyncio.create_task(function()
        local _ <close> = setmetatable({}, { __close = close })
        asyncio.pcall(function()
          local _ <close> = setmetatable({}, { __close = close })
          pcall(pcall, function() while true do end end)
          while true do end
        end)
      end)
      asyncio.sleep(0.01)
      task:cancel()
      asyncio.sleep(0.01)
      task:cancel()
      witness.raises(asyncio.CancelledError, asyncio.await, task)
      assert.equal(2, closed)
    end)
  end)

  it("makes a time-out work on a busy loop", function()
    sliced(function()
      witness.raises(asyncio.TimeoutError, asyncio.wait_for, function() while true do end end, 0.01)
    end)
  end)

  it("ends the shutdown of loops that never end, even if they catch all", function()
    local reports
    sliced(function()
      reports = witness.reports()
      asyncio.create_task(function() while true do end end)
      local function forever() while true do end end
      asyncio.create_task(function()
        while true do
          pcall(forever)
        end
      end)
      asyncio.sleep(0)
    end, { shutdown_grace = 0.02 })
    -- none, if a cancel came just between two pcalls
    for _, context in ipairs(reports) do
      assert.matches("closed by force", context.message)
    end
    assert.is_true(#reports <= 1)
  end)

  for name, busy in pairs {
    ["in a comparator of table.sort"] = function()
      table.sort({ 3, 1, 2, 5, 4 }, function(a, b) burn(0.004) return a < b end)
    end,
    ["in a callback of gsub"] = function()
      local _ = ("abc"):gsub(".", function() burn(0.01) end)
    end,
    ["in a closing variable"] = function()
      local _ <close> = setmetatable({}, { __close = function() burn(0.03) end })
    end,
    ["in what a closing variable calls"] = function()
      local _ <close> = setmetatable({}, { __close = function() pcall(burn, 0.03) end })
    end,
    ["in uninterrupted"] = function() asyncio.uninterrupted(burn, 0.03) end,
    ["in uninterrupted, nested"] = function()
      asyncio.uninterrupted(function()
        asyncio.uninterrupted(burn, 0.01)
        burn(0.02)
      end)
    end,
    ["in a finalizer"] = function()
      setmetatable({}, { __gc = function() burn(0.03) end })
      collectgarbage()
    end,
  } do
    it("does not end " .. name, function()
      sliced(function()
        local flag = {}
        local ticks = ticker(flag)
        asyncio.sleep(0)
        local before = ticks[1]
        busy()
        local after = ticks[1]
        flag[1] = true
        -- one slice may end just before the busy part begins, or after it
        assert.is_true(after - before <= 2, after - before)
      end)
    end)
  end

  it("comes again after uninterrupted, also after an error in it", function()
    sliced(function()
      assert.same({ true, 1, nil, 3 }, { pcall(asyncio.uninterrupted, function(...)
        return ...
      end, 1, nil, 3) })
      local err = {}
      assert.same({ false, err }, { pcall(asyncio.uninterrupted, error, err) })
      local flag = {}
      asyncio.get_running_loop():call_later(0.01, function() flag[1] = true end)
      spin(flag)
    end)
  end)

  it("ends in nested calls, pcalls and closed-over loops", function()
    sliced(function()
      local flag = {}
      asyncio.get_running_loop():call_later(0.01, function() flag[1] = true end)
      local ok, value = pcall(pcall, function()
        for _ in function() return not flag[1] or nil end do end
        return "through"
      end)
      assert.same({ true, true }, { ok, value })
    end)
  end)

  it("waits when the task waits: steps in the middle of I/O are not torn", function()
    sliced(function()
      local queue, got = asyncio.Queue(1), {}
      local consumer = asyncio.create_task(function()
        for i = 1, 20 do
          got[i] = queue:get()
          burn(0.001)
        end
      end)
      for i = 1, 20 do
        burn(0.001)
        queue:put(i)
      end
      asyncio.await(consumer)
      for i = 1, 20 do
        assert.equal(i, got[i])
      end
    end)
  end)

  it("leaves a hook of the program's own in place", function()
    sliced(function()
      local calls, flag = 0, {}
      local function hook() calls = calls + 1 end
      debug.sethook(hook, "", 1000)
      asyncio.get_running_loop():call_later(0.02, function() flag[1] = true end)
      spin(flag)
      assert.equal(hook, (debug.gethook()))
      local before = calls
      for _ = 1, 10000 do end
      debug.sethook()
      assert.is_true(before > 0 and calls > before)
    end)
  end)

  -- Calls `f` again and again for so many seconds, with slices as short as can be.
  local function hammer(seconds, f)
    asyncio.run { time_slice = 0.0005, function()
      local stop = os.clock() + seconds
      while os.clock() < stop do
        f()
      end
    end }
  end

  it("lose no value of generators inside one another", function()
    local walk
    walk = asyncio.generator(function(depth)
      if depth == 0 then
        coroutine.yield(true)
        return
      end
      for leaf in walk(depth - 1) do coroutine.yield(leaf) end
      for leaf in walk(depth - 1) do coroutine.yield(leaf) end
    end)
    local walks, leaves = 0, 0
    hammer(1, function()
      walks = walks + 1
      for _ in walk(6) do leaves = leaves + 1 end
    end)
    assert.equal(64 * walks, leaves)
  end)

  it("lose no result of coroutines inside one another", function()
    local wrap = asyncio.coroutine.wrap
    local function nest(depth)
      return depth == 0 and "result" or wrap(nest)(depth - 1)
    end
    local calls, results = 0, 0
    hammer(0.5, function()
      calls = calls + 1
      results = results + (nest(8) == "result" and 1 or 0)
    end)
    assert.equal(calls, results)
  end)

  it("let no generator that is closed go on behind its yield", function()
    local went_on = 0
    local rows = asyncio.generator(function()
      coroutine.yield(1)
      went_on = went_on + 1
    end)
    hammer(1.5, function()
      for _ = 1, 100 do
        for _ in rows() do break end  -- luacheck: ignore
      end
    end)
    assert.equal(0, went_on)
  end)

  it("leave each coroutine its own hook", function()
    local foreign, calls = 0, 0
    hammer(0.5, function()
      local function hooked(depth)
        local function hook() calls = calls + 1 end
        debug.sethook(hook, "", 7)
        if depth > 0 then
          asyncio.coroutine.wrap(hooked)(depth - 1)
        end
        for _ = 1, 20 do end
        local now = debug.gethook()
        if now == "external hook" then  -- a slice ends just then
          now = debug.gethook()
        end
        if now ~= hook then foreign = foreign + 1 end
        debug.sethook()
      end
      asyncio.coroutine.wrap(hooked)(3)
    end)
    assert.equal(0, foreign)
    assert.is_true(calls > 0)
  end)

  it("let a deep recursion go on at nearly its own speed", function()
    local function deep(n)
      if n == 0 then
        burn(0.1)
        return 0
      end
      return 1 + deep(n - 1)
    end
    local began = os.clock()
    asyncio.run { time_slice = 0.001, function()
      assert.equal(30000, deep(30000))
    end }
    assert.is_true(os.clock() - began < 1, os.clock() - began)
  end)
end)
