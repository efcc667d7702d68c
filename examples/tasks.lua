-- tasks: two tasks that sleep for a second each are done after one second, not after two.
local asyncio = require "asyncio"

local function say(word)
  asyncio.sleep(1)
  return word
end

asyncio.run(function()
  local loop = asyncio.get_running_loop()
  local start = loop:time()
  local yep = asyncio.create_task(say, "yep")
  local yoho = asyncio.create_task(say, "yoho")
  print(asyncio.await(yep) .. " " .. asyncio.await(yoho))
  print(("after %.0f s"):format(loop:time() - start))
end)
