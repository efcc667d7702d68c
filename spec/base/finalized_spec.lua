--- Objects that are used after their own finalizer, by another's, or before it.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local function sleep() asyncio.sleep(0.01) end

local function other_loop(f)
  return function()
    local loop = asyncio.new_event_loop()
    loop:set_exception_handler(function() end)
    return f(loop)
  end
end

local makers = {
  Lock = function() return asyncio.Lock() end,
  Event = function() return asyncio.Event() end,
  Condition = function() return asyncio.Condition() end,
  Semaphore = function() return asyncio.Semaphore(1) end,
  Barrier = function() return asyncio.Barrier(2) end,
  Queue = function() local queue = asyncio.Queue() queue:put(1) return queue end,
  PriorityQueue = function() local queue = asyncio.PriorityQueue() queue:put(1) return queue end,
  future = function()
    local future = asyncio.Future()
    future:add_done_callback(function() end)
    return future
  end,
  failed_future = function()
    local future = asyncio.Future()
    future:set_exception("never retrieved")
    return future
  end,
  task = function() return asyncio.create_task(sleep) end,
  failed_task = function()
    local task = asyncio.create_task(error, "never retrieved")
    asyncio.sleep(0)
    return task
  end,
  handle = function() return asyncio.get_running_loop():call_soon(function() end) end,
  timer_handle = function() return asyncio.get_running_loop():call_later(0.01, function() end) end,
  generator = function()
    local items = asyncio.generator(function() coroutine.yield(1) sleep() end)()
    items()
    return items
  end,
  timeout = function() return asyncio.timeout(5) end,
  as_completed = function() return asyncio.as_completed { asyncio.create_task(sleep) } end,
  TaskGroup = function() return asyncio.TaskGroup() end,
  Context = function() return asyncio.copy_context() end,
  ContextVar = function() return asyncio.ContextVar("variable") end,
  Token = function() return asyncio.ContextVar("variable"):set(1) end,
  loop = other_loop(function(loop)
    loop:create_task(sleep)
    loop:call_soon(function() end)
    loop:call_later(5, function() end)
    return loop
  end),
  future_of_a_loop = other_loop(function(loop)
    local future = loop:create_future()
    future:add_done_callback(function() end)
    return future
  end),
  task_of_a_loop = other_loop(function(loop)
    return loop:create_task(function() asyncio.sleep(5) end)
  end),
}

-- Functions that write, run a loop, or are finalizers themselves.
local LEFT_OUT = { print_stack = true, run_forever = true, run_until_complete = true, __gc = true }

-- Calls all that can be called on an object, with several arguments.
local function use(object, log)
  local meta = debug.getmetatable(object)
  for _, functions in ipairs { meta.__index, meta } do
    for name, f in pairs(type(functions) == "table" and functions or {}) do
      if type(f) == "function" and not LEFT_OUT[name] then
        for _, argument in ipairs { 1, print, false } do
          pcall(f, object, argument ~= print and argument or function() end)
        end
        log[#log + 1] = name
      end
    end
  end
end

local names = {}
for name in pairs(makers) do
  names[#names + 1] = name
end
table.sort(names)

for _, order in ipairs { "after", "before" } do
  describe("use " .. order .. " its finalizer is harmless to", function()
    for _, name in ipairs(names) do
      it(name, testing.async(function()
        asyncio.get_running_loop():set_exception_handler(function() end)
        local log = {}
        local meta = { __gc = function(self)
          if type(self.object) == "userdata" then
            use(self.object, log)
          end
        end }
        do
          local holder = order == "after" and setmetatable({}, meta) or {}
          holder.object = makers[name]()
          setmetatable(holder, meta)
        end
        for _ = 1, 4 do
          witness.collect()
          asyncio.sleep(0.01)
        end
        assert(#log > 0 or name == "as_completed" or name == "handle", "it was not collected")
      end))
    end
  end)
end
