--- The definitions for editors, under `types/`, are those of what there is: every public name has one,
-- every one has its name, and what suspends is marked so.

local asyncio = require "asyncio"
local files = require "spec.support.files"
local testing = require "asyncio.testing"

-- Every definition: where it is, the class it belongs to, its name, its parameters ("a, b"; nil if it is
-- no function) and the comment above it, a list of lines. Classes that stand alone have no name.
local function definitions()
  local found = {}
  for _, path in ipairs(files.find("types", "*.lua")) do
    local class_of, comment, number = {}, {}, 0
    local function define(class, name, params)
      found[#found + 1] = {
        place = path .. ":" .. number, class = class, name = name, params = params, comment = comment,
      }
    end
    for line in io.lines(path) do
      number = number + 1
      local text = line:match("^%-%-%-%s?(.*)$")
      if text then
        comment[#comment + 1] = text
      else
        local class = table.concat(comment, "\n"):match("@class ([%w_.]+)")
        local owner, name, params = line:match("^function ([%w_.]+)[.:]([%w_]+)%((.*)%) end$")
        local variable = line:match("^local ([%w_]+) = {}$")
        local field, value = line:match("^([%w_]+%.[%w_]+) = (.*)$")
        if name then
          define(class_of[owner] or owner, name, params)
        elseif variable then
          class_of[variable] = class
        elseif field then
          local room, key = field:match("^(.*)%.(.*)$")
          class_of[field] = class
          define(class_of[room] or room, key, value:match("^fun"))
        end
        comment = {}
      end
    end
  end
  return found
end

local function public_functions(t, into)
  for name, v in pairs(t) do
    if type(name) == "string" and type(v) == "function" and not name:find("^_") then
      into[name] = v
    end
  end
  return into
end

-- All methods of an object, by their names; those of the classes above its own too.
local function methods_of(object)
  local methods = {}
  local meta = debug.getmetatable(object)
  while meta and type(meta.__index) == "table" do
    public_functions(meta.__index, methods)
    meta = getmetatable(meta.__index)
  end
  return methods
end

-- An object of each class, made in a task.
local function samples()
  local loop = asyncio.get_running_loop()
  local server = asyncio.start_server(function(reader) reader:read() end, "127.0.0.1", 0)
  local reader, writer = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
  return {
    ["asyncio.Loop"] = loop,
    ["asyncio.Runner"] = asyncio.Runner(),
    ["asyncio.Handle"] = loop:call_soon(function() end),
    ["asyncio.TimerHandle"] = loop:call_later(0, function() end),
    ["asyncio.Future"] = asyncio.Future(),
    ["asyncio.Task"] = asyncio.create_task(asyncio.sleep, 60),
    ["asyncio.Timeout"] = asyncio.timeout(60),
    ["asyncio.TaskGroup"] = asyncio.TaskGroup(),
    ["asyncio.Generator"] = (asyncio.generator(function() end)()),
    ["asyncio.ExitStack"] = asyncio.ExitStack(),
    ["asyncio.ContextVar"] = asyncio.ContextVar("sample"),
    ["asyncio.Context"] = asyncio.copy_context(),
    ["asyncio.Lock"] = asyncio.Lock(),
    ["asyncio.Event"] = asyncio.Event(),
    ["asyncio.Semaphore"] = asyncio.Semaphore(),
    ["asyncio.Condition"] = asyncio.Condition(),
    ["asyncio.Barrier"] = asyncio.Barrier(1),
    ["asyncio.Queue"] = asyncio.Queue(),
    ["asyncio.Server"] = server,
    ["asyncio.StreamReader"] = reader,
    ["asyncio.StreamWriter"] = writer,
  }
end

-- The names of the types of userdata that have methods.
local function userdata_types()
  local names = {}
  for _, block in pairs(debug.getregistry()) do
    local types = type(block) == "userdata" and debug.getuservalue(block, 1)
    for _, meta in pairs(type(types) == "table" and types or {}) do
      if type(meta) == "table" and type(meta.__index) == "table" and next(meta.__index) then
        names[#names + 1] = meta.__name
      end
    end
  end
  table.sort(names)
  return names
end

-- Everything there is, as a list of {class =, members =, object =}: the modules, the tables in them, and
-- the classes of objects. The body may call all of it, outside any task.
local function with_classes(body)
  local loop <close> = asyncio.new_event_loop()
  loop:set_exception_handler(function() end)  -- of the samples that never end
  local list = {
    { class = "asyncio", members = {} },
    { class = "asyncio.testing", members = public_functions(testing, {}) },
  }
  for name, v in pairs(asyncio) do
    list[1].members[name] = v
    if type(v) == "table" then
      list[#list + 1] = { class = "asyncio." .. name, members = public_functions(v, methods_of(v)) }
    end
  end
  for class, object in pairs(loop:run_until_complete(samples)) do
    list[#list + 1] = { class = class, members = methods_of(object), object = object }
  end
  body(list, loop)
  asyncio.set_event_loop(nil)
end

local function sorted(set)
  local list = {}
  for key in pairs(set) do
    list[#list + 1] = key
  end
  table.sort(list)
  return list
end

-- The names in the one set that the other lacks.
local function lacking(set, other)
  local list = {}
  for _, name in ipairs(sorted(set)) do
    list[#list + 1] = not other[name] and name or nil
  end
  return list
end

-- All that is defined: "class.name" -> the definition. A class has what the class above it has.
local function defined()
  local all, above = {}, {}
  for _, path in ipairs(files.find("types", "*.lua")) do
    for class, parent in files.read(path):gmatch("@class ([%w_.]+): ([%w_.]+)") do
      above[class] = parent
    end
  end
  local list = definitions()
  for _, definition in ipairs(list) do
    all[definition.class .. "." .. definition.name] = definition
  end
  for class, parent in pairs(above) do
    while parent do
      for _, definition in ipairs(list) do
        local name = class .. "." .. definition.name
        if definition.class == parent and definition.params and not all[name] then
          all[name] = definition
        end
      end
      parent = above[parent]
    end
  end
  return all
end

local function has_tag(definition, tag)
  for _, line in ipairs(definition.comment) do
    if line == "@" .. tag then
      return true
    end
  end
  return false
end

describe("the definitions", function()
  it("are Lua", function()
    for _, path in ipairs(files.find("types", "*.lua")) do
      assert(loadfile(path))
      assert.matches("^%-%-%-@meta", files.read(path), 1, false, path)
    end
  end)

  it("name what there is, all of it and nothing else", function()
    with_classes(function(list)
      local names = {}
      for _, entry in ipairs(list) do
        for name in pairs(entry.members) do
          names[entry.class .. "." .. name] = true
        end
      end
      assert.same({}, lacking(names, defined()), "without a definition")
      assert.same({}, lacking(defined(), names), "defined, but not there")
    end)
  end)

  it("are compared with an object of each type", function()
    with_classes(function(list)
      local tried = {}
      for _, entry in ipairs(list) do
        tried[entry.class] = entry.object
      end
      for _, name in ipairs(userdata_types()) do
        assert(tried[name], "no object of " .. name)
      end
      for class, object in pairs(tried) do
        assert.equal(class, debug.getmetatable(object).__name)
      end
    end)
  end)

  it("stand once each", function()
    local seen = {}
    for _, definition in ipairs(definitions()) do
      local name = definition.class .. "." .. definition.name
      assert(not seen[name], ("%s: %s is defined at %s too"):format(definition.place, name, seen[name]))
      seen[name] = definition.place
    end
  end)

  it("begin with a sentence", function()
    for _, definition in ipairs(definitions()) do
      local first = definition.comment[1] or ""
      assert(first:find("^%u"), definition.place .. ": no sentence")
    end
  end)

  it("describe every parameter, in order", function()
    for _, definition in ipairs(definitions()) do
      local described = {}
      for _, line in ipairs(definition.comment) do
        described[#described + 1] = line:match("^@param ([%w_.]+)")
      end
      if definition.params then
        assert.equal(definition.params, table.concat(described, ", "), definition.place)
      end
    end
  end)

  it("mark what suspends, and nothing else", function()
    -- These pass on what their argument does, or wait in a task only.
    local anywhere = {
      ["asyncio.pcall"] = true, ["asyncio.StreamWriter.write"] = true,
      ["asyncio.StreamWriter.writelines"] = true, ["asyncio.ExitStack.close"] = true,
    }
    -- These only want to know their task.
    local quick = {
      ["asyncio.timeout"] = true, ["asyncio.timeout_at"] = true, ["asyncio.TaskGroup"] = true,
      ["asyncio.as_completed"] = true,
    }
    local complaints, all = {}, defined()
    local function try(name, f, object)
      local _, err = pcall(f, object)
      local text = tostring(err)
      local refused = text:find("must be called from inside a task", 1, true)
      local is_async = has_tag(all[name], "async")
      if refused and not is_async and not quick[name] then
        complaints[#complaints + 1] = name .. " suspends"
      elseif is_async and not refused and not anywhere[name] and not text:find("bad argument", 1, true) then
        complaints[#complaints + 1] = name .. " does not suspend"
      end
    end
    local stderr = io.stderr
    io.stderr = { write = function() end }
    with_classes(function(list, loop)
      for _, entry in ipairs(list) do
        for name, f in pairs(entry.members) do
          if type(f) == "function" and f ~= loop.close then
            loop:stop()  -- should `f` run it
            try(entry.class .. "." .. name, f, entry.object)
          end
        end
      end
    end)
    io.stderr = stderr
    assert.same({}, complaints)
  end)
end)
