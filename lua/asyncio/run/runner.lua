--- Running: a loop, a program on it, and a clean end in every case.

local core = require("asyncio.core").api
local check = require "asyncio.base.check"
local errors = require "asyncio.base.errors"
local report = require "asyncio.task.report"
local shutdown = require "asyncio.run.shutdown"
local view = require "asyncio.inspect.inspect"

local runner = {}

local CancelledError = errors.classes.CancelledError

--- Makes a loop with the real clock.
function runner.new_event_loop()
  return core.new_event_loop()
end

--- Would anything but the host catch an error raised here?
local function is_caught()
  local _, is_main = coroutine.running()
  return not is_main or errors.is_caught(3)
end

local Runner = {}
Runner.__index = Runner
Runner.__name = "asyncio.Runner"

local dump_signals = check.one_of("SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGTERM")

local function dump_signal(v)
  local expected = dump_signals(v)
  if type(v) == "string" and expected then
    return ("%s expected, got '%s'"):format(expected, v), true
  end
  return expected
end

local RUNNER = {
  debug = check.boolean, loop_factory = check.callable, shutdown_grace = check.grace,
  watchdog = check.duration, time_slice = check.duration, dump_on = dump_signal,
}

-- The options of one run of a runner; below, those of a run that makes its own.
local ONE_RUN = { context = check.context }
local RUN = { context = check.context }
for name, checker in pairs(RUNNER) do
  RUN[name] = checker
end

local function new_runner(options)
  return setmetatable({ options = options, state = "new" }, Runner)
end

--- Runner{debug =, loop_factory =, shutdown_grace =}: makes a runner, for several
-- runs on one loop and in one context.
function runner.Runner(options)
  return new_runner(check.options("Runner", 1, options, RUNNER))
end

local function is_runner(v)
  if getmetatable(v) ~= Runner then
    return "asyncio.Runner"
  end
end

local function is_running()
  return (pcall(core.get_running_loop))
end

--- Returns the signal for dumps that the environment names, or nil.
local function dump_signal_of_environment(level)
  local signal = os.getenv "LUA_ASYNCIO_DUMP_ON"
  if signal == nil or signal == "" then
    return nil
  end
  local what = dump_signal(signal)
  if what then
    error(("LUA_ASYNCIO_DUMP_ON: %s"):format(what), level + 1)
  end
  return signal
end

--- Makes a signal dump all tasks. If the environment names it, only the first of
-- several loops gets it.
local function start_dumps(self, level)
  local asked = self.options.dump_on
  local signal = asked or dump_signal_of_environment(level + 1)
  if signal then
    local ok, err = pcall(core.dump_on, self.loop, signal, view.dump)
    if not ok and asked then
      error(err, level + 1)
    end
  end
end

--- Returns the loop, which is made when it is first needed. `level` is for
-- errors.
local function get_loop(self, level)
  if self.state == "closed" then
    error("the runner is closed", level + 1)
  elseif self.state == "new" then
    self.loop = (self.options.loop_factory or core.new_event_loop)()
    if self.loop == nil or not pcall(core.set_event_loop, self.loop) then
      error(("the loop factory returned %s, not an open loop"):format(
        self.loop == nil and "nil" or "a " .. type(self.loop)), level + 1)
    end
    if self.options.debug ~= nil then
      self.loop:set_debug(self.options.debug)
    end
    if self.options.watchdog or self.options.time_slice then
      core.watch(self.loop, self.options.watchdog, self.options.time_slice)
    end
    start_dumps(self, level + 1)
    self.context = core.has_contexts() and core.copy_context() or nil
    self.state = "open"
  elseif self.loop:is_closed() then
    error("the loop of the runner is closed", level + 1)
  end
  return self.loop
end

function Runner:get_loop()
  check.self("get_loop", self, is_runner)
  return get_loop(self, 2)
end

--- Makes the task of `args[1](...)`, in a context if one is given. If that is an
-- awaitable and no function, the task awaits it.
local function start(loop, args, context)
  if context then
    args.context = context
    return loop:create_task(args)
  end
  return loop:create_task(table.unpack(args, 1, args.n))
end

--- Did the run of a main task end so because of a SIGINT?
-- @param how result of `core.interrupted`
local function by_sigint(how, task, ok, err)
  if ok then
    return how == "missed"
  end
  return how == "stopped" or
    how ~= nil and core.isinstance(err, CancelledError) and task:uncancel() == 0
end

--- Asks the same right after the run of the task on a loop.
function runner.is_interrupted(loop, task, ok, err)
  return by_sigint(core.interrupted(loop, task), task, ok, err)
end

--- Returns the results of a run that has ended so, or raises its error.
local function finish(task, how, ok, ...)
  if by_sigint(how, task, ok, (...)) then
    error("interrupted!", 0)
  elseif ok then
    return ...
  elseif is_caught() then
    error((...), 0)
  end
  error(report.text((...)) .. "\n" .. report.chain(task), 0)
end

--- Raises, at the line that called the public `run`, unless the main and its
-- arguments can make a task.
-- @param from_table did they come in one table, which is named in the error?
local function check_main(args, from_table)
  local main = args[1]
  local function refuse(i, what)
    error(("bad argument #%d to 'run' (%s)"):format(from_table and 1 or i, what), 4)
  end
  if not check.callable(main) then
    return
  elseif not core.isawaitable(main) then
    refuse(1, ("function or awaitable expected, got %s"):format(type(main)))
  elseif type(main) == "thread" and not core.isfresh(main) then
    refuse(1, "coroutine was started or awaited before")
  end
  for i = 2, args.n do
    if args[i] ~= nil then
      refuse(i, "only a function takes arguments")
    end
  end
end

--- Is it `run{main, arg..., option=}`, and not an object that is the main?
local function is_options(v)
  local meta = type(v) == "table" and debug.getmetatable(v)
  return type(v) == "table" and not (type(meta) == "table" and (meta.__await or meta.__call))
end

--- Returns the context that the runs of a runner share: nil as long as the program
-- has no contexts at all, then the context of the run that made the first one.
local function context_of(self)
  if not self.context and core.has_contexts() then
    self.context = core.Context()
  end
  return self.context
end

local function keep_context(self, task)
  if not self.context and core.has_contexts() and task.get_context then
    self.context = task:get_context()
  end
end

--- Ends what is left on the loop and closes it. Does nothing if that was done.
-- @return did a SIGINT come meanwhile?
local function shut(self)
  local loop = self.state == "open" and self.loop
  self.state = "closed"
  if not loop or loop:is_closed() then
    return false
  end
  return shutdown.close(loop, self.options.shutdown_grace or shutdown.GRACE)
end

function Runner:close()
  check.self("close", self, is_runner)
  if is_running() then
    error("a runner cannot be closed while a loop is running", 2)
  end
  if shut(self) then
    error("interrupted!", 0)
  end
end

--- An `os.exit` in a task closes this, too; the process then just ends.
function Runner:__close(err)
  if not is_running() and shut(self) and err == nil then
    error("interrupted!", 0)
  end
end

function Runner:__tostring()
  return ("Runner<state=%s>"):format(self.state)
end

--- Does one run. The public function calls this as a tail call, so that errors
-- have the line of its caller.
-- @param known the options that are allowed
-- @param owner a runner; without one the run makes a runner with its options,
-- which ends with it
local function run(known, owner, main, ...)
  local options, args = {}, table.pack(main, ...)
  local from_table = is_options(main)
  if from_table then
    options = check.named_options("run", 1, main, known)
    args = check.list("run", 1, main)
  end
  check_main(args, from_table)
  if is_running() then
    error(owner and "a runner cannot run while a loop is running" or
      "asyncio.run cannot be called while a loop is running", 2)
  end
  local own <close> = not owner and new_runner(options) or nil
  local loop = get_loop(owner or own, 2)
  local task = start(loop, args, options.context or owner and context_of(owner))
  local results = table.pack(pcall(core.complete, loop, task, false))
  local how = core.interrupted(loop, task)
  if owner and not options.context then
    keep_context(owner, task)
  elseif own and shut(own) and results[1] then
    how = "missed"
  end
  return finish(task, how, table.unpack(results, 1, results.n))
end

--- Runs `main(...)` in a task of the runner's loop and returns its results.
function Runner:run(...)
  check.self("run", self, is_runner)
  return run(ONE_RUN, self, ...)
end

--- Runs `main(...)` in a task of a new loop and returns its results.
function runner.run(...)
  return run(RUN, nil, ...)
end

return runner
