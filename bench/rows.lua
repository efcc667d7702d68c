--- What is measured, and against whom: one entry for each part of the table.
-- A new row is a new entry here and a new measure in the programs of `tasks`.

local LOAD = "build/bench/load"

---@class bench.Program
---@field name string as the table shows it
---@field needs string? a key of `probes`: what must be there to run it
---@field command string
---@field want { [string]: table }? marks for its own figures

---@class bench.Row
---@field id string what the filter arguments are searched in
---@field title string
---@field columns { [1]: string, [2]: string }[] key and heading of each figure
---@field ratio string key of the figure that is compared
---@field busy number? CPU % below which a run was disturbed: it is repeated
---@field most integer? rounds enough for what is slow and steady
---@field ours bench.Program
---@field peers bench.Program[] `want` is the mark for ours / peer

local rows = {}

--- What a program needs: a command that succeeds where it is there.
rows.probes = {
  asyncio = "$LUA -e 'require [[asyncio]]'",
  luv = "$LUA -e 'require [[luv]]'",
  cqueues = "$LUA -e 'require [[cqueues]]'",
  uvloop = "$PYTHON -c 'import uvloop'",
  python = "$PYTHON -c 'import asyncio'",
  node = "node --version",
}

--- How to get it.
rows.hints = {
  asyncio = "not built: build the library first (make)",
  luv = "apt install lua-luv",
  cqueues = "apt install lua-cqueues",
  uvloop = "apt install python3-uvloop",
  python = "apt install python3",
  node = "apt install nodejs",
}

local servers = {
  asyncio = { name = "lua-asyncio", needs = "asyncio",
    command = "$LUA bench/echo/asyncio.lua" },
  uv = { name = "libuv in C", command = "build/bench/uv" },
  luv = { name = "luv, coroutines", needs = "luv",
    command = "$LUA bench/echo/luv.lua" },
  cqueues = { name = "cqueues", needs = "cqueues",
    command = "$LUA bench/echo/cqueues.lua" },
  uvloop = { name = "uvloop streams", needs = "uvloop",
    command = "$PYTHON bench/echo/streams.py uvloop" },
  python = { name = "asyncio streams", needs = "python",
    command = "$PYTHON bench/echo/streams.py asyncio" },
  node = { name = "Node", needs = "node", command = "node bench/echo/node.js" },
}

--- The server under a load, with a mark on its ratio if there is one.
local function under(load, name, want)
  local server = servers[name]
  return {
    name = server.name, needs = server.needs, want = want,
    command = ("%s %s -- %s"):format(LOAD, load, server.command),
  }
end

--- The measure of a program in `tasks`.
local function task(language, measure, want)
  local programs = {
    asyncio = { "lua-asyncio", "asyncio", "$LUA bench/tasks/asyncio.lua" },
    cqueues = { "cqueues", "cqueues", "$LUA bench/tasks/cqueues.lua" },
    luv = { "luv, coroutines", "luv", "$LUA bench/tasks/luv.lua" },
    uvloop = { "uvloop", "uvloop", "$PYTHON bench/tasks/python.py uvloop" },
    python = { "asyncio", "python", "$PYTHON bench/tasks/python.py asyncio" },
  }
  local name, needs, command = table.unpack(programs[language])
  return {
    name = name, needs = needs, want = want,
    command = ("%s pin -- %s %s"):format(LOAD, command, measure),
  }
end

--- The yardstick: what Lua's own coroutines take.
local function bare(name, measure, want)
  return {
    name = name, want = want,
    command = ("%s pin -- $LUA bench/tasks/bare.lua %s"):format(LOAD, measure),
  }
end

local function echo(kib, conns, want)
  local load = ("echo -c %d -s %d -w $WARM -t $SECONDS"):format(
    conns, kib * 1024)
  local faster = { least = 1 }
  rows[#rows + 1] = {
    id = ("echo %dk %d"):format(kib, conns),
    title = ("echo, %d KiB x %d"):format(kib, conns),
    columns = {
      { "rate", "messages/s" }, { "percpu", "/CPU s" },
      { "busy", "CPU %" }, { "p50", "p50 us" }, { "p99", "p99 us" },
    },
    ratio = "rate",
    busy = 90,
    ours = under(load, "asyncio"),
    peers = {
      under(load, "uv", want and { least = want }),
      under(load, "luv", faster), under(load, "cqueues", faster),
      under(load, "uvloop", faster), under(load, "python", faster),
      under(load, "node", faster),
    },
  }
end

echo(1, 10, 0.88)
echo(10, 10, 0.80)
echo(100, 10, 0.83)
echo(1, 1000, 0.80)
echo(10, 1000)
echo(100, 1000)

rows[#rows + 1] = {
  id = "switch",
  title = "sleep(0), 1000 tasks",
  columns = { { "ns", "ns each" } },
  ratio = "ns",
  ours = task("asyncio", "switch"),
  peers = {
    bare("resume + yield, 1000", "switch", { most = 1.6 }),
    bare("resume + yield, one", "switch_hot"),
    task("luv", "switch"), task("cqueues", "switch"),
    task("uvloop", "switch"), task("python", "switch"),
  },
}

rows[#rows + 1] = {
  id = "spawn",
  title = "create_task + await",
  columns = { { "ns", "ns each" } },
  ratio = "ns",
  ours = task("asyncio", "spawn"),
  peers = {
    bare("new coroutine, run", "spawn", { most = 3 }),
    task("cqueues", "spawn"), task("uvloop", "spawn"),
    task("python", "spawn"),
  },
}

rows[#rows + 1] = {
  id = "gather",
  title = "gather of 1000",
  columns = { { "ns", "ns each" } },
  ratio = "ns",
  ours = task("asyncio", "gather"),
  peers = { task("uvloop", "gather"), task("python", "gather") },
}

local plain = task("asyncio", "plain", { most = 1.3 })
plain.name = "create_task alone"
rows[#rows + 1] = {
  id = "group",
  title = "task_group of 1000",
  columns = { { "ns", "ns each" } },
  ratio = "ns",
  ours = task("asyncio", "group"),
  peers = {
    plain, bare("new coroutine, run", "spawn"),
    task("uvloop", "group"), task("python", "group"),
  },
}

local sleepers = task("asyncio", "sleepers")
sleepers.want = { bytes = { most = 1450 } }
local uvloop, python = task("uvloop", "sleepers"), task("python", "sleepers")
uvloop.name = "uvloop, 100,000"
python.name = "asyncio, 100,000"
rows[#rows + 1] = {
  id = "sleepers",
  title = "1,000,000 sleeping",
  columns = {
    { "start", "start ns" }, { "end", "end ns" }, { "bytes", "bytes each" },
  },
  ratio = "bytes",
  most = 3,
  ours = sleepers,
  peers = {
    bare("parked coroutines", "sleepers"),
    task("luv", "sleepers"), task("cqueues", "sleepers"), uvloop, python,
  },
}

local idle = under("idle -c 10000", "asyncio")
idle.want = { bytes = { most = 2000 } }
rows[#rows + 1] = {
  id = "idle",
  title = "10,000 idle connections",
  columns = { { "bytes", "bytes each" } },
  ratio = "bytes",
  most = 3,
  ours = idle,
  peers = {
    under("idle -c 10000", "uv"), under("idle -c 10000", "luv"),
    under("idle -c 10000", "uvloop"),
  },
}

local churn = "churn -c 100 -n 100000"
local ours = under(churn, "asyncio")
ours.want = { fds = { most = 0 } }
rows[#rows + 1] = {
  id = "churn",
  title = "100,000 opened, closed",
  columns = {
    { "rate", "each/s" }, { "rss", "RSS +KiB" }, { "fds", "fds left" },
  },
  ratio = "rate",
  most = 3,
  ours = ours,
  peers = {
    under(churn, "uv"), under(churn, "luv"), under(churn, "uvloop"),
  },
}

rows[#rows + 1] = {
  id = "lock",
  title = "acquire + release",
  columns = { { "ns", "ns each" } },
  ratio = "ns",
  ours = task("asyncio", "lock"),
  peers = {
    bare("two empty C methods", "calls", { most = 3.2 }),
    task("uvloop", "lock"), task("python", "lock"),
  },
}

rows[#rows + 1] = {
  id = "pipe",
  title = "queue(100), an item",
  columns = { { "ns", "ns each" } },
  ratio = "ns",
  ours = task("asyncio", "pipe"),
  peers = {
    bare("resume + yield, one", "switch_hot", { most = 2 }),
    task("cqueues", "pipe"), task("uvloop", "pipe"),
    task("python", "pipe"),
  },
}

rows[#rows + 1] = {
  id = "pingpong",
  title = "queue, there and back",
  columns = { { "ns", "ns each" } },
  ratio = "ns",
  ours = task("asyncio", "pingpong"),
  peers = {
    bare("resume + yield, one", "switch_hot", { most = 7 }),
    task("cqueues", "pingpong"), task("uvloop", "pingpong"),
    task("python", "pingpong"),
  },
}

return rows
