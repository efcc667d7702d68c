--- What the tasks of a server's handlers are called.

local asyncio = require "asyncio"
local sockets = require "spec.support.sockets"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local HOST = "127.0.0.1"

-- Connects to a server whose handler is `handler`. Returns the task of the
-- handler once the handler has run `handler(task)`, and this end's port.
local function handled(handler)
  local arrived = asyncio.Future()
  local server <close> = asyncio.start_server(function()
    local task = asyncio.current_task()
    arrived:set_result(task)
    return handler and handler(task)
  end, HOST, 0)
  local _, writer = asyncio.open_connection(HOST, server:sockets()[1].port)
  local _, port = writer:get_extra_info "sockname"
  local task = asyncio.await(arrived)
  writer:close()
  return task, port
end

describe("the task of a handler", function()
  it("is named by its peer's address", testing.async(function()
    local inside
    local task, port = handled(function(task) inside = { task:get_name(), tostring(task) } end)
    local name = ("handler of %s:%d"):format(HOST, port)
    assert.equal(name, inside[1])
    assert.matches("^Task<name=handler of 127%.0%.0%.1:%d+, state=running", inside[2])
    asyncio.await(task)
    assert.equal(name, task:get_name())
  end))

  it("is named by its peer's address over IPv6", testing.async(function()
    if not sockets.has_ipv6() then
      return
    end
    local name = asyncio.Future()
    local server <close> = asyncio.start_server(function()
      name:set_result(asyncio.current_task():get_name())
    end, "::1", 0)
    local _, writer = asyncio.open_connection("::1", server:sockets()[1].port)
    local _, port = writer:get_extra_info "sockname"
    assert.equal(("handler of [::1]:%d"):format(port), asyncio.await(name))
    writer:abort()
  end))

  it("is named by the server's path", testing.async(function()
    local path, held = sockets.path(), asyncio.Future()
    local server = asyncio.start_unix_server(function()
      held:set_result(asyncio.current_task())
    end, path)
    local _, writer = asyncio.open_unix_connection(path)
    local task = asyncio.await(held)
    assert.equal("handler of " .. path, task:get_name())
    writer:abort()
    server:close()
    server:wait_closed()
    assert.equal("handler of " .. path, task:get_name())
  end))

  it("keeps its name when it fails, in the report", testing.async(function()
    local reports = witness.reports()
    local task, port = handled(function() error("boom", 0) end)
    sockets.until_true(function() return reports[1] end)
    assert.equal(task, reports[1].task)
    assert.equal(("handler of %s:%d"):format(HOST, port), task:get_name())
  end))

  it("stands so in a dump and among the tasks", testing.async(function()
    local link <close> = sockets.link()
    local _, port = link.writer:get_extra_info "sockname"
    local name, found = ("handler of %s:%d"):format(HOST, port), 0
    for _, entry in ipairs(asyncio.tasks()) do
      found = found + (entry.name == name and 1 or 0)
    end
    assert.equal(1, found)
    local file <close> = io.tmpfile()
    asyncio.dump { file = file }
    file:seek "set"
    assert.truthy(file:read("a"):find("Task<name=" .. name, 1, true))
  end))

  it("has the name that it is given", testing.async(function()
    local names = {}
    handled(function(task)
      task:set_name "mine"
      names[1] = task:get_name()
    end)
    assert.same({ "mine" }, names)
  end))

  it("has the name that the task factory gives", testing.async(function()
    local loop = asyncio.get_running_loop()
    for _, options in ipairs { { name = "made" }, {} } do
      loop:set_task_factory(function(lp, body) return asyncio.Task(lp, body, options) end)
      local task = handled()
      loop:set_task_factory(nil)
      assert.matches(options.name or "^Task%-%d+$", task:get_name())
    end
  end))

  it("keeps its name beside a context, and in debug mode", function()
    local level = asyncio.ContextVar "level"
    asyncio.run { debug = true, function()
      level:set(3)
      local seen
      local task, port = handled(function() seen = level:get() end)
      asyncio.await(task)
      assert.equal(3, seen)
      assert.equal(("handler of %s:%d"):format(HOST, port), task:get_name())
    end }
  end)

  it("has a number once its connection is finalized", testing.async(function()
    local name
    local older = setmetatable({}, { __gc = function(self) name = self.task:get_name() end })
    older.task = handled()
    asyncio.await(older.task)
    older = nil  -- luacheck: ignore
    witness.collect()
    assert.matches("^Task%-%d+$", name)
  end))
end)
