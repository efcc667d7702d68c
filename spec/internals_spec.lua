--- The map of the files, docs/internals/map.md, is true of the tree.

local files = require "spec.support.files"

-- The paths on the map, and for each the spec that its line names, if any.
local function read_map()
  local listed = {}
  for line in files.read("docs/internals/map.md"):gmatch "[^\n]+" do
    local path, rest = line:match "^%- `([^`]+)`: (.*)$"
    if path then
      assert(not listed[path], path .. " stands on the map twice")
      listed[path] = { spec = rest:match "; spec `([^`]+)`$" }
    end
  end
  return listed
end

local function exists(path)
  local file = io.open(path)
  return file ~= nil and file:close()
end

-- Every file that wants a line: a header only where no `.c` has its name.
local function tree()
  local paths = files.find("src", "*.c")
  for _, header in ipairs(files.find("src", "*.h")) do
    if not exists((header:gsub("%.h$", ".c"))) then
      table.insert(paths, header)
    end
  end
  for _, path in ipairs(files.find("lua", "*.lua")) do
    table.insert(paths, path)
  end
  return paths
end

describe("the map", function()
  it("has a line for every file", function()
    local listed, missing = read_map(), {}
    for _, path in ipairs(tree()) do
      missing[#missing + 1] = not listed[path] and path or nil
    end
    assert.same({}, missing)
  end)

  it("names no file that is not there", function()
    local gone = {}
    for path, line in pairs(read_map()) do
      for _, name in ipairs { path, line.spec } do
        gone[#gone + 1] = not exists(name) and name or nil
      end
    end
    table.sort(gone)
    assert.same({}, gone)
  end)

  it("names the spec of every file of src that has none of its own name", function()
    local listed, bare = read_map(), {}
    for _, path in ipairs(files.find("src", "*.c")) do
      local own = path:gsub("^src/", "spec/"):gsub("%.c$", "_spec.lua")
      if not exists(own) and not (listed[path] or {}).spec then
        bare[#bare + 1] = path
      end
    end
    assert.same({}, bare)
  end)

  it("has each file once", function()
    assert(next(read_map()))
  end)
end)
