--- Error classes of programs, below those of the library.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local Every = {
  "Error", "CancelledError", "TimeoutError", "InvalidStateError", "OSError", "SSLError",
  "IncompleteReadError", "LimitOverrunError", "QueueEmpty", "QueueFull", "QueueShutDown",
  "BrokenBarrierError", "BrokenWorkerError", "DeadlockError", "ExceptionGroup",
}

describe("a class that extends another", function()
  it("is below it, and below nothing else", function()
    for _, name in ipairs(Every) do
      local Mine = asyncio[name]:extend("Mine")
      local err = Mine("text", name == "ExceptionGroup" and { "an error" } or nil)
      assert.is_true(asyncio.isinstance(err, Mine), name)
      for _, other in ipairs(Every) do
        assert.equal(asyncio.isinstance(setmetatable({}, asyncio[name]), asyncio[other]),
          asyncio.isinstance(err, asyncio[other]), name .. " " .. other)
      end
      assert.is_false(asyncio.isinstance(setmetatable({}, asyncio[name]), Mine), name)
    end
  end)

  it("can be extended itself", function()
    local Storage = asyncio.OSError:extend("Storage")
    local Full = Storage:extend("storage.Full")
    assert.is_true(asyncio.isinstance(Full("no room"), asyncio.OSError))
    assert.is_false(asyncio.isinstance(Storage("no room"), Full))
    assert.same({ "storage.Full", "storage.Full: no room" }, { tostring(Full), tostring(Full("no room")) })
  end)

  it("makes errors of a text, a text and fields, or fields", function()
    local NotFound = asyncio.Error:extend("NotFound")
    for _, err in ipairs {
      NotFound("no such user", { id = 7 }), NotFound { message = "no such user", id = 7 },
    } do
      assert.same({ "NotFound: no such user", "NotFound", 7 }, { tostring(err), err.name, err.id })
    end
    assert.equal("NotFound", tostring(NotFound()))
    local text = witness.text(function() NotFound(true) end) local here = witness.line()
    assert.equal(here .. " bad argument #1 to 'NotFound' (string expected, got boolean)", text)
  end)

  it("inherits fields, methods and how it prints", function()
    local Http = asyncio.Error:extend("Http")
    Http.status = 500
    function Http:hint() return "status " .. self.status end
    function Http:__tostring() return self.name .. " " .. self.status end
    local NotFound = Http:extend("NotFound")
    NotFound.status = 404
    local err = NotFound()
    assert.same({ "NotFound 404", "status 404" }, { tostring(err), err:hint() })
    assert.equal("ECONNRESET: gone",
      tostring(asyncio.OSError:extend("Mine") { message = "gone", code = "ECONNRESET" }))
  end)

  it("refuses bad names, at the caller's line", function()
    local text = witness.text(function() asyncio.Error:extend() end) local here = witness.line()
    assert.equal(here .. " bad argument #1 to 'extend' (string expected, got no value)", text)
    for _, name in ipairs { "", " ", "not found", "2nd", "a\nb", "a:b", "nul\0" } do
      text = witness.text(function() asyncio.Error:extend(name) end) here = witness.line()
      assert.equal(here .. " bad argument #1 to 'extend' (a name of letters, digits, '_' and '.' expected)",
        text)
    end
  end)

  it("extends error classes only", function()
    local extend = asyncio.Error.extend
    for got, v in pairs {
      ["an error"] = asyncio.Error(), table = { __index = {} }, string = "NotFound", number = 1,
    } do
      local text = witness.text(function() extend(v, "Mine") end) local here = witness.line()
      assert.equal(here .. " calling 'extend' on bad self (error class expected, got " .. got .. ")", text)
    end
  end)
end)

describe("an error of a class that a program made", function()
  it("is what a task fails with, and is named in its report", testing.virtual(function()
    local NotFound = asyncio.Error:extend("NotFound")
    local reports = witness.reports()
    local err = NotFound { message = "no such user", id = 7 }
    assert.equal(err, (select(2, pcall(asyncio.await, asyncio.create_task(error, err)))))
    asyncio.create_task(error, err)
    asyncio.sleep(0)
    witness.collect()
    asyncio.sleep(0)
    assert.equal(1, #reports)
    assert.equal(err, reports[1].exception)
  end))

  it("is a cancellation if it is below CancelledError", testing.virtual(function()
    local Stopped = asyncio.CancelledError:extend("Stopped")
    local err = Stopped("enough")
    assert.equal(err, (select(2, pcall(asyncio.pcall, error, err))))
    local task = asyncio.create_task(error, err)
    assert.equal(err, (select(2, pcall(asyncio.await, task))))
    assert.is_true(task:cancelled())
    asyncio.task_group(function(group)  -- no failure of the group
      group:create_task(error, err)
    end)
    local future = asyncio.Future()
    future:set_exception(err)
    assert.is_true(future:cancelled())
  end))

  it("is a time limit's if it is below TimeoutError", testing.virtual(function()
    local Slow = asyncio.TimeoutError:extend("Slow")
    assert.equal("Slow: kettle", witness.text(asyncio.fail_after, 5, error, Slow("kettle")))
    assert.equal("Slow: kettle", witness.text(asyncio.move_on_after, 5, error, Slow("kettle")))
  end))

  it("is found in a group by its class, and a group's class stays", testing.virtual(function()
    local NotFound = asyncio.Error:extend("NotFound")
    local Batch = asyncio.ExceptionGroup:extend("Batch")
    local missing, other = NotFound("no such user"), asyncio.Error("other")
    local found, rest = Batch("load", { missing, other }):split(NotFound)
    assert.is_true(asyncio.isinstance(found, Batch))
    assert.same({ missing, n = 1 }, found.exceptions)
    assert.equal("Batch: load (1 error)\n  1. NotFound: no such user", tostring(found))
    assert.same({ other, n = 1 }, rest.exceptions)
    assert.equal(missing, asyncio.ExceptionGroup("all", { "text", missing }):subgroup { NotFound }
      .exceptions[1])
    local text = witness.text(function() Batch("load", {}) end) local here = witness.line()
    assert.equal(here ..
      " bad argument #2 to 'Batch' (list of one error at least expected, got an empty one)", text)
  end))
end)
