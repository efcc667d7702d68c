--- Contexts: running a function in a context.

local core = require("asyncio.core").api
local check = require "asyncio.base.check"

local Context = core.index "asyncio.Context"

-- Restores the former context, also after an error.
local Stay = { __close = function(stay)
  core.leave_context(stay.context, stay.former)
end }

--- Calls `f(...)` in the context; values that it sets stay there. The function may
-- wait; other tasks keep their own contexts meanwhile.
function Context:run(f, ...)
  check.self("run", self, check.context)
  check.argument("run", 1, f, check.callable)
  local entered, former = core.enter_context(self)
  if not entered then
    error("the context is entered already", 2)
  end
  local stay <close> = setmetatable({ context = self, former = former }, Stay)  -- luacheck: ignore
  return f(...)
end

return Context
