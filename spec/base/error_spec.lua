--- Errors: the library's classes, their instances and how they print.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local names = {
  "CancelledError", "TimeoutError", "InvalidStateError", "OSError", "SSLError",
  "IncompleteReadError", "LimitOverrunError", "QueueEmpty", "QueueFull", "QueueShutDown",
  "BrokenBarrierError", "BrokenWorkerError", "DeadlockError", "ExceptionGroup",
}

describe("an error class", function()
  it("makes instances of itself and of Error", function()
    for _, name in ipairs(names) do
      local class = asyncio[name]
      local err = class("text", name == "ExceptionGroup" and { "an error" } or nil)
      assert.is_true(asyncio.isinstance(err, class), name)
      assert.is_true(asyncio.isinstance(err, asyncio.Error), name)
      assert.same({ "text", name }, { err.message, err.name })
      for _, other in ipairs(names) do
        local below = other == name or (name == "SSLError" and other == "OSError")
        assert.equal(below, asyncio.isinstance(err, asyncio[other]), name .. " " .. other)
      end
    end
  end)

  it("prints as its name, its instances as one line", function()
    assert.equal("asyncio.TimeoutError", tostring(asyncio.TimeoutError))
    assert.equal("TimeoutError: too slow", tostring(asyncio.TimeoutError("too slow")))
    assert.equal("TimeoutError", tostring(asyncio.TimeoutError()))
    assert.equal("OSError: plain", tostring(asyncio.OSError("plain")))
    assert.equal("ECONNREFUSED: connection refused (connect 127.0.0.1:81)", tostring(
      asyncio.OSError("connection refused (connect 127.0.0.1:81)", { code = "ECONNREFUSED" })))
  end)

  it("keeps further fields", function()
    local err = asyncio.IncompleteReadError("short", { partial = "ab", expected = 4 })
    assert.same({ "ab", 4, "short" }, { err.partial, err.expected, err.message })
  end)

  it("takes its message and fields in one table, too", function()
    local fields = { message = "short", partial = "ab" }
    local err = asyncio.IncompleteReadError(fields)
    assert.same({ "IncompleteReadError: short", "ab" }, { tostring(err), err.partial })
    assert.not_equal(fields, err)
    assert.equal("TimeoutError", tostring(asyncio.TimeoutError {}))
  end)

  it("can be derived from", function()
    local Mine = setmetatable({ __super = asyncio.OSError, name = "Mine" },
      getmetatable(asyncio.OSError))
    Mine.__index = Mine
    local err = Mine("mine")
    assert.is_true(asyncio.isinstance(err, Mine))
    assert.is_true(asyncio.isinstance(err, asyncio.Error))
    assert.is_false(asyncio.isinstance(err, asyncio.TimeoutError))
  end)

  it("prints whatever has a text", function()
    for _, message in ipairs { "text", 42, setmetatable({}, { __tostring = function()
      return "text"
    end }) } do
      assert.matches("^TimeoutError: ", tostring(asyncio.TimeoutError(message)))
    end
    assert.equal("TimeoutError", tostring(asyncio.TimeoutError(nil, nil)))
  end)

  it("refuses other messages and fields, at the caller's line", function()
    local text = witness.text(function() asyncio.TimeoutError(true) end) local here = witness.line()
    assert.equal(here .. " bad argument #1 to 'TimeoutError' (string expected, got boolean)", text)
    text = witness.text(function() asyncio.TimeoutError { message = {} } end) here = witness.line()
    assert.equal(here .. " bad argument #1 to 'TimeoutError' (field 'message' must be a string)", text)
    for _, list in ipairs { { "too slow" }, { "too slow", message = "late" }, { false } } do
      text = witness.text(function() asyncio.TimeoutError(list) end) here = witness.line()
      assert.equal(here .. " bad argument #1 to 'TimeoutError' " ..
        "(positional fields are not allowed: the text is field 'message')", text)
    end
    local Mine = asyncio.TimeoutError:extend "Mine"
    assert.matches("#1 to 'Mine' %(positional fields", witness.text(Mine, { "too slow" }))
    assert.matches("#1 to 'Error' %(string expected, got table%)",
      witness.text(asyncio.Error, {}, {}))
    assert.matches("#2 to 'Error' %(table expected, got number%)",
      witness.text(asyncio.Error, "text", 1))
  end)

  it("of any kind takes only named fields in its one table", function()
    local classes = 0
    for name, class in pairs(asyncio) do
      if type(class) == "table" and class.extend and name ~= "ExceptionGroup" then
        classes = classes + 1
        local below = class:extend(name .. "OfMine"):extend(name .. "OfMineToo")
        for _, each in ipairs { class, below } do
          for _, key in ipairs { 1, 2, 0, -1, 1.5 } do
            assert.matches("#1 to '" .. each.name .. "' %(positional fields are not allowed: the text is",
              witness.text(each, { message = "x", [key] = "y" }))
          end
          for _, key in ipairs { true, {}, print } do
            assert.matches("#1 to '" .. each.name .. "' %(field names must be strings%)",
              witness.text(each, { message = "x", [key] = "y" }))
          end
        end
      end
    end
    assert.is_true(classes >= 10)
  end)

  it("takes fields under any key beside a message of their own", function()
    assert.equal("y", asyncio.Error("x", { "y" })[1])
    assert.is_true(asyncio.Error("x", { [print] = true })[print])
  end)
end)

describe("isinstance", function()
  it("tests any value", function()
    local meta_false = setmetatable({}, { __metatable = false })
    for _, value in ipairs { 1, "x", true, {}, print, io.stdout, meta_false,
      coroutine.create(print), asyncio.Error } do
      assert.is_false(asyncio.isinstance(value, asyncio.Error))
    end
    assert.is_false(asyncio.isinstance(nil, asyncio.Error))
    assert.matches("class expected, got nil", witness.text(asyncio.isinstance, 1, nil))
    assert.matches("value expected", witness.text(asyncio.isinstance))
  end)

  it("takes any class, and nothing else for one", function()
    local foreign = { __index = {} }
    local bare = { __tostring = function() return "bare" end }
    assert.is_true(asyncio.isinstance(setmetatable({}, foreign), foreign))
    assert.is_true(asyncio.isinstance(setmetatable({}, bare), bare))
    assert.is_false(asyncio.isinstance(setmetatable({}, foreign), bare))
    for _, rubbish in ipairs { {}, { timeout = 1 }, "Error", 1, print } do
      assert.matches("bad argument #2 to .* %(class expected, got " .. type(rubbish),
        witness.text(asyncio.isinstance, asyncio.Error(), rubbish))
    end
    assert.matches("class expected, a list of classes is not allowed",
      witness.text(asyncio.isinstance, asyncio.Error(), { asyncio.Error, asyncio.OSError }))
    assert.matches("class expected, got an error",
      witness.text(asyncio.isinstance, asyncio.Error(), asyncio.Error()))
  end)

  it("ends where classes descend from themselves", function()
    for length = 1, 9 do
      for tail = 0, 5 do
        local classes = {}
        for i = 1, tail + length do
          classes[i] = { __index = {} }
        end
        for i = 1, #classes do
          classes[i].__super = classes[i + 1] or classes[tail + 1]
        end
        local err = setmetatable({}, classes[1])
        for _, class in ipairs(classes) do
          assert.is_true(asyncio.isinstance(err, class))
        end
        assert.is_false(asyncio.isinstance(err, asyncio.Error))
      end
    end
  end)
end)

describe("asyncio.pcall", function()
  it("is pcall", function()
    local err = {}
    assert.same({ n = 3, true, nil, 2 }, table.pack(asyncio.pcall(function() return nil, 2 end)))
    assert.same({ n = 2, false, err }, table.pack(asyncio.pcall(error, err)))
    assert.same({ n = 2, false, nil }, table.pack(asyncio.pcall(error, nil)))
    assert.same({ "a", 2 }, { select(2, asyncio.pcall(function(...) return ... end, "a", 2)) })
  end)

  it("needs something to call, as pcall does", function()
    local text = witness.text(function() asyncio.pcall() end) local here = witness.line()
    assert.equal(here .. " bad argument #1 to 'pcall' (value expected)", text)
    assert.same({ false, "attempt to call a nil value" }, { asyncio.pcall(nil) })
  end)

  it("lets a CancelledError through, unchanged", function()
    local err = asyncio.CancelledError("stop")
    assert.same({ false, err }, { pcall(asyncio.pcall, error, err) })
    assert.same({ false, asyncio.TimeoutError }, { asyncio.pcall(error, asyncio.TimeoutError) })
  end)

  it("lets the body wait", testing.virtual(function()
    assert.same({ true, "slept" }, { asyncio.pcall(asyncio.sleep, 1, "slept") })
  end))
end)

describe("an error that crosses tasks", function()
  it("stays the same value, with the chain in the task's cause", testing.virtual(function()
    local err = setmetatable({}, { __tostring = function() return "special" end })
    local inner = asyncio.create_task(function() error(err) end)
    local outer = asyncio.create_task(function() asyncio.await(inner) end)
    assert.equal(err, (select(2, pcall(asyncio.await, outer))))
    assert.equal(err, (inner:exception()))
    assert.equal(err, (outer:exception()))
  end))

  it("raised twice does not grow", testing.virtual(function()
    local task = asyncio.create_task(function() error("once") end)
    local first = select(2, pcall(asyncio.await, task))
    local trace = task:traceback()
    assert.equal(first, (select(2, pcall(asyncio.await, task))))
    assert.equal(trace, task:traceback())
  end))
end)
