-- future: a function that wants a callback becomes one that is simply called.
-- The callback settles a future; whoever awaits the future sleeps until then.
local asyncio = require "asyncio"

local CAPITALS = { France = "Paris", Peru = "Lima" }

-- The old style: returns at once and later calls back with an error or with a value.
local function find_capital(country, callback)
  asyncio.get_running_loop():call_later(1, function()
    local capital = CAPITALS[country]
    callback(not capital and "no such country: " .. country or nil, capital)
  end)
end

local function capital_of(country)
  local future = asyncio.get_running_loop():create_future()
  find_capital(country, function(err, capital)
    if err then
      future:set_exception(err)
    else
      future:set_result(capital)
    end
  end)
  return asyncio.await(future)
end

asyncio.run(function()
  print(capital_of("France"), capital_of("Peru"))
  print(pcall(capital_of, "Atlantis"))
end)
