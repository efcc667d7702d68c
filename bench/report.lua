--- The table: medians of the rounds, and ratios of runs that were neighbours.
-- A ratio is taken in each round, as the machine's speed drifts; then sorted.

local report = {}

local NAME, CELL = 26, 11

local function sorted(list)
  local copy = table.move(list, 1, #list, 1, {})
  table.sort(copy)
  return copy
end

local function median(list)
  local s, n = sorted(list), #list
  return (s[(n + 1) // 2] + s[n // 2 + 1]) / 2
end

--- 1234567 as "1,234,567"; small numbers keep a digit after the point.
local function number(v)
  if v < 0 then
    return "-" .. number(-v)
  elseif v < 100 and v ~= math.floor(v) then
    return ("%.1f"):format(v)
  end
  local digits = ("%.0f"):format(v)
  local head = (#digits - 1) % 3 + 1
  return digits:sub(1, head) .. digits:sub(head + 1):gsub("...", ",%0")
end

---@param runs { [string]: number }[] figures by round
---@param key string
local function column(runs, key)
  local list = {}
  for _, figures in ipairs(runs) do
    list[#list + 1] = figures[key]
  end
  return list
end

--- "want >= 0.88: ok" for a value and its mark; nothing without a mark.
local function verdict(value, want)
  if not want then
    return ""
  elseif want.least then
    return ("  want >= %g: %s"):format(want.least,
      value >= want.least and "ok" or "MISSED")
  end
  return ("  want <= %g: %s"):format(want.most,
    value <= want.most and "ok" or "MISSED")
end

local function line(name, cells, rest)
  local parts = { ("%-" .. NAME .. "s"):format(name) }
  for i, cell in ipairs(cells) do
    parts[i + 1] = ("%" .. CELL .. "s"):format(cell)
  end
  print((table.concat(parts) .. rest):match("^(.-)%s*$"))
end

---@param row bench.Row
function report.head(row)
  local cells = {}
  for i, col in ipairs(row.columns) do
    cells[i] = col[2]
  end
  print()
  line(row.title, cells, "  ours/peer (min .. max)")
end

--- Our own line, with marks for its figures themselves.
local function own_marks(program, runs)
  local marks = {}
  for key, want in pairs(program.want or {}) do
    marks[#marks + 1] = verdict(median(column(runs, key)), want)
  end
  return table.concat(marks)
end

--- How ours compares with the peer, round by round.
local function comparison(row, program, runs, ours)
  local list = {}
  for i, mine in ipairs(ours) do
    local peer = runs[i] and runs[i][row.ratio]
    if peer and peer ~= 0 then
      list[#list + 1] = mine[row.ratio] / peer
    end
  end
  if #list == 0 then
    return ""
  end
  local s = sorted(list)
  return ("  %.2f (%.2f .. %.2f)"):format(median(list), s[1], s[#s])
    .. verdict(median(list), program.want)
end

--- A program's line. Runs of a round have the same index in both lists.
---@param row bench.Row
---@param program bench.Program
---@param runs { [string]: number }[]
---@param ours { [string]: number }[]
function report.program(row, program, runs, ours)
  local cells = {}
  for i, col in ipairs(row.columns) do
    cells[i] = number(median(column(runs, col[1])))
  end
  line("  " .. program.name, cells, program == row.ours
    and own_marks(program, runs) or comparison(row, program, runs, ours))
end

--- The line of a program that gave no figures.
function report.missing(program, why)
  line("  " .. program.name, {}, "  " .. why)
end

return report
