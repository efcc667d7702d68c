--- What the task programs share: time, memory, and how they report.
-- Time is the process's own, so that a neighbour's turn is not counted.

local meter = {}

meter.clock = os.clock

--- Bytes of this process in memory.
function meter.rss()
  local file <close> = assert(io.open("/proc/self/status"))
  return tonumber(file:read("a"):match("VmRSS:%s*(%d+) kB")) * 1024
end

--- Prints figures as `key value key value`, one line for one run.
---@param figures table<string, number>
function meter.report(figures)
  local words = {}
  for key, value in pairs(figures) do
    words[#words + 1] = string.format("%s %.2f", key, value)
  end
  print(table.concat(words, " "))
end

--- Runs f(n) once small to warm up, then in full, and reports ns each. With
-- COUNT in the environment it runs f(COUNT) alone, for bench/instructions.
---@param n integer how many operations `f(n)` does
---@param f fun(n: integer)
function meter.each(n, f)
  local count = tonumber(os.getenv("COUNT"))
  if count then
    return f(count)
  end
  f(n // 10)
  local start = meter.clock()
  f(n)
  meter.report { ns = (meter.clock() - start) * 1e9 / n }
end

--- The report of n sleepers, built up as they start, sleep and end.
---@param n integer
function meter.sleepers(n)
  local self = { asleep = 0 }  -- how many sleep now: the program counts
  collectgarbage()
  local before, start = meter.rss(), meter.clock()
  local figures = {}

  --- To be called when all sleep.
  function self.started()
    assert(self.asleep == n, "some woke before all slept")
    figures.start = (meter.clock() - start) * 1e9 / n
    figures.bytes = (meter.rss() - before) / n
    start = meter.clock()
  end

  --- To be called when all have ended.
  function self.ended()
    assert(self.asleep == 0, "some still sleep")
    figures["end"] = (meter.clock() - start) * 1e9 / n
    meter.report(figures)
  end

  return self
end

return meter
