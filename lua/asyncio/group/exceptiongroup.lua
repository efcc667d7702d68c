--- Exception groups: several errors raised as one.
-- A group keeps its shape: in the groups that `split` and `subgroup` return,
-- each error has the place in the tree that it had before.

local core = require("asyncio.core").api
local report = require "asyncio.task.report"

local exceptiongroup = {}

local ExceptionGroup = core.ExceptionGroup

local MAX_DEPTH = 50  -- levels of groups that a text shows
local MAX_ERRORS = 1000000  -- in a group: a larger count is a mistake

--- Makes a group.
-- @param list errors, with their count in `n`; the group keeps it
-- @param origins for each error the task that failed with it, or a traceback
-- @param class ExceptionGroup (if nil) or one below it
function exceptiongroup.new(message, list, origins, class)
  return setmetatable({ message = message, exceptions = list, _origins = origins },
    class or ExceptionGroup)
end

--- Is it a group with a list of errors? An object of the class may lack that.
local function is_group(err)
  return core.isinstance(err, ExceptionGroup) and type(err.exceptions) == "table"
end

local function name_of(class)
  return type(rawget(class, "name")) == "string" and rawget(class, "name") or "ExceptionGroup"
end

local function is_list(v)
  return type(v) == "table" and getmetatable(v) == nil and #v > 0
end

local function is_list_of_classes(v)
  for _, class in ipairs(v) do
    if not core.is_class(class) then
      return false
    end
  end
  return true
end

--- Describes a condition, for an error about it.
local function kind_of(condition)
  if core.isinstance(condition, core.Error) then
    return "an error"
  elseif type(condition) == "table" then
    return next(condition) == nil and "an empty table" or "a list of something else"
  end
  return condition == nil and "no value" or type(condition)
end

--- Makes a predicate from the argument of method `name` of the group: a class, a
-- list of classes or a predicate.
local function matcher(group, condition, name)
  if not is_group(group) then
    error(("calling '%s' on bad self (asyncio.ExceptionGroup expected, got %s)")
      :format(name, type(group)), 3)
  elseif type(condition) == "function" then
    return condition
  elseif is_list(condition) and is_list_of_classes(condition) then
    return function(err)
      for _, class in ipairs(condition) do
        if core.isinstance(err, class) then
          return true
        end
      end
      return false
    end
  elseif core.is_class(condition) and not is_list(condition) then
    return function(err)
      return core.isinstance(err, condition)
    end
  end
  error(("bad argument #1 to '%s' (class, list of classes or function expected, got %s)")
    :format(name, kind_of(condition)), 3)
end

--- Makes a group like `group`, with other errors.
local function derive(group, part)
  if part.n == 0 then
    return nil
  end
  local fresh = {}
  for key, value in pairs(group) do
    fresh[key] = value
  end
  fresh.exceptions, fresh._origins = part, part.origins
  part.origins = nil
  return setmetatable(fresh, debug.getmetatable(group))
end

local function add(part, err, origin)
  part.n = part.n + 1
  part[part.n] = err
  part.origins[part.n] = origin
end

local divide

--- Divides a group that does not match itself.
local function divide_inside(group, matches, parts)
  local found, rest = { n = 0, origins = {} }, { n = 0, origins = {} }
  local list, origins = group.exceptions, group._origins or {}
  for i = 1, list.n or #list do
    local err = list[i]
    if is_group(err) then
      local inside, outside = divide(err, matches, parts)
      if inside then
        add(found, inside, origins[i])
      end
      if outside then
        add(rest, outside, origins[i])
      end
    else
      add(matches(err) and found or rest, err, origins[i])
    end
  end
  if found.n == 0 then
    return nil, group
  elseif rest.n == 0 then
    return group, nil
  end
  return derive(group, found), derive(group, rest)
end

--- The part of a group that matches, and the rest.
-- @param parts the results for groups divided before; a group inside itself is
-- no part of itself
function divide(group, matches, parts)
  local known = parts[group]
  if not known then
    known = {}
    parts[group] = known
    if matches(group) then
      known[1] = group
    else
      known[1], known[2] = divide_inside(group, matches, parts)
    end
  end
  return known[1], known[2]
end

--- Divides the group. Returns the part that matches and the rest; nil for none.
-- @param condition a class, a list of classes, or a function of an error, which
-- is called for groups, too, the outermost first
function ExceptionGroup:split(condition)
  return divide(self, matcher(self, condition, "split"), {})
end

--- Returns the part of the group that matches, or nil.
function ExceptionGroup:subgroup(condition)
  return (divide(self, matcher(self, condition, "subgroup"), {}))
end

--- Adds the lines of an error. The first one follows `head`, the others are
-- indented to the same column.
-- @param above the groups that contain it; a group inside itself is not repeated
local function draw(lines, head, err, above)
  local margin = (" "):rep(#head)
  if not is_group(err) then
    lines[#lines + 1] = head .. report.text(err):gsub("\n", "\n" .. margin)
    return
  elseif above[err] or above.n == MAX_DEPTH then
    lines[#lines + 1] = head .. (above[err] and "(a group inside itself)" or "(more groups)")
    return
  end
  local list = err.exceptions
  local count = list.n or #list
  lines[#lines + 1] = ("%s%s: %s (%d %s)"):format(head, name_of(debug.getmetatable(err)),
    report.text(err.message), count, count == 1 and "error" or "errors")
  above[err], above.n = true, above.n + 1
  for i = 1, count do
    draw(lines, ("%s  %d. "):format(margin, i), list[i], above)
  end
  above[err], above.n = nil, above.n - 1
end

--- Draws a tree: the group, and below it each error with its index.
function ExceptionGroup:__tostring()
  local lines = {}
  if not is_group(self) then
    return name_of(debug.getmetatable(self) or ExceptionGroup)
  end
  draw(lines, "", self, { n = 0 })
  return table.concat(lines, "\n")
end

local function fail(class, i, what)
  error(("bad argument #%d to '%s' (%s)"):format(i, name_of(class), what), 3)
end

--- Class(message, list), for ExceptionGroup and the classes below it
getmetatable(ExceptionGroup).__call = function(class, message, list, extra)
  if type(message) ~= "string" then
    fail(class, 1, ("string expected, got %s"):format(message == nil and "no value" or type(message)))
  elseif type(list) ~= "table" then
    fail(class, 2, ("list of errors expected, got %s"):format(
      list == nil and "no value" or type(list)))
  end
  local count = math.tointeger(list.n or #list)
  if not count or count < 0 or count > MAX_ERRORS then
    fail(class, 2, "field 'n' must be the length of the list")
  elseif count == 0 then
    fail(class, 2, "list of one error at least expected, got an empty one")
  elseif extra ~= nil then
    fail(class, 3, ("no argument expected, got %s"):format(core.type_name(extra)))
  end
  local copy = table.move(list, 1, count, 1, { n = count })
  return exceptiongroup.new(message, copy, nil, class)
end

return exceptiongroup
