--- Task groups: no child outlives the block that started it.
-- The first failure cancels the other children and the block itself; the end
-- of the block waits for all of them, then raises what they raised.
-- The core keeps the children and sees how they end: taskgroup.c.

local core = require("asyncio.core").api
local check = require "asyncio.base.check"
local is_caught = require("asyncio.base.errors").is_caught
local exceptiongroup = require "asyncio.group.exceptiongroup"

local taskgroup = {}

local TaskGroup, meta = core.index "asyncio.TaskGroup"
local is_group = check.object "asyncio.TaskGroup"

local function is_cancel(err)
  return core.isinstance(err, core.CancelledError)
end

--- Adds the body's error, unless it is there already, because the body awaited
-- the child that raised it.
local function add(errors, origins, err, traceback)
  for i = 1, errors.n do
    if rawequal(errors[i], err) then
      return
    end
  end
  errors.n = errors.n + 1
  errors[errors.n] = err
  origins[errors.n] = traceback
end

--- Reports errors that nothing can raise.
local function report(parent, errors, origins)
  for i = 1, errors.n do
    parent:get_loop():call_exception_handler {
      message = "an error in a task group cannot be raised",
      exception = errors[i],
      task = core.isfuture(origins[i]) and origins[i] or nil,
    }
  end
end

--- Abandons the children, because nothing can wait for them. They are cancelled,
-- and their errors are reported like any that are never retrieved.
local function abandon(group)
  core.group_abort_children(group)
  core.group_finish(group)
  report(core.group_parent(group), core.group_errors(group))
end

--- Waits until no child is left; children that survive even a deadlock are left
-- behind. Returns the first cancel of the parent that came from elsewhere before
-- anything else ended the group; the last cancel in any case; and whether an
-- error that is no cancel (a deadlock) came, and that error.
local function wait_for_children(group)
  local first, last
  local broken, why = false, nil
  while core.group_count(group) > 0 do
    local ok, err = pcall(core.group_wait, group)
    if not ok and is_cancel(err) then
      local ended = core.group_abort(group)
      last = err
      first = first or (not ended and err) or nil
    elseif not ok and broken then  -- they are cancelled, yet stuck again
      abandon(group)
    elseif not ok then
      broken, why = true, err
      core.group_abort_children(group)
    end
  end
  return first, last, broken, why
end

--- Ends the group in its own task and raises the error that results. Returns false
-- if that would be the body's own error unchanged, and true if the body's error,
-- if there is one, was the group's own cancel.
-- @param failed did the body raise?
-- @param err what it raised
-- @param traceback of that error, if known
local function leave(group, failed, err, traceback)
  if failed then
    core.group_abort(group)
  end
  local first, last, broken, why = wait_for_children(group)
  local own, others, base = core.group_finish(group)
  local cancelled = failed and is_cancel(err)
  local deadlocked = failed and core.isinstance(err, core.DeadlockError)
  local parent = core.group_parent(group)
  local cancel = cancelled and err or first
  if own and not others then
    cancel = nil
  elseif cancel == nil then
    cancel = last
  end
  local errors, origins = core.group_errors(group)
  if failed and not cancelled and not deadlocked then
    add(errors, origins, err, traceback)
  end
  if broken or deadlocked then
    report(parent, errors, origins)
    if broken then
      err = why
    end
    error(err, 0)
  elseif errors.n > 0 then
    if others then
      core.uncancel(parent, base)
      parent:cancel(cancel and cancel.message)
    end
    error(exceptiongroup.new("unhandled errors in a TaskGroup", errors, origins), 0)
  elseif cancel == nil then
    return true
  elseif failed and rawequal(cancel, err) then
    return false
  end
  error(cancel, 0)
end

--- Opens a group, for a to-be-closed variable.
taskgroup.TaskGroup = core.TaskGroup

function meta.__close(group, err)
  if core.group_leave(group) then
    if err == nil and not core.cannot_wait() then
      error("the task group was already closed", 0)
    end
  elseif core.cannot_wait() then
    abandon(group)
  elseif core.current_task() ~= core.group_parent(group) then
    abandon(group)
    error("a task group was left by another task than the one that opened it", 0)
  else
    local traceback = err ~= nil and not is_caught(2) and core.raised() or nil
    leave(group, err ~= nil, err, traceback)
  end
end

--- Cancels a child and waits until it has ended; passes on each cancel that comes
-- meanwhile. A cancel must not come back from a child that waits for this task,
-- or it would be passed on for ever, without a suspension.
local function see_off(task)
  core.cancel_child(task)
  while not task:done() do
    local ok, err = pcall(core.wait, task)
    if not ok and is_cancel(err) then
      core.cancel_child(task)
    elseif not ok then
      error(err, 0)
    end
  end
end

--- Returns the arguments of `started`, or raises the error of the child.
local function await_start(group, task, ready)
  local ok, err = pcall(core.wait, { ready, task, return_when = "FIRST_COMPLETED" })
  if not ok then
    core.group_own(group, task)
    see_off(task)
    error(err, 0)
  elseif ready:done() then
    return ready:result()
  elseif task:cancelled() or not select(2, task:exception()) then
    error("the child ended before it called 'started'", 0)
  end
  return task:result()
end

--- Starts a child as `f(started, ...)`, waits until it calls `started(value...)`,
-- and returns these values.
---@async
function TaskGroup:start(f, ...)
  check.self("start", self, is_group)
  check.task "TaskGroup:start"
  local ready = core.group_parent(self):get_loop():create_future()
  local called, task = false, nil
  local function started(...)
    if called then
      error("'started' was called before", 2)
    elseif not task then  -- it started eagerly
      ready:set_result(...)
    elseif not task:done() then  -- else its error is on its way to the caller
      core.group_own(self, task)
      ready:set_result(...)
    end
    called = true
  end
  task = core.group_start(self, ready, f, started, ...)
  return await_start(self, task, ready)
end

local function finish(group, traces, ok, ...)
  core.group_leave(group)
  if ok then
    leave(group, false)
    return ...
  elseif not leave(group, true, (...), traces[1]) then
    error((...), 0)
  end
end

--- Runs `body(group)` in a group. Returns its results once all children are done.
---@async
function taskgroup.task_group(body, extra)
  check.task "task_group"
  check.argument("task_group", 1, body, check.callable)
  if extra ~= nil then
    check.argument("task_group", 2, extra, check.none)
  end
  local group = core.new_group()
  local traces = {}
  local function locate(err)  -- changes nothing: the body's scopes see the error too
    traces[1] = not is_cancel(err) and debug.traceback(nil, 2) or nil
    return err
  end
  if core.iscoroutinefunction(body) then
    return finish(group, traces, xpcall(core.await, locate, body(group)))
  end
  return finish(group, traces, xpcall(body, locate, group))
end

return taskgroup
