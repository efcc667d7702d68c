--- Tasks: the methods that need the debug library, and factories.

local core = require("asyncio.core").api
local check = require "asyncio.base.check"

local tasks = {}

local Task = core.index "asyncio.Task"

-- How the names of this library's sources begin.
local OWN = debug.getinfo(1, "S").source:match("^(.-)task[/\\]task%.lua$")

--- Returns the frames of a coroutine that can be shown, the oldest first. For the
-- running one this leaves out the library's own frames that ask for them.
local function frames_of(co)
  local frames = {}
  local level, asking = 0, co == coroutine.running()
  while true do
    local info = debug.getinfo(co, level, "Slnf")
    if not info then
      break
    end
    if info.currentline > 0 then
      asking = asking and info.source:sub(1, #OWN) == OWN
      if not asking then
        frames[#frames + 1] = {
          source = info.short_src,
          line = info.currentline,
          name = info.name,
          func = info.func,
        }
      end
    end
    level = level + 1
  end
  for i = 1, #frames // 2 do  -- they came newest first
    frames[i], frames[#frames + 1 - i] = frames[#frames + 1 - i], frames[i]
  end
  return frames
end

--- Returns those of a coroutine and of all coroutines that it drives.
local function all_frames_of(co)
  local frames = {}
  while co do
    local own = frames_of(co)
    table.move(own, 1, #own, #frames + 1, frames)
    co = core.inner(co)
  end
  return frames
end

local is_task = check.object "asyncio.Task"
local optional_file, optional_table = check.optional(check.file), check.optional(check.table)

local function check_limit(name, limit)
  local n = math.tointeger(limit)
  if limit ~= nil and (not n or n < 0) then
    error(("bad argument #1 to '%s' (a count of frames expected)"):format(name), 3)
  end
  return n
end

--- Returns the Lua frames of the task, the oldest first; none once it is done.
-- @param limit at most this number, the newest ones
function Task:get_stack(limit)
  check.self("get_stack", self, is_task)
  limit = check_limit("get_stack", limit)
  local frames = all_frames_of(self:get_coro())
  if limit then
    while #frames > limit do
      table.remove(frames, 1)
    end
  end
  frames.n = #frames
  return frames
end

--- Prints the stack of the task, or where it failed.
-- @param limit at most this number of frames
-- @param file the file to write to (standard error by default)
function Task:print_stack(limit, file)
  check.self("print_stack", self, is_task)
  check_limit("print_stack", limit)
  check.argument("print_stack", 2, file, optional_file)
  file = file or io.stderr
  if self:done() then
    file:write(tostring(self), "\n", self:traceback(), "\n")
    return
  end
  file:write("stack of ", tostring(self), " (most recent call last):\n")
  for _, frame in ipairs(self:get_stack(limit)) do
    file:write(("  %s:%d: in %s\n"):format(frame.source, frame.line, frame.name or "function"))
  end
end

local function release(ok, ...)
  core.hold_off(-1)
  if not ok then
    error((...), 0)
  end
  return ...
end

--- Calls `f(...)` in the current task without time slices.
function tasks.uninterrupted(f, ...)
  if type(f) ~= "function" then
    error(("bad argument #1 to 'uninterrupted' (function expected, got %s)"):format(type(f)), 2)
  end
  core.hold_off(1)
  return release(pcall(core.body(f), ...))
end

--- Makes a task factory that starts every task at once, up to its first wait.
-- @param constructor called as `constructor(loop, coroutine, options)`
function tasks.create_eager_task_factory(constructor)
  if type(constructor) ~= "function" then
    error(("bad argument #1 to 'create_eager_task_factory' (function expected, got %s)")
      :format(type(constructor)), 2)
  end
  return function(loop, co, options)
    check.argument("eager_task_factory", 1, loop, check.loop)
    check.argument("eager_task_factory", 3, options, optional_table)
    options = options or {}
    if options.eager_start == nil then
      options.eager_start = true
    end
    return constructor(loop, co, options)
  end
end

tasks.eager_task_factory = tasks.create_eager_task_factory(core.Task)

return tasks
