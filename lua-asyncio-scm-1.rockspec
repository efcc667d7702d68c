rockspec_format = "3.0"
package = "lua-asyncio"
version = "scm-1"
source = {
  url = "git+https://github.com/lua-asyncio/lua-asyncio.git",
}
description = {
  summary = "asyncio for Lua 5.4",
  detailed = [[
    Tasks, futures, timers, cancellation, streams and servers in the manner of
    Python's asyncio. Any Lua function may suspend; there are no coloured
    functions. A C core over libuv does the work.
  ]],
  homepage = "https://github.com/lua-asyncio/lua-asyncio",
  license = "MIT",
  labels = { "async", "asyncio", "coroutine", "event-loop", "libuv", "network" },
}
dependencies = {
  "lua >= 5.4",
}
external_dependencies = {
  LIBUV = { header = "uv.h", library = "uv" },
}
-- The lists below are written by `make rockspec`.
build = {
  type = "builtin",
  modules = {
  },
  copy_directories = {},
}
test = {
  type = "command",
  command = "make test",
}
