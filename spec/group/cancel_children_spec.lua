--- cancel_children: a group's children end, the group does not.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

-- Notes in the list how a nap ended.
local function nap(events, name, delay)
  local ok, err = pcall(asyncio.sleep, delay or 60)
  events[#events + 1] = name .. " " .. (ok and "slept" or witness.class(err))
  if not ok then
    error(err, 0)
  end
end

describe("cancel_children", function()
  it("cancels all children, the oldest first, and not the block", testing.virtual(function()
    local events = {}
    asyncio.task_group(function(group)
      for i = 1, 3 do
        group:create_task(nap, events, "child " .. i)
      end
      asyncio.sleep(1)
      group:cancel_children()
      nap(events, "block", 1)
      assert.equal("TaskGroup<state=open, tasks=0>", tostring(group))
    end)
    assert.same({ "child 1 CancelledError", "child 2 CancelledError", "child 3 CancelledError",
      "block slept" }, events)
    assert.equal(0, asyncio.current_task():cancelling())
  end))

  it("says so in the errors of the children", testing.virtual(function()
    local text
    asyncio.task_group(function(group) local here = witness.line()
      group:create_task(function()
        text = witness.text(asyncio.sleep, 60)
      end)
      asyncio.sleep(0)
      group:cancel_children()
      asyncio.sleep(0)
      assert.equal("CancelledError: the children of the task group opened at " .. here:sub(1, -2)
        .. " were cancelled", text:match("^[^\n]*"))
    end)
  end))

  it("leaves the group open for others, in the same turn too", testing.virtual(function()
    local events = {}
    asyncio.task_group(function(group)
      group:create_task(nap, events, "first")
      asyncio.sleep(1)
      group:cancel_children()
      group:create_task(nap, events, "second", 1)
      asyncio.sleep(5)
      group:create_task(nap, events, "third", 1)
    end)
    assert.same({ "first CancelledError", "second slept", "third slept" }, events)
  end))

  it("is no failure, but an error of cleaning up is", testing.virtual(function()
    local events = {}
    local err = witness.raises(asyncio.ExceptionGroup, asyncio.task_group, function(group)
      group:create_task(function()
        pcall(asyncio.sleep, 60)
        error("spilt", 0)
      end)
      asyncio.sleep(0)
      group:cancel_children()
      nap(events, "block")
    end)
    assert.same({ n = 1, "spilt" }, err.exceptions)
    assert.same({ "block CancelledError" }, events)
  end))

  it("of a child cancels the child itself, where it next waits", testing.virtual(function()
    local events = {}
    asyncio.task_group(function(group)
      group:create_task(nap, events, "brother")
      group:create_task(function()
        asyncio.sleep(0)
        group:cancel_children()
        events[#events + 1] = "called"
        nap(events, "caller")
      end)
    end)
    assert.same({ "called", "caller CancelledError", "brother CancelledError" }, events)
  end))

  it("ends the wait of a block that is over", testing.virtual(function()
    local began = asyncio.get_running_loop():time()
    asyncio.task_group(function(group)
      group:create_task(asyncio.sleep, 60)
      asyncio.get_running_loop():call_later(1, group.cancel_children, group)
    end)
    assert.equal(1, asyncio.get_running_loop():time() - began)
  end))

  it("comes before the first step of a child: it never runs", testing.virtual(function()
    asyncio.task_group(function(group)
      group:create_task(error, "it ran")
      group:cancel_children()
    end)
  end))

  it("ends a start that waits for its child", testing.virtual(function()
    asyncio.task_group(function(group)
      asyncio.get_running_loop():call_later(1, group.cancel_children, group)
      assert.matches("the child ended before it called 'started'",
        witness.text(group.start, group, function() asyncio.sleep(60) end))
    end)
  end))

  it("and cancel afterwards both reach a child that resists", testing.virtual(function()
    local events = {}
    asyncio.task_group(function(group)
      group:create_task(function()
        pcall(nap, events, "once")
        nap(events, "twice")
      end)
      asyncio.sleep(1)
      group:cancel_children()
      asyncio.sleep(1)
      group:cancel()
    end)
    assert.same({ "once CancelledError", "twice CancelledError" }, events)
  end))

  it("after the group's end does nothing; it takes no argument", testing.virtual(function()
    local kept
    asyncio.task_group(function(group)
      kept = group
      local text = witness.text(function() group:cancel_children("stop") end) local here = witness.line()
      assert.equal(here .. " bad argument #1 to 'cancel_children' (no argument expected, got string)", text)
    end)
    kept:cancel_children()
    local text = witness.text(function() kept.cancel_children(1) end) local here = witness.line()
    assert.equal(here .. " calling 'cancel_children' on bad self (asyncio.TaskGroup expected, got number)",
      text)
  end))
end)
