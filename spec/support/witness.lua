--- What a spec sees of errors, reports, turns and lines.

local asyncio = require "asyncio"
local output = require "spec.support.output"

local witness = {}

--- The class of one of the library's errors by its name, else the value.
function witness.class(err)
  if asyncio.isinstance(err, asyncio.Error) then
    return err.name
  end
  return err
end

local function describe_call(ok, ...)
  if ok then
    return ...
  end
  return "raised", witness.class((...))
end

--- Calls `f(...)`: its results, or "raised" and the error (its class, if it
-- is one of the library's).
function witness.try(f, ...)
  return describe_call(pcall(f, ...))
end

--- Calls `f(...)`, which must raise an instance of `class`. Returns it.
function witness.raises(class, f, ...)
  local ok, err = pcall(f, ...)
  assert(not ok, "no error was raised")
  assert(asyncio.isinstance(err, class), ("%s expected, got %s"):format(class, err))
  return err
end

--- Calls `f(...)`, which must raise a string or an error object. Returns its
-- text.
function witness.text(f, ...)
  local ok, err = pcall(f, ...)
  assert(not ok, "no error was raised")
  return tostring(err)
end

--- Lets so many turns of the loop pass.
function witness.turns(count)
  for _ = 1, count or 1 do
    asyncio.sleep(0)
  end
end

--- Takes the reports of the running loop (or of `loop`) into a list.
function witness.reports(loop)
  local contexts = {}
  loop = loop or asyncio.get_running_loop()
  loop:set_exception_handler(function(_, context)
    contexts[#contexts + 1] = context
  end)
  return contexts
end

--- The messages of the reports on standard error since the last call, in order. Nothing else may
-- have been printed.
function witness.printed()
  local messages, text = {}, output.take()
  assert(text == "" or text:find "^asyncio: ", "not a report: " .. text)
  for message in ("\n" .. text):gmatch "\nasyncio: ([^\n]*)" do
    messages[#messages + 1] = message
  end
  return messages
end

--- How many tasks the reports on standard error since the last call are about, all of them
-- destroyed while they were pending.
function witness.destroyed()
  local messages = witness.printed()
  for _, message in ipairs(messages) do
    assert(message == "a task was destroyed while it was pending", message)
  end
  return #messages
end

--- Collects all that can be collected, what has a finalizer too.
function witness.collect()
  collectgarbage()
  collectgarbage()
end

--- So many where that is quick, fewer where every step takes very long.
function witness.many(count)
  local way = os.getenv "SPEC_WAY"
  return (way == "hardgc" or way == "valgrind") and count // 20 or count
end

--- "file:line:" of the line `offset` lines below the caller's.
function witness.line(offset)
  local info = debug.getinfo(2, "Sl")
  return ("%s:%d:"):format(info.short_src, info.currentline + (offset or 0))
end

return witness
