--- Fixtures: what runs before and after each test, on its loop.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

describe("a server of testing.before_each", function()
  local server, loops = nil, {}

  testing.before_each(function()
    loops.before = asyncio.get_running_loop()
    server = asyncio.start_server(function(reader, writer)
      writer:write(reader:readline())
    end, "127.0.0.1", 0)
  end)

  testing.after_each(function()
    loops.after = asyncio.get_running_loop()
    server:close()
    server:wait_closed()
  end)

  for i = 1, 2 do
    it("is there for test " .. i .. ", on its loop, and gone after it", testing.async(function()
      loops.test = asyncio.get_running_loop()
      local reader, writer <close> = asyncio.open_connection("127.0.0.1", server:sockets()[1].port)
      writer:write("hello\n")
      assert.equal("hello\n", reader:readline())
    end))

    it("was used by test " .. i, function()
      assert.same({ loops.test, loops.test }, { loops.before, loops.after })
      assert.is_true(loops.test:is_closed())
      assert.is_false(server:is_serving())
      loops = {}
    end)
  end

  describe("and fixtures of an inner block", function()
    local log = {}
    local function note(what)
      return function() log[#log + 1] = what end
    end

    testing.before_each(note "inner before 1")
    testing.before_each(note "inner before 2")
    testing.after_each(note "inner after 1")
    testing.after_each(note "inner after 2")

    it("come inside the outer ones, the last one is undone first", testing.virtual(function()
      assert(server:is_serving())
      assert.same({ "inner before 1", "inner before 2" }, log)
      log[#log + 1] = "test"
    end))

    it("ran once for each test", function()
      assert.same({
        "inner before 1", "inner before 2", "test", "inner after 2", "inner after 1",
      }, log)
      assert.is_false(server:is_serving())
    end)
  end)
end)

describe("fixtures", function()
  local log, fails = {}, {}

  testing.before_each(function()
    log[#log + 1] = "before"
    if fails.before then error("before failed", 0) end
  end)
  testing.after_each(function()
    log[#log + 1] = "after 1"
    if fails.after1 then error("after 1 failed", 0) end
  end)
  testing.after_each(function()
    asyncio.sleep(0.001)
    log[#log + 1] = "after 2"
    while fails.busy do
      pcall(function() while true do end end)
    end
    if fails.after2 then error("after 2 failed", 0) end
  end)

  -- Runs a test made of `f`, which must fail. Returns its text and what ran.
  local function failure(f, options)
    log = {}
    local text = witness.text(testing.async(f, options))
    return text, log
  end

  it("are undone after a test that fails, whose error is raised", function()
    local text, ran = failure(function() error("the test", 0) end)
    assert.matches("^the test\nstack traceback of", text)
    assert.same({ "before", "after 2", "after 1" }, ran)
  end)

  it("are undone after a test that takes too long", function()
    local text, ran = failure(function() asyncio.sleep(100) end, { timeout = 0.05 })
    assert.matches("^the test is not done after 0.05 s\n", text)
    assert.same({ "before", "after 2", "after 1" }, ran)
  end)

  it("are undone after a busy test that catches its deadline, whose line is told", function()
    local line
    local text, ran = failure(function()
      line = debug.getinfo(1, "l").currentline
      while true do pcall(function() while true do end end) end
    end, { timeout = 0.1 })
    assert.same({ "before", "after 2", "after 1" }, ran)
    assert.matches(("fixtures_spec.lua:%d: the time limit was reached"):format(line + 1), text)
    assert.not_matches("testing/fixtures.lua:%d+: the time limit", text)
  end)

  it("that are busy themselves after such a test are stopped, and the others run", function()
    fails = { busy = true }
    local text, ran = failure(function()
      while true do pcall(function() while true do end end) end
    end, { timeout = 0.1 })
    fails = {}
    assert.same({ "before", "after 2", "after 1" }, ran)
    assert.matches("a function of after_each failed\n[^\n]*the time limit was reached", text)
  end)

  it("that fail make the test fail; all of them are undone, none is lost", function()
    fails = { before = true }
    local text, ran = failure(function() error "is not run" end)
    assert.matches("^before failed\n", text)
    assert.same({ "before", "after 2", "after 1" }, ran)
    fails = {}
  end)

  it("that fail at the end are all told", function()
    fails = { after1 = true, after2 = true }
    local text, ran = failure(function() error("the test", 0) end)
    fails = {}
    assert.matches("^the test\n", text)
    assert.matches("a function of after_each failed\nafter 1 failed\n", text)
    assert.matches("a function of after_each failed\nafter 2 failed", text)
    assert.same({ "before", "after 2", "after 1" }, ran)
  end)

  it("are not left for the next test by one that does not run them", function()
    log = {}
  end)

  it("ran once only", function()
    testing.async(function() end)()
    assert.same({ "before", "after 2", "after 1" }, log)
    testing.async(function() end)()
    assert.equal(3, #log)
  end)

  it("are functions", function()
    assert.equal("bad argument #1 to 'before_each' (function expected, got nil)",
      witness.text(testing.before_each))
    assert.equal("bad argument #1 to 'after_each' (function expected, got number)",
      witness.text(testing.after_each, 5))
  end)
end)
