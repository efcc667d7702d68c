--- Task groups: no child outlives the block that started it.
-- The first failure cancels the other children and the block itself; the end
-- of the block waits for all of them, then raises what they raised.

local core = require("asyncio.core").api
local check = require "asyncio.check"
local group_error = require "asyncio.group_error"

local taskgroup = {}

---@class asyncio.TaskGroup
---@field _parent asyncio.Task   the task that opened it
---@field _base integer          its cancels that came before the group
---@field _children table<integer, asyncio.Task>   those not done, by number
---@field _number table<asyncio.Task, integer>     and the other way round
---@field _count integer         how many
---@field _first integer         no child has a lower number
---@field _last integer          ... or a higher one
---@field _starting table<asyncio.Task, asyncio.Future>   those `start` waits for
---@field _errors table          what children and body raised, with its length
---@field _origins table         for each error the task, or a traceback
---@field _aborting boolean      are all children cancelled?
---@field _own boolean           was the parent cancelled by the group?
---@field _leaving boolean       has the block ended?
---@field _left boolean          ... and all children too?
local TaskGroup = { __name = "asyncio.TaskGroup" }
TaskGroup.__index = TaskGroup

-- The group that a task is leaving: it waits for all its children then.
local leaving = setmetatable({}, { __mode = "k" })

local function is_cancel(err)
  return core.isinstance(err, core.CancelledError)
end

local function check_self(group, name)
  if getmetatable(group) ~= TaskGroup then
    error(("calling '%s' on bad self (asyncio.TaskGroup expected, got %s)"):format(name,
      group == nil and "no value" or type(group)), 3)
  end
end

--- Notes an error. The body's may be one that a child raised, if it awaited
-- the child: then it is there already.
local function note(group, err, origin)
  local errors = group._errors
  if not core.isfuture(origin) then
    for i = 1, errors.n do
      if rawequal(errors[i], err) then
        return
      end
    end
  end
  errors.n = errors.n + 1
  errors[errors.n] = err
  group._origins[errors.n] = origin
end

--- The oldest child; there is one.
local function oldest(group)
  while not group._children[group._first] do
    group._first = group._first + 1
  end
  return group._children[group._first]
end

--- Cancels all children, the oldest first.
local function cancel_children(group)
  group._aborting = true
  for number = group._first, group._last do
    local task = group._children[number]
    if task then
      task:cancel()
    end
  end
end

--- Cancels the children, and the body while it runs.
local function abort(group)
  if group._aborting then
    return
  end
  cancel_children(group)
  if not group._leaving then
    group._own = true
    group._parent:cancel()
  end
end

local function outcome(task)
  if task:cancelled() then
    return nil, false
  end
  return task:exception()
end

--- Called as `on_done(group, task)` once a child is done. The error of one
-- that `start` waits for goes to its caller.
local function on_done(group, task)
  local ready = group._starting[task]
  local err, failed = outcome(task)
  group._children[group._number[task]] = nil
  group._number[task] = nil
  group._starting[task] = nil
  group._count = group._count - 1
  if ready and not ready:done() then
    if not failed then
      err = "the child ended before it called 'started'"
    end
    ready:set_exception(err)
  elseif failed then
    note(group, err, task)
    abort(group)
  end
end

--- Reports the errors that nothing can raise.
local function report_errors(group)
  for i = 1, group._errors.n do
    group._parent:get_loop():call_exception_handler {
      message = "an error in a task group cannot be raised",
      exception = group._errors[i],
      task = core.isfuture(group._origins[i]) and group._origins[i] or nil,
    }
  end
end

--- Lets go of the children, where nothing can wait for them: cancelled they
-- are, and an error of theirs is reported like any that nobody looks at.
local function abandon(group)
  cancel_children(group)
  for task in pairs(group._number) do
    task:remove_done_callback(group._on_done)
  end
  group._left = true
  if group._own then
    core.uncancel(group._parent, group._base)
  end
  report_errors(group)
end

--- Waits until no child is left. Gives the first cancel of the parent that
-- came from elsewhere before anything else ended the group, the last one in
-- any case, and an error that is no cancel (a deadlock) in a table.
local function wait_for_children(group)
  local first, last, broken
  leaving[group._parent] = group
  while group._count > 0 do
    local ok, err = pcall(core.await_end, oldest(group))
    if not ok and is_cancel(err) then
      last = err
      first = first or (not group._aborting and err) or nil
      abort(group)
    elseif not ok and broken then  -- cancelled they are, yet stuck again
      abandon(group)
      break
    elseif not ok then
      broken = { err }
      cancel_children(group)
    end
  end
  leaving[group._parent] = nil
  return first, last, broken
end

--- The children that a task waits for as it leaves a group; else nil.
function taskgroup.awaited(task)
  local group = leaving[task]
  if not group then
    return nil
  end
  local list = {}
  for number = group._first, group._last do
    list[#list + 1] = group._children[number]
  end
  return list
end

--- Ends the group in its own task. Raises what comes out of it, unless that
-- is the body's own error unchanged: then it returns false. True: the body's
-- error, if there is one, was the group's own cancel.
-- @param failed did the body raise?
-- @param err what it raised
-- @param traceback of that, if known
local function leave(group, failed, err, traceback)
  local parent = group._parent
  local cancelled = failed and is_cancel(err)
  local deadlocked = failed and core.isinstance(err, core.DeadlockError)
  group._leaving = true
  if failed then
    abort(group)
  end
  local first, last, broken = wait_for_children(group)
  if group._left then
    error(broken[1], 0)
  end
  group._left = true
  local others = parent:cancelling() > group._base
  if group._own then
    others = core.uncancel(parent, group._base)
  end
  local cancel = cancelled and err or first
  if group._own and not others then
    cancel = nil
  elseif cancel == nil then
    cancel = last
  end
  if failed and not cancelled and not deadlocked then
    note(group, err, traceback)
  end
  if broken or deadlocked then
    report_errors(group)
    error((broken or { err })[1], 0)
  elseif group._errors.n > 0 then
    if others then
      core.uncancel(parent, group._base)
      parent:cancel(cancel and cancel.message)
    end
    error(group_error.new("unhandled errors in a TaskGroup", group._errors, group._origins), 0)
  elseif cancel == nil then
    return true
  elseif failed and rawequal(cancel, err) then
    return false
  end
  error(cancel, 0)
end

local function new_group()
  local group = {
    _parent = core.current_task(),
    _children = {}, _number = {}, _count = 0, _first = 1, _last = 0, _starting = {},
    _errors = { n = 0 }, _origins = {},
    _aborting = false, _own = false, _leaving = false, _left = false,
  }
  group._base = core.cancel_base(group._parent)
  group._on_done = function(task)
    on_done(group, task)
  end
  return setmetatable(group, TaskGroup)
end

--- Opens a group, for a to-be-closed variable.
function taskgroup.TaskGroup()
  check.task "TaskGroup"
  return new_group()
end

function TaskGroup:__close(err)
  if self._leaving then
    return
  elseif core.cannot_wait() then
    self._leaving = true
    abandon(self)
  elseif core.current_task() ~= self._parent then
    self._leaving = true
    abandon(self)
    error("a task group was left by another task than the one that opened it", 0)
  else
    leave(self, err ~= nil, err)
  end
end

--- Keeps a coroutine object that will not run from staying half alive.
local function discard(f)
  if type(f) == "table" then
    f = f[1]
  end
  if type(f) == "thread" and coroutine.status(f) == "suspended" and not debug.getinfo(f, 0) then
    coroutine.close(f)
  end
end

--- Raises, as from the caller of the public function, if there can be no more
-- children.
local function check_open(group, f)
  local state = group._leaving and group._count == 0 and "finished"
    or group._aborting and "shutting down"
  if state then
    discard(f)
    error(("the task group is %s"):format(state), 3)
  end
end

local function adopt(group, task)
  local number = group._last + 1
  -- What may fail comes first: a child that is counted must be told of.
  local ok, err = pcall(function()
    group._children[number], group._number[task] = task, number
    task:add_done_callback(group._on_done)
  end)
  if not ok then
    group._children[number], group._number[task] = nil, nil
    task:cancel()
    error(err, 0)
  end
  group._last = number
  group._count = group._count + 1
  if group._aborting then  -- it began eagerly, and ended the group
    task:cancel()
  end
  return task
end

--- Starts a child: as `asyncio.create_task`.
---@param f function|thread|table
---@return asyncio.Task
function TaskGroup:create_task(f, ...)
  check_self(self, "create_task")
  check_open(self, f)
  return adopt(self, check.call(core.create_task, f, ...))
end

--- Puts `started` in front of the arguments, also of those in a table with
-- options.
local function with_started(started, f, ...)
  local meta = getmetatable(f)
  if type(f) ~= "table" or (type(meta) == "table" and meta.__call) then
    return f, started, ...
  end
  local copy = {}
  for key, value in pairs(f) do
    copy[key] = value
  end
  copy.n = (f.n or #f) + 1
  table.move(f, 2, copy.n - 1, 3, copy)
  copy[2] = started
  return copy
end

--- Waits until a child has ended that is being cancelled.
local function see_off(task)
  task:cancel()
  while not task:done() do
    local ok, err = pcall(core.await_end, task)
    if not ok and is_cancel(err) then
      task:cancel()
    elseif not ok then
      error(err, 0)
    end
  end
end

local function await_start(group, task, ready, ok, ...)
  if ok then
    return ...
  elseif not ready:done() or ready:cancelled() then
    group._starting[task] = nil
    see_off(task)
  end
  error((...), 0)
end

--- Starts a child, as `f(started, ...)`, and waits until it calls
-- `started(value...)`: gives these values.
---@async
function TaskGroup:start(f, ...)
  check_self(self, "start")
  check.task "TaskGroup:start"
  check_open(self, f)
  if type(f) == "thread" then
    error("bad argument #1 to 'start' (function expected, got coroutine)", 2)
  end
  local ready = self._parent:get_loop():create_future()
  local called = false
  local function started(...)
    if called then
      error("'started' was called before", 2)
    end
    called = true
    if not ready:done() then
      ready:set_result(...)
    end
  end
  local task = adopt(self, check.call(core.create_task, with_started(started, f, ...)))
  self._starting[task] = ready
  return await_start(self, task, ready, pcall(core.await, ready))
end

--- Cancels all children and the body; this makes no error of the group.
function TaskGroup:cancel()
  check_self(self, "cancel")
  if not self._left then
    abort(self)
  end
end

function TaskGroup:__tostring()
  local state = self._left and "closed" or self._aborting and "cancelling"
    or self._leaving and "closing" or "open"
  return ("TaskGroup<state=%s, tasks=%d>"):format(state, self._count)
end

local function finish(group, traces, ok, ...)
  if ok then
    leave(group, false)
    return ...
  elseif not leave(group, true, (...), traces[1]) then
    error((...), 0)
  end
end

--- Runs `body(group)` in a group: its results, once all children are done.
---@async
function taskgroup.task_group(body)
  check.task "task_group"
  check.argument("task_group", 1, body, check.callable)
  local group = new_group()
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
