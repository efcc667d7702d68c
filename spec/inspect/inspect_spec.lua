--- The view inside: call graphs and dumps.

local asyncio = require "asyncio"
local child = require "spec.support.child"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local turns = witness.turns

-- A file that keeps what is written to it.
local function paper()
  local texts = {}
  return {
    write = function(self, ...) texts[#texts + 1] = table.concat { ... } return self end,
    text = function() return table.concat(texts) end,
  }
end

-- A node of a call graph as names: { name, { above... } }.
local function names(node)
  local above = {}
  for i, up in ipairs(node.awaited_by) do
    above[i] = names(up)
  end
  local name = node.task.get_name and node.task:get_name() or "future"
  return { node.cycle and name .. " again" or name, above }
end

local function waiting(name, ...)
  return asyncio.create_task { name = name, ... }
end

local function cancel_all()
  for _, task in ipairs(asyncio.all_tasks()) do
    if task ~= asyncio.current_task() then
      task:cancel()
    end
  end
  turns(4)
end

describe("a call graph", function()
  it("goes upward through await, gather, wait, as_completed and shield", testing.virtual(function()
    local future = asyncio.Future()
    local inner = waiting("inner", function() asyncio.await(future) end)
    waiting("await", function() asyncio.await(inner) end)
    waiting("gather", function() asyncio.gather(inner, asyncio.Future()) end)
    waiting("wait", function() asyncio.wait(asyncio.Future(), inner) end)
    waiting("each", function() for _ in asyncio.as_completed(inner) do end end)
    waiting("shield", function() asyncio.shield(inner) end)
    turns(2)
    assert.same({ "future", { { "inner", {
      { "await", {} }, { "gather", {} }, { "wait", {} }, { "each", {} }, { "shield", {} },
    } } } }, names(asyncio.call_graph(future)))
    future:set_result()
    turns(2)
    cancel_all()
  end))

  it("goes through chains of any length", testing.virtual(function()
    local task = waiting("0", asyncio.sleep, 1)
    local first = task
    for i = 1, 100 do
      local below = task
      task = waiting(tostring(i), function() asyncio.await(below) end)
    end
    turns(2)
    local node = asyncio.call_graph(first)
    for i = 0, 100 do
      assert.equal(tostring(i), node.task:get_name())
      node = node.awaited_by[1]
    end
    assert.is_nil(node)
    asyncio.await(task)
  end))

  it("has the frames of each, the oldest first", testing.virtual(function()
    local here
    local function deep() asyncio.sleep(1) end
    local task = waiting("t", function() local x = 1 deep() return x end) here = witness.line()
    turns(1)
    local stack = asyncio.call_graph(task).stack
    assert.equal(here, ("%s:%d:"):format(stack[1].source, stack[1].line))
    assert.equal("deep", stack[2].name)
    asyncio.await(task)
  end))

  it("is of the current task without an argument", testing.virtual(function()
    local me = asyncio.current_task()
    local graph = asyncio.call_graph()
    assert.equal(me, graph.task)
    assert.same({}, graph.awaited_by)
    local above = waiting("above", function() asyncio.await(me) end)
    turns(1)
    assert.equal(above, asyncio.call_graph().awaited_by[1].task)
    above:cancel()
    pcall(turns, 3)
  end, { leaks = true }))

  it("ends where tasks await each other in a circle", testing.virtual(function()
    local a, b
    a = waiting("a", function() asyncio.await(b) end)
    b = waiting("b", function() asyncio.await(a) end)
    waiting("c", function() asyncio.await(a) end)
    turns(1)
    assert.same({ "a", { { "b", { { "a again", {} } } }, { "c", {} } } },
      names(asyncio.call_graph(a)))
    local file = paper()
    asyncio.print_call_graph(a, file)
    assert.matches("Task<name=a, [^\n]*> %(shown above%)", file.text())
    cancel_all()
  end))

  it("does not grow exponentially where awaits are shared", testing.virtual(function()
    local bottom = waiting("bottom", asyncio.sleep, 1)
    local left, right = bottom, bottom
    for i = 1, 30 do
      local l, r = left, right
      left = waiting("left " .. i, function() asyncio.gather(l, r) end)
      right = waiting("right " .. i, function() asyncio.gather(l, r) end)
    end
    turns(2)
    local nodes = 0
    local function count(node)
      nodes = nodes + 1
      for _, above in ipairs(node.awaited_by) do
        count(above)
      end
    end
    count(asyncio.call_graph(bottom))
    assert.is_true(nodes <= 121, nodes)
    local file = paper()
    asyncio.print_call_graph(bottom, file)
    assert.is_true(#file.text() < 100000)
    asyncio.gather(left, right)
  end))

  it("prints as a tree with a stack for each", testing.virtual(function()
    local inner = waiting("inner", function() asyncio.sleep(1) end)
    local outer = waiting("outer", function() asyncio.await(inner) end)
    turns(1)
    local file = paper()
    asyncio.print_call_graph(inner, file)
    assert.matches("^%* Task<name=inner, [^\n]*>\n  spec/inspect/inspect_spec.lua:%d+: in function\n"
      .. "  awaited by:\n    %* Task<name=outer, [^\n]*>\n"
      .. "      spec/inspect/inspect_spec.lua:%d+: in function\n$", file.text())
    asyncio.await(outer)
  end))

  it("refuses nonsense, and to guess outside of tasks", testing.virtual(function()
    assert.matches("bad argument #1 to 'call_graph' %(Task or Future expected, got number%)",
      witness.text(asyncio.call_graph, 1))
    assert.matches("bad argument #2 to 'print_call_graph'",
      witness.text(asyncio.print_call_graph, nil, 1))
    local told
    asyncio.get_running_loop():call_soon(function() told = witness.text(asyncio.call_graph) end)
    turns(1)
    assert.matches("call_graph needs a task", told)
  end))
end)

describe("a dump", function()
  it("has every task, what it waits for and its stack", testing.virtual(function()
    local lock = asyncio.Lock()
    local holder = waiting("holder", function() lock:acquire() asyncio.sleep(1) lock:release() end)
    turns(1)
    waiting("next", function() lock:acquire() lock:release() end)
    waiting("many", function() asyncio.wait(holder) end)
    turns(1)
    waiting("new", print)
    local file = paper()
    asyncio.dump(file)
    local text = file.text()
    assert.matches("^5 tasks of Loop<state=running, tasks=5>\n", text)
    assert.matches("Task<name=holder, [^\n]*> waits for sleep\nstack traceback:\n.-inspect_spec", text)
    assert.matches("Task<name=next, [^\n]*> waits for lock held by Task<name=holder", text)
    assert.matches("Task<name=many, [^\n]*> waits for wait of Task<name=holder", text)
    assert.matches("Task<name=new, state=pending>\n", text)
    assert.matches("state=running, at=spec/inspect/inspect_spec.lua", text)
    cancel_all()
  end))

  it("shows where the current task asked for it, and nothing of the library", testing.virtual(function()
    local file = paper()
    local function ask() asyncio.dump(file) return true end
    assert(ask())
    assert.matches("\nstack traceback:\n\tspec/inspect/inspect_spec.lua:%d+: in [^\n]*ask'\n", file.text())
    assert.not_matches("inspect/inspect.lua", file.text(), 1, true)
    file = paper()
    local inner = asyncio.coroutine.wrap(function() asyncio.dump(file) return true end)
    assert(inner())
    assert.matches("\nstack traceback:\n\tspec/inspect/inspect_spec.lua:%d+: in function <", file.text())
    assert.not_matches("asyncio/inspect/inspect.lua", file.text(), 1, true)
  end))

  it("is quick with thousands of tasks", testing.virtual(function()
    local lock = asyncio.Lock()
    lock:acquire()
    local count = witness.many(5000)
    for _ = 1, count do
      asyncio.create_task(lock.acquire, lock)
    end
    turns(1)
    local file = paper()
    asyncio.dump(file)
    local _, n = file.text():gsub("waits for lock held by", "")
    assert.equal(count, n)
    cancel_all()
    lock:release()
  end))

  it("has where tasks were made, in debug mode", function()
    local file, here = paper(), nil
    asyncio.run { debug = true, function()
      asyncio.create_task(asyncio.sleep, 10) here = witness.line()
      turns(1)
      asyncio.dump(file)
    end }
    assert.matches("created at:\n", file.text(), 1, true)
    assert.matches(here, file.text(), 1, true)
  end)

  it("joins tasks that wait at the same place, if so asked", testing.virtual(function()
    local queue = asyncio.Queue { name = "jobs" }
    local function worker() queue:get() end
    for i = 1, 5 do
      waiting("worker " .. i, worker)
    end
    waiting("sleeper", function() asyncio.sleep(1) end)
    turns(1)
    local file, plain = paper(), paper()
    asyncio.dump { group = true, file = file }
    asyncio.dump { file = plain }
    local _, groups = file.text():gsub("stack traceback:", "")
    local _, tasks = plain.text():gsub("stack traceback:", "")
    assert.same({ 3, 7 }, { groups, tasks })
    assert.matches("\n5 tasks: Task<name=worker 1,[^\n]*, Task<name=worker 2,[^\n]*, Task<name=worker 3,"
      .. "[^\n]*> and 2 more wait for queue get 'jobs'\nstack traceback:\n", file.text())
    assert.matches("\nTask<name=sleeper,[^\n]*> waits for sleep\n", file.text())
    cancel_all()
  end))

  it("needs a running loop and a file", function()
    local text = witness.text(function() asyncio.dump() end) local here = witness.line()
    assert.equal(here .. " no running event loop", text)
    assert.matches("bad argument #1 to 'dump'", witness.text(asyncio.dump, 1))
  end)

  local PROGRAM = [[
    local asyncio = require "asyncio"
    asyncio.run { dump_on = "SIGUSR1", function()
      asyncio.create_task { name = "sleeper", function() asyncio.sleep(1000) end }
      asyncio.sleep(0)
      local seen
      local real = io.stderr
      io.stderr = { write = function(_, ...) seen = true return real:write(...) end }
      %s
      io.stderr = real
      print "end"
    end }
    io.popen("kill -USR1 $PPID"):close()
    print "not reached: the signal is the system's again"
  ]]

  for how, wait in pairs {
    ["idle"] = [[
      io.popen "{ sleep 0.1; kill -USR1 $PPID; } >/dev/null 2>&1 &"
      while not seen do asyncio.sleep(0.01) end
    ]],
    ["busy"] = [[
      io.popen("kill -USR1 $PPID"):close()
      while not seen do end
    ]],
  } do
    it("comes on a signal while the loop is " .. how, function()
      local out, complained, status = child.run((PROGRAM:gsub("%%s", function() return wait end)))
      assert.same({ "end\n", -10 }, { out, status }, complained)
      assert.matches("tasks of Loop<state=running", complained)
      assert.matches("Task<name=sleeper, [^\n]*> waits for sleep", complained)
    end)
  end

  it("on a signal needs the name of one", function()
    assert.matches("SIGKILL", witness.text(asyncio.run, { print, dump_on = "SIGKILL" }))
  end)
end)

describe("the list of tasks", function()
  it("has what each is doing, in plain values", testing.virtual(function()
    local lock = asyncio.Lock { name = "door" }
    local variable = asyncio.ContextVar("variable")
    local holder = waiting("holder", function() lock:acquire() asyncio.sleep(1) lock:release() end)
    turns(1)
    variable:set(1)
    waiting("next", function() lock:acquire() lock:release() end)
    turns(1)
    waiting("new", print)
    local found = {}
    for _, entry in ipairs(asyncio.tasks()) do
      found[entry.name] = entry
      assert.equal(entry.name, entry.task:get_name())
    end
    assert.same({ "waiting", "sleep", holder },
      { found.holder.state, found.holder.waits_for, found.holder.task })
    assert.matches("^spec/inspect/inspect_spec.lua:%d+$", found.holder.place)
    assert.equal("waiting", found.next.state)
    assert.matches("^lock 'door' held by Task<name=holder,", found.next.waits_for)
    assert.equal(1, variable.get and found.next.context:run(function() return variable:get() end))
    assert.same({ nil, "new" }, { found.new.waits_for, found.new.state })
    assert.is_nil(found.new.place)
    assert.equal("running", found[asyncio.current_task():get_name()].state)
    cancel_all()
  end))

  it("has since when they wait, while steps are watched", testing.virtual(function()
    local loop = asyncio.get_running_loop()
    local function since()
      local found = {}
      for _, entry in ipairs(asyncio.tasks(loop)) do
        found[entry.name] = entry.since
      end
      return found
    end
    waiting("unwatched", function() asyncio.sleep(100) end)
    asyncio.sleep(1)
    loop:set_debug(true)
    waiting("watched", function() asyncio.sleep(1) asyncio.sleep(100) end)
    asyncio.sleep(3)
    assert.same({ watched = loop:time() - 2 }, since())
    loop:set_debug(false)
    assert.same({}, since())
    cancel_all()
  end))

  it("may be that of a loop that does not run", function()
    local loop <close> = testing.new_event_loop()
    witness.reports(loop)
    loop:create_task { name = "alone", print }
    local list = asyncio.tasks(loop)
    assert.same({ 1, "alone", "new" }, { #list, list[1].name, list[1].state })
    local ok, err = pcall(function() asyncio.tasks() end) local here = witness.line()
    assert.is_false(ok)
    assert.equal(here .. " no running event loop", err)
    assert.matches("bad argument #1 to 'tasks' %(asyncio.Loop expected, got table%)",
      witness.text(asyncio.tasks, {}))
  end)
end)
