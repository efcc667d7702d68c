--- Generators left open: the loop closes them.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns, class = witness.turns, witness.class

local function closing(log, name, delay)
  return setmetatable({}, { __close = function(_, err)
    if delay then
      asyncio.sleep(delay)
    end
    log[#log + 1] = name .. (err ~= nil and ": " .. tostring(class(err)) or "")
  end })
end

-- count(n [, log [, delay]]): 1, 2, ... n, a second apart; logs its end
local count = asyncio.generator(function(n, log, delay)
  local _ <close> = closing(log or {}, "closed", delay)
  for i = 1, n do
    asyncio.sleep(1)
    coroutine.yield(i)
  end
end)

local function open_generators()
  return require("asyncio.core").api.open_generators(asyncio.get_running_loop()).n
end

describe("a generator left open", function()
  -- Runs `main` with asyncio.run, on the virtual clock.
  local function run(main)
    return asyncio.run { main, loop_factory = function()
      return testing.new_event_loop { clock = "virtual" }
    end }
  end

  it("is closed by run, and its variables may wait", function()
    local log, keep = {}, nil
    run(function()
      keep = count(3, log, 1)
      log[#log + 1] = keep()
    end)
    assert.same({ 1, "closed: CancelledError" }, log)
    assert.matches("closed", tostring(keep))
  end)

  it("is closed by run after the tasks, also when main failed", function()
    local log, keep = {}, {}
    assert.is_false(pcall(run, function()
      keep[1] = count(3, log)
      keep[1]()
      asyncio.create_task(function()
        local _ <close> = closing(log, "task", 1)
        keep[2] = count(3, log)
        keep[2]()
        asyncio.sleep(50)
      end)
      asyncio.sleep(2)
      error("boom", 0)
    end))
    assert.same({ "task: CancelledError", "closed: CancelledError", "closed: CancelledError" },
      log)
  end)

  it("may leave others open while it is closed", function()
    local log, keep = {}, {}
    run(function()
      keep[1] = asyncio.generator(function()
        local _ <close> = setmetatable({}, { __close = function()
          keep[2] = count(3, log)
          keep[2]()
        end })
        coroutine.yield(1)
      end)()
      keep[1]()
    end)
    assert.same({ "closed: CancelledError" }, log)
  end)

  it("whose closing fails is reported by run", function()
    local contexts, keep
    run(function()
      contexts = witness.reports()
      keep = asyncio.generator(function()
        local _ <close> = setmetatable({}, { __close = function() error("in close", 0) end })
        coroutine.yield(1)
      end)()
      keep()
    end)
    assert.equal(1, #contexts)
    assert.equal("in close", contexts[1].exception)
    assert.matches("a task failed while the run was ending", contexts[1].message)
    assert.equal("closing a generator", contexts[1].task:get_name())
    assert.is_truthy(keep)
  end)

  it("whose closing never ends does not keep run from ending", function()
    local log, keep = {}, {}
    run(function()
      witness.reports()
      for i = 1, 2 do
        keep[i] = asyncio.generator(function()
          local _ <close> = setmetatable({}, { __close = function()
            log[#log + 1] = "closing"
            repeat until (pcall(asyncio.sleep, 1e9)) or (i == 1 and #log > 2)
          end })
          coroutine.yield(1)
        end)()
        keep[i]()
      end
    end)
    assert.same({ "closing", "closing" }, log)
  end)

  it("is closed soon after it was dropped", testing.virtual(function()
    local log = {}
    do
      local it = count(3, log, 1)
      it()
      count(3, log)  -- never begun: nothing to close
    end
    witness.collect()
    asyncio.sleep(2)
    assert.same({ "closed: CancelledError" }, log)
    assert.equal(0, open_generators())
  end))

  it("and dropped by hundreds costs nothing in the end", testing.virtual(function()
    local log = {}
    for _ = 1, 300 do
      count(3, log)()
    end
    witness.collect()
    asyncio.sleep(1)
    assert.equal(300, #log)
    assert.equal(0, open_generators())
  end, { timeout = 1000 }))

  it("is closed by run when it was dropped just before the end", function()
    local log = {}
    run(function()
      for _ = 1, 3 do
        count(3, log, 1)()
      end
    end)
    assert.same({ "closed: CancelledError", "closed: CancelledError", "closed: CancelledError" },
      log)
  end)

  it("and dropped is closed in peace when the run ends meanwhile", function()
    for pause = 0, 3 do
      local log = {}
      run(function()
        count(3, log, 1)()
        witness.collect()
        turns(pause)
      end)
      assert.same({ "closed: CancelledError" }, log)
    end
  end)

  it("may outlive its loop, or be collected with it", function()
    local keep
    do
      local loop = testing.new_event_loop { clock = "virtual" }
      loop:run_until_complete(function()
        keep = count(3)
        keep()
        count(3)()
      end)
      witness.collect()
      loop:close()
    end
    witness.collect()
    assert.matches("open", tostring(keep))
    testing.run { clock = "virtual", function()
      assert.equal(2, keep())
      keep:aclose()
    end }
    do
      local loop = testing.new_event_loop { clock = "virtual" }
      loop:run_until_complete(function() keep = count(3) keep() end)
    end
    keep = nil  -- luacheck: ignore
    witness.collect()
  end)

  it("is closed at once where nothing can suspend", function()
    local log, keep = {}, nil
    local loop = asyncio.new_event_loop()
    loop:run_until_complete(function()
      keep = asyncio.generator(function()
        local _ <close> = closing(log, "closed")
        coroutine.yield(1)
      end)()
      keep()
    end)
    loop:close()
    do
      local _ <close> = keep
    end
    assert.same({ "closed" }, log)
  end)

  it("is not kept alive by being open", testing.virtual(function()
    local weak = setmetatable({}, { __mode = "v" })
    for v in count(3) do
      if v == 2 then break end
    end
    weak[1] = count(1)
    weak[1]()
    witness.collect()
    asyncio.sleep(1)
    witness.collect()
    assert.is_nil(weak[1])
  end))
end)
