--- A helper for busted: writes down each spec as it starts and ends.
-- scripts/suite counts from these lines, so a spec that takes the whole process
-- down is counted and named, too. Each line is flushed at once.

local busted = require "busted"
local tally = assert(io.open(assert(os.getenv "TALLY"), "a"))
tally:setvbuf "line"
local hard = os.getenv "SPEC_WAY" == "hardgc"

local function note(word, text)
  tally:write(word, " ", (text or ""):gsub("\n", " "), "\n")
end

local function fullname(element)
  local parent = busted.parent(element)
  local name = element.name or element.descriptor
  if not parent or parent.descriptor == "suite" then
    return name
  end
  return fullname(parent) .. " " .. name
end

-- A subscriber's second result lets the others see the event.

busted.subscribe({ "test", "start" }, function(element)
  note("start", fullname(element))
  if hard then
    collectgarbage("incremental", 1, 1000, 30)
    collectgarbage("step")
  end
  return nil, true
end)

busted.subscribe({ "test", "end" }, function(_, _, status)
  if hard then
    collectgarbage("incremental", 200, 100, 13)
  end
  note(status)
  return nil, true
end)

-- What fails outside of a spec: a file, a describe, a setup, a before_each.
local function outside(element)
  if element.descriptor ~= "it" then
    note("error", fullname(element))
  end
  return nil, true
end
busted.subscribe({ "error" }, outside)
busted.subscribe({ "failure" }, outside)

busted.subscribe({ "suite", "end" }, function()
  note("done")
  return nil, true
end)
