--- A staggered race of attempts to connect. The next attempt starts when one fails
-- or after a delay; the first connection wins, and all others are closed.

local core = require("asyncio.core").api

--- Makes one error for all attempts: the error of the first, with all texts.
local function combine(errors)
  local first = errors[1]
  if #errors == 1 then
    return first
  end
  local lines = {}
  for i, err in ipairs(errors) do
    lines[i] = tostring(err)
  end
  return core.OSError("every address failed: " .. table.concat(lines, "; "), {
    code = first.code, errno = first.errno, syscall = first.syscall,
    address = first.address, errors = errors,
  })
end

--- Closes the connection of an attempt that came too late.
local function discard(task)
  local _, writer = task:result()
  writer:abort()
end

--- @param list the items to attempt, in order; at least one
-- @param delay seconds between two starts
-- @param attempt called in a task as `attempt(item)`: reader, writer
return function(list, delay, attempt)
  local loop = core.get_running_loop()
  local tasks, errors = {}, {}
  local winner, taken  -- tasks
  local due, over, wake, timer = true, false, nil, nil

  local function stir()
    if wake and not wake:done() then
      wake:set_result()
    end
  end

  local function next_is_due()
    due = true
    stir()
  end

  local function on_done(task)
    local cancelled = task:cancelled()
    local err, failed
    if not cancelled then
      err, failed = task:exception()
    elseif not over then  -- cancelled by outside code
      err, failed = core.CancelledError "an attempt to connect was cancelled", true
    end
    if failed then
      errors[#errors + 1] = err
      next_is_due()
    elseif cancelled then
      return
    elseif over or winner then
      discard(task)
    else
      winner = task
      stir()
    end
  end

  local function start()
    if timer then
      timer:cancel()
    end
    local task = core.create_task(attempt, list[#tasks + 1])
    tasks[#tasks + 1] = task
    task:add_done_callback(on_done)
    due = false
    timer = #tasks < #list and loop:call_later(delay, next_is_due)
  end

  local _ <close> = setmetatable({}, { __close = function()
    over = true
    if timer then
      timer:cancel()
    end
    for _, task in ipairs(tasks) do
      task:cancel()
    end
    if winner and not taken then
      discard(winner)
    end
  end })

  while not winner do
    if #errors == #list then
      error(combine(errors), 0)
    end
    if due and #tasks < #list then
      start()
    end
    wake = loop:create_future()
    core.await(wake)
  end
  taken = winner
  return taken:result()
end
