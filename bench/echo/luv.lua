--- TCP echo on luv, its callbacks wrapped in coroutines by hand.
-- A handler reads and writes as if it blocked; one coroutine per connection.

local uv = require "luv"

local BACKLOG = 4096

local Stream = {}
Stream.__index = Stream

local function new_stream(handle)
  local self = setmetatable({ handle = handle, chunks = {} }, Stream)
  handle:read_start(function(err, chunk)
    local waiting = self.waiting
    if err or not chunk then
      self.ended = true
    end
    if waiting then
      self.waiting = nil
      return assert(coroutine.resume(waiting, chunk))
    elseif chunk then
      self.chunks[#self.chunks + 1] = chunk
    end
  end)
  return self
end

--- What has come, as one string; nil at the end.
function Stream:read()
  if #self.chunks > 0 then
    return table.remove(self.chunks, 1)
  elseif self.ended then
    return nil
  end
  self.waiting = coroutine.running()
  return coroutine.yield()
end

--- Writes at once what the kernel takes, and waits until it took the rest.
function Stream:write(data)
  local sent = self.handle:try_write(data) or 0
  if sent == #data then
    return
  end
  local thread = coroutine.running()
  self.handle:write(data:sub(sent + 1), function()
    assert(coroutine.resume(thread))
  end)
  coroutine.yield()
end

local function handler(stream)
  while true do
    local data = stream:read()
    if not data then
      break
    end
    stream:write(data)
  end
  stream.handle:close()
end

local server = uv.new_tcp()
assert(server:bind("127.0.0.1", 0))
assert(server:listen(BACKLOG, function(err)
  assert(not err, err)
  local client = uv.new_tcp()
  assert(server:accept(client))
  client:nodelay(true)
  assert(coroutine.resume(coroutine.create(handler), new_stream(client)))
end))
print(server:getsockname().port)
io.stdout:flush()
uv.run()
