--- Programs that fork: builds the module `fork`, and runs programs with it.

local child = require "spec.support.child"

local fork = {}

local PATH = "build/spec/fork.so"

local function include_dir()
  local file = assert(io.open "build/tools.mk")
  local dir = file:read("a"):match("LUA_INCDIR = ([^\n]*)")
  file:close()
  return dir
end

local built = false

local function build()
  if not built then
    local made = os.execute(("mkdir -p build/spec && LD_PRELOAD= cc -shared -fPIC -Wl,-z,nodelete " ..
      "-I%s -o %s spec/support/fork.c"):format(include_dir(), PATH))
    assert(made, "cannot build spec/support/fork.c")
    built = true
  end
end

--- Runs a program that has `asyncio` and `fork`, and a function
-- `in_child(f, ...)`: runs it in a child, waits for that, and returns its exit
-- status, 0 if `f` returned true, 1 if it returned something else or raised.
-- @return what `child.run` does
function fork.run(program)
  build()
  return child.run(([[
    local fork = package.loadlib("%s", "luaopen_fork")()
    local asyncio = require "asyncio"
    fork.kill_after(20)
    local function in_child(f, ...)
      local pid = fork.fork()
      if pid == 0 then
        fork.kill_after(10)
        local ok, result = pcall(f, ...)
        if not (ok and result == true) then
          io.stderr:write(tostring(result), "\n")
        end
        fork.quit(ok and result == true and 0 or 1)
      end
      return fork.wait(pid)
    end
  ]]):format(PATH):gsub("\n%s*", " ") .. "\n" .. program)
end

return fork
