--- Finds files that call each other in a circle, and calls that go up or sideways between rooms.
-- lua circles.lua DIR    looks at the objects below DIR (build/debug/src) with `nm`
--
-- What counts is what the linker sees: a file needs another one whose symbol it uses. base/ is below
-- task/, task/ below all other rooms, and none of those needs another but os/, which may use net/.

local top = assert(arg[1], "circles.lua: which directory of objects?"):gsub("/$", "")

local defined = {}  -- symbol -> file
local uses = {}  -- file -> list of symbols
local files = {}

local function read_symbols(path)
  local name = path:sub(#top + 2):gsub("%.o$", "")
  files[#files + 1] = name
  uses[name] = {}
  local pipe = assert(io.popen(("nm '%s'"):format(path)))
  for line in pipe:lines() do
    local kind, symbol = line:match "(%a) (%S+)$"
    if kind == "U" then
      table.insert(uses[name], symbol)
    elseif kind:find "[TDBRVWC]" then
      defined[symbol] = name
    end
  end
  pipe:close()
end

local pipe = assert(io.popen(("find '%s' -name '*.o'"):format(top)))
for path in pipe:lines() do
  read_symbols(path)
end
pipe:close()
table.sort(files)
assert(#files > 0, "circles.lua: no objects below " .. top)

-- arrows[a][b]: the symbols of b that a uses
local arrows = {}
for _, file in ipairs(files) do
  arrows[file] = {}
  for _, symbol in ipairs(uses[file]) do
    local other = defined[symbol]
    if other and other ~= file then
      arrows[file][other] = arrows[file][other] or {}
      table.insert(arrows[file][other], symbol)
    end
  end
end

local function sorted_keys(set)
  local keys = {}
  for key in pairs(set) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

local function describe(from, to)
  table.sort(arrows[from][to])
  return ("  %s -> %s: %s"):format(from, to, table.concat(arrows[from][to], ", "))
end

local faults = {}

-- Tarjan's strongly connected components: each file's `low` is the earliest one it can reach.
local index, stack, on_stack, order, low = 0, {}, {}, {}, {}

local function report_component(file)
  local members = {}
  repeat
    local member = table.remove(stack)
    on_stack[member] = nil
    members[member] = true
  until member == file
  local names = sorted_keys(members)
  if #names == 1 then
    return
  end
  faults[#faults + 1] = "a circle of " .. table.concat(names, ", ")
  for _, from in ipairs(names) do
    for _, to in ipairs(sorted_keys(arrows[from])) do
      if members[to] then
        faults[#faults + 1] = describe(from, to)
      end
    end
  end
end

local function visit(file)
  index = index + 1
  order[file], low[file] = index, index
  stack[#stack + 1] = file
  on_stack[file] = true
  for _, to in ipairs(sorted_keys(arrows[file])) do
    if not order[to] then
      visit(to)
      low[file] = math.min(low[file], low[to])
    elseif on_stack[to] then
      low[file] = math.min(low[file], order[to])
    end
  end
  if low[file] == order[file] then
    report_component(file)
  end
end

for _, file in ipairs(files) do
  if not order[file] then
    visit(file)
  end
end

local FLOOR = { base = 1, task = 2 }

local function is_allowed(room, other)
  return room == other or not room  -- the front door
    or (FLOOR[other] or 3) < (FLOOR[room] or 3)
    or room == "os" and other == "net"
end

for _, from in ipairs(files) do
  for _, to in ipairs(sorted_keys(arrows[from])) do
    local room, other = from:match "^([^/]+)/", to:match "^([^/]+)/"
    if not is_allowed(room, other or "") then
      faults[#faults + 1] = ("%s/ may not call %s:"):format(room, other and other .. "/" or "the front door")
      faults[#faults + 1] = describe(from, to)
    end
  end
end

for _, fault in ipairs(faults) do
  io.stderr:write(fault, "\n")
end
os.exit(#faults == 0)
