--- The files of the tree, for specs about what stands in them.

local files = {}

--- The text of a file.
function files.read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

--- Paths of the files below the places, whose names match, in order.
-- @param places for a shell: "README.md docs"
-- @param name a pattern of `find`: "*.md"
function files.find(places, name)
  local paths = {}
  -- without a sanitizer that may be preloaded for us: `find` is not what we test
  local pipe = assert(io.popen(("LD_PRELOAD= find %s -name '%s'"):format(places, name)))
  for path in pipe:lines() do
    paths[#paths + 1] = path
  end
  pipe:close()
  table.sort(paths)
  return paths
end

return files
