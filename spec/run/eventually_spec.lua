--- eventually: an assertion is tried until it holds.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

describe("testing.eventually", function()
  it("tries until the assertion holds, and no longer", testing.virtual(function()
    local loop, tries, x = asyncio.get_running_loop(), 0, 0
    local start = loop:time()
    asyncio.create_task(function() asyncio.sleep(0.5) x = 1 end)
    testing.eventually(function()
      tries = tries + 1
      assert.equal(1, x)
    end, 60)
    local took = loop:time() - start
    assert(took >= 0.5 and took < 0.52, took)
    assert(tries > 10 and tries < 100, tries)
    testing.eventually(function() tries = 0 end)
    assert.equal(0, tries)
  end))

  it("works in real time", testing.async(function()
    local x
    asyncio.get_running_loop():call_later(0.03, function() x = true end)
    assert.is_true(testing.eventually(function() return x end, 5))
  end))

  it("takes a true value for yes, and gives it back with the others", testing.virtual(function()
    local n = 0
    local function third()
      n = n + 1
      return n == 3 and n or nil, "more", nil
    end
    assert.same({ n = 3, 3, "more", nil }, table.pack(testing.eventually(third)))
    assert.equal(0, select("#", testing.eventually(function() end)))
  end))

  it("lets the function wait", testing.virtual(function()
    local queue = asyncio.Queue()
    asyncio.create_task(function() asyncio.sleep(3) queue:put("item") end)
    assert.equal("item", testing.eventually(function() return (queue:get()) end, 1))
  end))

  it("raises the last failure with the time", testing.virtual(function()
    local n = 0
    local text = witness.text(testing.eventually, function()
      n = n + 1
      error("try " .. n, 0)
    end, 2)
    assert.matches("^try %d+\nstill so after 2 s$", text)
    assert.equal("try " .. n .. "\nstill so after 2 s", text)
    assert.matches("^TimeoutError: no\nstill so after 1 s$", witness.text(testing.eventually, function()
      error(asyncio.TimeoutError "no")
    end))
  end))

  it("says what a predicate returned, at the caller's line", testing.virtual(function()
    for _, value in ipairs { "false", "nil" } do
      local _, text = pcall(function() testing.eventually(function() return load("return " .. value)() end, 0) end)
      local here = witness.line(-1)
      assert.equal(here .. " the function returned " .. value .. ", still so after 0 s", text)
    end
  end))

  it("leaves an assertion of busted one", testing.virtual(function()
    local _, plain = pcall(function() assert.equal(1, 2) end)
    local _, err = pcall(testing.eventually, function() assert.equal(1, 2) end, 0.02)
    assert.equal(getmetatable(plain), getmetatable(err))
    assert.matches("Expected objects to be equal.*\nstill so after 0.02 s$", err.message)
  end))

  it("lets a cancellation and the deadline of the test through", function()
    testing.run { clock = "virtual", function()
      local task = asyncio.create_task(testing.eventually, function() asyncio.sleep(100) end, 1000)
      asyncio.sleep(1)
      task:cancel()
      witness.raises(asyncio.CancelledError, asyncio.await, task)
    end }
    local text = witness.text(testing.run, { timeout = 0.05, function()
      testing.eventually(function() asyncio.sleep(100) end, 1000)
    end })
    assert.matches("^the test is not done after 0.05 s\nwaiting tasks:", text)
    assert.not_matches("still so", text)
  end)

  it("refuses nonsense, and a call outside of a task", function()
    testing.run(function()
      assert.equal("bad argument #1 to 'eventually' (function expected, got nil)",
        witness.text(testing.eventually))
      assert.matches("bad argument #2 to 'eventually' %(number expected, got string%)",
        witness.text(testing.eventually, print, "soon"))
      assert.matches("bad argument #2 to 'eventually'", witness.text(testing.eventually, print, -1))
    end)
    assert.matches("eventually must be called from inside a task", witness.text(testing.eventually, print))
  end)
end)
