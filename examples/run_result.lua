-- run_result: whatever the main function returns comes out of `run`.
-- Any function may wait; to call it is to await it.
local asyncio = require "asyncio"

local function fetch_greeting()
  asyncio.sleep(1)
  return "hello"
end

local function main(name)
  local greeting = fetch_greeting()
  asyncio.sleep(0.5)
  return greeting .. ", " .. name
end

print(asyncio.run(main, "world"))
