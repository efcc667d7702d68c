--- Arguments: what a function of many takes, it checks before anything has happened.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local LENGTH = "'n' must be the length of the list"

-- each is called with a list of its own kind
local takers = {
  gather = asyncio.gather,
  wait = asyncio.wait,
  as_completed = asyncio.as_completed,
  create_task = asyncio.create_task,
}

for name, take in pairs(takers) do
  describe("the list of " .. name, function()
    it("has no length but a whole number from 0 on", testing.virtual(function()
      for _, n in ipairs { -1, math.mininteger, math.maxinteger, 1 << 32, (1 << 32) + 1, 1.5, 0 / 0,
        "many", true, {} } do
        assert.matches(LENGTH, witness.text(take, { asyncio.Future(), n = n }), 1, true)
      end
    end))

    it("has such a length by '__len', too", testing.virtual(function()
      for _, n in ipairs { -1, math.mininteger, math.maxinteger, 1 << 32, (1 << 32) + 1 } do
        local list = setmetatable({ asyncio.Future() }, { __len = function() return n end })
        assert.matches("length of the list", witness.text(take, list), 1, true)
      end
    end))

    it("is refused if its length reaches far past its end", testing.virtual(function()
      local done = asyncio.Future()
      done:set_result(1)
      local before = collectgarbage "count"
      assert.matches("bad argument #1 to 'take'",
        witness.text(function() take({ done, n = 1 << 29 }) end), 1, true)
      assert.is_true(collectgarbage "count" < before + 50000)
    end))
  end)
end

for name, call in pairs {
  gather = function(options) asyncio.gather(options) end,
  create_task = function(options) asyncio.create_task(options) end,
} do
  describe("the switch of " .. name, function()
    it("is a boolean", testing.virtual(function()
      local option = name == "gather" and "return_exceptions" or "eager_start"
      for _, rubbish in ipairs { "yes", 1, {}, print } do
        local ran = false
        local text = witness.text(call, { function() ran = true end, [option] = rubbish })
        assert.matches("bad argument #1 to", text, 1, true)
        assert.matches("option '" .. option .. "' must be a boolean", text, 1, true)
        asyncio.sleep(0)
        assert.is_false(ran)
      end
    end))
  end)
end

describe("what takes no argument", function()
  it("refuses one at the caller's line", testing.virtual(function()
    local text = witness.text(function() asyncio.TaskGroup(print) end) local here = witness.line()
    assert.equal(here .. " bad argument #1 to 'TaskGroup' (no argument expected, got function)", text)
    text = witness.text(function() asyncio.task_group(print, 1) end) here = witness.line()
    assert.equal(here .. " bad argument #2 to 'task_group' (no argument expected, got number)", text)
    text = witness.text(function() asyncio.ExceptionGroup("m", { 1 }, {}) end) here = witness.line()
    assert.equal(here .. " bad argument #3 to 'ExceptionGroup' (no argument expected, got table)", text)
    asyncio.task_group(function(group)
      text = witness.text(function() group:cancel("enough") end) here = witness.line()
      assert.equal(here .. " bad argument #1 to 'cancel' (no argument expected, got string)", text)
    end)
  end))
end)

describe("what start refuses", function()
  it("is an error of its caller's, whatever it starts", testing.virtual(function()
    asyncio.task_group(function(group)
      for rubbish, what in pairs {
        [{ asyncio.sleep, n = -1 }] = "field 'n' must be the length of the list",
        [{ asyncio.sleep, n = 1 << 29 }] = "too many arguments",
        [{ asyncio.sleep, nam = "x" }] = "unknown option 'nam'",
        [{ asyncio.sleep, time_slice = -1 }] = "option 'time_slice' must be a positive time in seconds",
        [{}] = "function expected, got nil",
        [{ asyncio.current_task() }] = "function expected, got asyncio.Task",
        [setmetatable({}, { __await = print })] = "function expected, got table",
      } do
        local text = witness.text(function() group:start(rubbish) end) local here = witness.line()
        assert.equal(("%s bad argument #1 to 'start' (%s)"):format(here, what), text)
      end
      local text = witness.text(function() group:start({ asyncio.sleep }, 1) end) local here = witness.line()
      assert.equal(here .. " bad argument #2 to 'start' (no argument expected beside a list)", text)
      group:cancel()
      text = witness.text(function() group:start(print) end) here = witness.line()
      assert.equal(here .. " the task group is shutting down", text)
    end)
  end))

  it("is no error of the child, whose text may look like one", testing.virtual(function()
    asyncio.task_group(function(group)
      local err = "bad argument #7 to 'kettle' (water expected)"
      assert.equal(err, witness.text(group.start, group, { eager_start = true, function()
        error(err, 0)
      end }))
    end)
  end))

  it("may stand behind the function in a list as long as create_task takes", testing.virtual(function()
    asyncio.task_group(function(group)
      assert.same({ "a", nil, "c", nil, n = 4 }, table.pack(group:start {
        function(started, ...) started(...) end, "a", nil, "c", nil, n = 5, name = "child",
      }))
    end)
  end))
end)

describe("a list for create_task", function()
  it("stands alone", testing.virtual(function()
    local text = witness.text(function() asyncio.create_task({ print }, 1) end) local here = witness.line()
    assert.equal(here .. " bad argument #2 to 'create_task' (no argument expected, got number)", text)
  end))
end)
