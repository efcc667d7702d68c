--- Versions: what `asyncio.versions` tells.

local asyncio = require "asyncio"

describe("versions", function()
  it("tells the library's, Lua's and libuv's, and nothing else", function()
    local keys = {}
    for key in pairs(asyncio.versions()) do
      keys[#keys + 1] = key
    end
    table.sort(keys)
    assert.same({ "asyncio", "libuv", "lua" }, keys)
  end)

  it("are texts that begin with numbers", function()
    local versions = asyncio.versions()
    assert.matches("^%d+%.%d+%.%d+", versions.asyncio)
    for _, name in ipairs { "lua", "libuv" } do
      assert.matches("^%d+%.%d+%.%d+", versions[name].compiled)
      assert.matches("^%d+%.%d+", versions[name].running)
    end
  end)

  it("tells the Lua that runs", function()
    local running = asyncio.versions().lua.running
    assert.equal(_VERSION, "Lua " .. running:match("^%d+%.%d+"))
  end)

  it("gives a table of the caller's own", function()
    local versions = asyncio.versions()
    versions.lua.running, versions.asyncio = nil, "mine"
    assert.not_equal("mine", asyncio.versions().asyncio)
    assert.is_string(asyncio.versions().lua.running)
  end)
end)
