--- The children of a task group: eager ones, those of a factory, how long they are kept, and when none is taken.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local groups = require "spec.support.groups"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns
local now, crash, sleeper, errors_of, group_of, forms =
  groups.now, groups.crash, groups.sleeper, groups.errors_of, groups.group_of, groups.forms

for form, open in pairs(forms) do
  describe("a task group, " .. form .. " form,", function()
    it("takes eager children", testing.virtual(function()
      local log = {}
      local function child(i)
        log[#log + 1] = i
        return i
      end
      local task
      open(function(group)
        task = group:create_task { child, 1, eager_start = true }
        log[#log + 1] = "body"
      end)
      assert.same({ { 1, "body" }, 1 }, { log, task:result() })
      assert.same({ "eager" }, group_of(open, function(group)
        group:create_task { error, "eager", 0, eager_start = true }
        asyncio.sleep(100)
      end))
    end))

    it("takes eager children of eager children", testing.virtual(function()
      local log = {}
      open(function(group)
        local function child(depth)
          if depth < 5 then
            group:create_task { child, depth + 1, eager_start = true }
          end
          log[#log + 1] = depth
          if depth % 2 == 0 then
            asyncio.sleep(depth)
          end
        end
        group:create_task { child, 1, eager_start = true }
        log[#log + 1] = tostring(group)
      end)
      assert.same({ { 5, 4, 3, 2, 1, "TaskGroup<state=open, tasks=2>" }, 4 }, { log, now() })
    end))

    it("cancels an eager child that ends the group before it is known", testing.virtual(function()
      local log = {}
      try(open, function(group)
        group:create_task { function()
          group:cancel()
          sleeper(log, 100)
        end, eager_start = true }
      end)
      assert.same({ { "CancelledError" }, 0 }, { log, now() })
    end))

    it("uses the loop's task factory", testing.virtual(function()
      local loop, made = asyncio.get_running_loop(), 0
      loop:set_task_factory(function(...)
        made = made + 1
        return asyncio.Task(...)
      end)
      open(function(group)
        group:create_task(asyncio.sleep, 1)
      end)
      loop:set_task_factory(nil)
      assert.equal(1, made)
    end))

    it("takes whatever a task factory gives, also one future twice", testing.virtual(function()
      local loop, given = asyncio.get_running_loop(), asyncio.Future()
      loop:set_task_factory(function() return given end)
      local function run(act, ...)
        if act then
          loop:call_later(1, act, ...)
        end
        local ok, err = pcall(open, function(group)
          group:create_task(print)
          group:create_task(print)
        end)
        given = asyncio.Future()
        return ok or errors_of(err)
      end
      assert.is_true(run(given.set_result, given))
      assert.is_true(run(given.cancel, given))
      assert.same({ "boom", "boom" }, run(given.set_exception, given, "boom"))
      assert.equal(3, now())
      given:set_exception("early")
      assert.same({ "early", "early" }, run())
      loop:set_task_factory(nil)
    end))

    it("holds the future of a task factory until it is done", testing.virtual(function()
      local loop, weak = asyncio.get_running_loop(), setmetatable({}, { __mode = "v" })
      loop:set_task_factory(function()
        weak.future = asyncio.Future()
        return weak.future
      end)
      open(function(group)
        group:create_task(print)
        asyncio.sleep(1)
        witness.collect()
        weak.future:set_result()
        witness.collect()
        assert.is_nil(weak.future)
      end)
      loop:set_task_factory(nil)
    end))

    it("refuses a future of another loop", testing.virtual(function()
      local loop, other = asyncio.get_running_loop(), asyncio.new_event_loop()
      local future = other:create_future()
      loop:set_task_factory(function() return future end)
      open(function(group)
        assert.equal("the task factory returned a task that belongs to another loop",
          witness.text(group.create_task, group, print))
        assert.equal("TaskGroup<state=open, tasks=0>", tostring(group))
      end)
      loop:set_task_factory(nil)
      other:close()
    end))

    it("holds what failed until it is raised", testing.virtual(function()
      local err = witness.raises(asyncio.ExceptionGroup, open, function(group)
        group:create_task { error, { "eager" }, eager_start = true }
        group:create_task { function()
          pcall(asyncio.sleep, 100)
          error { "late" }
        end, eager_start = true }
        pcall(asyncio.sleep, 100)
        turns(2)
        witness.collect()
      end)
      assert.same({ { "eager" }, { "late" } }, { err.exceptions[1], err.exceptions[2] })
    end))

    it("keeps nothing of children that ended well", testing.virtual(function()
      local loop = asyncio.get_running_loop()
      open(function(group)
        local function round(count)
          for _ = 1, count do
            group:create_task(asyncio.sleep, 1)
            group:create_task(asyncio.sleep, 100):cancel()
          end
          asyncio.sleep(2)
          witness.collect()
          return collectgarbage("count"), loop:stats().anchors
        end
        round(witness.many(1000))
        local memory, anchors = round(witness.many(1000))
        for _ = 1, 10 do
          round(witness.many(1000))
        end
        local after, left = round(witness.many(1000))
        assert.equal(anchors, left)
        assert(after < memory + 64, after - memory)
      end)
    end))

    it("has room for thousands", testing.virtual(function()
      local sum, count = 0, witness.many(5000)
      open(function(group)
        for i = 1, count do
          group:create_task(function()
            asyncio.sleep(i % 7)
            sum = sum + 1
          end)
        end
      end)
      assert.equal(count, sum)
      assert.equal("boom", group_of(open, function(group)
        for _ = 1, count do
          group:create_task(asyncio.sleep, 100)
        end
        group:create_task(crash, 1, "boom")
      end)[1])
    end))

    it("is not left alive by its children", testing.virtual(function()
      local weak = setmetatable({}, { __mode = "k" })
      local task
      open(function(group)
        weak[group] = true
        task = group:create_task(asyncio.sleep, 1)
      end)
      witness.collect()
      assert.is_nil(next(weak))
      assert.is_true(task:done())
    end))

    it("survives a collection while it waits", testing.virtual(function()
      local task = asyncio.create_task(open, function(group)
        group:create_task(asyncio.sleep, 1)
      end)
      turns(3)
      witness.collect()
      asyncio.await(task)
      assert.equal(1, now())
    end))
  end)
end

describe("a child that has failed", function()
  it("is no task left, though its group is open", testing.virtual(function()
    local tasks
    local ok = pcall(function()
      local group <close> = asyncio.TaskGroup()
      group:create_task(error, "one", 0)
      local other = group:create_task(function() pcall(asyncio.sleep, 1) asyncio.sleep(1) end)
      pcall(asyncio.sleep, 0)
      pcall(asyncio.sleep, 0)
      tasks = asyncio.all_tasks()
      assert.same({ n = 2, asyncio.current_task(), other }, tasks)
    end)
    assert.is_false(ok)
    assert.equal(2, tasks.n)
  end))

  it("is not reported when the run ends, as its group raises it", function()
    local reports, caught
    asyncio.run { shutdown_grace = 0.01, function()
      reports = witness.reports()
      asyncio.create_task(function()
        local _, err = pcall(function()
          local group <close> = asyncio.TaskGroup()
          group:create_task(error, "handled", 0)
          group:create_task(function() pcall(asyncio.sleep, 10) asyncio.sleep(0) asyncio.sleep(0) end)
        end)
        caught = err
      end)
      asyncio.sleep(0)
      asyncio.sleep(0)
    end }
    assert.same({}, reports)
    assert.matches("handled", tostring(caught))
  end)
end)

describe("a group that nobody closes", function()
  it("is held by its children, whose failure still ends the others", testing.virtual(function()
    local log, weak, reports = {}, setmetatable({}, { __mode = "k" }), witness.reports()
    local function begin()
      local group = asyncio.TaskGroup()
      weak[group] = true
      group:create_task(crash, 1, "boom")
      group:create_task(sleeper, log, 100)
    end
    local task = asyncio.create_task(function()
      begin()
      sleeper(log, 100)
    end)
    turns(3)
    witness.collect()
    assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    assert.same({ { "CancelledError", "CancelledError" }, 1 }, { log, now() })
    turns(2)
    witness.collect()
    turns(2)
    assert.same({ nil, 1, "boom" }, { next(weak), #reports, reports[1] and reports[1].exception })
  end))

  it("is over when its loop closes", function()
    local loop = testing.new_event_loop { clock = "virtual" }
    local group, child
    loop:run_until_complete(function()
      group = asyncio.TaskGroup()
      child = group:create_task(asyncio.sleep, 100)
      group:create_task(asyncio.sleep, 100)
      asyncio.create_task(group.start, group, function() asyncio.sleep(100) end)
      asyncio.sleep(1)
    end)
    witness.reports(loop)
    assert.equal("TaskGroup<state=open, tasks=3>", tostring(group))
    loop:close()
    assert.equal("TaskGroup<state=closed, tasks=0>", tostring(group))
    group:cancel()
    assert.is_true(child:cancelled())
    do
      local _ <close> = group
    end
    asyncio.run(function()
      assert.matches("is finished", witness.text(group.create_task, group, print))
    end)
    witness.collect()
  end)
end)

describe("a group that has only failures left", function()
  it("loses them with its loop, which reports them", function()
    local loop = testing.new_event_loop { clock = "virtual" }
    local group
    loop:run_until_complete(function()
      group = asyncio.TaskGroup()
      group:create_task(crash, 0, "boom")
      pcall(asyncio.sleep, 1)
    end)
    local reports = witness.reports(loop)
    loop:close()
    witness.collect()
    do
      local _ <close> = group
    end
    assert.same({ 1, "boom" }, { #reports, reports[1] and reports[1].exception })
  end)
end)

describe("create_task of a group", function()
  it("refuses once the group is over, and closes the coroutine", testing.virtual(function()
    local group
    forms.close(function(g) group = g end)
    local object = asyncio.async(asyncio.sleep)(1)
    local text = witness.text(function() group:create_task(object) end) local here = witness.line()
    assert.equal(here .. " the task group is finished", text)
    assert.equal("dead", coroutine.status(object))
    object = asyncio.async(asyncio.sleep)(1)
    assert.matches("is finished", witness.text(group.create_task, group, { object, name = "x" }))
    assert.equal("dead", coroutine.status(object))
    assert.matches("is finished", witness.text(group.create_task, group))
    text = witness.text(function() group:start(asyncio.sleep) end) here = witness.line()
    assert.equal(here .. " the task group is finished", text)
  end))

  it("refuses while the group shuts down", testing.virtual(function()
    local log, object = {}, asyncio.async(asyncio.sleep)(1)
    assert.same({ "boom" }, group_of(asyncio.task_group, function(group)
      group:create_task(crash, 1, "boom")
      group:create_task(function()
        pcall(asyncio.sleep, 100)
        log[1] = witness.text(group.create_task, group, object)
      end)
    end))
    assert.same({ "the task group is shutting down", "dead" }, { log[1], coroutine.status(object) })
  end))

  it("refuses wrong arguments at the caller's line", testing.virtual(function()
    forms.close(function(group)
      local text = witness.text(function() group:create_task(7) end) local here = witness.line()
      assert.equal(here .. " bad argument #1 to 'create_task' (function or awaitable expected, "
        .. "got number)", text)
      text = witness.text(function() group:create_task() end) here = witness.line()
      assert.equal(here .. " bad argument #1 to 'create_task' (function or awaitable expected, "
        .. "got no value)", text)
      assert.matches("unknown option 'nam'", witness.text(group.create_task, group,
        { asyncio.sleep, nam = "x" }))
      text = witness.text(function() group.create_task(asyncio.sleep) end) here = witness.line()
      assert.equal(here .. " calling 'create_task' on bad self (asyncio.TaskGroup expected, "
        .. "got function)", text)
      assert.equal("TaskGroup<state=open, tasks=0>", tostring(group))
    end)
  end))
end)
