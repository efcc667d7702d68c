--- Context variables: values that follow tasks and callbacks, and stay out of each other's way.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local child = require "spec.support.child"
local witness = require "spec.support.witness"

local turns = witness.turns

local var = asyncio.ContextVar("var", "default")

local function loop()
  return asyncio.get_running_loop()
end

describe("a context variable", function()
  it("has the value that was set, else a default, else none", testing.virtual(function()
    local bare = asyncio.ContextVar("bare")
    assert.equal("default", var:get())
    assert.equal("given", var:get("given"))
    assert.is_nil(var:get(nil))
    assert.matches("ContextVar 'bare' has no value", witness.text(bare.get, bare))
    assert.equal("given", bare:get("given"))
    assert.is_nil(asyncio.ContextVar("of nil", nil):get())
    for _, value in ipairs { "text", 0, false, {} } do
      var:set(value)
      assert.equal(value, var:get())
      assert.equal(value, var:get("given"))
    end
    var:set(nil)
    assert.is_nil(var:get("given"))
    assert.is_nil(bare:get(nil))
  end))

  it("goes back by its token, once", testing.virtual(function()
    local first = var:set("first")
    local second = var:set("second")
    var:reset(second)
    assert.equal("first", var:get())
    assert.matches("token was used already", witness.text(var.reset, var, second))
    var:reset(first)
    assert.equal("default", var:get())
    local of_nil = var:set(nil)
    local third = var:set("third")
    var:reset(third)
    assert.is_nil(var:get())
    var:reset(of_nil)
    assert.equal("default", var:get())
  end))

  it("refuses a token of another variable or context", testing.virtual(function()
    local other = asyncio.ContextVar("other")
    local token = var:set(1)
    assert.matches("token is another variable's", witness.text(other.reset, other, token))
    assert.matches("token was made in another context",
      witness.text(asyncio.await, asyncio.create_task(var.reset, var, token)))
    assert.matches("token was made in another context", witness.text(function()
      asyncio.copy_context():run(var.reset, var, token)
    end))
    assert.equal(1, var:get())
    var:reset(token)
  end))

  it("is set for a block by a token that closes", testing.virtual(function()
    do
      local scope <close> = var:set("inside")
      asyncio.sleep(1)
      assert.equal("inside", var:get())
    end
    assert.equal("default", var:get())
    pcall(function()
      local scope <close> = var:set("inside")
      error("boom")
    end)
    assert.equal("default", var:get())
    do
      local scope <close> = var:set("inside")
      var:reset(scope)
    end
    assert.equal("default", var:get())
  end))

  it("prints its name, as token and context do theirs", testing.virtual(function()
    assert.equal("ContextVar<name=var>", tostring(var))
    local token = var:set(1)
    assert.equal("Token<var=var>", tostring(token))
    var:reset(token)
    assert.equal("Token<var=var, used>", tostring(token))
    assert.equal("Context<size=0>", tostring(asyncio.Context()))
    var:set(1)
    assert.equal("Context<size=1>", tostring(asyncio.copy_context()))
  end))

  it("checks its arguments", function()
    assert.matches("string expected, got nil", witness.text(asyncio.ContextVar, nil))
    assert.matches("value expected", witness.text(var.set, var))
    assert.matches("asyncio.Token expected, got nil", witness.text(var.reset, var, nil))
    assert.matches("asyncio.ContextVar expected, got table", witness.text(var.get, {}))
    assert.matches("asyncio.ContextVar expected", witness.text(function()
      asyncio.copy_context():get("var")
    end))
  end)

  it("has values outside of tasks too, which tasks start with", function()
    local scope <close> = var:set("outside")
    assert.equal("outside", var:get())
    testing.run { clock = "virtual", function()
      assert.equal("outside", var:get())
      var:set("inside")
      local seen
      loop():call_soon(function() seen = var:get() end)
      turns(2)
      assert.equal("inside", seen)
    end }
    assert.equal("outside", var:get())
  end)
end)

describe("a task", function()
  it("starts with a copy of its creator's values", testing.virtual(function()
    var:set("creator's")
    local seen = {}
    local task = asyncio.create_task(function()
      seen[1] = var:get()
      var:set("its own")
      asyncio.sleep(1)
      seen[2] = var:get()
    end)
    var:set("changed")
    asyncio.await(task)
    assert.same({ "creator's", "its own" }, seen)
    assert.equal("changed", var:get())
  end))

  it("keeps its values across every wait", testing.virtual(function()
    local function body(i)
      var:set(i)
      local list = {}
      for _, wait in ipairs {
        function() asyncio.sleep(0) end,
        function() asyncio.sleep(i / 10) end,
        function() coroutine.yield() end,
        function() asyncio.await(asyncio.create_task(asyncio.sleep, 1)) end,
        function() asyncio.gather(function() var:set("gathered") asyncio.sleep(1) end) end,
        function() asyncio.await(asyncio.async(function() asyncio.sleep(1) end)()) end,
        function() asyncio.wait_for(function() asyncio.sleep(1) end, 5) end,
        function() pcall(asyncio.wait_for, function() asyncio.sleep(5) end, 1) end,
      } do
        wait()
        list[#list + 1] = var:get()
      end
      for _, v in ipairs(list) do
        assert.equal(i, v)
      end
      return #list
    end
    assert.same({ 8, 8, 8 }, { asyncio.gather(
      asyncio.async(body)(1), asyncio.async(body)(2), asyncio.async(body)(3)) })
    assert.equal("default", var:get())
  end))

  it("is one whoever makes it", testing.virtual(function()
    var:set("creator's")
    local seen = {}
    local function see(name)
      return function() seen[name] = var:get() end
    end
    asyncio.gather(see "gather", asyncio.async(see "object")())
    asyncio.wait_for(see "wait_for", 5)
    asyncio.await(asyncio.ensure_future(asyncio.async(see "ensure_future")()))
    asyncio.await(asyncio.create_task { see "options", name = "named" })
    asyncio.await(asyncio.create_task { see "eager", eager_start = true })
    asyncio.await(loop():create_task(see "loop"))
    asyncio.shield(see "shield")
    assert.same({ gather = "creator's", object = "creator's", wait_for = "creator's",
      ensure_future = "creator's", options = "creator's", eager = "creator's",
      loop = "creator's", shield = "creator's" }, seen)
  end))

  it("runs in the context that it is given", testing.virtual(function()
    local context = asyncio.Context()
    local seen = {}
    local function body(value)
      seen[#seen + 1] = var:get()
      var:set(value)
      asyncio.sleep(1)
      seen[#seen + 1] = var:get()
    end
    var:set("creator's")
    local task = asyncio.create_task { body, "given", context = context, name = "t" }
    assert.equal(context, task:get_context())
    assert.equal("t", task:get_name())
    asyncio.await(task)
    asyncio.await(asyncio.create_task { body, "eager", context = context, eager_start = true })
    assert.same({ "default", "given", "given", "eager" }, seen)
    assert.equal("eager", context:get(var))
    assert.equal("creator's", var:get())
    assert.matches("option 'context' must be a Context",
      witness.text(asyncio.create_task, { body, context = {} }))
  end))

  it("has a context of its own to look at", testing.virtual(function()
    local task = asyncio.create_task(function() asyncio.sleep(1) var:set("late") end)
    local context = task:get_context()
    assert.equal(context, task:get_context())
    assert.is_nil(context:get(var))
    asyncio.await(task)
    assert.equal("late", context:get(var))
    assert.equal(context, task:get_context())
    assert.equal("Task<name=x, state=finished>", tostring(task:set_name("x")))
  end))

  it("of a task factory gets its options' context", testing.virtual(function()
    local context, seen = asyncio.Context(), {}
    loop():set_task_factory(function(l, co, options)
      seen[#seen + 1] = options.context or "none"
      return asyncio.Task(l, co, options)
    end)
    local task = asyncio.create_task { function() var:set("x") end, context = context }
    asyncio.await(asyncio.create_task(function() end))
    asyncio.await(task)
    loop():set_task_factory(nil)
    assert.equal(context, seen[1])
    assert.equal("none", seen[2])
    assert.equal("x", context:get(var))
  end))

  it("that is cancelled still has its values while it cleans up", testing.virtual(function()
    local seen
    local task = asyncio.create_task(function()
      var:set("value")
      local _ <close> = setmetatable({}, { __close = function()
        asyncio.sleep(1)
        seen = var:get()
      end })
      asyncio.sleep(5)
    end)
    turns(1)
    task:cancel()
    pcall(asyncio.await, task)
    assert.equal("value", seen)
  end))

  it("shares its values with the coroutines and generators it drives", testing.virtual(function()
    local gen = asyncio.generator(function()
      var:set("by the generator")
      asyncio.sleep(1)
      coroutine.yield(var:get())
    end)
    for v in gen() do
      assert.equal("by the generator", v)
    end
    assert.equal("by the generator", var:get())
    asyncio.coroutine.wrap(function() asyncio.sleep(1) var:set("by the coroutine") end)()
    assert.equal("by the coroutine", var:get())
  end))
end)

describe("a callback", function()
  -- Each schedules `f` so that it soon runs.
  local ways = {
    call_soon = function(f) loop():call_soon(f, "a", nil, "c") end,
    call_later = function(f) loop():call_later(1, f, "a", nil, "c") end,
    call_at = function(f) loop():call_at(loop():time() + 1, f, "a", nil, "c") end,
    add_done_callback = function(f)
      local future = asyncio.Future()
      future:add_done_callback(function() f("a", nil, "c") end)
      loop():call_later(1, future.set_result, future)
    end,
    ["add_done_callback of a done one"] = function(f)
      local future = asyncio.Future()
      future:set_result()
      future:add_done_callback(function() f("a", nil, "c") end)
    end,
  }
  for name, schedule in pairs(ways) do
    it("of " .. name .. " runs in a copy of its creator's context", testing.virtual(function()
      local seen
      local function f(...)
        seen = { var:get(), select("#", ...), ... }
        var:set("the callback's")
      end
      var:set("creator's")
      schedule(f)
      var:set("changed")
      asyncio.sleep(2)
      assert.same({ "creator's", 3, "a", nil, "c" }, seen)
      assert.equal("changed", var:get())
      asyncio.await(asyncio.create_task {  -- whose creator has no context
        context = asyncio.Context(),
        function() schedule(f) asyncio.sleep(2) end,
      })
      assert.same({ "default", 3, "a", nil, "c" }, seen)
    end))
  end

  it("keeps to its context also when it fails or makes a task", testing.virtual(function()
    local seen, reports = {}, witness.reports()
    var:set("creator's")
    loop():call_soon(function()
      var:set("changed")
      asyncio.create_task(function() seen[1] = var:get() end)
      error("boom")
    end)
    loop():call_soon(function() seen[2] = var:get() end)
    turns(3)
    assert.same({ "changed", "creator's" }, seen)
    assert.equal(1, #reports)
  end))

  it("has its context in the exception handler too, as a failed task has", testing.virtual(function()
    local seen = {}
    loop():set_exception_handler(function(_, report)
      seen[#seen + 1] = var:get()
      var:set("the handler's")
      if report.task then
        error("the handler's own")
      end
    end)
    loop():set_debug(false)
    loop():call_soon(function()
      var:set("the callback's")
      error("boom")
    end)
    turns(2)
    do
      asyncio.create_task(function()
        var:set("the task's")
        error("boom")
      end)
    end
    turns(2)
    collectgarbage()
    collectgarbage()
    turns(2)
    assert.same({ "the callback's", "the task's" }, seen)
    assert.same({ "the error of a task was never retrieved", "the exception handler failed" },
      witness.printed())
    assert.equal("default", var:get())
    loop():set_exception_handler(nil)
  end))

  it("made outside of tasks has the main program's values", function()
    local l = testing.new_event_loop { clock = "virtual" }
    local seen = {}
    l:call_soon(function() seen[1] = var:get() var:set("changed") end)
    do
      local scope <close> = var:set("outside")
      l:call_soon(function() seen[2] = var:get() end)
    end
    l:run_until_complete(function() asyncio.sleep(1) end)
    l:close()
    assert.same({ "default", "outside" }, seen)
    assert.equal("default", var:get())
  end)
end)

describe("the handler of a connection", function()
  it("gets a copy of the context that its server was made in", testing.async(function()
    local seen = {}
    local function handler(_, writer)
      seen[#seen + 1] = var:get()
      var:set("the handler's")
      writer:close()
    end
    local function ask(server)
      local reader, writer = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
      assert.is_nil(reader:read(1))
      writer:close()
    end
    var:set("the server's")
    local server <close> = asyncio.start_server(handler, "127.0.0.1", 0)
    var:set("changed")
    ask(server)
    asyncio.await(asyncio.create_task { ask, server, context = asyncio.Context() })
    assert.same({ "the server's", "the server's" }, seen)
    assert.equal("changed", var:get())
  end))
end)

describe("a context", function()
  it("runs a function in itself, which may wait", testing.virtual(function()
    local context = asyncio.copy_context()
    local seen = {}
    var:set("task's")
    seen[1] = { context:run(function(...)
      seen[2] = var:get()
      var:set("context's")
      asyncio.sleep(1)
      seen[3] = var:get()
      return ...
    end, 1, nil, 3) }
    seen[4] = var:get()
    assert.same({ { 1, nil, 3 }, "default", "context's", "task's" }, seen)
    assert.equal("context's", context:get(var))
    context:run(function() assert.equal("context's", var:get()) end)
  end))

  it("is left when its function fails or is cancelled", testing.virtual(function()
    local context = asyncio.Context()
    assert.same({ n = 2, false, "boom" }, table.pack(pcall(context.run, context, error, "boom", 0)))
    assert.equal("default", var:get())
    local seen
    local task = asyncio.create_task(function()
      pcall(context.run, context, function() var:set("inside") asyncio.sleep(5) end)
      seen = var:get()
    end)
    turns(1)
    assert.equal("default", var:get())
    task:cancel()
    asyncio.await(task)
    assert.equal("default", seen)
    assert.equal("inside", context:get(var))
  end))

  it("is entered by one at a time", testing.virtual(function()
    local context = asyncio.Context()
    assert.matches("the context is entered already", witness.text(context.run, context, function()
      context:run(print)
    end))
    local task = asyncio.create_task(context.run, context, asyncio.sleep, 1)
    turns(1)
    assert.matches("the context is entered already", witness.text(context.run, context, print))
    asyncio.await(task)
    context:run(function() end)
  end))

  it("copies in its state of the moment", testing.virtual(function()
    local context = asyncio.Context()
    context:run(var.set, var, "one")
    local copy = context:copy()
    context:run(var.set, var, "two")
    local other = asyncio.ContextVar("other")
    copy:run(other.set, other, "in the copy")
    assert.same({ "two", "one" }, { context:get(var), copy:get(var) })
    assert.is_nil(context:get(other))
    assert.equal("missing", context:get(other, "missing"))
    assert.equal("in the copy", copy:get(other))
  end))

  it("that is copied costs the same whatever it holds", testing.virtual(function()
    local vars = {}
    for i = 1, 1000 do
      vars[i] = asyncio.ContextVar("v" .. i)
      vars[i]:set(i)
    end
    collectgarbage()
    collectgarbage("stop")
    local before = collectgarbage("count")
    for _ = 1, 100 do
      asyncio.copy_context()
    end
    local each = (collectgarbage("count") - before) * 1024 / 100
    collectgarbage("restart")
    assert.is_true(each < 200, each)
  end))

  it("is named in errors as the caller's, with the caller's line", testing.virtual(function()
    local context = asyncio.Context()
    context:run(function()
      local text = witness.text(function() context:run(print) end) local here = witness.line()
      assert.equal(here .. " the context is entered already", text)
    end)
    assert.matches("calling 'run' on bad self %(asyncio.Context expected, got number%)",
      witness.text(context.run, 5, print))
    assert.matches("asyncio.Token expected, got no value", witness.text(function() var:reset() end))
  end))

  it("works in run outside of tasks", function()
    local context = asyncio.Context()
    assert.equal("inside", context:run(function() var:set("inside") return var:get() end))
    assert.equal("default", var:get())
    assert.matches("function expected", witness.text(context.run, context))
  end)

  it("of a task that its loop closed does not come to others", function()
    local context = asyncio.Context()
    local l = testing.new_event_loop { clock = "virtual" }
    l:create_task(context.run, context, function()
      var:set("inside")
      asyncio.sleep(5)
    end)
    l:run_until_complete(function() asyncio.sleep(1) end)
    l:close()
    assert.equal(1, witness.destroyed())
    assert.equal("default", var:get())
    context:run(function() assert.equal("inside", var:get()) end)
  end)

  it("goes with its task", testing.virtual(function()
    local weak = setmetatable({}, { __mode = "v" })
    asyncio.await(asyncio.create_task(function()
      weak[1] = {}
      var:set(weak[1])
    end))
    loop():call_soon(function()
      weak[2] = {}
      var:set(weak[2])
    end)
    turns(2)
    witness.collect()
    assert.same({}, weak)
  end))
end)

describe("the runs of a Runner", function()
  local function runner()
    return asyncio.Runner { loop_factory = function()
      return testing.new_event_loop { clock = "virtual" }
    end }
  end

  local function get() return var:get() end
  local function set(value) var:set(value) end

  it("share one context, which is no other's", function()
    local r <close> = runner()
    r:run(set, "first")
    assert.same({ "first", "default" }, { r:run(get), var:get() })
    r:run(function()
      asyncio.await(asyncio.create_task(set, "a child's"))
      assert.equal("first", get())
      set "second"
    end)
    assert.equal("second", r:run(asyncio.async(get)()))
    local other <close> = runner()
    assert.equal("default", other:run(get))
  end)

  it("have the main program's values of when the loop was made", function()
    local early <close> = runner()
    local late <close> = runner()
    early:get_loop()
    local scope <close> = var:set("outside")
    assert.same({ "default", "outside" }, { early:run(get), late:run(get) })
  end)

  it("share it also where the first of all contexts is made in one", function()
    assert.same({ "set\nnone\tset\n", "", 0 }, { child.run [[
      local asyncio = require "asyncio"
      local var = asyncio.ContextVar "var"
      local r <close> = asyncio.Runner()
      r:run(function() end)
      r:run(function() asyncio.sleep(0) var:set "set" end)
      r:run(function() print(var:get()) end)
      print(var:get "none", r:run(function() return var:get() end))
    ]] })
    assert.same({ "none\n", "", 0 }, { child.run [[
      local asyncio = require "asyncio"
      local var = asyncio.ContextVar "var"
      local r <close> = asyncio.Runner()
      r:run(function() end)
      var:set "outside, later"
      print(r:run(function() return var:get "none" end))
    ]] })
  end)

  it("may be given another", function()
    local r <close> = runner()
    local context = asyncio.Context()
    assert.equal("arg", r:run { function(value) set(value) return value end, "arg", context = context })
    assert.same({ "arg", "default" }, { context:get(var), r:run(get) })
    assert.equal("arg", r:run { get, context = context })
    assert.equal("arg", asyncio.run { get, context = context })
    local text = witness.text(function() r:run { get, context = {} } end) local here = witness.line()
    assert.equal(here .. " bad argument #1 to 'run' (option 'context': asyncio.Context expected, "
      .. "got table)", text)
    assert.matches("unknown option 'debug'", witness.text(r.run, r, { get, debug = true }))
    assert.matches("field 'n' must be the length", witness.text(r.run, r, { get, n = "x" }))
  end)
end)
