--- Where and why: a time limit, a cancel by a scope and an error of a block say
-- how long, set where, and where the task stood.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"

local FILE = "spec/[%w_/]+_spec%.lua:"

--- The line of the function that calls this, `offset` lines further.
local function line(offset)
  return debug.getinfo(2, "l").currentline + offset
end

local function never()
  asyncio.sleep(1e6)
end

--- The message of the TimeoutError that `f` raises, and the line it names.
local function limit_of(f)
  local ok, err = pcall(f)
  assert.is_false(ok)
  assert.is_true(asyncio.isinstance(err, asyncio.TimeoutError), tostring(err))
  local span, at = err.message:match("^timed out after (%S+ s) %(limit set at " .. FILE .. "(%d+)%)$")
  return span or err.message, tonumber(at)
end

describe("a time limit", function()
  it("says how long it was and where it was set", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local set
    local ways = {
      timeout = function()
        set = line(1)
        local _ <close> = asyncio.timeout(2.5)
        never()
      end,
      timeout_at = function()
        set = line(1)
        local _ <close> = asyncio.timeout_at(loop:time() + 2.5)
        never()
      end,
      reschedule = function()
        local scope <close> = asyncio.timeout(nil)
        set = line(1)
        scope:reschedule(loop:time() + 2.5)
        never()
      end,
      wait_for = function()
        set = line(1)
        asyncio.wait_for(never, 2.5)
      end,
      fail_after = function()
        set = line(1)
        asyncio.fail_after(2.5, never)
      end,
      as_completed = function()
        set = line(1)
        for _ in asyncio.as_completed { never, timeout = 2.5 } do
          error "no child can be done"
        end
      end,
    }
    for name, way in pairs(ways) do
      local span, at = limit_of(way)
      assert.same({ name, "2.5 s", set }, { name, span, at })
    end
    for _, task in ipairs(asyncio.all_tasks()) do
      if task ~= asyncio.current_task() then
        task:cancel()
        pcall(asyncio.await, task)
      end
    end
  end))

  it("of no time at all says so, too", testing.virtual(function()
    local set = line(1)
    local span, at = limit_of(function() asyncio.wait_for(asyncio.Future(), 0) end)
    assert.same({ "0 s", set }, { span, at })
    set = line(1)
    span, at = limit_of(function() asyncio.wait_for(asyncio.Future(), -3) end)
    assert.same({ "0 s", set }, { span, at })
  end))

  it("set where no Lua function stands has no line to name", testing.virtual(function()
    local task = asyncio.create_task(asyncio.wait_for, never, 1)
    local _, err = pcall(asyncio.await, task)
    assert.equal("TimeoutError: timed out after 1 s", tostring(err))
  end))

  it("is the place of the outer one where that runs out first", testing.virtual(function()
    local set = line(2)
    local span, at = limit_of(function()
      local _ <close> = asyncio.timeout(1)
      asyncio.wait_for(never, 2)
    end)
    assert.same({ "1 s", set }, { span, at })
  end))
end)

describe("the task that a time limit ends", function()
  --- The lines of this file in a traceback, innermost first.
  local function lines_of(trace)
    local lines = {}
    for at in trace:gmatch(FILE .. "(%d+): in") do
      lines[#lines + 1] = tonumber(at)
    end
    return lines
  end

  it("shows where it stood", testing.virtual(function()
    local waits, calls
    local function fetch()
      waits = line(1)
      asyncio.sleep(5)
    end
    local task = asyncio.create_task(function()
      local _ <close> = asyncio.timeout(1)
      calls = line(1)
      fetch()
    end)
    pcall(asyncio.await, task)
    assert.same({ waits, calls }, lines_of(task:traceback()))
    assert.matches(":" .. waits .. ">", tostring(task))
  end))

  it("shows where a task stood that it awaited", testing.virtual(function()
    local waits, calls, awaits
    local function fetch()
      waits = line(1)
      asyncio.sleep(5)
    end
    local task = asyncio.create_task(function()
      local inner = asyncio.create_task(function()
        calls = line(1)
        fetch()
      end)
      local _ <close> = asyncio.timeout(1)
      awaits = line(1)
      asyncio.await(inner)
    end)
    pcall(asyncio.await, task)
    assert.same({ waits, calls, awaits }, lines_of(task:traceback()))
  end))

  it("shows where it stood in a coroutine or a generator that it drives", testing.virtual(function()
    local waits, steps
    local rows = asyncio.generator(function()
      waits = line(1)
      asyncio.sleep(5)
      coroutine.yield()
    end)
    local task = asyncio.create_task(function()
      local _ <close> = asyncio.timeout(1)
      steps = line(1)
      for _ in rows() do
        error "there is no row"
      end
    end)
    pcall(asyncio.await, task)
    assert.same({ waits, steps }, lines_of(task:traceback()))
  end))

  it("keeps the stack of its error in each task that the error goes through", testing.virtual(function()
    local waits
    local inner = asyncio.create_task(function()
      local _ <close> = asyncio.timeout(1)
      waits = line(1)
      asyncio.sleep(5)
    end)
    local outer = asyncio.create_task(asyncio.await, inner)
    pcall(asyncio.await, outer)
    assert.equal(waits, lines_of(inner:traceback())[1])
  end))
end)

describe("a CancelledError of a time limit", function()
  it("says which limit, also where nobody closes the scope", testing.virtual(function()
    local set
    local task = asyncio.create_task(function()
      set = line(1)
      local scope = asyncio.timeout(0.5)
      asyncio.sleep(1)
      return scope
    end)
    local ok, err = pcall(asyncio.await, task)
    assert.same({ false, true }, { ok, asyncio.isinstance(err, asyncio.CancelledError) })
    assert.matches("^the time limit of 0%.5 s set at " .. FILE .. set .. " was reached$", err.message)
  end))

  it("is seen by the tasks and futures that the cancel goes through", testing.virtual(function()
    local seen = {}
    local function watched(aw)
      local ok, err = pcall(asyncio.await, aw)
      seen[#seen + 1] = not ok and err.message or "no error"
      error(err, 0)
    end
    local future = asyncio.Future()
    asyncio.move_on_after(2, watched, asyncio.create_task(watched, future))
    assert.same({ 2, seen[1] }, { #seen, seen[2] })
    assert.matches("^the time limit of 2 s set at ", seen[1])
  end))

  it("is not that of a cancel which came later from elsewhere", testing.virtual(function()
    local messages = {}
    local task = asyncio.create_task(function()
      local scope <close> = asyncio.timeout(1)
      messages[1] = select(2, pcall(asyncio.sleep, 5)).message
      messages[2] = select(2, pcall(asyncio.sleep, 5)).message
      assert.is_true(scope:expired())
    end)
    asyncio.sleep(2)
    task:cancel("from elsewhere")
    pcall(asyncio.await, task)
    assert.matches("^the time limit of 1 s", messages[1])
    assert.equal("from elsewhere", messages[2])
  end))

  it("leaves no reason behind when many scopes expire at once", testing.virtual(function()
    local n = 0
    for i = 1, 300 do
      asyncio.create_task(function()
        local ok, err = pcall(asyncio.wait_for, never, 1)
        n = n + (not ok and err.message:find "^timed out after 1 s" and 1 or 0)
      end)
      if i % 100 == 0 then
        asyncio.sleep(0.1)
      end
    end
    asyncio.sleep(2)
    assert.equal(300, n)
    local task = asyncio.create_task(never)
    asyncio.sleep(0)
    task:cancel()
    assert.is_nil(select(2, pcall(asyncio.await, task)).message)
  end))
end)

describe("a CancelledError of a task group", function()
  local function message_of(f)
    local ok, err = pcall(f)
    assert.same({ false, true }, { ok, asyncio.isinstance(err, asyncio.CancelledError) })
    return err.message
  end

  it("says that a child failed, in the block and in the other children", testing.virtual(function()
    local opened
    local messages = {}
    local function wait(name)
      messages[name] = message_of(never)
    end
    pcall(function()
      opened = line(1)
      local group <close> = asyncio.TaskGroup()
      group:create_task(wait, "child")
      group:create_task(function()
        asyncio.sleep(1)
        error "the failure"
      end)
      wait "block"
    end)
    assert.equal(messages.block, messages.child)
    assert.matches("^a child of the task group opened at " .. FILE .. opened .. " failed$", messages.block)
  end))

  it("says that the group was cancelled", testing.virtual(function()
    local opened, message
    opened = line(1)
    asyncio.task_group(function(group)
      group:create_task(function()
        asyncio.sleep(1)
        group:cancel()
      end)
      message = message_of(never)
    end)
    assert.matches("^the task group opened at " .. FILE .. opened .. " was cancelled$", message)
  end))

  it("lets the words of a cancel from elsewhere through", testing.virtual(function()
    local message
    local task = asyncio.create_task(function()
      local group <close> = asyncio.TaskGroup()
      group:create_task(never)
      message = message_of(never)
    end)
    asyncio.sleep(1)
    task:cancel "enough"
    pcall(asyncio.await, task)
    assert.equal("enough", message)
  end))
end)
