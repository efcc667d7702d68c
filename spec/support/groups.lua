--- What specs of task groups share: children that note how they end, and both forms of a group.

local asyncio = require "asyncio"
local witness = require "spec.support.witness"

local groups = {}

--- Seconds since the test began: virtual clocks begin at 1.
function groups.now()
  return asyncio.get_running_loop():time() - 1
end

function groups.crash(delay, err)
  asyncio.sleep(delay)
  error(err, 0)
end

--- Sleeps; notes a cancel in `log`, and gives way for `after` more seconds.
function groups.sleeper(log, delay, after)
  local _ <close> = setmetatable({}, { __close = function(_, err)
    log[#log + 1] = witness.class(err)
    if err and after then
      asyncio.sleep(after)
    end
  end })
  return asyncio.sleep(delay, "slept")
end

--- The errors of a group, nested groups as lists.
function groups.errors_of(group)
  assert(asyncio.isinstance(group, asyncio.ExceptionGroup), tostring(group))
  local list = {}
  for i = 1, group.exceptions.n do
    local err = group.exceptions[i]
    list[i] = asyncio.isinstance(err, asyncio.ExceptionGroup) and groups.errors_of(err)
      or witness.class(err)
  end
  return list
end

--- The errors of the group that `f` raises.
function groups.group_of(f, ...)
  local err = witness.raises(asyncio.ExceptionGroup, f, ...)
  return groups.errors_of(err)
end

function groups.cancelling()
  return asyncio.current_task():cancelling()
end

-- Both forms: the block of a `<close>` variable and the function.
groups.forms = {}
local forms = groups.forms

function forms.close(body)
  local group <close> = asyncio.TaskGroup()
  return body(group)
end

forms["function"] = asyncio.task_group

return groups
