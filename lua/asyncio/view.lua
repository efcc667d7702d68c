--- The view inside: what every task is doing, and who awaits whom.

local core = require("asyncio.core").api
local check = require "asyncio.check"
local waits = require "asyncio.waits"

local view = {}

local optional_file = check.optional(check.file)

--- Whom each future and task is awaited by, of all tasks of the loop.
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

--- Who awaits a task or future, upward: `{task=, stack=, awaited_by={...}}`.
-- One met a second time has `cycle = true` and no more above it.
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

local function write_task(file, entry)
  local lines = { tostring(entry.task) }
  if entry.kind then
    lines[1] = ("%s waits for %s"):format(lines[1], waits.text(entry))
  end
  lines[2] = entry.task:traceback()
  waits.add_origin(lines, entry.task)
  file:write(table.concat(lines, "\n"), "\n")
end

--- Writes what every task of the running loop is doing.
-- @param file where to (default: standard error)
function view.dump(file)
  check.argument("dump", 1, file, optional_file)
  file = file or io.stderr
  local running, loop = pcall(core.get_running_loop)
  if not running then
    error(loop, 2)
  end
  local entries = waits.of(loop)
  file:write(("%d tasks of %s\n"):format(#entries, tostring(loop)))
  for _, entry in ipairs(entries) do
    write_task(file, entry)
  end
end

return view
