-- rate_server: an exchange-rate server and a thousand clients, all connected at once.
--
--   lua5.4 examples/rate_server.lua
--
-- Server and clients are two processes: a thousand connections are a thousand descriptors on each
-- side, and 1024 is all that one process gets by default (`ulimit -n`).
local asyncio = require "asyncio"

local HOST, CLIENTS, QUESTIONS = "127.0.0.1", 1000, 20
local RATES = { EURUSD = "1.0842", GBPUSD = "1.2695", USDCHF = "0.8817", USDJPY = "151.34" }

-- The server: every client is a task of its own, which answers each line with a rate.
local function serve()
  local here, most, served = 0, 0, 0
  local all_gone = asyncio.Future()

  local function answer(reader, writer)
    for pair in reader:lines() do
      writer:write("Rate is ", RATES[pair] or "unknown", "\n")
    end
  end

  local function welcome(reader, writer)
    here, served = here + 1, served + 1
    most = math.max(most, here)
    asyncio.pcall(answer, reader, writer) -- a broken connection is over like any other
    here = here - 1
    if here == 0 then
      all_gone:set_result()
    end
  end

  local server <close> = asyncio.start_server(welcome, HOST, 0)
  print(server:sockets()[1].port)
  io.stdout:flush()
  asyncio.wait_for(all_gone, 60)
  print(("%d, at most %d at once"):format(served, most))
end

-- The clients: each asks its questions, checks the answers, and stays until all have theirs.
local function ask(port)
  local loop, busy, wrong, tasks = asyncio.get_running_loop(), CLIENTS, 0, {}
  local all_served = asyncio.Future()

  local function client(pair)
    local reader, writer <close> = asyncio.open_connection(HOST, port)
    for _ = 1, QUESTIONS do
      writer:write(pair, "\n")
      local answer = reader:readline()
      if answer ~= "Rate is " .. RATES[pair] .. "\n" then
        wrong = wrong + 1
      end
    end
    busy = busy - 1
    if busy == 0 then
      all_served:set_result()
    end
    asyncio.await(all_served)
  end

  local start = loop:time()
  while #tasks < CLIENTS do
    for pair in pairs(RATES) do
      tasks[#tasks + 1] = asyncio.create_task(client, pair)
    end
  end
  asyncio.gather(tasks)
  return loop:time() - start, wrong
end

if arg[1] == "serve" then
  asyncio.run(serve)
else
  local server = assert(io.popen(('"%s" "%s" serve'):format(arg[-1], arg[0])))
  local port = assert(tonumber(server:read("l")), "the server did not start")
  print(("rate server:    %s port %d"):format(HOST, port))
  local seconds, wrong = asyncio.run(ask, port)
  local questions = CLIENTS * QUESTIONS
  print("clients served: " .. server:read("l"))
  print(("questions:      %d, answered wrong: %d"):format(questions, wrong))
  print(("time:           %.2f s, %.0f answers/s"):format(seconds, questions / seconds))
  server:close()
end
