--- TaskGroup: no child outlives its block, and no error is lost.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

--- Seconds since the test began: virtual clocks begin at 1.
local function now()
  return asyncio.get_running_loop():time() - 1
end

local function crash(delay, err)
  asyncio.sleep(delay)
  error(err, 0)
end

--- Sleeps; notes a cancel in `log`, and gives way for `after` more seconds.
local function sleeper(log, delay, after)
  local _ <close> = setmetatable({}, { __close = function(_, err)
    log[#log + 1] = witness.class(err)
    if err and after then
      asyncio.sleep(after)
    end
  end })
  return asyncio.sleep(delay, "slept")
end

--- The errors of a group, nested groups as lists.
local function errors_of(group)
  assert(asyncio.isinstance(group, asyncio.ExceptionGroup), tostring(group))
  local list = {}
  for i = 1, group.exceptions.n do
    local err = group.exceptions[i]
    list[i] = asyncio.isinstance(err, asyncio.ExceptionGroup) and errors_of(err)
      or witness.class(err)
  end
  return list
end

--- The errors of the group that `f` raises.
local function group_of(f, ...)
  local err = witness.raises(asyncio.ExceptionGroup, f, ...)
  return errors_of(err)
end

local function cancelling()
  return asyncio.current_task():cancelling()
end

-- Both forms: the block of a `<close>` variable and the function.
local forms = {}

function forms.close(body)
  local group <close> = asyncio.TaskGroup()
  return body(group)
end

forms["function"] = asyncio.task_group

for form, open in pairs(forms) do
  describe("a task group, " .. form .. " form,", function()
    it("waits for all its children", testing.virtual(function()
      local first, second
      open(function(group)
        first = group:create_task(asyncio.sleep, 1, 42)
        asyncio.sleep(0.5)
        second = group:create_task { asyncio.sleep, 2, 11, name = "second" }
      end)
      assert.same({ 42, 11, "second", 2.5 },
        { first:result(), second:result(), second:get_name(), now() })
    end))

    it("gives the results of its body", testing.virtual(function()
      assert.same({ n = 3, 1, nil, 3 }, table.pack(open(function(group)
        group:create_task(asyncio.sleep, 1)
        return 1, nil, 3
      end)))
    end))

    it("needs no children, and does not wait then", testing.virtual(function()
      local others = 0
      asyncio.create_task(function() others = others + 1 end)
      open(function() end)
      assert.equal(0, others)
    end))

    it("takes children from children, until the last is done", testing.virtual(function()
      local log = {}
      open(function(group)
        local function child(depth)
          asyncio.sleep(1)
          log[#log + 1] = depth
          if depth < 3 then
            group:create_task(child, depth + 1)
          end
        end
        group:create_task(child, 1)
      end)
      assert.same({ 1, 2, 3 }, log)
    end))

    it("goes on when a child is cancelled", testing.virtual(function()
      local cancelled, other
      open(function(group)
        cancelled = group:create_task(asyncio.sleep, 100)
        other = group:create_task(asyncio.sleep, 2, "done")
        asyncio.sleep(1)
        cancelled:cancel()
      end)
      assert.same({ true, "done", 0 }, { cancelled:cancelled(), other:result(), cancelling() })
    end))

    it("goes on when a child raises CancelledError by itself", testing.virtual(function()
      local other
      open(function(group)
        group:create_task(crash, 1, asyncio.CancelledError())
        other = group:create_task(asyncio.sleep, 2, "done")
      end)
      assert.equal("done", other:result())
    end))

    it("cancels all else when a child fails, and raises what failed", testing.virtual(function()
      local log, after, child = {}, false, nil
      assert.same({ "boom" }, group_of(function()
        open(function(group)
          group:create_task(crash, 1, "boom")
          child = group:create_task(sleeper, log, 100)
          sleeper(log, 200)
        end)
        after = true
      end))
      assert.same({ { "CancelledError", "CancelledError" }, true, false, 0, 1 },
        { log, child:cancelled(), after, cancelling(), now() })
      asyncio.sleep(1)
    end))

    it("raises the errors of all, those of the clean-up too", testing.virtual(function()
      local function clumsy()
        local _ <close> = setmetatable({}, { __close = function() error("clumsy", 0) end })
        asyncio.sleep(100)
      end
      assert.same({ "one", "two", "TimeoutError", "clumsy" }, group_of(open, function(group)
        group:create_task(clumsy)
        group:create_task(crash, 1, "one")
        group:create_task(crash, 1, "two")
        group:create_task(crash, 1, asyncio.TimeoutError())
      end))
    end))

    it("keeps errors by identity, nil included", testing.virtual(function()
      local object = {}
      local err = witness.raises(asyncio.ExceptionGroup, open, function(group)
        group:create_task(crash, 0, object)
        group:create_task(crash, 0, nil)
      end)
      assert.same({ 2, nil }, { err.exceptions.n, err.exceptions[2] })
      assert.equal(object, err.exceptions[1])
    end))

    it("raises its body's error in a group too, and cancels the children",
      testing.virtual(function()
        local log = {}
        assert.same({ "body" }, group_of(open, function(group)
          group:create_task(sleeper, log, 100)
          asyncio.sleep(1)
          error("body", 0)
        end))
        assert.same({ { "CancelledError" }, 1, 0 }, { log, now(), cancelling() })
        assert.same({ "alone" }, group_of(open, function() error("alone", 0) end))
      end))

    it("puts the body's error behind the children's", testing.virtual(function()
      assert.same({ "child", "late", "body" }, group_of(open, function(group)
        group:create_task(crash, 1, "child")
        group:create_task(function()
          pcall(asyncio.sleep, 100)
          error("late", 0)
        end)
        pcall(asyncio.sleep, 100)
        error("body", 0)
      end))
    end))

    it("names once the error of a child that its body awaits", testing.virtual(function()
      local object = {}
      local err = witness.raises(asyncio.ExceptionGroup, open, function(group)
        asyncio.await(group:create_task(crash, 1, object))
      end)
      assert.equal(1, err.exceptions.n)
      assert.equal(object, err.exceptions[1])
      assert.equal(0, cancelling())
      asyncio.sleep(1)
    end))

    it("raises what failed though the body swallows its cancel", testing.virtual(function()
      assert.same({ "boom" }, group_of(open, function(group)
        group:create_task(crash, 1, "boom")
        assert.same({ "raised", "CancelledError" }, { try(asyncio.sleep, 100) })
        asyncio.sleep(1)
      end))
      assert.same({ 2, 0 }, { now(), cancelling() })
      asyncio.sleep(1)
    end))

    it("does not cancel its task later, if the body is over first", testing.virtual(function()
      assert.same({ "boom" }, group_of(open, function(group)
        group:create_task(crash, 1, "boom")
        group:create_task(sleeper, {}, 100, 1)
      end))
      assert.same({ 2, 0, "fine" }, { now(), cancelling(), asyncio.sleep(1, "fine") })
    end))

    it("passes its task's cancel on to the children, and raises it", testing.virtual(function()
      for _, busy in ipairs { true, false } do
        local log = {}
        local task = asyncio.create_task(open, function(group)
          for _ = 1, 3 do
            group:create_task(sleeper, log, 100, 1)
          end
          if busy then
            asyncio.sleep(100)
          end
        end)
        turns(3)
        task:cancel("enough")
        local start = now()
        local err = witness.raises(asyncio.CancelledError, asyncio.await, task)
        assert.same({ "enough", { "CancelledError", "CancelledError", "CancelledError" }, 1, 1 },
          { err.message, log, now() - start, task:cancelling() })
      end
    end))

    it("runs nothing if it is cancelled before it starts", testing.virtual(function()
      local ran = false
      local task = asyncio.create_task(open, function() ran = true end)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      assert.is_false(ran)
    end))

    it("raises children's errors before its task's cancel, which comes again",
      testing.virtual(function()
        local log = {}
        local task = asyncio.create_task(function()
          log[1] = group_of(open, function(group)
            group:create_task(function()
              pcall(asyncio.sleep, 100)
              error("clumsy", 0)
            end)
            asyncio.sleep(100)
          end)
          log[2] = asyncio.current_task():cancelling()
          log[3] = table.pack(pcall(asyncio.sleep, 1))
        end)
        turns(3)
        task:cancel("enough")
        asyncio.await(task)
        assert.same({ { "clumsy" }, 1, false, "enough" },
          { log[1], log[2], log[3][1], log[3][2].message })
      end))

    it("raises a body's error after a cancel, and the cancel again", testing.virtual(function()
      local log = {}
      local task = asyncio.create_task(function()
        log[1] = group_of(open, function()
          pcall(asyncio.sleep, 100)
          error("instead", 0)
        end)
        log[2] = table.pack(try(asyncio.sleep, 1))
      end)
      turns(2)
      task:cancel()
      asyncio.await(task)
      assert.same({ { "instead" }, { "raised", "CancelledError", n = 2 } }, log)
    end))

    it("keeps failure and cancel apart that come in one turn", testing.virtual(function()
      for _, order in ipairs { { 1, 2 }, { 2, 1 } } do
        local future = asyncio.Future()
        local log = {}
        local task = asyncio.create_task(function()
          log.errors = group_of(open, function(group)
            group:create_task(asyncio.await, future)
            asyncio.sleep(100)
          end)
          log.cancelling = asyncio.current_task():cancelling()
          log.next = table.pack(try(asyncio.sleep, 1))
        end)
        turns(3)
        local acts = { function() future:set_exception("failed") end,
          function() task:cancel() end }
        for _, i in ipairs(order) do
          acts[i]()
        end
        asyncio.await(task)
        assert.same({ errors = { "failed" }, cancelling = 1,
          next = { "raised", "CancelledError", n = 2 } }, log)
      end
    end))

    it("is cancelled again and again without losing a child", testing.virtual(function()
      local log = {}
      local task = asyncio.create_task(open, function(group)
        group:create_task(sleeper, log, 100, 5)
      end)
      turns(3)
      for _ = 1, 3 do
        task:cancel()
        asyncio.sleep(1)
      end
      assert.is_false(task:done())
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
      assert.same({ 5, 3 }, { now(), task:cancelling() })
    end))

    it("nests: an inner failure is an inner group", testing.virtual(function()
      assert.same({ { "boom" } }, group_of(open, function(outer)
        outer:create_task(asyncio.sleep, 100)
        open(function(inner)
          inner:create_task(crash, 1, "boom")
          asyncio.sleep(100)
        end)
      end))
      assert.same({ 1, 0 }, { now(), cancelling() })
    end))

    it("nests: an outer failure ends the inner group", testing.virtual(function()
      local log = {}
      assert.same({ "boom" }, group_of(open, function(outer)
        outer:create_task(crash, 1, "boom")
        open(function(inner)
          inner:create_task(sleeper, log, 100)
        end)
      end))
      assert.same({ { "CancelledError" }, 0 }, { log, cancelling() })
    end))

    it("nests: both fail at once", testing.virtual(function()
      assert.same({ "outer", { "inner" } }, group_of(open, function(outer)
        outer:create_task(crash, 1, "outer")
        open(function(inner)
          inner:create_task(crash, 1, "inner")
          asyncio.sleep(100)
        end)
      end))
      assert.same({ "fine", 0 }, { asyncio.sleep(1, "fine"), cancelling() })
    end))

    it("keeps the count of cancels that came before it", testing.virtual(function()
      local log = {}
      local task = asyncio.create_task(function()
        pcall(asyncio.sleep, 100)
        log[1] = group_of(open, function(group)
          group:create_task(crash, 1, "boom")
          asyncio.sleep(100)
        end)
        log[2] = asyncio.current_task():cancelling()
        log[3] = asyncio.sleep(1, "told of that cancel before")
      end)
      turns(2)
      task:cancel()
      asyncio.await(task)
      assert.same({ { "boom" }, 1, "told of that cancel before" }, log)
    end))

    it("raises a cancel that was pending when it opened", testing.virtual(function()
      local task = asyncio.create_task(function()
        asyncio.current_task():cancel()
        local log = { group_of(open, function(group)
          group:create_task(crash, 0, "boom")
          pcall(asyncio.sleep, 0)
          asyncio.sleep(1)
        end) }
        log[2] = select(2, try(asyncio.sleep, 1))
        return log
      end)
      assert.same({ { "boom" }, "CancelledError" }, asyncio.await(task))
    end))

    it("in a timeout gives TimeoutError, once the children are done", testing.virtual(function()
      local log = {}
      witness.raises(asyncio.TimeoutError, function()
        local scope <close> = asyncio.timeout(1)
        open(function(group)
          group:create_task(sleeper, log, 100, 1)
        end)
      end)
      assert.same({ { "CancelledError" }, 2, 0 }, { log, now(), cancelling() })
    end))

    it("in a timeout raises its errors rather than TimeoutError", testing.virtual(function()
      local scope
      assert.same({ "boom" }, group_of(function()
        local s <close> = asyncio.timeout(1)
        scope = s
        open(function(group)
          group:create_task(function()
            pcall(asyncio.sleep, 100)
            error("boom", 0)
          end)
        end)
      end))
      assert.same({ true, 0, "fine" }, { scope:expired(), cancelling(), asyncio.sleep(1, "fine") })
    end))

    it("around a timeout that expires has its TimeoutError among the errors",
      testing.virtual(function()
        assert.same({ "TimeoutError" }, group_of(open, function()
          local scope <close> = asyncio.timeout(1)
          asyncio.sleep(100)
        end))
      end))

    it("fails in the turn a timeout around it expires, in both orders", testing.virtual(function()
      for _, delay in ipairs { 1, 1 - 2^-20 } do
        local err = witness.raises(asyncio.ExceptionGroup, function()
          local scope <close> = asyncio.timeout(1)
          open(function(group)
            group:create_task(crash, delay, "boom")
            asyncio.sleep(100)
          end)
        end)
        assert.same({ { "boom" }, 0 }, { errors_of(err), cancelling() })
        asyncio.sleep(1)
      end
    end))

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

  it("is told by nobody when the run ends, as its group raises it", function()
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

describe("a group's end", function()
  it("takes error(nil) for a normal end in the <close> form only", testing.virtual(function()
    assert.same({ false, nil }, { pcall(forms.close, function() error(nil) end) })
    local err = witness.raises(asyncio.ExceptionGroup, asyncio.task_group, function() error(nil) end)
    assert.equal(1, err.exceptions.n)
  end))

  it("knows the tracebacks of its errors", testing.virtual(function()
    local function culprit() error("the child's fault") end
    local task = asyncio.create_task(asyncio.task_group, function(group)
      group:create_task { culprit, name = "guilty" }
      asyncio.task_group(function()
        pcall(asyncio.sleep, 100)
        culprit()
      end)
    end)
    pcall(asyncio.await, task)
    local text = require("asyncio.report").chain(task)
    assert.matches("stack traceback of guilty:", text, 1, true)
    assert.matches("stack traceback of a group's body:", text, 1, true)
  end))

  it("by another task than its own abandons the children", testing.virtual(function()
    local log, group = {}, nil
    local opener = asyncio.create_task(function()
      group = asyncio.TaskGroup()
      group:create_task(sleeper, log, 100)
      asyncio.sleep(1)
    end)
    turns(3)
    assert.equal("a task group was left by another task than the one that opened it",
      witness.text(function()
        local _ <close> = group
      end))
    asyncio.await(opener)
    assert.same({ "CancelledError" }, log)
  end))

  it("a second time raises, unless an error is on its way", testing.virtual(function()
    local group
    do
      local g <close> = asyncio.TaskGroup()
      group = g
    end
    assert.equal("the task group was already closed", witness.text(function()
      local _ <close> = group
    end))
    assert.equal("own", witness.text(function()
      local _ <close> = group
      error("own", 0)
    end))
    assert.equal("the task group was already closed", witness.text(function()
      local outer <close> = asyncio.TaskGroup()
      local _ <close> = outer
    end))
  end))

  it("where nothing can wait abandons the children, and reports", testing.virtual(function()
    local reports, log = witness.reports(), {}
    local task = asyncio.create_task(function()
      local group <close> = asyncio.TaskGroup()
      group:create_task(sleeper, log, 100)
      group:create_task(function()
        pcall(asyncio.sleep, 100)
        error("late", 0)
      end)
      asyncio.sleep(5)
    end)
    turns(3)
    assert.is_true(coroutine.close(task:get_coro()))
    turns(3)
    pcall(asyncio.await, task)
    witness.collect()
    turns(2)
    assert.same({ { "CancelledError" }, 1, "late" },
      { log, #reports, reports[1] and reports[1].exception })
  end))

  it("is not waited for by a coroutine that a stranger closes", testing.virtual(function()
    local task = asyncio.create_task(asyncio.task_group, function(group)
      group:create_task(asyncio.sleep, 1)
    end)
    turns(3)
    assert.is_true(coroutine.close(task:get_coro()))
    assert.matches("dead coroutine", witness.text(asyncio.await, task))
    assert.equal(1, now())
  end))

  it("comes once, though the body closes the group", testing.virtual(function()
    assert.same({ "body", 0 }, { asyncio.task_group(function(group)
      group:create_task(asyncio.sleep, 100)
      do
        local _ <close> = group
        group:cancel()
        assert.same({ "raised", "CancelledError" }, { try(asyncio.sleep, 1) })
      end
      return "body"
    end), cancelling() })
    asyncio.sleep(1)
  end))

  it("comes with its loop's", function()
    local loop = testing.new_event_loop { clock = "virtual" }
    loop:run_until_complete(function()
      asyncio.create_task(function()
        local group <close> = asyncio.TaskGroup()
        group:create_task(asyncio.sleep, 100)
        asyncio.sleep(100)
      end)
      asyncio.sleep(1)
    end)
    loop:close()
    witness.collect()
    assert.equal(2, witness.destroyed())
  end)

  it("lets a deadlock through, when the children are done", function()
    local log = {}
    for form, open in pairs(forms) do
      local err = witness.raises(asyncio.DeadlockError, asyncio.run, function()
        open(function(group)
          group:create_task(function()
            local _ <close> = setmetatable({}, { __close = function()
              asyncio.sleep(0.001)
              log[form] = "closed"
            end })
            asyncio.await(asyncio.Future())
          end)
        end)
      end)
      assert.matches("Task%-", err.message)
    end
    assert.same({ close = "closed", ["function"] = "closed" }, log)
  end)
end)

describe("the call graph of a child", function()
  it("knows who waits for it", testing.virtual(function()
    forms.close(function(group)
      local main, above = asyncio.current_task(), nil
      group:create_task(asyncio.sleep, 1)
      group:create_task(function()
        asyncio.sleep(0.5)
        above = asyncio.call_graph().awaited_by
      end)
      asyncio.create_task(function()
        asyncio.sleep(2)
        assert.same({ 1, main, {} }, { #above, above[1].task, above[1].awaited_by })
      end)
      group:create_task(asyncio.sleep, 3)
    end)
  end))
end)

describe("a dump", function()
  it("names the children that a task waits for", testing.virtual(function()
    local waits = require "asyncio.waits"
    local task = asyncio.create_task(asyncio.task_group, function(group)
      for i = 1, 7 do
        group:create_task { asyncio.sleep, i, name = "child" .. i }
      end
    end)
    asyncio.sleep(1.5)
    for _, entry in ipairs(waits.of(asyncio.get_running_loop())) do
      if entry.task == task then
        assert.equal("end of 2, 3, 4, 5, 6 and 1 more", (waits.text(entry)
          :gsub("Task<name=child(%d)[^>]*>", "%1")))
      end
    end
    asyncio.await(task)
  end))
end)

describe("a deadlock in a group", function()
  it("is told as a circle of its task and a child", function()
    local err = witness.raises(asyncio.DeadlockError, asyncio.run, function()
      local main = asyncio.current_task():set_name "main"
      asyncio.task_group(function(group)
        group:create_task { function() pcall(asyncio.await, main) end, name = "child" }
      end)
    end)
    assert.matches("wait cycle:.*name=main.- waits for end of Task<name=child", err.message)
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

describe("start of a group", function()
  it("gives what the child called started with, and the child runs on", testing.virtual(function()
    local log = {}
    forms.close(function(group)
      local function serve(started, port)
        asyncio.sleep(1)
        started(port, nil, "ready")
        asyncio.sleep(1)
        log[#log + 1] = "served"
      end
      assert.same({ n = 3, 80, nil, "ready" }, table.pack(group:start(serve, 80)))
      assert.same({ 1, {} }, { now(), log })
      assert.equal(81, (group:start { serve, 81, name = "server" }))
    end)
    assert.same({ "served", "served" }, log)
  end))

  it("works with an eager child, and with one that ends at once", testing.virtual(function()
    forms.close(function(group)
      assert.equal(1, group:start { function(started) started(1) asyncio.sleep(1) end,
        eager_start = true })
      assert.equal(2, group:start(function(started) started(2) end))
    end)
  end))

  it("raises the error of a child that fails before; the group lives on",
    testing.virtual(function()
      forms.close(function(group)
        local object = {}
        assert.equal(object, select(2, pcall(group.start, group, function()
          asyncio.sleep(1)
          error(object)
        end)))
        assert.equal("the child ended before it called 'started'",
          witness.text(group.start, group, function() asyncio.sleep(1) end))
        assert.equal("the child ended before it called 'started'",
          witness.text(group.start, group, function() asyncio.current_task():cancel() asyncio.sleep(1) end))
        asyncio.sleep(1)
      end)
    end))

  it("leaves to the group a child that fails after", testing.virtual(function()
    assert.same({ "after" }, group_of(forms.close, function(group)
      group:start(function(started)
        started()
        crash(1, "after")
      end)
      asyncio.sleep(100)
    end))
  end))

  it("that is cancelled cancels the child and waits for it", testing.virtual(function()
    local log = {}
    forms.close(function(group)
      local task = asyncio.create_task(group.start, group, function() sleeper(log, 100, 1) end)
      turns(3)
      task:cancel("enough")
      assert.equal("enough", witness.raises(asyncio.CancelledError, asyncio.await, task).message)
      assert.same({ { "CancelledError" }, 1 }, { log, now() })
    end)
  end))

  it("that is cancelled leaves an error of the child to the group", testing.virtual(function()
    assert.same({ "clumsy" }, group_of(forms.close, function(group)
      local task = asyncio.create_task(group.start, group, function()
        pcall(asyncio.sleep, 100)
        error("clumsy", 0)
      end)
      turns(3)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    end))
  end))

  it("that is cancelled as the child fails leaves the error to the group",
    testing.virtual(function()
      for _, order in ipairs { { 1, 2 }, { 2, 1 } } do
        local future, log = asyncio.Future(), {}
        assert.same({ "boom" }, group_of(forms.close, function(group)
          local task = asyncio.create_task(group.start, group, asyncio.async(function()
            asyncio.await(future)
          end))
          turns(3)
          local acts = { function() future:set_exception("boom") end, function() task:cancel() end }
          for _, i in ipairs(order) do
            acts[i]()
          end
          log[1] = table.pack(try(asyncio.await, task))
        end))
        assert.same({ { "raised", "CancelledError", n = 2 } }, log)
      end
    end))

  it("leaves to the group an eager child that fails after", testing.virtual(function()
    local result
    assert.same({ "after" }, group_of(forms.close, function(group)
      result = group:start { function(started)
        started("in time")
        error("after", 0)
      end, eager_start = true }
      asyncio.sleep(100)
    end))
    assert.equal("in time", result)
  end))

  it("raises the error of an eager child", testing.virtual(function()
    forms.close(function(group)
      assert.equal("eager", witness.text(group.start, group,
        { function() error("eager", 0) end, eager_start = true }))
      asyncio.sleep(1)
    end)
  end))

  it("is not moved by a started that comes too late", testing.virtual(function()
    forms.close(function(group)
      local go
      assert.equal("boom", witness.text(group.start, group, function(started)
        go = started
        asyncio.get_running_loop():call_soon(started, "late")
        error("boom", 0)
      end))
      asyncio.sleep(1)
      assert.matches("was called before", witness.text(go))
    end)
  end))

  it("and a cancel in one turn: what comes first wins", testing.virtual(function()
    forms.close(function(group)
      local go
      local function child(started)
        go = started
        pcall(asyncio.sleep, 1)
      end
      local task = asyncio.create_task(group.start, group, child)
      turns(3)
      go("in time")
      task:cancel()
      assert.equal("in time", asyncio.await(task))
      task = asyncio.create_task(group.start, group, child)
      turns(3)
      task:cancel()
      go("too late")
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    end)
  end))

  it("ends with the group when another child fails", testing.virtual(function()
    local log = {}
    assert.same({ "boom" }, group_of(forms.close, function(group)
      group:create_task(crash, 1, "boom")
      group:start(function() sleeper(log, 100) end)
    end))
    assert.same({ "CancelledError" }, log)
  end))

  it("in a timeout gives TimeoutError", testing.virtual(function()
    forms.close(function(group)
      witness.raises(asyncio.TimeoutError, function()
        local scope <close> = asyncio.timeout(1)
        group:start(function() asyncio.sleep(100) end)
      end)
    end)
  end))

  it("refuses a second call of started, and coroutines", testing.virtual(function()
    forms.close(function(g)
      g:start(function(started)
        started()
        assert.matches("'started' was called before", witness.text(started))
      end)
      assert.matches("bad argument #1 to 'start' %(function expected, got thread%)",
        witness.text(g.start, g, asyncio.async(asyncio.sleep)(1)))
      for _, argument in ipairs { asyncio.Future(), { asyncio.Future(), 1, name = "x" } } do
        assert.matches("bad argument #1 to 'start' %(function expected, got asyncio.Future%)",
          witness.text(g.start, g, argument))
      end
      assert.matches("bad argument #1 to 'start' %(function expected, got asyncio.Task%)",
        witness.text(g.start, g, asyncio.current_task()))
      local text = witness.text(function() g:start(7) end) local here = witness.line()
      assert.equal(here .. " bad argument #1 to 'start' (function expected, got number)", text)
    end)
  end))
end)

describe("outside a task", function()
  it("no group is opened", function()
    assert.matches("asyncio.TaskGroup must be called from inside a task",
      witness.text(asyncio.TaskGroup))
    assert.matches("asyncio.task_group must be called from inside a task",
      witness.text(asyncio.task_group, print))
  end)

  it("and nothing but a function is a body", testing.virtual(function()
    local text = witness.text(function() asyncio.task_group(7) end) local here = witness.line()
    assert.equal(here .. " bad argument #1 to 'task_group' (function expected, got number)", text)
    assert.equal("body", asyncio.task_group(asyncio.async(function() return "body" end)))
  end))
end)
