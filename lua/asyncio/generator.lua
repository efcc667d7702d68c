--- Generators: the end of those that a program drops or leaves open.

local core = require("asyncio.core").api

local generator = {}

-- The tasks that close generators.
local closers = setmetatable({}, { __mode = "k" })

local function close(iterator)
  local _ <close> = iterator
end

local function start_closing(loop, iterator)
  local task = core.Task(loop, function() close(iterator) end, { name = "closing a generator" })
  closers[task] = true
end

core.set_closer(start_closing)

--- Is it a task that closes a generator? Such a one is not to be cancelled
-- before its time.
function generator.is_closer(task)
  return closers[task]
end

local function others(loop)
  local tasks, me = {}, core.current_task()
  for _, task in ipairs(core.all_tasks(loop)) do
    if task ~= me then
      tasks[#tasks + 1] = task
    end
  end
  return tasks
end

--- Closes all generators of the loop that are still open, and those that their
-- closing opens. Called in a task of it when only closers are left.
-- @param wait called with tasks; ends them in the end, and tells what they
-- raised
function generator.shutdown_asyncgens(loop, wait)
  for _ = 1, 100 do
    for _, iterator in ipairs(core.open_generators(loop)) do
      start_closing(loop, iterator)
    end
    local tasks = others(loop)
    if #tasks == 0 then
      return
    end
    wait(tasks)
  end
end

return generator
