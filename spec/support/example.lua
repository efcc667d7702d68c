--- Running a program of somebody else's inside a spec, and catching what it prints.
-- The program gets a world of its own: `print` and `io.write` go into a list, and the module
-- `asyncio` it requires makes its loops on the virtual clock, so that sleeping costs nothing.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"

local example = {}

local function new_virtual_loop()
  return testing.new_event_loop{ clock = "virtual" }
end

-- Is `value` a table of arguments with named options, rather than a thing that can be called?
local function is_list(value)
  local meta = type(value) == "table" and getmetatable(value)
  return type(value) == "table" and not (meta and (meta.__call or meta.__await))
end

local function run_virtual(main, ...)
  local list = is_list(main) and select("#", ...) == 0 and main or table.pack(main, ...)
  local arguments = {}
  for key, value in pairs(list) do
    arguments[key] = value
  end
  arguments.loop_factory = arguments.loop_factory or new_virtual_loop
  return asyncio.run(arguments)
end

--- The module on the virtual clock.
example.virtual = setmetatable({
  run = run_virtual,
  new_event_loop = new_virtual_loop,
}, { __index = asyncio })

--- The globals of a program whose output is collected.
-- @param module what `require "asyncio"` gives
-- @return the environment, and a function that gives the text printed so far
function example.environment(module)
  local printed = {}
  local function write(...)
    for _, text in ipairs{ ... } do
      printed[#printed + 1] = tostring(text)
    end
    return io.stdout
  end
  local function print_line(...)
    local columns = table.pack(...)
    for i = 1, columns.n do
      columns[i] = tostring(columns[i])
    end
    write(table.concat(columns, "\t"), "\n")
  end
  local environment = setmetatable({
    print = print_line,
    io = setmetatable({ write = write }, { __index = io }),
    require = function(name)
      if name == "asyncio" then
        return module
      end
      return require(name)
    end,
  }, { __index = _G })
  environment._G = environment
  return environment, function() return table.concat(printed) end
end

--- Runs `examples/NAME.lua` on the virtual clock.
-- @return what it printed
function example.run(name)
  local environment, output = example.environment(example.virtual)
  assert(loadfile("examples/" .. name .. ".lua", "t", environment))()
  return output()
end

--- Runs a shell command to its end.
-- @return what it printed on both outputs, and its exit code
function example.shell(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local printed = pipe:read("a")
  local _, _, code = pipe:close()
  return printed, code
end

--- The interpreter that runs this spec, for child processes.
function example.interpreter()
  local first = 0
  while arg and arg[first - 1] do
    first = first - 1
  end
  return first < 0 and arg[first] or "lua5.4"
end

return example
