-- crawler: producers and workers on a queue, a semaphore that limits them, an
-- event that stops the progress line.
local asyncio = require "asyncio"

-- A site: the pages that each page links to. Fetching one takes a while.
local links = {
  home = { "news", "shop", "help" },
  news = { "today", "archive", "home" },
  shop = { "cart", "help" },
  help = { "home" },
  today = {}, archive = { "today" }, cart = { "shop" },
}

local function fetch(page)
  asyncio.sleep(#page / 10)
  return links[page]
end

asyncio.run(function()
  local pages = asyncio.Queue(10)
  local sockets = asyncio.Semaphore(2)
  local finished = asyncio.Event()
  local seen, fetched = {}, {}

  local function enqueue(page)
    if not seen[page] then
      seen[page] = true
      pages:put(page)
    end
  end

  local function worker()
    for page in pages:items() do
      local found
      do
        local _ <close> = sockets:acquire() -- two pages at a time, however many workers
        found = fetch(page)
      end
      fetched[#fetched + 1] = page
      for _, link in ipairs(found) do
        enqueue(link)
      end
      pages:task_done()
    end
  end

  local function progress()
    while not finished:is_set() do
      print(("%d fetched, %d waiting"):format(#fetched, pages:qsize()))
      asyncio.move_on_after(0.47, finished.wait, finished)
    end
  end

  local group <close> = asyncio.TaskGroup()
  group:create_task(progress)
  for _ = 1, 4 do
    group:create_task(worker)
  end
  enqueue("home")
  pages:join()
  pages:shutdown()
  finished:set()
  print("fetched: " .. table.concat(fetched, " "))
end)
