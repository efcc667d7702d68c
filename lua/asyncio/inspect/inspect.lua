--- Inspecting a program: what every task is doing, and which awaits which.

local core = require("asyncio.core").api
local check = require "asyncio.base.check"
local waits = require "asyncio.inspect.waits"

local view = {}

local optional_file = check.optional(check.file)
local optional_loop = check.optional(check.loop)

local DUMP = { group = check.boolean, file = check.file }
local SHOWN = 3  -- how many tasks of a group are named

--- For each future and task, the tasks of the loop that await it.
local function awaiters_of(loop)
  local awaiters = {}
  for _, task in ipairs(core.all_tasks(loop)) do
    local _, awaited = core.waiting(task)
    for _, future in ipairs(awaited) do
      awaiters[future] = awaiters[future] or {}
      table.insert(awaiters[future], task)
    end
  end
  return awaiters
end

local function node_of(future, awaiters, path)
  local node = {
    task = future,
    stack = future.get_stack and future:get_stack() or {},
    awaited_by = {},
  }
  if path[future] then
    node.cycle = true
    node.stack = {}
    return node
  end
  path[future] = true
  for _, task in ipairs(awaiters[future] or {}) do
    table.insert(node.awaited_by, node_of(task, awaiters, path))
  end
  return node
end

local function check_future(name, future)
  if future ~= nil and not core.isfuture(future) then
    error(("bad argument #1 to '%s' (Task or Future expected, got %s)"):format(
      name, type(future)), 3)
  end
  future = future or core.current_task()
  if not future then
    error(("asyncio.%s needs a task outside of tasks"):format(name), 3)
  end
  return future
end

--- The tasks that await a task or future, and those that await them, upward:
-- `{task=, stack=, awaited_by={...}}`. A task met a second time has `cycle = true`
-- and nothing above it.
function view.call_graph(future)
  future = check_future("call_graph", future)
  return node_of(future, awaiters_of(future:get_loop()), {})
end

local function write_node(file, node, indent)
  file:write(indent, "* ", tostring(node.task), node.cycle and " (shown above)" or "", "\n")
  for i = #node.stack, 1, -1 do
    local frame = node.stack[i]
    file:write(indent, ("  %s:%d: in %s\n"):format(frame.source, frame.line,
      frame.name or "function"))
  end
  if #node.awaited_by > 0 then
    file:write(indent, "  awaited by:\n")
    for _, above in ipairs(node.awaited_by) do
      write_node(file, above, indent .. "    ")
    end
  end
end

--- Prints the call graph of a task, with a stack for each.
function view.print_call_graph(future, file)
  future = check_future("print_call_graph", future)
  check.argument("print_call_graph", 2, file, optional_file)
  write_node(file or io.stderr, view.call_graph(future), "")
end

--- Returns the running loop, or raises for the caller of a public function.
local function running_loop()
  local running, loop = pcall(core.get_running_loop)
  if not running then
    error(loop, 3)
  end
  return loop
end

--- Returns what every task of the loop is doing, as a list of plain tables.
-- @param loop the running one by default
function view.tasks(loop)
  check.argument("tasks", 1, loop, optional_loop)
  local list = {}
  for i, entry in ipairs(waits.of(loop or running_loop())) do
    local task = entry.task
    local state, place, since, context = core.phase(task)
    list[i] = {
      task = task,
      name = task:get_name(),
      state = state,
      place = place,
      waits_for = entry.kind and waits.text(entry),
      since = since,
      context = context,
    }
  end
  return list
end

--- Writes what the tasks of a group are doing, as the first of them shows it.
local function write_group(file, group)
  local first, names = group[1], {}
  for i = 1, math.min(#group, SHOWN) do
    names[i] = tostring(group[i].task)
  end
  local lines = { table.concat(names, ", ") }
  if #group > SHOWN then
    lines[1] = ("%s and %d more"):format(lines[1], #group - SHOWN)
  end
  if #group > 1 then
    lines[1] = ("%d tasks: %s"):format(#group, lines[1])
  end
  if first.kind then
    lines[1] = ("%s %s for %s"):format(lines[1], #group > 1 and "wait" or "waits", waits.text(first))
  end
  lines[2] = first.trace
  waits.add_origin(lines, first.task)
  file:write(table.concat(lines, "\n"), "\n")
end

--- Groups the tasks that are in the same wait at the same place. Each group has
-- the position of its first task.
local function grouped(entries)
  local groups, by_place = {}, {}
  for _, entry in ipairs(entries) do
    local place = ("%s\n%s\n%s"):format(core.phase(entry.task), entry.kind, entry.trace)
    local group = by_place[place]
    if not group then
      group = {}
      by_place[place] = group
      groups[#groups + 1] = group
    end
    group[#group + 1] = entry
  end
  return groups
end

--- Writes what every task of the running loop is doing.
-- @param options the file to write to (standard error by default), or a table:
-- `file`, and `group` = true to join tasks that wait at the same place
function view.dump(options)
  if type(options) == "table" and check.file(options) then
    check.options("dump", 1, options, DUMP)
  else
    check.argument("dump", 1, options, optional_file)
    options = { file = options }
  end
  local file, loop = options.file or io.stderr, running_loop()
  local entries = waits.of(loop)
  for _, entry in ipairs(entries) do
    entry.trace = entry.task:traceback()
  end
  file:write(("%d tasks of %s\n"):format(#entries, tostring(loop)))
  for _, group in ipairs(options.group and grouped(entries) or entries) do
    write_group(file, options.group and group or { group })
  end
end

return view
