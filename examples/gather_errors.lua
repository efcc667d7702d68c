-- gather_errors: ten jobs, three of which fail, and the ways to wait for them.
local asyncio = require "asyncio"

-- Job 1 takes 0.1 s, job 2 takes 0.2 s and so on; each third fails.
local function job(i)
  asyncio.sleep(i / 10)
  if i % 3 == 0 then
    error("job " .. i .. " failed", 0)
  end
  return "job " .. i
end

local function start(limit)
  local tasks = {}
  for i = 1, 10 do
    tasks[i] = asyncio.create_task(asyncio.wait_for, job, limit, i)
  end
  return tasks
end

local function show(results)
  for i = 1, results.n do
    print(("  %-4s %s"):format(results.failed[i] and "bad" or "good", results[i]))
  end
end

asyncio.run(function()
  print("gather raises the first error, while the other jobs run on:")
  local tasks = start()
  print("  " .. select(2, pcall(asyncio.gather, tasks)))
  for _, task in ipairs(tasks) do
    task:cancel()
  end

  print("gather with return_exceptions gives errors among the results:")
  tasks = start()
  tasks.return_exceptions = true
  show(asyncio.gather(tasks))

  print("wait_for gives each job half a second:")
  tasks = start(0.45)
  tasks.return_exceptions = true
  show(asyncio.gather(tasks))

  print("timeout gives a whole block one second:")
  local finished = {}
  local ok, err = pcall(function()
    local _ <close> = asyncio.timeout(1)
    for _, i in ipairs{ 1, 2, 4, 5, 7 } do
      local result = job(i) -- in a local first: the index below must not be older than the wait
      finished[#finished + 1] = result
    end
  end)
  print("  " .. table.concat(finished, ", "))
  print("  timed out: " .. tostring(not ok and asyncio.isinstance(err, asyncio.TimeoutError)))

  print("as_completed gives jobs as they finish, until the time is over:")
  tasks = start()
  tasks.timeout = 0.45
  err = select(2, pcall(function()
    for task in asyncio.as_completed(tasks) do
      local e, failed = task:exception()
      print("  " .. (failed and e or task:result()))
    end
  end))
  print("  " .. tostring(err))
  for _, task in ipairs(tasks) do
    task:cancel()
  end

  print("a TaskGroup cancels the rest at the first failure, and raises all there were:")
  err = select(2, pcall(asyncio.task_group, function(group)
    for i = 1, 10 do
      group:create_task(job, i)
    end
    group:create_task(asyncio.wait_for, job, 0.3, 10)
  end))
  print("  " .. tostring(err):gsub("\n", "\n  "))
end)
