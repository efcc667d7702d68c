--- Debug hooks: what counts lines or stops at them sees all that the library runs.

local asyncio = require "asyncio"

-- Counts as LuaCov does: a line hook in the main coroutine, set before `run`.
-- Returns how often each line of this file was seen.
local function lines_of(main)
  local seen = {}
  local own = debug.getinfo(1, "S").source
  local function hook(_, line)
    if debug.getinfo(2, "S").source == own then
      seen[line] = (seen[line] or 0) + 1
    end
  end
  debug.sethook(hook, "l")
  asyncio.run(main)
  debug.sethook()
  return seen
end

-- Says where it was called; what it returns is the line that must be seen.
local function here()
  return debug.getinfo(2, "l").currentline
end

describe("a line hook", function()
  local bodies = {
    ["a task"] = function(mark)
      asyncio.await(asyncio.create_task(function()
        mark(here())
      end))
    end,
    ["an eager task"] = function(mark)
      asyncio.create_task { function()
        mark(here())
      end, eager_start = true }
    end,
    ["a task of a factory"] = function(mark)
      asyncio.get_running_loop():set_task_factory(asyncio.Task)
      asyncio.await(asyncio.create_task(function()
        mark(here())
      end))
    end,
    ["a coroutine function"] = function(mark)
      asyncio.await(asyncio.async(function()
        mark(here())
      end)())
    end,
    ["a task of a task, after a wait"] = function(mark)
      asyncio.await(asyncio.create_task(function()
        asyncio.sleep(0)
        asyncio.await(asyncio.create_task(function()
          asyncio.sleep(0)
          mark(here())
        end))
      end))
    end,
    ["a child of a group"] = function(mark)
      local group <close> = asyncio.TaskGroup()
      group:create_task(function()
        mark(here())
      end)
    end,
    ["a function of gather"] = function(mark)
      asyncio.gather(asyncio.async(function()
        mark(here())
      end)())
    end,
    ["a generator"] = function(mark)
      for _ in asyncio.generator(function()
        coroutine.yield(1)
        mark(here())
      end)() do
        asyncio.sleep(0)
      end
    end,
    ["a driven coroutine"] = function(mark)
      asyncio.coroutine.wrap(function()
        mark(here())
      end)()
    end,
    ["a context manager"] = function(mark)
      local scope = asyncio.contextmanager(function()
        coroutine.yield()
        mark(here())
      end)
      local _ <close> = scope()
    end,
    ["a callback"] = function(mark)
      asyncio.get_running_loop():call_soon(function()
        mark(here())
      end)
      asyncio.sleep(0)
      asyncio.sleep(0)
    end,
    ["the handler of a server"] = function(mark)
      local server <close> = asyncio.start_server(function(_, writer)
        mark(here())
        writer:close()
      end, "127.0.0.1", 0)
      local reader, writer = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
      local _ <close> = writer
      reader:read()
    end,
  }
  for name, body in pairs(bodies) do
    it("sees the lines of " .. name, function()
      local marked
      local seen = lines_of(function() body(function(line) marked = line end) end)
      assert.is_truthy(seen[marked], marked)
    end)
  end
end)
