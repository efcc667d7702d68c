--- Waits: which task waits for what, as a graph and in words.

local core = require("asyncio.core").api

local waits = {}

local SHOWN = 5  -- how many of those awaited at once are named

--- Returns what each task of the loop waits for, in order: `task`, `kind` (nil if it
-- does not wait), `awaited` (a list of futures), `holder` (a task or nil),
-- `name` (of what it waits for, or nil).
function waits.of(loop)
  local entries, by_number = {}, {}
  for i, task in ipairs(core.all_tasks(loop)) do
    local kind, awaited, number, name = core.waiting(task)
    entries[i] = { task = task, kind = kind, awaited = awaited, holder = number, name = name }
    by_number[core.number(task)] = task
  end
  for _, entry in ipairs(entries) do
    entry.holder = by_number[entry.holder]
  end
  return entries
end

--- Describes what a task waits for, as the end of a sentence.
function waits.text(entry)
  local kind = entry.name and ("%s '%s'"):format(entry.kind, entry.name) or entry.kind
  if entry.holder then
    return ("%s held by %s"):format(kind, entry.holder)
  elseif #entry.awaited == 0 then
    return kind
  end
  local names = {}
  for i = 1, math.min(#entry.awaited, SHOWN) do
    names[i] = tostring(entry.awaited[i])
  end
  local list = table.concat(names, ", ")
  if #entry.awaited > SHOWN then
    list = ("%s and %d more"):format(list, #entry.awaited - SHOWN)
  end
  return entry.kind == "future" and list or ("%s of %s"):format(entry.kind, list)
end

--- Follows the waits from a task until they return to it. Visits each task only
-- once in all calls with the same `visited`. Returns the cycle as a list, or nil.
local function follow(first, by_task, visited)
  local path, place = { first }, { [first] = 1 }
  visited[first] = 0
  while #path > 0 do
    local top = path[#path]
    local entry = by_task[top]
    visited[top] = visited[top] + 1
    local nth, to = visited[top], nil
    if entry and entry.holder then
      to = nth == 1 and entry.holder or nil
    elseif entry then
      to = entry.awaited[nth]
    end
    if to == nil then
      path[#path], place[top] = nil, nil
    elseif place[to] then
      return table.move(path, place[to], #path, 1, {})
    elseif not visited[to] then
      path[#path + 1] = to
      place[to], visited[to] = #path, 0
    end
  end
  return nil
end

--- Returns the first cycle of tasks that wait for each other, and the wait that
-- leads from each to the next; nil if there is none.
local function cycle_of(entries, by_task)
  local visited = {}
  for _, entry in ipairs(entries) do
    local cycle = not visited[entry.task] and follow(entry.task, by_task, visited)
    if cycle then
      return cycle
    end
  end
  return nil
end

local function link_text(entry, to)
  if entry.holder then
    return waits.text(entry)
  end
  return waits.text { kind = entry.kind, awaited = { to } }
end

local function add_cycle(lines, entries)
  local by_task = {}
  for _, entry in ipairs(entries) do
    by_task[entry.task] = entry
  end
  local cycle = cycle_of(entries, by_task)
  if not cycle then
    return
  end
  lines[#lines + 1] = "wait cycle:"
  for i, task in ipairs(cycle) do
    local to = cycle[i + 1] or cycle[1]
    lines[#lines + 1] = ("  %s waits for %s"):format(task, link_text(by_task[task], to))
  end
end

--- Adds the place where a task was made, if that is known.
function waits.add_origin(lines, task)
  local created = core.created(task)
  if created then
    lines[#lines + 1] = (created:gsub("^stack traceback:", "created at:"))
  end
end

--- Describes all waits in lines of text, first the cycle of tasks that wait for
-- each other, if there is one.
function waits.lines(loop)
  local lines = {}
  local entries = waits.of(loop)
  add_cycle(lines, entries)
  lines[#lines + 1] = "waiting tasks:"
  for _, entry in ipairs(entries) do
    if entry.kind then
      lines[#lines + 1] = ("%s waits for %s"):format(entry.task, waits.text(entry))
      lines[#lines + 1] = entry.task:traceback()
      waits.add_origin(lines, entry.task)
    end
  end
  return lines
end

--- The text of a DeadlockError.
local function deadlock_text(loop)
  return "nothing can ever wake the main task\n" .. table.concat(waits.lines(loop), "\n")
end

core.set_deadlock_text(deadlock_text)

return waits
