--- Groups and iterators in the hands of a task whose loop is another: a clear error, and no harm.

local asyncio = require "asyncio"
local witness = require "spec.support.witness"

-- Calls `within` in a task of one loop with what `make` made in a task of
-- another one, which goes on until then.
local function across(make, within)
  local first <close> = asyncio.new_event_loop()
  local second <close> = asyncio.new_event_loop()
  local made, owner
  first:run_until_complete(function()
    owner = asyncio.create_task(make, function(value)
      made = value
      asyncio.sleep(60)
    end)
    asyncio.sleep(0)
  end)
  second:run_until_complete(function() within(made) end)
  first:run_until_complete(function()
    owner:cancel()
    assert.matches("CancelledError", witness.text(asyncio.await, owner))
  end)
end

describe("a task group", function()
  it("starts no child in another loop than its own", function()
    across(function(keep)
      local group <close> = asyncio.TaskGroup()
      keep(group)
    end, function(group)
      local ran = false
      local function child() ran = true end
      local text = witness.text(function() group:create_task(child) end) local here = witness.line()
      assert.equal(here .. " the task group belongs to another loop", text)
      text = witness.text(function() group:start(child) end) here = witness.line()
      assert.equal(here .. " the task group belongs to another loop", text)
      asyncio.sleep(0)
      assert.is_false(ran)
      assert.equal("TaskGroup<state=open, tasks=0>", tostring(group))
    end)
  end)
end)

describe("an iterator of as_completed", function()
  it("gives nothing to a task of another loop", function()
    across(function(keep)
      keep(asyncio.as_completed { asyncio.Future() })
    end, function(next_task)
      local text = witness.text(function() next_task() end) local here = witness.line()
      assert.equal(here .. " this as_completed belongs to another loop", text)
    end)
  end)
end)
