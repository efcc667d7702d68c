--- Running out of descriptors: a server waits, says so now and then, and recovers.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"

local LUA = os.getenv "LUA" or "lua5.4"

-- A child with few descriptors: the pipe of what it prints.
local function start(program)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(program)
  file:close()
  local pipe = io.popen(("ulimit -n 64 && exec %s %s 2>&1"):format(LUA, path))
  return pipe, path
end

local function run(program)
  local pipe, path = start(program)
  local printed = pipe:read "a"
  local _, _, code = pipe:close()
  os.remove(path)
  return printed, code
end

describe("a server without descriptors", function()
  it("serves all clients in the end, uses no CPU while it waits, and says so once a second",
    testing.async(function()
      local pipe, path = start [[
        local asyncio = require "asyncio"
        asyncio.run(function()
          local loop, served, over = asyncio.get_running_loop(), 0, asyncio.Future()
          local reports, gap, starved = 0, math.huge, nil
          loop:set_exception_handler(function(_, context)
            if tostring(context.exception):find("EMFILE", 1, true) then
              reports = reports + 1
              if starved then
                gap = math.min(gap, loop:time() - starved)
              end
              starved = loop:time()
            else
              loop:default_exception_handler(context)
            end
          end)
          local server <close> = asyncio.start_server(function(reader, writer)
            for line in reader:lines() do
              writer:write(line, "\n")
            end
            served = served + 1
            if served == 200 then
              over:set_result()
            end
          end, "127.0.0.1", 0)
          io.stdout:write(server:sockets()[1].port, "\n")
          io.stdout:flush()
          while not starved do
            asyncio.sleep(0.01)
          end
          local cpu, start = os.clock(), loop:time()
          asyncio.sleep(2.2)  -- nobody ends meanwhile
          cpu = (os.clock() - cpu) / (loop:time() - start)
          print(cpu < 0.2, reports >= 2 and reports <= 4, gap >= 0.99)
          asyncio.wait_for(over, 20)
          print(served)
        end)
      ]]
      local port = pipe:read "n"
      local loop, tasks = asyncio.get_running_loop(), {}
      local start_time = loop:time()
      for i = 1, 200 do
        tasks[i] = function()
          local reader, writer <close> = asyncio.open_connection("127.0.0.1", port)
          writer:write(i, "\n")
          assert.equal(i .. "\n", reader:readline())
          asyncio.sleep(start_time + 2.6 - loop:time())
        end
      end
      asyncio.gather(tasks)
      assert.equal("\ntrue\ttrue\ttrue\n200\n", pipe:read "a")
      local _, _, code = pipe:close()
      os.remove(path)
      assert.equal(0, code)
    end, { timeout = 40 }))

  it("goes on as soon as a connection is closed", function()
    assert.same({ "EMFILE: too many open files (accept)\ntrue\ttrue\n", 0 }, { run [[
      local asyncio = require "asyncio"
      asyncio.run(function()
        local loop, first = asyncio.get_running_loop(), true
        loop:set_exception_handler(function(_, context)
          if first then print(context.exception) end
          first = false
        end)
        local server <close> = asyncio.start_server(function(reader, writer)
          for line in reader:lines() do writer:write(line, "\n") end
        end, "127.0.0.1", 0)
        local port, writers, readers = server:sockets()[1].port, {}, {}
        -- each connection takes two: those that are not accepted yet take one
        local ok, err
        repeat
          local reader, writer
          ok, err = pcall(function()
            reader, writer = asyncio.open_connection("127.0.0.1", port)
          end)
          if ok then
            writers[#writers + 1], readers[#readers + 1] = writer, reader
            writer:write(#writers, "\n")
          end
        until not ok
        assert(err.code == "EMFILE" and err.syscall == "connect", tostring(err))
        asyncio.sleep(0.01)
        local start, answered = loop:time(), 0
        for i = 1, #writers do
          if readers[i]:readline() == i .. "\n" then answered = answered + 1 end
          writers[i]:close()
        end
        print(answered == #writers, loop:time() - start < 0.9)
        server:close()
        server:close_clients()
      end)
    ]] })
  end)

  it("may be closed, and others opened once there are some again", function()
    assert.same({ "true\nhi\n", 0 }, { run [[
      local asyncio = require "asyncio"
      asyncio.run(function()
        local loop, starved = asyncio.get_running_loop(), false
        loop:set_exception_handler(function(_, context)
          starved = starved or context.exception.code == "EMFILE"
        end)
        local server = asyncio.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
        local port, writers = server:sockets()[1].port, {}
        local function fill()
          local _, writer = asyncio.open_connection("127.0.0.1", port)
          writers[#writers + 1] = writer
        end
        repeat until not pcall(fill)
        assert(not pcall(asyncio.start_server, print, "127.0.0.1", 0))
        asyncio.sleep(0.02)
        print(starved)
        server:close()
        server:abort_clients()
        for _, writer in ipairs(writers) do writer:abort() end
        server:wait_closed()
        local again <close> = asyncio.start_server(function(_, writer) writer:write "hi" end,
          "127.0.0.1", 0)
        local reader, writer <close> = asyncio.open_connection("127.0.0.1",
          again:sockets()[1].port)
        print(reader:read())
      end)
    ]] })
  end)
end)
