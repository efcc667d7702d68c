--- The end of a run: ends what is left on the loop, then closes the loop.
-- This takes about one grace at most, whatever the tasks do: those that go on
-- are cancelled at every suspension, then closed by force.

local core = require("asyncio.core").api
local generator = require "asyncio.coroutine.generator"

local shutdown = {}

--- Seconds that cancelled tasks may take, unless a run says otherwise.
shutdown.GRACE = 3

local ROUNDS = 100  -- of tasks that make other tasks while they end

--- Waits for tasks without raising their errors. Returns false if nothing can
-- happen any more, or if the loop's grace has passed.
local function wait_all(loop, tasks)
  local left = #tasks
  local done = loop:create_future()
  for _, task in ipairs(tasks) do
    task:add_done_callback(function()
      left = left - 1
      if left == 0 and not done:done() then
        done:set_result()
      end
    end)
  end
  return left == 0 or (pcall(core.await, done))
end

--- Reports how a task ended, if not quietly.
local function report_end(loop, task)
  if core.killed(task) then
    loop:call_exception_handler {
      message = "a task went on after it was cancelled and was closed by force",
      exception = not task:cancelled() and task:exception() or nil,
      task = task,
      traceback = task:traceback(),
    }
  elseif task:done() and not task:cancelled() then
    local err, failed = task:exception()
    if failed then
      loop:call_exception_handler {
        message = "a task failed while the run was ending",
        exception = err,
        task = task,
        traceback = task:traceback(),
      }
    end
  end
end

--- Returns the tasks that are not done, except this one.
-- @param spares predicate: tasks to leave out, too
local function others(loop, spares)
  local tasks, me = {}, core.current_task()
  for _, task in ipairs(core.all_tasks(loop)) do
    if task ~= me and not spares(task) then
      tasks[#tasks + 1] = task
    end
  end
  return tasks
end

--- Ends tasks in rounds, as the ending ones may make more. All rounds together
-- have one grace; then tasks are cancelled at every suspension.
-- @param next_tasks returns the tasks of the next round
-- @param told predicate: tasks that were cancelled before
-- @return have all tasks ended?
local function end_rounds(loop, grace, next_tasks, told)
  local persisting = false
  core.set_grace(loop, grace)
  for _ = 1, ROUNDS do
    local tasks = next_tasks()
    if #tasks == 0 then
      core.set_grace(loop, nil)
      return true
    end
    for _, task in ipairs(tasks) do
      if persisting then
        core.persist(task)
      elseif not told(task) then
        task:cancel()
      end
    end
    local ended = wait_all(loop, tasks)
    for _, task in ipairs(tasks) do
      if task:done() and (core.killed(task) or not told(task) or generator.is_closer(task)) then
        report_end(loop, task)
      end
    end
    if not ended and persisting then
      break
    elseif not ended then
      persisting = true
      core.set_grace(loop, grace)
    end
  end
  core.set_grace(loop, nil)
  return false
end

--- Ends all tasks, then the generators that were left open, which get a grace of
-- their own. Tasks still made after all rounds are left to `loop:close`.
local function end_all(loop, grace, told)
  local gone = end_rounds(loop, grace, function()
    return others(loop, generator.is_closer)
  end, told)
  local function is_no_closer(task)
    return not generator.is_closer(task)
  end
  end_rounds(loop, grace, function()
    generator.close_all(loop)
    return others(loop, gone and function() end or is_no_closer)
  end, function(task)
    return generator.is_closer(task) or told(task)
  end)
end

local function is_main(main)
  return function(task)
    return task == main
  end
end

--- Ends what is left on the loop and closes it; it is no longer the current one.
-- @param grace seconds that the tasks may take to end
-- @param main a task that was cancelled already, or nil
-- @return did a SIGINT come meanwhile?
function shutdown.close(loop, grace, main)
  local before = core.interrupted(loop)
  if before ~= "stopped" then
    local ender = core.Task(loop, function()  -- whatever the program's factory does
      end_all(loop, grace, is_main(main))
    end)
    local ok, err = pcall(core.complete, loop, ender, true)
    if not ok and core.interrupted(loop) ~= "stopped" then
      loop:call_exception_handler { message = "the run could not end", exception = err }
    end
  end
  local after = core.interrupted(loop)
  loop:close()
  core.set_event_loop(nil)
  return not before and after ~= nil or before ~= "stopped" and after == "stopped"
end

return shutdown
