--- asyncio for Lua: coroutines as tasks on libuv.
-- This file puts the functions of the core and of the rooms beside it into one
-- table. It has no logic of its own.

local core = require("asyncio.core").api
local contextmanager = require "asyncio.coroutine.contextmanager"
local errors = require "asyncio.base.errors"
local runner = require "asyncio.run.runner"
local tasks = require "asyncio.task.task"
local report = require "asyncio.task.report"
local streams = require "asyncio.net.streams"
local view = require "asyncio.inspect.inspect"
local taskgroup = require "asyncio.group.taskgroup"
local timeouts = require "asyncio.group.timeouts"

local asyncio = {
  -- running
  run = runner.run,
  Runner = runner.Runner,
  new_event_loop = runner.new_event_loop,
  get_event_loop = core.get_event_loop,
  set_event_loop = core.set_event_loop,
  get_running_loop = core.get_running_loop,
  versions = core.versions,
  after_fork = core.after_fork,

  -- coroutines, tasks, futures
  async = core.async,
  await = core.await,
  create_task = core.create_task,
  sleep = core.sleep,
  current_task = core.current_task,
  all_tasks = core.all_tasks,
  ensure_future = core.ensure_future,
  isfuture = core.isfuture,
  iscoroutine = core.iscoroutine,
  iscoroutinefunction = core.iscoroutinefunction,
  isawaitable = core.isawaitable,
  Future = core.Future,
  Task = core.Task,
  eager_task_factory = tasks.eager_task_factory,
  create_eager_task_factory = tasks.create_eager_task_factory,

  -- coroutines of a task
  coroutine = core.coroutine,
  generator = core.generator,
  contextmanager = contextmanager.contextmanager,
  ExitStack = contextmanager.ExitStack,
  ContextVar = core.ContextVar,
  Context = core.Context,
  copy_context = core.copy_context,

  -- groups and time limits
  gather = core.gather,
  shield = core.shield,
  timeout = core.timeout,
  timeout_at = core.timeout_at,
  wait_for = core.wait_for,
  wait = core.wait,
  as_completed = core.as_completed,
  ALL_COMPLETED = "ALL_COMPLETED",
  FIRST_COMPLETED = "FIRST_COMPLETED",
  FIRST_EXCEPTION = "FIRST_EXCEPTION",
  fail_after = timeouts.fail_after,
  move_on_after = timeouts.move_on_after,
  TaskGroup = taskgroup.TaskGroup,
  task_group = taskgroup.task_group,

  -- synchronisation and queues
  Lock = core.Lock,
  Event = core.Event,
  Condition = core.Condition,
  Semaphore = core.Semaphore,
  BoundedSemaphore = core.BoundedSemaphore,
  Barrier = core.Barrier,
  Queue = core.Queue,
  PriorityQueue = core.PriorityQueue,
  LifoQueue = core.LifoQueue,

  -- streams
  open_connection = streams.open_connection,
  open_unix_connection = streams.open_unix_connection,
  start_server = streams.start_server,
  start_unix_server = streams.start_unix_server,
  StreamReader = core.StreamReader,

  -- inspecting
  call_graph = view.call_graph,
  print_call_graph = view.print_call_graph,
  dump = view.dump,
  tasks = view.tasks,
  uninterrupted = tasks.uninterrupted,

  -- errors
  isinstance = core.isinstance,
  pcall = errors.pcall,
}

for name, class in pairs(errors.classes) do
  asyncio[name] = class
end

core.set_libdir(debug.getinfo(1, "S").source:match("^(.-)init%.lua$") or "")
require "asyncio.task.context"
core.set_default_handler(report.default_handler)

return asyncio
