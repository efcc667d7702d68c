--- Checks of arguments: an error names the argument and the caller's line,
-- before anything has happened.

local core = require("asyncio.core").api

local check = {}

local MAX_LIST = 200000  -- arguments in a table; about as many as Lua allows

--- Raises for argument `i` of the public function that called the checker.
-- `level` counts from the function that calls `fail`.
local function fail(level, name, i, what)
  error(("bad argument #%d to '%s' (%s)"):format(i, name, what), level + 1)
end

--- Each of these returns nil if the value is right, else what was expected.

function check.string(v)
  if type(v) ~= "string" then
    return "string"
  end
end

function check.boolean(v)
  if type(v) ~= "boolean" then
    return "boolean"
  end
end

local function index(v, key)
  return v[key]
end

--- For an argument that a caller may expect to be passed on.
function check.none()
  return "no argument"
end

--- Something that has a method `write`.
function check.file(v)
  local ok, write = pcall(index, v, "write")
  if type(v) == "string" or not (ok and write) then
    return "file"
  end
end

--- An object of the core.
function check.object(name)
  return function(v)
    if type(v) ~= "userdata" or getmetatable(v) ~= name then
      return name
    end
  end
end

check.context = check.object "asyncio.Context"
check.loop = check.object "asyncio.Loop"

function check.table(v)
  if type(v) ~= "table" then
    return "table"
  end
end

function check.callable(v)
  if type(v) == "function" then
    return nil
  end
  local meta = debug.getmetatable(v)
  if not (meta and meta.__call) then
    return "function"
  end
end

--- An integer as Lua's own functions take it: also 2^20 and "20".
local function integer(low, high, what)
  return function(v)
    local n = math.tointeger(v)
    if not n then
      return "integer"
    elseif n < low or n > high then
      return what, true
    end
  end
end

check.port = integer(0, 65535, "port out of range (0 to 65535)")
check.bytes = integer(1, 0x7fffffff, "number of bytes out of range")
check.count = integer(1, 0x7fffffff, "count out of range")

--- The number that Lua's own functions, which also take strings, see in a value.
local function number_of(v)
  return type(v) == "number" and v or type(v) == "string" and tonumber(v) or nil
end

function check.seconds(v)
  local n = number_of(v)
  if not n then
    return "number"
  elseif n ~= n then
    return "seconds expected, got NaN", true
  end
end

--- A time that something may take; it may be 0.
function check.grace(v)
  local what, whole = check.seconds(v)
  if not what and number_of(v) < 0 then
    return "a time in seconds, 0 or more, expected", true
  end
  return what, whole
end

--- A time that something takes; it is more than 0.
function check.duration(v)
  local n = number_of(v)
  if not n then
    return "number"
  elseif n ~= n or n <= 0 then
    return "a positive time in seconds expected", true
  end
end

--- One of several strings.
function check.one_of(...)
  local names = { ... }
  return function(v)
    for _, name in ipairs(names) do
      if v == name then
        return nil
      end
    end
    return "'" .. table.concat(names, "' or '") .. "'"
  end
end

check.family = check.one_of("inet", "inet6")

function check.path(v)
  if type(v) ~= "string" then
    return "string"
  elseif v == "" or v:find("\0", 1, true) then
    return "path expected, got an empty one or one with a zero byte", true
  end
end

function check.address(v)
  if type(v) ~= "table" or type(v[1]) ~= "string" or check.port(v[2] or 0) then
    return "{host, port}"
  end
end

function check.ssl(v)
  if v then
    return "TLS is not part of this version", true
  end
end

--- A checker that lets nil pass.
function check.optional(checker)
  return function(v)
    if v ~= nil then
      return checker(v)
    end
  end
end

--- Describes what is wrong with a value, or gives nil.
local function complaint(v, checker)
  local expected, whole = checker(v)
  if whole then
    return expected
  end
  return expected and ("%s expected, got %s"):format(expected, core.type_name(v))
end

--- Checks argument `i` of the public function `name`, which called this.
function check.argument(name, i, v, checker)
  local what = complaint(v, checker)
  if what then
    fail(3, name, i, what)
  end
end

--- Checks the object on which the public method `name` was called.
function check.self(name, v, checker)
  local what = complaint(v, checker)
  if what then
    error(("calling '%s' on bad self (%s)"):format(name, what), 3)
  end
end

--- Raises, as from the caller of the public function, unless each option has
-- a checker that takes it.
local function check_each(name, i, options, known)
  for key, v in pairs(options) do
    local checker = known[key]
    if not checker then
      fail(4, name, i, ("unknown option '%s'"):format(tostring(key)))
    end
    local what = complaint(v, checker)
    if what then
      fail(4, name, i, ("option '%s': %s"):format(key, what))
    end
  end
end

--- Checks a table of options against the checkers of all known ones. Returns a
-- table in any case.
function check.options(name, i, options, known)
  if options == nil then
    return {}
  elseif type(options) ~= "table" then
    fail(3, name, i, ("table expected, got %s"):format(core.type_name(options)))
  end
  check_each(name, i, options, known)
  return options
end

--- Does the same for a table that also holds positional values, with their count
-- in `n`. Returns the options alone.
function check.named_options(name, i, t, known)
  local options = {}
  for key, v in pairs(t) do
    if key ~= "n" and not (math.type(key) == "integer" and key > 0) then
      options[key] = v
    end
  end
  check_each(name, i, options, known)
  return options
end

--- The positional values of such a table, packed.
function check.list(name, i, t)
  local n = math.tointeger(t.n or #t)
  if not n or n < 0 or n > MAX_LIST then
    fail(3, name, i, "field 'n' must be the length of the list")
  end
  return table.pack(table.unpack(t, 1, n))
end

--- Raises unless the public function `name`, which called this, runs in a
-- task that can wait.
function check.task(name)
  local why = core.cannot_wait()
  if why then
    error(("asyncio.%s must be called from inside a task%s"):format(name, why), 3)
  end
end

return check
