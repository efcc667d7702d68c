--- The suite is silent: what a spec prints makes it fail, however it is printed.

local example = require "spec.support.example"

local WAY = os.getenv "SPEC_WAY" == "hardgc" and "asan" or os.getenv "SPEC_WAY"

-- Runs the text of a spec file in a suite of its own. Gives the lines of its tally, and what busted said.
local function tally_of(text)
  local dir = os.tmpname()
  os.remove(dir)
  local file = assert(io.open(dir .. "_spec.lua", "w"))
  file:write(text)
  file:close()
  local said, code = example.shell((
    "export LD_PRELOAD= SPEC_WAY=%s SPEC_END=9999999999 PROGRESS='%s.said'; " ..
    "scripts/specs '%s' %s '%s_spec.lua'; cat '%s.said'"):format(WAY, dir, dir, WAY, dir, dir))
  assert.equal(0, code)
  local lines = {}
  for line in io.lines(dir .. "/tally") do
    lines[#lines + 1] = line:gsub("start .*_spec%.lua ", "start "):gsub("done .*", "done")
      :gsub("error output around .*", "error output around the file"):gsub(" $", "")
  end
  os.execute(("rm -rf '%s' '%s.said' '%s_spec.lua'"):format(dir, dir, dir))
  return lines, said
end

describe("a spec that prints", function()
  it("fails, and is named with its output", function()
    local lines, said = tally_of [[
      local function nothing() end
      it("is silent", nothing)
      it("says hello", function() print "hello" end)
      it("says hello as C does", function() os.execute "echo hello >&2" end)
      it("takes what it says", function()
        io.stderr:write "hello"
        assert.equal("hello", require "spec.support.output".take())
      end)
      it("is silent again", nothing)
    ]]
    assert.same({
      "start is silent", "success",
      "start says hello", "failure",
      "start says hello as C does", "failure",
      "start takes what it says", "success",
      "start is silent again", "success",
      "done",
    }, lines)
    assert.matches("Unexpected output of: [^\n]* says hello\nhello\n", said)
    assert.matches("Unexpected output of: [^\n]* says hello as C does\nhello\n", said)
  end)

  it("between others, or by its garbage, fails its file", function()
    for _, text in ipairs {
      [[describe("setup", function() setup(function() print "hello" end) it("runs", function() end) end)]],
      [[it("leaves", function() setmetatable({}, { __gc = function() print "hello" end }) end)]],
    } do
      local lines, said = tally_of(text)
      table.sort(lines)
      assert.same({ "done", "error output around the file", "start", "success" },
        { lines[1], lines[2], (lines[3]:match "start"), lines[4] })
      assert.matches("hello", said)
    end
  end)
end)
