--- ExceptionGroup: a tree of errors, its parts and its text.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local ExceptionGroup, TimeoutError = asyncio.ExceptionGroup, asyncio.TimeoutError

local late, refused = TimeoutError "late", asyncio.OSError("refused", { code = "ECONNREFUSED" })

--- The shape of a group: names of groups with lists of their errors.
local function shape(err)
  if not asyncio.isinstance(err, ExceptionGroup) then
    return err
  end
  local parts = { err.message }
  for i = 1, err.exceptions.n do
    parts[i + 1] = shape(err.exceptions[i])
  end
  return parts
end

local function tree()
  return ExceptionGroup("top", {
    late,
    ExceptionGroup("left", { refused, late }),
    ExceptionGroup("right", { late }),
    "text",
  })
end

local function both(...)
  local found, rest = ...
  return { found and shape(found) or false, rest and shape(rest) or false }
end

describe("an ExceptionGroup", function()
  it("has a message and a list of any errors, nil included", function()
    local object = {}
    local group = ExceptionGroup("several", { n = 3, object, nil, "text" })
    assert.equal("several", group.message)
    assert.same({ n = 3, object, nil, "text" }, group.exceptions)
    assert.equal(object, group.exceptions[1])
    assert.is_true(asyncio.isinstance(group, asyncio.Error))
    assert.is_true(asyncio.isinstance(group, ExceptionGroup))
    assert.is_false(asyncio.isinstance(group, TimeoutError))
  end)

  it("keeps a list of its own", function()
    local list = { 1, 2 }
    local group = ExceptionGroup("several", list)
    list[1] = nil
    assert.same({ n = 2, 1, 2 }, group.exceptions)
  end)

  it("refuses what is no list of errors, at the caller's line", function()
    local text = witness.text(function() ExceptionGroup("empty", {}) end) local here = witness.line()
    assert.equal(here .. " bad argument #2 to 'ExceptionGroup' (list of one error at least "
      .. "expected, got an empty one)", text)
    assert.matches("#2 to 'ExceptionGroup' %(list of errors expected, got no value%)",
      witness.text(ExceptionGroup, "none"))
    assert.matches("#1 to 'ExceptionGroup' %(string expected, got table%)",
      witness.text(ExceptionGroup, {}))
    for _, n in ipairs { -1, 1.5, 2^60, "x" } do
      assert.equal("bad argument #2 to 'ExceptionGroup' (field 'n' must be the length of the list)",
        witness.text(ExceptionGroup, "of nonsense", { n = n, "one" }))
    end
  end)

  it("has a text also when it is inside itself, or very deep", function()
    local group = ExceptionGroup("outer", { ExceptionGroup("inner", { "one" }) })
    group.exceptions[1].exceptions[1] = group
    assert.equal("ExceptionGroup: outer (1 error)\n  1. ExceptionGroup: inner (1 error)\n"
      .. "       1. (a group inside itself)", tostring(group))
    local deep = ExceptionGroup("deep", { "bottom" })
    for _ = 1, 10000 do
      deep = ExceptionGroup("deep", { deep })
    end
    assert.matches("%(more groups%)$", tostring(deep))
    assert(#tostring(deep) < 100000)
  end)

  it("reads as a tree with the index of each error", function()
    local group = ExceptionGroup("top", { "one", ExceptionGroup("inner", { late, "a\nb" }), refused })
    assert.equal([[
ExceptionGroup: top (3 errors)
  1. one
  2. ExceptionGroup: inner (2 errors)
       1. TimeoutError: late
       2. a
          b
  3. ECONNREFUSED: refused]], tostring(group))
    assert.equal("ExceptionGroup: one (1 error)\n  1. nil",
      tostring(ExceptionGroup("one", { n = 1 })))
  end)

  it("has a text though one of its errors has none", function()
    local broken = setmetatable({}, { __tostring = function() error "no text" end })
    assert.equal("ExceptionGroup: one (1 error)\n  1. (error object: table)",
      tostring(ExceptionGroup("one", { broken })))
  end)
end)

describe("split", function()
  it("divides by class, and keeps the tree's shape on both sides", function()
    assert.same({
      { "top", late, { "left", late }, { "right", late } },
      { "top", { "left", refused }, "text" },
    }, both(tree():split(TimeoutError)))
  end)

  it("takes subclasses with their class", function()
    assert.same({ { "top", { "left", refused } }, { "top", late, { "left", late },
      { "right", late }, "text" } }, both(tree():split(asyncio.OSError)))
  end)

  it("asks about the group itself first", function()
    local group = tree()
    local found, rest = group:split(asyncio.Error)
    assert.equal(group, found)
    assert.is_nil(rest)
    assert.equal(group, (group:split(ExceptionGroup)))
  end)

  it("gives nil for a part with nothing in it, and the group unchanged for all", function()
    local group = tree()
    assert.same({ false, shape(group) }, both(group:split(asyncio.QueueFull)))
    assert.equal(group, (select(2, group:split(asyncio.QueueFull))))
    local all = ExceptionGroup("all", { late, late })
    assert.equal(all, (all:split(TimeoutError)))
    assert.is_nil((select(2, all:split(TimeoutError))))
  end)

  it("keeps inner groups that go to one side as they are", function()
    local group = tree()
    local found = group:split(TimeoutError)
    assert.equal(group.exceptions[3], found.exceptions[3])
  end)

  it("takes a list of classes", function()
    assert.same({ { "top", late, { "left", refused, late }, { "right", late } },
      { "top", "text" } }, both(tree():split { TimeoutError, asyncio.OSError }))
  end)

  it("takes a function, which is asked about groups too", function()
    local asked = {}
    local found, rest = tree():split(function(err)
      asked[#asked + 1] = asyncio.isinstance(err, ExceptionGroup) and err.message or err
      return type(err) == "string"
    end)
    assert.same({ "top", "text" }, shape(found))
    assert.same({ "top", late, { "left", refused, late }, { "right", late } }, shape(rest))
    assert.same({ "top", late, "left", refused, late, "right", late, "text" }, asked)
    assert.equal("right", tree():subgroup(function(err)
      return err.message == "right"
    end).exceptions[1].message)
  end)

  it("keeps further fields of the group", function()
    local group = tree()
    group.note = "while testing"
    local found, rest = group:split(TimeoutError)
    assert.same({ "while testing", "while testing" }, { found.note, rest.note })
  end)

  it("keeps errors that are nil", function()
    local found, rest = ExceptionGroup("top", { n = 3, late, nil, late }):split(TimeoutError)
    assert.same({ 2, 1, nil }, { found.exceptions.n, rest.exceptions.n, rest.exceptions[1] })
  end)

  it("refuses other conditions at the caller's line", function()
    local text = witness.text(function() tree():split(7) end) local here = witness.line()
    assert.equal(here .. " bad argument #1 to 'split' (class, list of classes or function "
      .. "expected, got number)", text)
    for condition, got in pairs {
      [asyncio.TimeoutError("an instance")] = "an error",
      [{}] = "an empty table",
      [{ 5 }] = "a list of something else",
      [{ asyncio.TimeoutError, asyncio.TimeoutError("an instance") }] = "a list of something else",
      ["x"] = "string",
    } do
      for _, name in ipairs { "split", "subgroup" } do
        local group = tree()
        text = witness.text(function() group[name](group, condition) end)
        assert.matches(("#1 to '%s' (class, list of classes or function expected, got %s)")
          :format(name, got), text, 1, true)
      end
    end
    text = witness.text(function() tree().split(5, asyncio.Error) end) here = witness.line()
    assert.equal(here .. " calling 'split' on bad self (asyncio.ExceptionGroup expected, got number)",
      text)
  end)
end)

describe("subgroup", function()
  it("is the first part that split gives", function()
    assert.same({ "top", late, { "left", late }, { "right", late } },
      shape(tree():subgroup(TimeoutError)))
    assert.is_nil(tree():subgroup(asyncio.QueueFull))
    assert.equal(1, select("#", tree():subgroup(TimeoutError)))
    assert.matches("bad argument #1 to 'subgroup'", witness.text(tree().subgroup, tree()))
  end)
end)

describe("a group inside itself", function()
  it("is divided, and reported, all the same", testing.virtual(function()
    local group = asyncio.ExceptionGroup("circle", { "plain", late })
    group.exceptions[3], group.exceptions.n = group, 3
    local found, rest = group:split(TimeoutError)
    assert.same({ n = 1, late }, found.exceptions)
    assert.same({ n = 1, "plain" }, rest.exceptions)
    assert.equal(group, group:subgroup(asyncio.ExceptionGroup))
    assert.is_nil(group:subgroup(asyncio.QueueFull))
    local reports = witness.reports()
    asyncio.create_task(error, group)
    asyncio.sleep(0)
    witness.collect()
    asyncio.sleep(0)
    assert.matches("a group inside itself", require("asyncio.task.report").describe(reports[1]), 1, true)
  end))
end)

describe("an object of ExceptionGroup without a list of errors", function()
  it("is shown and reported like any error", testing.virtual(function()
    local hollow = setmetatable({ message = "hollow" }, asyncio.ExceptionGroup)
    assert.equal("ExceptionGroup", tostring(hollow))
    assert.equal("ExceptionGroup: outer (1 error)\n  1. ExceptionGroup",
      tostring(asyncio.ExceptionGroup("outer", { hollow })))
    assert.matches("calling 'split' on bad self", witness.text(hollow.split, hollow, asyncio.Error))
    assert.equal(hollow, asyncio.ExceptionGroup("outer", { hollow, 1 })
      :subgroup(asyncio.ExceptionGroup).exceptions[1])
    local reports = witness.reports()
    asyncio.create_task(error, hollow)
    asyncio.sleep(0)
    witness.collect()
    asyncio.sleep(0)
    assert.matches("\nExceptionGroup\n", require("asyncio.task.report").describe(reports[1]))
  end))

  it("may have a class that hides its metatable", function()
    local Hidden = asyncio.ExceptionGroup:extend("Hidden")
    Hidden.__metatable = false
    local group = Hidden("m", { 1, TimeoutError("x") })
    assert.equal("Hidden: m (2 errors)\n  1. 1\n  2. TimeoutError: x", tostring(group))
    assert.equal("Hidden: m (1 error)\n  1. 1", tostring(select(2, group:split(TimeoutError))))
  end)
end)
