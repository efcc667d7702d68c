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

--- Is it a task that closes a generator? Such a task must not be cancelled before
-- the others.
function generator.is_closer(task)
  return closers[task]
end

--- Starts a task for each generator that is still open on the loop, which closes
-- it.
function generator.close_all(loop)
  for _, iterator in ipairs(core.open_generators(loop)) do
    start_closing(loop, iterator)
  end
end

return generator
