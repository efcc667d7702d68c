--- Standard input, output and error: a loop runs without them, and never takes their numbers.

local child = require "spec.support.child"

local PROGRAM = [[
  local asyncio = require "asyncio"
  local function talk()
    local server <close> = asyncio.start_server(function(reader, writer)
      writer:write(reader:read())
    end, "127.0.0.1", 0)
    local reader, writer <close> = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
    assert(writer:get_extra_info "socket" > 2)
    io.stdout:write "said\n"
    io.stderr:write "complained\n"
    writer:write "bytes"
    writer:write_eof()
    assert(reader:read() == "bytes")
  end
  asyncio.run(talk)
  asyncio.run(talk)
]]

describe("a program that is started without", function()
  for name, case in pairs {
    ["standard input"] = { "<&-", "said\nsaid\n", "complained\ncomplained\n" },
    ["standard output"] = { ">&-", "", "complained\ncomplained\n" },
    ["standard error"] = { "2>&-", "said\nsaid\n", "" },
    ["any of them"] = { "<&- >&- 2>&-", "", "" },
  } do
    it(name .. " runs", function()
      local out, err, status = child.run(PROGRAM, nil, case[1])
      assert.same({ case[2], case[3], 0 }, { out, err, status })
    end)
  end
end)
