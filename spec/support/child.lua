--- Running a Lua program in a process of its own, to see how it ends.

local child = {}

local WAY = os.getenv "SPEC_WAY"

-- What a child does first, on the program's first line.
local PREFIX = WAY == "hardgc" and
  [[collectgarbage("incremental", 1, 1000, 30) collectgarbage("step") ]] or ""

-- A state that os.exit leaves open is in use, though only by pointers to the middle of blocks.
local INTERPRETER = WAY == "valgrind" and "env LEAKS=definite,indirect scripts/lua valgrind" or
  os.getenv "LUA" or "lua5.4"

local function read_all(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  os.remove(path)
  return text
end

local function write_all(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

--- Runs the program text with the interpreter that runs the specs. It is given
-- the name of the file that its standard error goes to, to see what was said.
-- @param environment variables to set, as "NAME=value NAME=value"
-- @param redirect what happens to its standard files, as "<&-"
-- @return what it wrote to standard output and standard error (its file named
-- "program" in both), and its exit status, or the number of the signal that
-- killed it with a minus
function child.run(program, environment, redirect)
  local path, out, err = os.tmpname(), os.tmpname(), os.tmpname()
  write_all(path, PREFIX .. program)
  local _, how, code = os.execute(("exec env %s %s %s %s >%s 2>%s </dev/null %s")
    :format(environment or "", INTERPRETER, path, err, out, err, redirect or ""))
  os.remove(path)
  local name = path:gsub("%p", "%%%0")
  local printed = read_all(out):gsub(name, "program")
  local complained = read_all(err):gsub(name, "program")
  return printed, complained, how == "signal" and -code or code
end

return child
