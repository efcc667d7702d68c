--- TCP echo on cqueues: one coroutine of a controller per connection.
-- Unbuffered output, so that each write goes to the kernel at once.

local cqueues = require "cqueues"
local socket = require "cqueues.socket"

local CHUNK = 256 * 1024

local function handler(con)
  while true do
    local data = con:read(-CHUNK)  -- up to so many bytes
    if not data or not con:write(data) then
      break
    end
  end
  con:close()
end

local controller = cqueues.new()
local server = socket.listen { host = "127.0.0.1", port = 0 }
assert(server:listen())
print((select(3, server:localname())))
io.stdout:flush()
controller:wrap(function()
  while true do
    local con = assert(server:accept { nodelay = true })
    con:setmode("b", "bn")
    con:setbufsiz(CHUNK, CHUNK)
    controller:wrap(handler, con)
  end
end)
assert(controller:loop())
