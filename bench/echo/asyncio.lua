--- TCP echo on this library: one task per connection.

local asyncio = require "asyncio"

local CHUNK = 256 * 1024

local function handler(reader, writer)
  while true do
    local data = reader:read(CHUNK)
    if not data then
      break
    end
    writer:write(data)
  end
end

asyncio.run(function()
  local server = asyncio.start_server(handler, "127.0.0.1", 0,
    { backlog = 4096 })
  print(server:sockets()[1].port)
  io.stdout:flush()
  server:serve_forever()
end)
