--- Tasks of this library: `asyncio.lua MEASURE`.

local asyncio = require "asyncio"
local meter = dofile "bench/tasks/meter.lua"

local await, create_task, sleep =
  asyncio.await, asyncio.create_task, asyncio.sleep

local function nothing()
end

local measures = {}

--- A thousand tasks that give way to each other.
function measures.switch()
  local tasks = 1000
  local function give_way(times)
    for _ = 1, times do
      sleep(0)
    end
  end
  meter.each(3000 * tasks, function(n)
    local list = {}
    for i = 1, tasks do
      list[i] = create_task(give_way, n // tasks)
    end
    for i = 1, tasks do
      await(list[i])
    end
  end)
end

function measures.spawn()
  meter.each(1000000, function(n)
    for _ = 1, n do
      await(create_task(nothing))
    end
  end)
end

--- A million tasks asleep, their deadlines in no order.
function measures.sleepers()
  local n, early, spread = 1000000, 10, 1
  local done = asyncio.Future()
  local count = meter.sleepers(n)
  local loop = asyncio.get_running_loop()
  local start = loop:time() + early
  local function sleeper(i)
    count.asleep = count.asleep + 1
    sleep(start + i * 7919 % n / n * spread - loop:time())
    count.asleep = count.asleep - 1
    if count.asleep == 0 then
      done:set_result()
    end
  end
  for i = 1, n do
    create_task(sleeper, i)
  end
  sleep(0)
  count.started()
  await(done)
  count.ended()
end

function measures.gather()
  local list = { n = 1000 }
  for i = 1, list.n do
    list[i] = nothing
  end
  meter.each(1000 * list.n, function(n)
    for _ = 1, n // list.n do
      asyncio.gather(list)
    end
  end)
end

function measures.group()
  local children = 1000
  local function body(group)
    for _ = 1, children do
      group:create_task(nothing)
    end
  end
  meter.each(1000 * children, function(n)
    for _ = 1, n // children do
      asyncio.task_group(body)
    end
  end)
end

--- The same without a group.
function measures.plain()
  local tasks = 1000
  meter.each(1000 * tasks, function(n)
    for _ = 1, n // tasks do
      local last
      for _ = 1, tasks do
        last = create_task(nothing)
      end
      await(last)
    end
  end)
end

--- A lock that nobody else wants.
function measures.lock()
  local lock = asyncio.Lock()
  meter.each(10000000, function(n)
    for _ = 1, n do
      lock:acquire()
      lock:release()
    end
  end)
end

--- Items from one task to another through a queue with room for a hundred.
function measures.pipe()
  meter.each(5000000, function(n)
    local queue = asyncio.Queue(100)
    local reader = create_task(function()
      for _ = 1, n do
        queue:get()
      end
    end)
    for i = 1, n do
      queue:put(i)
    end
    await(reader)
  end)
end

--- One item, there and back through two queues.
function measures.pingpong()
  meter.each(1000000, function(n)
    local there, back = asyncio.Queue(), asyncio.Queue()
    local other = create_task(function()
      for _ = 1, n do
        back:put(there:get())
      end
    end)
    for i = 1, n do
      there:put(i)
      back:get()
    end
    await(other)
  end)
end

--- Messages of 1 KiB there and back over one connection within the process.
function measures.echo()
  local message = ("x"):rep(1024)
  local server <close> = asyncio.start_server(function(reader, writer)
    repeat
      local data = reader:read(65536)
      if data then
        writer:write(data)
      end
    until not data
  end, "127.0.0.1", 0)
  local reader, writer <close> =
    asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
  meter.each(100000, function(n)
    for _ = 1, n do
      writer:write(message)
      reader:readexactly(#message)
    end
  end)
end

--- Steps of a generator.
function measures.generator()
  local counter = asyncio.generator(function(n)
    for i = 1, n do
      coroutine.yield(i)
    end
  end)
  meter.each(5000000, function(n)
    for _ in counter(n) do
    end
  end)
end

--- A time limit that does not run out.
function measures.timeout()
  meter.each(1000000, function(n)
    for _ = 1, n do
      local _ <close> = asyncio.timeout(10)
    end
  end)
end

asyncio.run(measures[arg[1]])
