-- context_manager: a connection that is opened and closed with waits on both sides.
-- As an object whose `__close` does it, and as a function with a yield in the middle.
local asyncio = require "asyncio"

local Connection = {}
Connection.__index = Connection

function Connection.open(host)
  asyncio.sleep(0.1)
  print("  open " .. host)
  return setmetatable({ host = host }, Connection)
end

function Connection:get(path)
  asyncio.sleep(0.1)
  return ("%s%s: 200 OK"):format(self.host, path)
end

function Connection:__close()
  asyncio.sleep(0.1)
  print("  close " .. self.host)
end

-- What comes before the yield opens, what comes after it closes. The inner
-- variable is closed in any case; the last line is reached without an error only.
local connect = asyncio.contextmanager(function(host)
  local connection <close> = Connection.open(host)
  coroutine.yield(connection)
  print("  all went well")
end)

asyncio.run(function()
  print("an object:")
  do
    local connection <close> = Connection.open("lua.org")
    print("  " .. connection:get("/about"))
  end

  print("a function:")
  do
    local scope <close>, connection = connect("luarocks.org")
    print("  " .. connection:get("/modules"))
  end

  print("a function, and an error:")
  print("  " .. select(2, pcall(function()
    local scope <close>, connection = connect("example.org")
    print("  " .. connection:get("/"))
    error("lost interest", 0)
  end)))

  print("many, closed in the reverse order:")
  local stack <close> = asyncio.ExitStack()
  for _, host in ipairs{ "a.example", "b.example" } do
    stack:enter(connect(host))
  end
end)
