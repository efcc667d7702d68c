--- A helper for busted: writes down each spec as it starts and ends.
-- scripts/suite counts from these lines, so a spec that takes the whole process
-- down is counted and named, too. Each line is flushed at once.
--
-- It also keeps the suite silent: a spec that prints what it does not take from
-- spec.support.output itself fails.

local busted = require "busted"
local output = require "spec.support.output"
local tally = assert(io.open(assert(os.getenv "TALLY"), "a"))
local progress = assert(io.open(assert(os.getenv "PROGRESS"), "a"))
tally:setvbuf "line"
local hard = os.getenv "SPEC_WAY" == "hardgc"
local LONGEST = 4000  -- of the output of one spec, this much is shown

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

-- Has anything been printed since the last look? If so, shows it under the name of `element`.
local function printed(element)
  local text = output.take()
  if text == "" then
    return false
  end
  if #text > LONGEST then
    text = text:sub(1, LONGEST) .. "...\n"
  end
  progress:write("\nUnexpected output of: ", fullname(element), "\n", text, "\n")
  progress:flush()
  return true
end

-- A subscriber's second result lets the others see the event.

local function outside(element)
  if element.descriptor ~= "it" then
    note("error", fullname(element))
  end
  return nil, true
end

-- Output between two specs is of a setup, or of the file itself.
local function between(element)
  if printed(element) then
    note("error", "output around " .. fullname(element))
  end
end

busted.subscribe({ "test", "start" }, function(element)
  between(element)
  note("start", fullname(element))
  if hard then
    collectgarbage("incremental", 1, 1000, 30)
    collectgarbage("step")
  end
  return nil, true
end)

busted.subscribe({ "test", "end" }, function(element, _, status)
  if hard then
    collectgarbage("incremental", 200, 100, 13)
  end
  if printed(element) and status == "success" then
    status = "failure"
  end
  note(status)
  return nil, true
end)

-- Errors that nobody retrieved are reported when they are collected: still in their own file.
busted.subscribe({ "file", "end" }, function(element)
  collectgarbage()
  collectgarbage()
  between(element)
  return nil, true
end)

-- What fails outside of a spec: a file, a describe, a setup, a before_each.
busted.subscribe({ "error" }, outside)
busted.subscribe({ "failure" }, outside)

busted.subscribe({ "suite", "end" }, function()
  io.stdout:flush()
  note("done", tostring(output.taken()))
  return nil, true
end)
