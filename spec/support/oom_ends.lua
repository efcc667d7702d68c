--- Scenarios of oom.lua: how loops end, and what sockets make of it.

local kit = ...

local asyncio, testing

local function prepare()
  asyncio, testing = kit.prepare()
end

local play, equal, expect = kit.play, kit.equal, kit.expect

local function scenario(name, run, first)
  kit.scenario(name, run, first or prepare)
end

-- What has no time to end: a group half way in a loop that closes.
scenario("halfway", function()
  prepare()
  local loop = testing.new_event_loop { clock = "virtual" }
  loop:create_task(function()
    asyncio.task_group(function(group)
      group:create_task(asyncio.sleep, 100)
      asyncio.sleep(100)
    end)
  end)
  loop:create_task(function()
    local group <close> = asyncio.TaskGroup()
    group:create_task(asyncio.sleep, 100)
  end)
  loop:create_task(function()
    local group = asyncio.TaskGroup()  -- that nobody closes
    group:create_task(asyncio.sleep, 100)
    group:start(function() asyncio.sleep(100) end)
  end)
  loop:run_until_complete(asyncio.async(asyncio.sleep)(1))
  loop:close()
end)

scenario("deadlock", function()
  prepare()
  expect(asyncio.DeadlockError, pcall(play, function()
    asyncio.create_task(asyncio.await, asyncio.Future())
    asyncio.await(asyncio.Future())
  end))
end)

scenario("close", function()
  prepare()
  local loop = testing.new_event_loop { clock = "virtual" }
  local future, closed = loop:create_future(), 0
  for _ = 1, 2 do
    loop:create_task(function()
      local _ <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
      asyncio.gather(future, function() asyncio.sleep(10) end)
    end)
  end
  future:add_done_callback(print)
  loop:call_later(10, print)
  loop:create_task(function()
    local scope <close> = asyncio.timeout(5)
    asyncio.await(future)
  end)
  loop:run_until_complete(asyncio.async(asyncio.sleep)(1))
  loop:close()
  if closed ~= 2 then
    error "not enough memory for the tasks"
  end
end)

-- The loop is left open: the state closes with it half way.
scenario("dropped", function()
  prepare()
  local loop = asyncio.new_event_loop()
  loop:create_task(asyncio.sleep, 10)
  loop:create_task(function() asyncio.gather(loop:create_future()) end)
  loop:create_task(error, "unseen")
  loop:create_task(asyncio.task_group, function(group)
    group:create_task(asyncio.sleep, 10)
    group:create_task { error, "unseen", eager_start = true }
  end)
  loop:call_later(10, print)
  loop:run_until_complete(asyncio.async(asyncio.sleep)(0))
end)

-- In real time, on the loopback.
scenario("tcp", function()
  local reported
  local ok, err = pcall(asyncio.run, function()
    asyncio.get_running_loop():set_exception_handler(function(_, context)
      reported = reported or context.exception or context.message
    end)
    local function serve(reader, writer)
      local line = reader:readline()
      writer:write(line:upper(), ("x"):rep(100000))
      writer:drain()
      writer:close()
    end
    local server <close> = asyncio.start_server(function(...)
      local done, why = pcall(serve, ...)
      reported = reported or not done and why
    end, "127.0.0.1", 0)
    local port = server:sockets()[1].port
    local scope <close> = asyncio.timeout(5)
    local reader, writer = asyncio.open_connection("127.0.0.1", port)
    writer:write("hello\n")
    equal(reader:readline(), "HELLO\n")
    equal(#(reader:read() or ""), 100000)
    writer:close()
    writer:wait_closed()
  end)
  if reported or not ok then
    error(reported or err, 0)
  end
end)

-- A Unix socket, a name that is looked up, and readers that are cancelled.
scenario("streams", function()
  local path, reported = os.tmpname(), nil
  os.remove(path)
  local ok, err = pcall(asyncio.run, function()
    asyncio.get_running_loop():set_exception_handler(function(_, context)
      reported = reported or context.exception or context.message
    end)
    local function serve(reader, writer)
      local done, why = asyncio.pcall(function()
        for line in reader:lines() do
          writer:write(line, "\n")
        end
      end)
      reported = reported or not done and why
    end
    local scope <close> = asyncio.timeout(5)
    local _ <close> = asyncio.start_unix_server(serve, path)
    local tcp <close> = asyncio.start_server(serve, "localhost", 0)
    for _, open in ipairs {
      function() return asyncio.open_unix_connection(path) end,
      function() return asyncio.open_connection("localhost", tcp:sockets()[1].port) end,
    } do
      local reader, writer = open()
      expect(asyncio.TimeoutError, pcall(asyncio.wait_for, reader.readexactly, 0, reader, 5))
      writer:writelines { "one\n", "two\n", "and more" }
      writer:write_eof()
      equal(reader:readuntil "\n", "one\n")
      equal(reader:peek(2), "tw")
      expect(asyncio.IncompleteReadError, pcall(reader.readexactly, reader, 100))
      writer:close()
      writer:wait_closed()
    end
    expect(asyncio.OSError, pcall(asyncio.open_unix_connection, path .. ".not"))
  end)
  os.remove(path)
  if reported or not ok then
    error(reported or err, 0)
  end
end)
