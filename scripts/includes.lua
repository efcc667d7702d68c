--- Keeps the rooms of src apart: which header a file may include.
-- lua includes.lua [DIR]    looks at DIR/src; fails and names each include that is not allowed
--
-- A file includes headers of base/, of task/ and of its own folder; base/ none but its own, os/ those
-- of net/ too. The front door, src/asyncio.c, may include anything. There is no header that
-- only includes others: each says by its name what it is needed for.

local top = arg[1] or "."
local faults = {}

local ALLOWED = {  -- besides the own folder
  base = {},
  task = { base = true },
  os = { base = true, task = true, net = true },
}
local OTHERS = { base = true, task = true }

local function check_line(path, room, number, line)
  local target = line:match '^%s*#%s*include%s+"([^"]*)"'
  if not target then
    return false
  end
  local other = target:match "^([^/]+)/"
  if target == "rooms.h" then  -- the openers, for those who define them
    return false
  elseif not other and room then
    faults[#faults + 1] = ('%s:%d: "%s" names no folder'):format(path, number, target)
  elseif room and other ~= room and not (ALLOWED[room] or OTHERS)[other] then
    faults[#faults + 1] = ("%s:%d: %s/ may not include %s"):format(path, number, room, target)
  end
  return true
end

--- Does the header hold anything besides its includes and its guard?
local function has_content(text)
  text = text:gsub("/%*.-%*/", ""):gsub("#[^\n]*", "")
  return text:find "%S" ~= nil or false
end

local pipe = assert(io.popen(("find '%s/src' -name '*.[ch]'"):format(top)))
for path in pipe:lines() do
  local inner = path:sub(#top + 6)
  local room = inner:match "^([^/]+)/"
  local file = assert(io.open(path))
  local text = file:read "a"
  file:close()
  local number, included = 0, false
  for line in text:gmatch "([^\n]*)\n" do
    number = number + 1
    -- Lua's and libuv's headers have no folder, either
    if not line:find '"l%w*%.h"' and not line:find '"uv%.h"' then
      included = check_line(path, room, number, line) or included
    end
  end
  if path:find "%.h$" and included and not text:find "#define[ \t]+[%w_]+[ \t(]" and not has_content(text) then
    faults[#faults + 1] = path .. ": a header that only includes others"
  end
end
pipe:close()

table.sort(faults)
for _, fault in ipairs(faults) do
  io.stderr:write(fault, "\n")
end
os.exit(#faults == 0)
