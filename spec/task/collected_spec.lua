--- Loops that are collected without 'close': what was on them stays harmless.

local asyncio = require "asyncio"
local witness = require "spec.support.witness"

local function forever() return asyncio.sleep(1000) end

-- Each waits for ever, on a loop of its own.
local waits = {
  sleep = forever,
  await = function() return asyncio.await(asyncio.get_running_loop():create_future()) end,
  await_task = function() return asyncio.await(asyncio.create_task(forever)) end,
  shield = function() return asyncio.shield(forever) end,
  wait_for = function() return asyncio.wait_for(forever, 2000) end,
  timeout = function()
    local scope <close> = asyncio.timeout(2000)
    return asyncio.sleep(1000)
  end,
  gather = function() return asyncio.gather(forever, forever) end,
  wait = function() return asyncio.wait { asyncio.create_task(forever) } end,
  as_completed = function()
    for _ in asyncio.as_completed { asyncio.create_task(forever) } do end
  end,
  group = function()
    local group <close> = asyncio.TaskGroup()
    group:create_task(forever)
  end,
  generator = function()
    for _ in asyncio.generator(function() forever() coroutine.yield(1) end)() do end
  end,
  coroutine = function() return asyncio.coroutine.wrap(forever)() end,
  contextmanager = function()
    local scope <close> = asyncio.contextmanager(function() forever() coroutine.yield() end)()
  end,
  lock = function() local lock = asyncio.Lock() lock:acquire() return lock:acquire() end,
  event = function() return asyncio.Event():wait() end,
  condition = function()
    local condition = asyncio.Condition()
    condition:acquire()
    return condition:wait()
  end,
  semaphore = function() return asyncio.Semaphore(0):acquire() end,
  barrier = function() return asyncio.Barrier(2):wait() end,
  get = function() return asyncio.Queue():get() end,
  put = function() local queue = asyncio.Queue(1) queue:put(1) return queue:put(2) end,
  join = function() local queue = asyncio.Queue() queue:put(1) return queue:join() end,
  serve_forever = function()
    local server = asyncio.start_server(function() end, "127.0.0.1", 0)
    return server:serve_forever()
  end,
  server_wait_closed = function()
    local server = asyncio.start_server(function() forever() end, "127.0.0.1", 0)
    return server:wait_closed()
  end,
  read = function()
    local server = asyncio.start_server(forever, "127.0.0.1", 0)
    local reader = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
    return reader:read(1)
  end,
}

-- Starts `body` on a loop of its own and leaves that to the collector. Returns
-- the task and its coroutine, known from the report, and what its wait raised.
local function strand(body)
  local log, kept, co = {}, nil, nil
  do
    local loop = asyncio.new_event_loop()
    loop:set_exception_handler(function(_, context)
      if context.task and context.task:get_name() == "stranded" then
        kept, co = context.task, context.task:get_coro()
      end
    end)
    local options = { name = "stranded", function() log[1] = witness.text(body) end }
    loop:create_task(options)
    loop:run_until_complete(function()
      for _ = 1, 10 do asyncio.sleep(0) end
    end)
  end
  for _ = 1, 4 do collectgarbage() end
  return kept, co, log
end

local names = {}
for name in pairs(waits) do
  names[#names + 1] = name
end
table.sort(names)

describe("a task of a collected loop, in", function()
  for _, name in ipairs(names) do
    it(name .. ", raises when its coroutine is resumed", function()
      local task, co, log = strand(waits[name])
      assert.equal("pending", tostring(task):match("state=(%w+)"))
      coroutine.resume(co)
      assert.matches("from outside the event loop", log[1])
      assert.is_false(task:cancel())
    end)

    it(name .. ", may be closed or left alone", function()
      local _, co = strand(waits[name])
      assert.is_boolean((coroutine.close(co)))
      local task = strand(waits[name])
      assert.is_false(task:cancel())
    end)
  end
end)
