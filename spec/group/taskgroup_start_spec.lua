--- start of a task group: a child that says when it is ready.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local groups = require "spec.support.groups"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns
local now, crash, sleeper, group_of, forms =
  groups.now, groups.crash, groups.sleeper, groups.group_of, groups.forms

describe("start of a group", function()
  it("gives what the child called started with, and the child runs on", testing.virtual(function()
    local log = {}
    forms.close(function(group)
      local function serve(started, port)
        asyncio.sleep(1)
        started(port, nil, "ready")
        asyncio.sleep(1)
        log[#log + 1] = "served"
      end
      assert.same({ n = 3, 80, nil, "ready" }, table.pack(group:start(serve, 80)))
      assert.same({ 1, {} }, { now(), log })
      assert.equal(81, (group:start { serve, 81, name = "server" }))
    end)
    assert.same({ "served", "served" }, log)
  end))

  it("works with an eager child, and with one that ends at once", testing.virtual(function()
    forms.close(function(group)
      assert.equal(1, group:start { function(started) started(1) asyncio.sleep(1) end,
        eager_start = true })
      assert.equal(2, group:start(function(started) started(2) end))
    end)
  end))

  it("raises the error of a child that fails before; the group lives on",
    testing.virtual(function()
      forms.close(function(group)
        local object = {}
        assert.equal(object, select(2, pcall(group.start, group, function()
          asyncio.sleep(1)
          error(object)
        end)))
        assert.equal("the child ended before it called 'started'",
          witness.text(group.start, group, function() asyncio.sleep(1) end))
        assert.equal("the child ended before it called 'started'",
          witness.text(group.start, group, function() asyncio.current_task():cancel() asyncio.sleep(1) end))
        asyncio.sleep(1)
      end)
    end))

  it("leaves to the group a child that fails after", testing.virtual(function()
    assert.same({ "after" }, group_of(forms.close, function(group)
      group:start(function(started)
        started()
        crash(1, "after")
      end)
      asyncio.sleep(100)
    end))
  end))

  it("that is cancelled cancels the child and waits for it", testing.virtual(function()
    local log = {}
    forms.close(function(group)
      local task = asyncio.create_task(group.start, group, function() sleeper(log, 100, 1) end)
      turns(3)
      task:cancel("enough")
      assert.equal("enough", witness.raises(asyncio.CancelledError, asyncio.await, task).message)
      assert.same({ { "CancelledError" }, 1 }, { log, now() })
    end)
  end))

  it("that is cancelled leaves an error of the child to the group", testing.virtual(function()
    assert.same({ "clumsy" }, group_of(forms.close, function(group)
      local task = asyncio.create_task(group.start, group, function()
        pcall(asyncio.sleep, 100)
        error("clumsy", 0)
      end)
      turns(3)
      task:cancel()
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    end))
  end))

  it("that is cancelled as the child fails leaves the error to the group",
    testing.virtual(function()
      for _, order in ipairs { { 1, 2 }, { 2, 1 } } do
        local future, log = asyncio.Future(), {}
        assert.same({ "boom" }, group_of(forms.close, function(group)
          local task = asyncio.create_task(group.start, group, asyncio.async(function()
            asyncio.await(future)
          end))
          turns(3)
          local acts = { function() future:set_exception("boom") end, function() task:cancel() end }
          for _, i in ipairs(order) do
            acts[i]()
          end
          log[1] = table.pack(try(asyncio.await, task))
        end))
        assert.same({ { "raised", "CancelledError", n = 2 } }, log)
      end
    end))

  it("leaves to the group an eager child that fails after", testing.virtual(function()
    local result
    assert.same({ "after" }, group_of(forms.close, function(group)
      result = group:start { function(started)
        started("in time")
        error("after", 0)
      end, eager_start = true }
      asyncio.sleep(100)
    end))
    assert.equal("in time", result)
  end))

  it("raises the error of an eager child", testing.virtual(function()
    forms.close(function(group)
      assert.equal("eager", witness.text(group.start, group,
        { function() error("eager", 0) end, eager_start = true }))
      asyncio.sleep(1)
    end)
  end))

  it("is not moved by a started that comes too late", testing.virtual(function()
    forms.close(function(group)
      local go
      assert.equal("boom", witness.text(group.start, group, function(started)
        go = started
        asyncio.get_running_loop():call_soon(started, "late")
        error("boom", 0)
      end))
      asyncio.sleep(1)
      assert.matches("was called before", witness.text(go))
    end)
  end))

  it("and a cancel in one turn: what comes first wins", testing.virtual(function()
    forms.close(function(group)
      local go
      local function child(started)
        go = started
        pcall(asyncio.sleep, 1)
      end
      local task = asyncio.create_task(group.start, group, child)
      turns(3)
      go("in time")
      task:cancel()
      assert.equal("in time", asyncio.await(task))
      task = asyncio.create_task(group.start, group, child)
      turns(3)
      task:cancel()
      go("too late")
      assert.same({ "raised", "CancelledError" }, { try(asyncio.await, task) })
    end)
  end))

  it("ends with the group when another child fails", testing.virtual(function()
    local log = {}
    assert.same({ "boom" }, group_of(forms.close, function(group)
      group:create_task(crash, 1, "boom")
      group:start(function() sleeper(log, 100) end)
    end))
    assert.same({ "CancelledError" }, log)
  end))

  it("in a timeout gives TimeoutError", testing.virtual(function()
    forms.close(function(group)
      witness.raises(asyncio.TimeoutError, function()
        local scope <close> = asyncio.timeout(1)
        group:start(function() asyncio.sleep(100) end)
      end)
    end)
  end))

  it("refuses a second call of started, and coroutines", testing.virtual(function()
    forms.close(function(g)
      g:start(function(started)
        started()
        assert.matches("'started' was called before", witness.text(started))
      end)
      assert.matches("bad argument #1 to 'start' %(function expected, got thread%)",
        witness.text(g.start, g, asyncio.async(asyncio.sleep)(1)))
      for _, argument in ipairs { asyncio.Future(), { asyncio.Future(), 1, name = "x" } } do
        assert.matches("bad argument #1 to 'start' %(function expected, got asyncio.Future%)",
          witness.text(g.start, g, argument))
      end
      assert.matches("bad argument #1 to 'start' %(function expected, got asyncio.Task%)",
        witness.text(g.start, g, asyncio.current_task()))
      local text = witness.text(function() g:start(7) end) local here = witness.line()
      assert.equal(here .. " bad argument #1 to 'start' (function expected, got number)", text)
    end)
  end))
end)
