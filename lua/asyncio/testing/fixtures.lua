--- Fixtures: functions that run before and after each test, on its own loop.
-- Busted calls its functions outside of any loop. So these only note which
-- functions the next test must run, and in which order.

local core = require("asyncio.core").api

local fixtures = {}

local function none()
  return { before = {}, after = {} }
end

local noted = none()

local function forget()
  noted = none()
end

--- Returns busted's own function of that name, which exists while spec files are
-- read.
local function of_busted(name)
  local busted = package.loaded.busted
  local ok, f = pcall(function() return busted[name] end)
  if not (ok and f) then
    error(("testing.%s needs busted"):format(name), 3)
  end
  return f
end

--- Makes `f` run before or after each test of the present block.
function fixtures.note(_, kind, f)
  local before_each, after_each = of_busted "before_each", of_busted "after_each"
  before_each(function()
    table.insert(noted[kind], f)
  end)
  after_each(forget)
end

--- Runs all functions, the last one first, even if one raises an error. After a
-- test that reached its time limit each may take `grace` seconds.
-- @return the first error in a table, or nil
local function run_all(list, grace, report)
  local loop, first = core.get_running_loop(), nil
  for i = #list, 1, -1 do
    core.extend_limit(loop, grace)
    local ok, err = pcall(list[i])
    if not ok and first then
      report(err)
    elseif not ok then
      first = { err }
    end
  end
  return first
end

--- Puts the noted functions around the body of a test.
-- @param grace seconds that functions may take after a test that was too slow
-- @param report called with each error that is hidden by another one
function fixtures.around(f, grace, report)
  local these = noted
  forget()
  if #these.before + #these.after == 0 then
    return f
  end
  return function(...)
    local _ <close> = setmetatable({}, { __close = function(_, err)
      local failed = run_all(these.after, grace, report)
      if failed and err ~= nil then
        report(failed[1])
      elseif failed then
        error(failed[1], 0)
      end
    end })
    for _, before in ipairs(these.before) do
      before()
    end
    return f(...)
  end
end

return fixtures
