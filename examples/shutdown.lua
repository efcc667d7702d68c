-- shutdown: ending a program whose tasks still run, by hand and by `run`.
-- Some sleep for an hour, one starts a new task while it is being cancelled: none is left over.
local asyncio = require "asyncio"

local function hang(name)
  local ok, err = pcall(asyncio.sleep, 3600)
  print(name .. " stops")
  return ok or error(err)
end

local function last_words()
  asyncio.sleep(1)
  print("last words were said")
end

local function talkative(name)
  local ok, err = pcall(hang, name)
  asyncio.create_task(last_words)
  return ok or error(err)
end

local function main()
  for i = 1, 3 do
    asyncio.create_task(hang, "task " .. i)
  end
  asyncio.create_task(talkative, "talkative")
  asyncio.sleep(1)
  print("main is done, " .. #asyncio.all_tasks() - 1 .. " tasks still run")
end

print("-- by hand")
local loop = asyncio.new_event_loop()
loop:run_until_complete(main)
local rest = asyncio.all_tasks(loop)
while #rest > 0 do -- cancelled tasks may have started others
  for _, task in ipairs(rest) do
    task:cancel()
  end
  loop:run_until_complete(function()
    rest.return_exceptions = true
    asyncio.gather(rest)
  end)
  rest = asyncio.all_tasks(loop)
end
loop:close()

print("-- by run")
asyncio.run(main)
print("nothing is left")
