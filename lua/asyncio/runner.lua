--- Running: one call that makes a loop, runs a program on it and cleans up.

local core = require("asyncio.core").api
local errors = require "asyncio.errors"
local report = require "asyncio.report"

local runner = {}

local CancelledError = errors.classes.CancelledError

--- A new loop in real time.
function runner.new_event_loop()
  return core.new_event_loop()
end

-- Calls that a host can't see behind: an error that passes them is caught.
local catchers = { [pcall] = true, [xpcall] = true, [errors.pcall] = true }

--- Would anybody but the host catch an error raised by the caller's caller?
local function is_caught()
  local _, is_main = coroutine.running()
  if not is_main then
    return true
  end
  local level = 3
  while true do
    local info = debug.getinfo(level, "f")
    if not info then
      return false
    end
    if catchers[info.func] then
      return true
    end
    level = level + 1
  end
end

--- Cancels all tasks of the loop and waits until they are done; tasks that
-- they make meanwhile too. What still waits in the end is closed by the loop.
local function cancel_all(loop)
  for _ = 1, 100 do
    local left = core.all_tasks(loop)
    if left.n == 0 then
      return
    end
    for _, task in ipairs(left) do
      task:cancel()
    end
    left.return_exceptions = true
    local results = loop:run_until_complete(function()
      return core.gather(left)
    end)
    for i, task in ipairs(left) do
      if results.failed[i] and not task:cancelled() then
        loop:call_exception_handler {
          message = "a task failed while the run was ending",
          exception = results[i],
          task = task,
        }
      end
    end
  end
end

local function check_main(main)
  if core.isawaitable(main) or type(main) == "function" then
    return
  end
  local meta = getmetatable(main)
  if type(meta) == "table" and meta.__call then
    return
  end
  error(("bad argument #1 to 'run' (function or awaitable expected, got %s)"):format(
    main == nil and "nil" or type(main)), 3)
end

local known = { debug = true, loop_factory = true, n = true }

--- Takes `run{main, arg..., option=}` apart.
local function unpack_options(t)
  for key in pairs(t) do
    if type(key) == "string" and not known[key] then
      error(("bad argument #1 to 'run' (unknown option '%s')"):format(key), 3)
    end
  end
  return t, table.pack(table.unpack(t, 1, t.n or #t))
end

local function is_options(v)
  local meta = type(v) == "table" and getmetatable(v)
  return type(v) == "table" and not (type(meta) == "table" and (meta.__await or meta.__call))
end

local function is_running()
  return (pcall(core.get_running_loop))
end

local function finish(loop, task, interrupted, ok, ...)
  local cancelled = not ok and core.isinstance((...), CancelledError)
  if ok then
    return ...
  elseif interrupted and cancelled and task:cancelling() > 0 then
    error("interrupted!", 0)
  elseif is_caught() or not task.traceback then
    error((...), 0)
  end
  error(report.text((...)) .. "\n" .. report.chain(task), 0)
end

--- Runs `main(...)` in a task of a new loop and returns its results.
function runner.run(main, ...)
  local options, args = {}, table.pack(main, ...)
  if is_options(main) then
    options, args = unpack_options(main)
  end
  check_main(args[1])
  if is_running() then
    error("asyncio.run cannot be called while a loop is running", 2)
  end
  local loop = (options.loop_factory or core.new_event_loop)()
  core.set_event_loop(loop)
  if options.debug ~= nil then
    loop:set_debug(options.debug)
  end
  local function body()
    local first = args[1]
    if core.isawaitable(first) then
      return core.await(first)
    end
    return first(table.unpack(args, 2, args.n))
  end
  local task
  if type(args[1]) == "thread" or type(args[1]) == "function" then
    task = loop:create_task(table.unpack(args, 1, args.n))
  else
    task = loop:create_task(body)
  end
  local function clean(...)
    local interrupted = core.interrupted(loop)
    local ok, err = pcall(cancel_all, loop)
    loop:close()
    core.set_event_loop(nil)
    if not ok then
      error(err, 0)
    end
    return interrupted, ...
  end
  local results = table.pack(clean(pcall(loop.run_until_complete, loop, task, true)))
  return finish(loop, task, table.unpack(results, 1, results.n))
end

return runner
