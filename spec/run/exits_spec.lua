--- Exits: however a program ends, it ends at once, with the right status and
-- with nothing lost.

local child = require "spec.support.child"

-- Runs the program, which must end with the status and write just `out`.
-- Returns what it wrote to standard error.
local function ends(status, out, program)
  local printed, complained, code = child.run('local asyncio = require "asyncio"\n' .. program)
  assert.same({ status, out }, { code, printed }, complained)
  return complained
end

local function count(text, what)
  local _, n = text:gsub(what, "")
  return n
end

describe("an error", function()
  it("of main ends the program with its text and the chain of tasks", function()
    local complained = ends(1, "", [[
      local function deep() asyncio.sleep(0.001) error("main broke") end
      asyncio.run(function()
        local task = asyncio.create_task { deep, name = "child" }
        asyncio.await(task)
      end)
    ]])
    assert.matches("program:2: main broke\nstack traceback of child:.*in upvalue 'deep'"
      .. ".*awaited by Task%-1:.*'asyncio.await'", (complained:gsub("function <", "upvalue '%0")
      :gsub("in upvalue 'function <program:2>", "in upvalue 'deep'")))
    assert.equal(1, count(complained, "main broke"))
  end)

  it("of main may be any value", function()
    for value, text in pairs {
      ["nil"] = "nil", ["{}"] = "table:", ["42"] = "42", ["false"] = "false",
      ["asyncio.TimeoutError('slow')"] = "TimeoutError: slow",
      ["setmetatable({}, {__tostring = error})"] = "error object: table",
      ["setmetatable({}, {__tostring = function() return 'special' end})"] = "special",
    } do
      local complained = ends(1, "", ("asyncio.run(function() error(%s, 0) end)"):format(value))
      assert.matches(text, complained, 1, true)
      assert.matches("stack traceback of Task-1", complained, 1, true)
    end
  end)

  it("of a task nobody looks at is told once, and the program goes on", function()
    local complained = ends(0, "went on\n", [[
      asyncio.run(function()
        asyncio.create_task { name = "lost", function() error "nobody cares" end }
        asyncio.sleep(0.001)
        print "went on"
      end)
    ]])
    assert.matches("the error of a task was never retrieved\nTask<name=lost", complained)
    assert.equal(1, count(complained, "program:%d+: nobody cares"))
  end)

  it("of a callback is told once, and the program goes on", function()
    for _, value in ipairs { "'in a callback'", "{}", "nil", "false",
      "setmetatable({}, {__tostring = error})" } do
      local complained = ends(0, "went on\n", ([[
        asyncio.run(function()
          local loop = asyncio.get_running_loop()
          loop:call_soon(function() error(%s) end)
          asyncio.sleep(0.001)
          print "went on"
        end)
      ]]):format(value))
      assert.equal(1, count(complained, "exception in a callback"))
    end
  end)

  it("of an exception handler is told with the first, and the program goes on", function()
    local complained = ends(0, "went on\n", [[
      asyncio.run(function()
        local loop = asyncio.get_running_loop()
        loop:set_exception_handler(function() error "in the handler" end)
        loop:call_soon(function() error "in a callback" end)
        asyncio.sleep(0.001)
        print "went on"
      end)
    ]])
    assert.matches("in a callback.*the exception handler failed.*in the handler", complained)
  end)

  it("of a finalizer or a closing variable does not stop the others", function()
    ends(0, "closed\nclosed\nend\n", [[
      local loop = asyncio.new_event_loop()
      for _ = 1, 2 do
        loop:create_task(function()
          local _ <close> = setmetatable({}, { __close = function()
            print "closed"
            error "in __close"
          end })
          local _ <close> = setmetatable({}, { __gc = function() error "in __gc" end })
          asyncio.sleep(10)
        end)
      end
      loop:run_until_complete(function() asyncio.sleep(0) collectgarbage() end)
      loop:close()
      print "end"
    ]])
  end)
end)

describe("os.exit", function()
  local bodies = {
    ["a task"] = "asyncio.create_task(quit) asyncio.sleep(10)",
    ["main"] = "quit()",
    ["a callback"] = "loop:call_soon(quit) asyncio.sleep(10)",
    ["a timer"] = "loop:call_later(0.001, quit) asyncio.sleep(10)",
    ["a done callback"] = "local f = asyncio.Future() f:add_done_callback(quit) "
      .. "f:cancel() asyncio.sleep(10)",
    ["an exception handler"] = "loop:set_exception_handler(quit) "
      .. "loop:call_soon(error, 'x') asyncio.sleep(10)",
    ["a finalizer"] = "setmetatable({}, {__gc = quit}) collectgarbage() asyncio.sleep(10)",
    ["a __close"] = "asyncio.create_task(function() local _ <close> = "
      .. "setmetatable({}, {__close = quit}) asyncio.sleep(0) end) asyncio.sleep(10)",
    ["an eager task"] = "asyncio.create_task { quit, eager_start = true }",
    ["an inner coroutine"] = "coroutine.wrap(quit)()",
    ["a gathered child"] = "asyncio.gather(function() asyncio.sleep(1) end, quit)",
    ["a shutdown"] = "asyncio.create_task(function() pcall(asyncio.sleep, 10) quit() end) "
      .. "asyncio.sleep(0)",
  }

  for place, body in pairs(bodies) do
    it("in " .. place .. " ends the program, with its status and output", function()
      for _, close in ipairs { "true", "false" } do
        local complained = ends(7, "last words", ([[
          local function quit() io.write "last words" os.exit(7, %s) end
          local others = setmetatable({}, { __mode = "v" })
          asyncio.run(function()
            local loop = asyncio.get_running_loop()
            for i = 1, 3 do
              others[i] = asyncio.create_task(asyncio.sleep, 100)
            end
            asyncio.create_task(asyncio.gather, others[1], asyncio.async(asyncio.sleep)(100))
            asyncio.create_task(function()
              local scope <close> = asyncio.timeout(50)
              asyncio.shield(others[2])
            end)
            loop:call_later(100, print)
            asyncio.sleep(0)
            %s
          end)
        ]]):format(close, body))
        assert.equal("", complained)
      end
    end)
  end
end)

describe("the end of a program", function()
  it("may come with a loop half way", function()
    assert.equal("", ends(0, "end\n", [[
      loop = asyncio.new_event_loop()
      task = loop:create_task(function()
        local scope <close> = asyncio.timeout(100)
        asyncio.gather(function() asyncio.sleep(50) end, loop:create_future())
      end)
      loop:create_task(asyncio.await, task)
      loop:call_later(10, print, "never")
      future = loop:create_future()
      future:add_done_callback(print)
      loop:run_until_complete(function() asyncio.sleep(0) asyncio.sleep(0) end)
      loop:create_task(print, "never")
      loop:call_soon(print, "never")
      print "end"
    ]]))
  end)

  it("may come with failures that nobody has looked at", function()
    local complained = ends(0, "end\n", [[
      loop = asyncio.new_event_loop()
      task = loop:create_task(error, "unseen")
      loop:run_until_complete(function() asyncio.sleep(0) end)
      print "end"
    ]])
    assert(count(complained, "unseen") <= 1, complained)
  end)

  it("may come with finalizers that still use the loop, older or newer than it", function()
    for _, last in ipairs { "loop:close()", "loop:stats()", "loop:run_forever()" } do
      for _, born in ipairs { "older", "newer", "newest" } do
        assert.equal("", ends(0, "end\n", ([[
          local uses = {
            function() future:set_result(1) end,
            function() task:cancel() end,
            function() sleeper:cancel() end,
            function() other:cancel() end,
            function() timer:cancel() end,
            function() scope:reschedule(5) end,
            function() tostring(task) task:traceback() task:get_stack() end,
            function() loop:call_soon(type, 1) end,
            function() loop:create_task(type, 1) end,
            function() loop:call_later(1, type, 1) end,
            function() loop:run_until_complete(loop.time) end,
            function() loop:stats() asyncio.all_tasks(loop) end,
            function() future:add_done_callback(type) end,
            function() loop:call_soon(loop.stop, loop) %s end,
          }
          local function late()
            for _, use in ipairs(uses) do
              pcall(use)
            end
          end
          older = setmetatable({}, { __gc = %q == "older" and late or nil })
          loop = asyncio.new_event_loop()
          loop:set_exception_handler(type)
          newer = setmetatable({}, { __gc = %q == "newer" and late or nil })
          future, other = loop:create_future(), loop:create_future()
          sleeper = loop:create_task(asyncio.sleep, 100)
          task = loop:create_task(function() asyncio.gather(future, other, sleeper) end)
          loop:create_task(function() scope = asyncio.timeout(50) asyncio.await(other) end)
          loop:create_task(asyncio.await, future)
          timer = loop:call_later(10, print)
          loop:run_until_complete(function() asyncio.sleep(0) asyncio.sleep(0) end)
          newest = setmetatable({}, { __gc = %q == "newest" and late or nil })
          print "end"
        ]]):format(last, born, born, born)))
      end
    end
  end)

  it("makes nothing that it could not free any more", function()
    local makers = {
      "asyncio.new_event_loop()", "asyncio.run(type, 1)", "asyncio.StreamReader():feed_data(('x'):rep(5000))",
      "coroutine.wrap(function() asyncio.new_event_loop() end)()",
      "loop:run_until_complete(function() end)",
    }
    for _, make in ipairs(makers) do
      for _, last in ipairs { "", "os.exit(0, true)", "asyncio.run(function() os.exit(0, true) end)" } do
        ends(0, "false\tthe Lua state is being closed\n", ([[
          local loop = asyncio.new_event_loop()
          K = setmetatable({}, { __gc = function()
            local ok, err = pcall(function() %s end)
            print(ok, (err:gsub("^[^:]*:%%d+: ", "")))  -- where 'wrap' passed it on
          end })
          %s
        ]]):format(make, last))
      end
    end
  end)

  it("is no earlier finalizer, which may make all", function()
    ends(0, "true\n", [[
      setmetatable({}, { __gc = function()
        print(pcall(function()
          asyncio.run(function() asyncio.sleep(0) end)
          asyncio.StreamReader():feed_data("x")
        end))
      end })
      collectgarbage()
    ]])
  end)

  it("may come while its loop was collected before", function()
    assert.equal("", ends(0, "a task was destroyed while it was pending\nend\n", [[
      do
        local loop = asyncio.new_event_loop()
        kept = loop:create_future()
        kept:add_done_callback(function() end)
        local dropped = asyncio.new_event_loop()
        dropped:set_exception_handler(function(_, context) print(context.message) end)
        dropped:create_task(asyncio.sleep, 10)
        dropped:run_until_complete(function() asyncio.sleep(0) end)
      end
      collectgarbage()
      collectgarbage()
      kept:set_result()
      print "end"
    ]]))
  end)

  it("may come by an error while a loop is half way", function()
    assert.matches("program:5: half way", (ends(1, "", [[
      loop = asyncio.new_event_loop()
      loop:create_task(asyncio.sleep, 10)
      loop:run_until_complete(function() asyncio.sleep(0) end)
      error "half way"
    ]])))
  end)
end)

describe("the library", function()
  it("may be loaded first in a coroutine that is collected", function()
    local printed, complained, status = child.run [[
      do
        local co = coroutine.create(function()
          local asyncio = require "asyncio"
          loop = asyncio.new_event_loop()
          loop:create_task(function() asyncio.sleep(0) end)
          loop:run_until_complete(asyncio.async(asyncio.sleep)(0))
          coroutine.yield()
        end)
        assert(coroutine.resume(co))
      end
      for _ = 1, 3 do
        collectgarbage()
        local garbage = {}
        for i = 1, 10000 do garbage[i] = { i } end
      end
      local asyncio = require "asyncio"
      print(loop:run_until_complete(asyncio.async(asyncio.sleep)(0.001, "still works")))
      loop:close()
      print(asyncio.run(function()
        return asyncio.gather(function() return asyncio.sleep(0.001, "all of it") end)
      end))
    ]]
    assert.same({ "still works\nall of it\n", "", 0 }, { printed, complained, status })
  end)

  it("may be loaded again after package.loaded was cleared", function()
    assert.equal("", ends(0, "true\ttrue\ttrue\nmixed\ndone\n", [[
      local first = asyncio
      local loop = first.new_event_loop()
      local future = loop:create_future()
      for name in pairs(package.loaded) do
        if name:find "^asyncio" then
          package.loaded[name] = nil
        end
      end
      local second = require "asyncio"
      print(first ~= second, first.TimeoutError == second.TimeoutError, second.isfuture(future))
      print(loop:run_until_complete(function()
        local task = second.create_task(first.sleep, 0.001, "mixed")
        return first.await(task)
      end))
      loop:close()
      second.run(function()
        assert(second.isinstance(first.TimeoutError(), second.Error))
        assert(first.current_task() == second.current_task())
      end)
      asyncio, first, second = nil, nil, nil
      collectgarbage()
      require("asyncio").run(print, "done")
    ]]))
  end)

  it("may be dropped altogether", function()
    ends(0, "end\n", [[
      asyncio.run(asyncio.sleep, 0)
      for name in pairs(package.loaded) do
        if name:find "^asyncio" then
          package.loaded[name] = nil
        end
      end
      asyncio = nil
      collectgarbage()
      collectgarbage()
      print "end"
    ]])
  end)
end)

describe("SIGINT", function()
  local kill = [[
    local function kill()
      io.popen("kill -INT $PPID"):close()
    end
  ]]

  it("cancels main, and run raises 'interrupted!'", function()
    local complained = ends(1, "closed\n", kill .. [[
      asyncio.run(function()
        local _ <close> = setmetatable({}, { __close = function()
          asyncio.sleep(0.001)
          print "closed"
        end })
        asyncio.get_running_loop():call_soon(kill)
        asyncio.sleep(100)
      end)
    ]])
    assert.matches("interrupted!", complained)
  end)

  it("may be swallowed by main, which then returns as it likes", function()
    assert.equal("", ends(0, "CancelledError\tresult\n", kill .. [[
      print(asyncio.run(function()
        asyncio.get_running_loop():call_soon(kill)
        local _, err = pcall(asyncio.sleep, 100)
        return err.name, "result"
      end))
    ]]))
  end)

  it("a second time stops at once", function()
    local printed, complained, status = child.run('local asyncio = require "asyncio"\n' .. kill .. [[
      io.stdout:setvbuf "no"
      asyncio.run(function()
        kill()
        pcall(asyncio.sleep, 100)
        io.write "once"
        kill()
        while true do end
      end)
    ]])
    assert.same({ "once", 1 }, { printed, status })
    assert.matches("interrupted!", complained)
  end)

  it("ends a loop that runs without 'run' at once, and no callback of its own", function()
    local printed, complained, status = child.run('local asyncio = require "asyncio"\n' .. kill .. [[
      local loop = asyncio.new_event_loop()
      for _, method in ipairs { "run_forever", "run_until_complete" } do
        local tick
        function tick() loop:call_later(0.001, tick) end
        tick()
        loop:call_soon(kill)
        print(pcall(loop[method], loop, method == "run_until_complete" and loop:create_future() or nil))
      end
    ]])
    assert.same({ "false\tinterrupted!\nfalse\tinterrupted!\n", "", 0 },
      { (printed:gsub("%S+: interrupted!", "interrupted!")), complained, status })
  end)

  it("is the program's own again after the run", function()
    local _, _, status = child.run('local asyncio = require "asyncio"\n' .. kill .. [[
      asyncio.run(asyncio.sleep, 0)
      kill()
      while true do end
    ]])
    assert.is_true(status ~= 0)
  end)
end)
