--- move_on_after and fail_after: time limits as functions, nested in any order.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

--- Seconds since the test began: virtual clocks begin at 1.
local function now()
  return asyncio.get_running_loop():time() - 1
end

local function cancelling()
  return asyncio.current_task():cancelling()
end

describe("move_on_after", function()
  it("gives true and the results", testing.virtual(function()
    assert.same({ n = 4, true, 1, nil, 3 },
      table.pack(asyncio.move_on_after(2, asyncio.sleep, 1, 1, nil, 3)))
    assert.same({ n = 1, true }, table.pack(asyncio.move_on_after(2, function() end)))
    assert.same({ n = 1, true }, table.pack(asyncio.move_on_after(nil, asyncio.sleep, 5)))
  end))

  it("gives false when the time runs out", testing.virtual(function()
    assert.same({ n = 1, false }, table.pack(asyncio.move_on_after(2, asyncio.sleep, 9)))
    assert.same({ 2, 0, "fine" }, { now(), cancelling(), asyncio.sleep(1, "fine") })
  end))

  it("with no time runs up to the first wait", testing.virtual(function()
    local ran = false
    for _, delay in ipairs { 0, -1 } do
      assert.is_false(asyncio.move_on_after(delay, function()
        ran = true
        asyncio.sleep(0)
      end))
      assert.same({ true, 5 }, { asyncio.move_on_after(delay, function() return 5 end) })
    end
    assert.same({ true, 0 }, { ran, now() })
  end))

  it("waits for the clean-up", testing.virtual(function()
    assert.is_false(asyncio.move_on_after(1, function()
      local _ <close> = setmetatable({}, { __close = function() asyncio.sleep(2) end })
      asyncio.sleep(9)
    end))
    assert.equal(3, now())
  end))

  it("keeps the results of a body that swallows its cancel", testing.virtual(function()
    assert.same({ true, "stayed" }, { asyncio.move_on_after(1, function()
      pcall(asyncio.sleep, 9)
      return "stayed"
    end) })
    assert.same({ 0, "fine" }, { cancelling(), asyncio.sleep(1, "fine") })
  end))

  it("raises the body's errors unchanged, a TimeoutError too", testing.virtual(function()
    local err = asyncio.TimeoutError "its own"
    assert.same({ false, err }, { pcall(asyncio.move_on_after, 1, error, err) })
    assert.same({ false, nil }, { pcall(asyncio.move_on_after, 1, error, nil) })
    assert.equal(err, select(2, pcall(asyncio.move_on_after, 1, function()
      pcall(asyncio.sleep, 9)
      error(err)
    end)))
    assert.equal(0, cancelling())
  end))

  it("lets a cancel from elsewhere through, in both orders of one turn", testing.virtual(function()
    for _, order in ipairs { "before", "with", "after" } do
      local swallowed
      local task = asyncio.create_task(function()
        swallowed = asyncio.move_on_after(1, function()
          local _ <close> = setmetatable({}, { __close = function() asyncio.sleep(1) end })
          asyncio.sleep(9)
        end)
      end)
      asyncio.sleep(order == "before" and 0.5 or order == "with" and 1 or 1.5)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) }, order)
      assert.same({ nil, 1 }, { swallowed, task:cancelling() })
    end
  end))

  it("runs the body of a coroutine function", testing.virtual(function()
    local body = asyncio.async(function(n) return asyncio.sleep(1, n) end)
    assert.same({ true, 7 }, { asyncio.move_on_after(2, body, 7) })
    assert.equal(7, asyncio.fail_after(2, body, 7))
  end))
end)

describe("fail_after", function()
  it("gives the results, or raises TimeoutError", testing.virtual(function()
    assert.same({ n = 3, 1, nil, 3 }, table.pack(asyncio.fail_after(2, asyncio.sleep, 1, 1, nil, 3)))
    witness.raises(asyncio.TimeoutError, asyncio.fail_after, 2, asyncio.sleep, 9)
    assert.same({ 3, 0, "fine" }, { now(), cancelling(), asyncio.sleep(1, "fine") })
    assert.equal("forever", asyncio.fail_after(nil, asyncio.sleep, 1, "forever"))
  end))

  it("raises the body's errors and a cancel from elsewhere", testing.virtual(function()
    assert.same({ false, "own" }, { pcall(asyncio.fail_after, 1, error, "own", 0) })
    local task = asyncio.create_task(asyncio.fail_after, 5, asyncio.sleep, 9)
    turns(2)
    task:cancel("enough")
    assert.equal("enough", witness.raises(asyncio.CancelledError, asyncio.await, task).message)
  end))
end)

describe("time limits", function()
  -- How each of them shows that its time ran out.
  local kinds = {
    timeout = function(delay, f)
      local ok, err = pcall(function()
        local _ <close> = asyncio.timeout(delay)
        f()
      end)
      if not ok and not asyncio.isinstance(err, asyncio.TimeoutError) then
        error(err, 0)
      end
      return ok
    end,
    timeout_at = function(delay, f)
      local ok, err = pcall(function()
        local _ <close> = asyncio.timeout_at(asyncio.get_running_loop():time() + delay)
        f()
      end)
      if not ok and not asyncio.isinstance(err, asyncio.TimeoutError) then
        error(err, 0)
      end
      return ok
    end,
    fail_after = function(delay, f)
      local ok, err = pcall(asyncio.fail_after, delay, f)
      if not ok and not asyncio.isinstance(err, asyncio.TimeoutError) then
        error(err, 0)
      end
      return ok
    end,
    wait_for = function(delay, f)
      local ok, err = pcall(asyncio.wait_for, f, delay)
      if not ok and not asyncio.isinstance(err, asyncio.TimeoutError) then
        error(err, 0)
      end
      return ok
    end,
    move_on_after = function(delay, f)
      return (asyncio.move_on_after(delay, f))
    end,
  }

  -- What may stand between two limits.
  local between = {
    nothing = function(f) f() end,
    ["a group"] = function(f)
      local group <close> = asyncio.TaskGroup()
      group:create_task(asyncio.sleep, 50)
      f()
      group:cancel()
    end,
    ["a group's function"] = function(f)
      asyncio.task_group(function(group)
        group:create_task(asyncio.sleep, 50)
        f()
        group:cancel()
      end)
    end,
  }

  for outer_name, outer in pairs(kinds) do
    for inner_name, inner in pairs(kinds) do
      for what, around in pairs(between) do
        it(("%s around %s around %s: the one that ran out ends"):format(outer_name, what, inner_name),
          testing.virtual(function()
            local inner_ok
            local function run(outer_delay, inner_delay)
              inner_ok = nil
              local from = now()
              local outer_ok = outer(outer_delay, function()
                around(function()
                  inner_ok = inner(inner_delay, function() asyncio.sleep(100) end)
                end)
              end)
              local result = { outer_ok, inner_ok, now() - from, cancelling() }
              asyncio.sleep(1)
              return result
            end
            assert.same({ true, false, 1, 0 }, run(2, 1))
            assert.same({ false, nil, 1, 0 }, run(1, 2))
            assert.same({ false, nil, 1, 0 }, run(1, 1))  -- at once: the outer one
          end))
      end
    end
  end
end)

describe("a limit that was reached", function()
  -- Each limits a call of `f`, whose results it gives where it has any.
  local limits = {
    timeout = function(delay, f)
      local _ <close> = asyncio.timeout(delay)
      return f()
    end,
    timeout_at = function(delay, f)
      local _ <close> = asyncio.timeout_at(asyncio.get_running_loop():time() + delay)
      return f()
    end,
    fail_after = asyncio.fail_after,
    wait_for = function(delay, f) return asyncio.wait_for(f, delay) end,
    move_on_after = function(delay, f)
      return select(2, asyncio.move_on_after(delay, f))
    end,
  }

  for name, limit in pairs(limits) do
    it(name .. ": is no error of code that does not wait after it", function()
      asyncio.run(function()
        local function busy()
          local from = asyncio.get_running_loop():time()
          while asyncio.get_running_loop():time() - from < 0.003 do end
          return "late", nil, 3
        end
        local task = asyncio.current_task()
        assert.same({ n = 3, "late", nil, 3 }, table.pack(limit(0.001, busy)))
        asyncio.sleep(0)
        assert.equal(0, task:cancelling())
      end)
    end)

    it(name .. ": is no error of code that swallows its cancellation", testing.virtual(function()
      assert.same({ n = 3, "after all", nil, 3 }, table.pack(limit(1, function()
        witness.raises(asyncio.CancelledError, asyncio.sleep, 9)
        return "after all", nil, 3
      end)))
      assert.same({ 1, 0 }, { now(), cancelling() })
      asyncio.sleep(1)
    end))

    it(name .. ": keeps an error that comes in place of its cancellation", testing.virtual(function()
      assert.same({ false, "spoilt" }, { pcall(limit, 1, function()
        pcall(asyncio.sleep, 9)
        error("spoilt", 0)
      end) })
      assert.equal(0, cancelling())
    end))
  end
end)

describe("a limit of nonsense", function()
  it("is refused at the caller's line", testing.virtual(function()
    local ran = false
    local function body() ran = true end
    for _, name in ipairs { "move_on_after", "fail_after" } do
      local f = asyncio[name]
      local text = witness.text(function() f("soon", body) end) local here = witness.line()
      assert.equal(here .. (" bad argument #1 to '%s' (number expected, got string)"):format(name), text)
      assert.matches("got NaN", witness.text(f, 0 / 0, body))
      assert.matches(("bad argument #2 to '%s' %%(function expected, got "):format(name),
        witness.text(f, 1))
      assert.matches("function expected, got thread", witness.text(f, 1, asyncio.async(body)()))
    end
    assert.is_false(ran)
  end))

  it("and so are limits outside a task", function()
    for _, name in ipairs { "move_on_after", "fail_after" } do
      assert.matches(("asyncio.%s must be called from inside a task"):format(name),
        witness.text(asyncio[name], 1, print))
    end
  end)
end)
