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
    ["asyncio.core"] = {
      sources = {
        "src/asyncio.c",
        "src/core/anchor.c",
        "src/core/await.c",
        "src/core/awaitable.c",
        "src/core/budget.c",
        "src/core/callback.c",
        "src/core/children.c",
        "src/core/context.c",
        "src/core/deadlock.c",
        "src/core/driver.c",
        "src/core/dump.c",
        "src/core/error.c",
        "src/core/fork.c",
        "src/core/future.c",
        "src/core/gather.c",
        "src/core/generator.c",
        "src/core/graph.c",
        "src/core/hook.c",
        "src/core/item.c",
        "src/core/job.c",
        "src/core/loop.c",
        "src/core/mail.c",
        "src/core/params.c",
        "src/core/park.c",
        "src/core/poll.c",
        "src/core/report.c",
        "src/core/run.c",
        "src/core/sigint.c",
        "src/core/since.c",
        "src/core/state.c",
        "src/core/step.c",
        "src/core/task.c",
        "src/core/taskgroup.c",
        "src/core/timeout.c",
        "src/core/timer.c",
        "src/core/trace.c",
        "src/core/turn.c",
        "src/core/version.c",
        "src/core/wait.c",
        "src/core/watchdog.c",
        "src/net/address.c",
        "src/net/bind.c",
        "src/net/buffer.c",
        "src/net/connect.c",
        "src/net/listener.c",
        "src/net/reader.c",
        "src/net/resolver.c",
        "src/net/server.c",
        "src/net/stream.c",
        "src/net/writer.c",
        "src/sync/barrier.c",
        "src/sync/condition.c",
        "src/sync/event.c",
        "src/sync/line.c",
        "src/sync/lock.c",
        "src/sync/queue.c",
        "src/sync/semaphore.c",
        "src/sync/store.c",
      },
      incdirs = { "$(LIBUV_INCDIR)", "src" },
      libdirs = { "$(LIBUV_LIBDIR)" },
      libraries = { "uv", "pthread" },
    },
    ["asyncio.check"] = "lua/asyncio/check.lua",
    ["asyncio.context"] = "lua/asyncio/context.lua",
    ["asyncio.contextmanager"] = "lua/asyncio/contextmanager.lua",
    ["asyncio.errors"] = "lua/asyncio/errors.lua",
    ["asyncio.generator"] = "lua/asyncio/generator.lua",
    ["asyncio.group_error"] = "lua/asyncio/group_error.lua",
    ["asyncio"] = "lua/asyncio/init.lua",
    ["asyncio.race"] = "lua/asyncio/race.lua",
    ["asyncio.report"] = "lua/asyncio/report.lua",
    ["asyncio.runner"] = "lua/asyncio/runner.lua",
    ["asyncio.scopes"] = "lua/asyncio/scopes.lua",
    ["asyncio.shutdown"] = "lua/asyncio/shutdown.lua",
    ["asyncio.streams"] = "lua/asyncio/streams.lua",
    ["asyncio.taskgroup"] = "lua/asyncio/taskgroup.lua",
    ["asyncio.tasks"] = "lua/asyncio/tasks.lua",
    ["asyncio.testing"] = "lua/asyncio/testing.lua",
    ["asyncio.verdict"] = "lua/asyncio/verdict.lua",
    ["asyncio.view"] = "lua/asyncio/view.lua",
    ["asyncio.waits"] = "lua/asyncio/waits.lua",
  },
  copy_directories = { "docs", "types" },
}
test = {
  type = "command",
  command = "make test",
}
