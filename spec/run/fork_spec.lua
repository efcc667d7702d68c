--- Forked processes: a child may drop its parent's loops, and never hurts them.

local fork = require "spec.support.fork"

-- Runs the program, which must end well and write just `out`.
local function prints(out, program)
  local printed, complained, code = fork.run(program)
  assert.same({ out, 0 }, { printed, code }, complained)
  return complained
end

-- A server that answers lines, and a function that talks to it.
local ECHO = [[
  local server = asyncio.start_server(function(reader, writer)
    for line in reader:lines() do
      writer:write(line, "\n")
    end
  end, "127.0.0.1", 0)
  local reader, writer = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
  local function echo(line)
    writer:write(line, "\n")
    return asyncio.wait_for(reader.readline, 5, reader)
  end
  assert(echo "first" == "first\n")
]]

describe("in a child forked by a task, before after_fork,", function()
  it("whatever needs the loop says whose that is", function()
    prints("", [[
      asyncio.run(function()
        local loop = asyncio.get_running_loop()
        local whose = "the loop belongs to process " .. fork.getpid()
        assert(in_child(function()
          for i, f in ipairs {
            asyncio.sleep, asyncio.get_running_loop, asyncio.get_event_loop,
            function() asyncio.sleep(0) end,
            function() asyncio.create_task(print) end,
            function() asyncio.await(loop:create_task(print)) end,
            function() loop:call_soon(print) end,
            function() loop:run_until_complete(print) end,
            function() loop:close() end,
            function() asyncio.run(print) end,
            function() asyncio.new_event_loop() end,
            function() asyncio.open_connection("127.0.0.1", 1) end,
          } do
            local ok, err = pcall(f, 0)
            assert(not ok and tostring(err):find(whose, 1, true), i .. ": " .. tostring(err))
          end
          return asyncio.current_task() == nil
        end) == 0)
        assert(asyncio.current_task() and asyncio.sleep(0.001, true))
      end)
    ]])
  end)

  it("streams and servers refuse what would reach the parent's sockets", function()
    prints("", [[
      local whose = "the loop belongs to process " .. fork.getpid()
      local function program(go)
        ]] .. ECHO .. [[
        local idle = asyncio.start_server(print, "127.0.0.1", 0, { start_serving = false })
        local stopped = asyncio.start_server(print, "127.0.0.1", 0)
        local port = idle:sockets()[1].port
        local function refused()
          for name, f in pairs {
            write = function() writer:write("from the child\n") end,
            writelines = function() writer:writelines { "from the child\n" } end,
            drain = function() writer:drain() end,
            write_eof = function() writer:write_eof() end,
            wait_closed = function() writer:wait_closed() end,
            read = function() reader:read(1) end,
            lines = function() reader:lines()() end,
            feed_data = function() reader:feed_data("x\n") end,
            feed_eof = function() reader:feed_eof() end,
            set_exception = function() reader:set_exception("x") end,
            start_serving = function() idle:start_serving() end,
            serve_forever = function() idle:serve_forever() end,
            server_wait_closed = function() idle:wait_closed() end,
            stop_accepting = function() stopped:stop_accepting() end,
          } do
            local ok, err = pcall(f)
            assert(not ok and tostring(err):find(whose, 1, true), name .. ": " .. tostring(err))
          end
          return not writer:is_closing() and not idle:is_serving() and stopped:is_serving()
        end
        go(refused)
        assert(echo "second" == "second\n")
        local ok, err = pcall(asyncio.open_connection, "127.0.0.1", port)
        assert(not ok and err.code == "ECONNREFUSED", "the idle server listens")
        idle:close()
        stopped:close()
        writer:close()
        server:close()
      end
      asyncio.run(program, function(refused)
        assert(in_child(refused) == 0, "in a task")
      end)
      local loop = asyncio.new_event_loop()
      local done = loop:create_task(program, function(refused)
        asyncio.get_running_loop():call_soon(function()
          loop:stop()
          package.loaded.refused = refused
        end)
        asyncio.sleep(0)
      end)
      loop:run_forever()
      assert(in_child(package.loaded.refused) == 0, "outside")
      assert(in_child(asyncio.run, package.loaded.refused) == 0, "in a loop of the child")
      loop:run_until_complete(done)
      loop:close()
    ]])
  end)

  it("the run is left by an error when the task's code ends there", function()
    prints("child: true\nparent\n", [[
      local whose = "the loop belongs to process " .. fork.getpid()
      local pid
      local ok, err = pcall(asyncio.run, function()
        local task = asyncio.create_task(function() pid = fork.fork() end)
        asyncio.await(task)
        asyncio.sleep(0.001)
      end)
      if pid == 0 then
        print("child: " .. tostring(not ok and err:find(whose, 1, true) ~= nil))
        os.exit(0, true)
      end
      assert(ok and fork.wait(pid) == 0)
      print "parent"
    ]])
  end)
end)

describe("after_fork", function()
  it("lets the child run a loop of its own, from the task that forked", function()
    prints("", [[
      asyncio.run(function()
        ]] .. ECHO .. [[
        assert(in_child(function()
          asyncio.after_fork()
          asyncio.after_fork()
          local seen = asyncio.run(function()
            ]] .. ECHO .. [[
            local other = asyncio.create_task(asyncio.sleep, 0.01, "slept")
            local answer = echo "child"
            writer:close()
            server:close()
            return answer .. asyncio.await(other)
          end)
          return seen == "child\nslept"
        end) == 0)
        assert(echo "still there" == "still there\n")
        writer:close()
        server:close()
      end)
    ]])
  end)

  it("lets a child go on that was forked in a callback, or where a reader is fed", function()
    prints("", [[
      local function run_own()
        asyncio.after_fork()
        return asyncio.run(asyncio.sleep, 0.001, true)
      end
      asyncio.run(function()
        ]] .. ECHO .. [[
        assert(echo "again" == "again\n")  -- stepped inside the poll
        assert(in_child(run_own) == 0)
        local done = asyncio.Future()
        asyncio.get_running_loop():call_soon(function() done:set_result(in_child(run_own)) end)
        assert(asyncio.await(done) == 0)
        assert(echo "still there" == "still there\n")
        writer:close()
        server:close()
      end)
    ]])
  end)

  it("runs and reports nothing of the parent's, and closes what the child has of it", function()
    local complained = prints("", [[
      local function descriptors()
        local n = 0
        for fd = 3, 40 do
          local file = io.open("/proc/self/fd/" .. fd)
          n = n + (file and 1 or 0)
          if file then file:close() end
        end
        return n
      end
      local before = descriptors()
      asyncio.run(function()
        asyncio.create_task(function()
          local _ <close> = setmetatable({}, { __close = function() print "closed" end })
          asyncio.sleep(100)
        end)
        asyncio.get_running_loop():call_soon(print, "called")
        asyncio.create_task(error, "lost")
        assert(in_child(function()
          asyncio.after_fork()
          return true
        end) == 0)
        os.exit(0)
      end)
    ]])
    assert.equal("", complained)
  end)

  it("closes the child's copies of the parent's connections", function()
    prints("", [[
      asyncio.run(function()
        ]] .. ECHO .. [[
        local pid = fork.fork()
        if pid == 0 then
          fork.kill_after(10)
          asyncio.after_fork()
          asyncio.run(asyncio.sleep, 8)
          fork.quit(0)
        end
        writer:close()
        local handled = asyncio.wait_for(function()
          repeat asyncio.sleep(0.01) until asyncio.get_running_loop():stats().handles.tcp == nil
          return true
        end, 5)
        assert(handled)
        server:close()
        os.execute("kill " .. pid)
        assert(fork.wait(pid) == -15)
      end)
    ]])
  end)

  it("does nothing where no process was forked", function()
    prints("slept\n", [[
      asyncio.after_fork()
      asyncio.run(function()
        asyncio.after_fork()
        print(asyncio.sleep(0.001, "slept"))
      end)
    ]])
  end)

  it("in the child of a program with an idle loop drops that", function()
    prints("", [[
      local loop = asyncio.new_event_loop()
      asyncio.set_event_loop(loop)
      loop:call_later(0.001, loop.stop, loop)
      assert(in_child(function()
        local ok, err = pcall(loop.run_forever, loop)
        assert(not ok and err:find("the loop belongs to process", 1, true), err)
        asyncio.after_fork()
        return asyncio.run(asyncio.sleep, 0.001, true)
      end) == 0)
      loop:run_forever()
      loop:close()
    ]])
  end)
end)

describe("a child that ends", function()
  local ends = {
    ["by os.exit"] = "os.exit(0, true)",
    ["by os.exit that leaves Lua open"] = "os.exit(0, false)",
    ["after after_fork"] = "asyncio.after_fork() os.exit(0, true)",
    ["after a collection"] = "writer, stuck = nil, nil collectgarbage() collectgarbage() os.exit(0, true)",
    ["and closes what it has"] = "pcall(writer.close, writer) pcall(stuck.abort, stuck)"
      .. " pcall(server.close, server) os.exit(0, true)",
  }

  for how, code in pairs(ends) do
    it(how .. " leaves its parent's connections, servers and their files alone", function()
      prints("", ([[
        local path = os.tmpname()
        os.remove(path)
        asyncio.run { time_slice = 0.05, watchdog = 10, dump_on = "SIGUSR1", function()
          ]] .. ECHO .. [[
          local unix = asyncio.start_unix_server(function(_, w) w:write("hello") end, path)
          local go, total = asyncio.Event(), asyncio.Future()
          local deaf = asyncio.start_server(function(r) go:wait() total:set_result(#r:read()) end, "127.0.0.1", 0)
          local _, stuck = asyncio.open_connection("127.0.0.1", deaf:sockets()[1].port)
          local sent = asyncio.create_task(stuck.write, stuck, ("x"):rep(1 << 23))
          asyncio.sleep(0.01)
          local pid = fork.fork()
          if pid == 0 then
            fork.kill_after(10)
            %s
          end
          assert(fork.wait(pid) == 0, "the child")
          assert(echo "second" == "second\n")
          local hello = asyncio.open_unix_connection(path)
          assert(hello:read() == "hello")
          asyncio.sleep(0.001)
          go:set()
          asyncio.await(sent)
          stuck:close()
          assert(asyncio.await(total) == 1 << 23)
          deaf:close()
          writer:close()
          unix:close()
          server:close()
        end }
        assert(not io.open(path))
      ]]):format(code))
    end)
  end

  it("on a run with a time limit, slices or a watchdog does not hang", function()
    prints("", [[
      local testing = require "asyncio.testing"
      for _, run in ipairs {
        function(f) testing.run { f, timeout = 60 } end,
        function(f) asyncio.run { f, time_slice = 0.01 } end,
        function(f) asyncio.run { f, watchdog = 0.01 } end,
        function(f) asyncio.run { f, debug = true } end,
      } do
        run(function()
          for _, close in ipairs { true, false } do
            local pid = fork.fork()
            if pid == 0 then
              fork.kill_after(60)
              os.exit(0, close)
            end
            assert(fork.wait(pid) == 0)
          end
        end)
      end
    ]])
  end)
end)
