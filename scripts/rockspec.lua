--- Keeps the rockspec's lists equal to the tree, as luarocks cannot glob.
-- lua rockspec.lua check FILE    fails if a list differs from the tree
-- lua rockspec.lua write FILE    writes the lists anew

local MODULES = "(\n  modules = {).-(\n  },\n)"
local DIRECTORIES = "(  copy_directories = {)[^}]*(})"

--- The files below `dir` whose names match `glob`, sorted; none if `dir` is missing.
local function find(dir, glob)
  local pipe = assert(io.popen(("find %s -type f -name '%s' 2>/dev/null"):format(dir, glob)))
  local files = {}
  for file in pipe:lines() do
    files[#files + 1] = file
  end
  pipe:close()
  table.sort(files)
  return files
end

local function modules()
  local lines = { "", '    ["asyncio.core"] = {', "      sources = {" }
  for _, file in ipairs(find("src", "*.c")) do
    lines[#lines + 1] = ('        "%s",'):format(file)
  end
  lines[#lines + 1] = [[
      },
      incdirs = { "$(LIBUV_INCDIR)", "src" },
      libdirs = { "$(LIBUV_LIBDIR)" },
      libraries = { "uv", "pthread" },
    },]]
  for _, file in ipairs(find("lua", "*.lua")) do
    local name = file:gsub("^lua/", ""):gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
    lines[#lines + 1] = ('    ["%s"] = "%s",'):format(name, file)
  end
  return table.concat(lines, "\n")
end

local function directories()
  local names = {}
  for _, dir in ipairs { "docs", "types" } do
    if find(dir, "*")[1] then
      names[#names + 1] = ('"%s"'):format(dir)
    end
  end
  return #names > 0 and " " .. table.concat(names, ", ") .. " " or ""
end

local function replace(text, pattern, list)
  local result, count = text:gsub(pattern, function(head, tail)
    return head .. list .. tail
  end)
  assert(count == 1, "the rockspec has no list like " .. pattern)
  return result
end

local mode, path = arg[1], arg[2]
local file = assert(io.open(path))
local old = file:read "a"
file:close()
local new = replace(replace(old, MODULES, modules()), DIRECTORIES, directories())

if mode == "write" then
  file = assert(io.open(path, "w"))
  assert(file:write(new))
  assert(file:close())
elseif new ~= old then
  io.stderr:write(path, ": a list differs from the tree; `make rockspec` writes it anew\n")
  os.exit(1)
end
