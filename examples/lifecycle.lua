-- lifecycle: a task from its making to its end, and all tasks of the loop while they run.
local asyncio = require "asyncio"

local function show(when, task)
  print(("%-10s %s"):format(when, task))
end

local work = asyncio.async(function()
  show("running", asyncio.current_task())
  asyncio.sleep(1)
  return "finished work"
end)

asyncio.run(function()
  local object = work()
  print("created    coroutine object, " .. coroutine.status(object))
  local task = asyncio.create_task{ object, name = "worker" }
  show("scheduled", task)
  asyncio.sleep(0.5)
  show("waiting", task)
  local result = asyncio.await(task)
  show("done", task)
  print("result     " .. result)

  for i = 1, 10 do
    asyncio.create_task{ asyncio.sleep, 1, name = ("sleeper %02d"):format(i) }
  end
  local names = {}
  for _, running in ipairs(asyncio.all_tasks()) do
    if running ~= asyncio.current_task() then
      names[#names + 1] = running:get_name()
    end
  end
  table.sort(names)
  print(table.concat(names, ", "))
  asyncio.sleep(2)
  print("still there after 2 s: " .. #asyncio.all_tasks() - 1)
end)
