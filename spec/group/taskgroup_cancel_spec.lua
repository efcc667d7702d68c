--- cancel of a task group: an end that is no error.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local groups = require "spec.support.groups"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns
local now, sleeper, group_of, cancelling, forms =
  groups.now, groups.sleeper, groups.group_of, groups.cancelling, groups.forms

describe("cancel of a group", function()
  it("ends the function form quietly", testing.virtual(function()
    local log, child = {}, nil
    assert.same({ n = 0 }, table.pack(asyncio.task_group(function(group)
      child = group:create_task(sleeper, log, 100, 1)
      group:create_task(function()
        asyncio.sleep(1)
        group:cancel()
        group:cancel()
      end)
      asyncio.sleep(100)
      return "never"
    end)))
    assert.same({ { "CancelledError" }, true, 2, 0 },
      { log, child:cancelled(), now(), cancelling() })
    asyncio.sleep(1)
  end))

  it("gives the results of a body that is over or does not wait", testing.virtual(function()
    assert.equal("over", asyncio.task_group(function(group)
      group:create_task(asyncio.sleep, 100)
      group:create_task(function()
        asyncio.sleep(1)
        group:cancel()
      end)
      return "over"
    end))
    assert.equal("at once", asyncio.task_group(function(group)
      group:create_task(asyncio.sleep, 100)
      group:cancel()
      return "at once"
    end))
    assert.same({ 1, 0, "fine" }, { now(), cancelling(), asyncio.sleep(1, "fine") })
  end))

  it("goes on as CancelledError in the <close> form", testing.virtual(function()
    assert.same({ "raised", "CancelledError" }, { try(forms.close, function(group)
      group:create_task(function() group:cancel() end)
      asyncio.sleep(100)
    end) })
    assert.same({ 0, "fine" }, { cancelling(), asyncio.sleep(1, "fine") })
    assert.equal("quiet", forms.close(function(group)
      group:create_task(asyncio.sleep, 100)
      group:cancel()
      return "quiet"
    end))
    assert.same({ 0, "fine" }, { cancelling(), asyncio.sleep(1, "fine") })
  end))

  it("does not swallow a cancel from elsewhere", testing.virtual(function()
    for _, first in ipairs { "group", "task" } do
      local group
      local task = asyncio.create_task(asyncio.task_group, function(g)
        group = g
        g:create_task(sleeper, {}, 100, 2)
        asyncio.sleep(100)
      end)
      turns(3)
      local acts = { group = function() group:cancel() end, task = function() task:cancel() end }
      acts[first]()
      acts[first == "group" and "task" or "group"]()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      assert.equal(1, task:cancelling())
    end
  end))

  it("does not swallow a cancel that comes while the children end", testing.virtual(function()
    local group
    local task = asyncio.create_task(asyncio.task_group, function(g)
      group = g
      g:create_task(sleeper, {}, 100, 2)
    end)
    turns(3)
    group:cancel()
    asyncio.sleep(1)
    task:cancel("enough")
    assert.equal("enough", witness.raises(asyncio.CancelledError, asyncio.await, task).message)
  end))

  it("does not hide errors", testing.virtual(function()
    assert.same({ "boom" }, group_of(asyncio.task_group, function(group)
      group:create_task(function()
        pcall(asyncio.sleep, 100)
        error("boom", 0)
      end)
      asyncio.sleep(1)
      group:cancel()
    end))
  end))

  it("after the end does nothing", testing.virtual(function()
    local group
    asyncio.task_group(function(g) group = g end)
    group:cancel()
    assert.same({ 0, "TaskGroup<state=closed, tasks=0>" }, { cancelling(), tostring(group) })
    asyncio.sleep(1)
  end))

  it("is no error of cleaning up after a cancel", testing.virtual(function()
    local task = asyncio.create_task(function()
      pcall(asyncio.sleep, 100)
      asyncio.task_group(function(group)
        group:create_task(asyncio.sleep, 100)
        group:create_task(function() group:cancel() end)
        asyncio.sleep(100)
      end)
      return asyncio.sleep(1, "cleaned up")
    end)
    turns(2)
    task:cancel()
    assert.equal("cleaned up", asyncio.await(task))
  end))
end)
