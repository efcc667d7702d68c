--- The order of items in queues, and comparisons that fail.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local witness = require "spec.support.witness"

local try, turns = witness.try, witness.turns

local kinds = { "Queue", "LifoQueue", "PriorityQueue" }

-- all that can be had without waiting
local function drain(queue)
  local items = {}
  while not queue:empty() do
    items[#items + 1] = queue:get_nowait()
  end
  return items
end

-- a task whose outcome, results or "raised" and class, goes to the list
local function recorded(list, f, ...)
  return asyncio.create_task(function(...)
    local outcome = { try(f, ...) }
    list[#list + 1] = outcome
  end, ...)
end

local function filled(queue, items)
  for _, item in ipairs(items) do
    queue:put_nowait(item)
  end
  return queue
end

describe("the order of items", function()
  it("of a Queue is that of the puts", function()
    assert.same({ 3, 1, 2 }, drain(filled(asyncio.Queue(), { 3, 1, 2 })))
  end)

  it("of a LifoQueue is the reverse", function()
    assert.same({ 2, 1, 3 }, drain(filled(asyncio.LifoQueue(), { 3, 1, 2 })))
  end)

  it("of a PriorityQueue is '<', or as it is told", function()
    assert.same({ 1, 2, 3 }, drain(filled(asyncio.PriorityQueue(), { 3, 1, 2 })))
    assert.same({ "a", "b", "c" }, drain(filled(asyncio.PriorityQueue(), { "b", "c", "a" })))
    local function greater(a, b)
      return a > b
    end
    assert.same({ 3, 2, 1 }, drain(filled(asyncio.PriorityQueue(0, greater), { 3, 1, 2 })))
    assert.same({ 3, 2, 1 }, drain(filled(asyncio.PriorityQueue(nil,
      setmetatable({}, { __call = function(_, a, b) return a > b end })), { 3, 1, 2 })))
  end)

  it("of a PriorityQueue keeps equal ones as they came, __lt metamethods included", function()
    local meta = { __lt = function(a, b) return a[1] < b[1] end }
    local function item(priority, name)
      return setmetatable({ priority, name }, meta)
    end
    local queue = asyncio.PriorityQueue()
    local names = {}
    for i = 1, 300 do
      queue:put_nowait(item(i % 3, i))
    end
    for i = 1, 300 do
      names[i] = queue:get_nowait()[2]
    end
    local expected = {}
    for rest = 0, 2 do
      for i = 1, 300 do
        if i % 3 == rest then
          expected[#expected + 1] = i
        end
      end
    end
    assert.same(expected, names)
  end)

  it("is kept by any mix of puts and gets", function()
    local seed = 7
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed // 65536 % n
    end
    -- the slow way: search the list for what is next
    local function next_of(kind, list)
      local best = 1
      for i = 2, #list do
        if kind == "LifoQueue" or kind == "PriorityQueue" and list[i][1] < list[best][1] then
          best = i
        end
      end
      return table.remove(list, best)
    end
    for _, kind in ipairs(kinds) do
      local queue = asyncio[kind](0, kind == "PriorityQueue" and function(a, b)
        return a[1] < b[1]
      end or nil)
      local list = {}
      for i = 1, 3000 do
        if random(100) < (i < 1500 and 60 or 40) or #list == 0 then
          local item = { random(10), i }
          queue:put_nowait(item)
          list[#list + 1] = item
        else
          assert(next_of(kind, list) == queue:get_nowait(), kind)
        end
        assert(queue:qsize() == #list)
      end
    end
  end)
end)

describe("a PriorityQueue whose comparison fails", function()
  local function picky(a, b)
    if a == "bad" or b == "bad" then
      error("cannot compare", 0)
    end
    return a < b
  end

  it("is as it was, after a put", testing.virtual(function()
    local queue = filled(asyncio.PriorityQueue(0, picky), { 3, 1, 2 })
    assert.same({ "raised", "cannot compare" }, { try(queue.put, queue, "bad") })
    assert.same({ "raised", "cannot compare" }, { try(queue.put_nowait, queue, "bad") })
    assert.equal(3, queue:qsize())
    assert.matches("unfinished=3", tostring(queue))
    assert.same({ 1, 2, 3 }, drain(queue))
    queue = filled(asyncio.PriorityQueue(), { 3, 1, 2 })
    assert.matches("attempt to compare", witness.text(queue.put_nowait, queue, {}))
    assert.matches("attempt to compare", witness.text(queue.put_nowait, queue, "x"))
    assert.same({ 1, 2, 3 }, drain(queue))
  end))

  it("is as it was, after a get", testing.virtual(function()
    local failing = false
    local queue = filled(asyncio.PriorityQueue(0, function(a, b)
      if failing then
        error("not now", 0)
      end
      return a < b
    end), { 5, 3, 1, 2, 4 })
    failing = true
    assert.same({ "raised", "not now" }, { try(queue.get, queue) })
    assert.equal(5, queue:qsize())
    failing = false
    assert.same({ 1, 2, 3, 4, 5 }, drain(queue))
  end))

  it("gives the room of a putter that waited to the next one", testing.virtual(function()
    local queue, log = filled(asyncio.PriorityQueue(2, picky), { 5, 6 }), {}
    recorded(log, queue.put, queue, "bad")
    recorded(log, queue.put, queue, 1)
    turns(1)
    assert.equal(5, queue:get())
    turns(3)
    assert.same({ { "raised", "cannot compare" }, {} }, log)
    assert.same({ 1, 6 }, drain(queue))
  end))

  it("may not wait in it", testing.virtual(function()
    local queue = filled(asyncio.PriorityQueue(0, function(a, b)
      asyncio.sleep(1)
      return a < b
    end), { 1 })
    assert.matches("Lua cannot yield here", witness.text(queue.put, queue, 2))
    assert.equal(1, queue:qsize())
  end))

  it("may not change the queue in it", testing.virtual(function()
    local change
    local function new()
      return filled(asyncio.PriorityQueue(0, function(a, b)
        local f = change
        change = nil
        if f then
          f()
        end
        return a < b
      end), { 1, 2, 3, 4 })
    end
    for i, f in ipairs {
      function(queue) queue:get_nowait() end,
      function(queue) queue:put_nowait(7) end,
      function(queue) queue:get_nowait() queue:put_nowait(8) end,
      function(queue) queue:shutdown(true) end,
      function(queue)  -- fails inside: nothing changes
        change = error
        pcall(queue.put_nowait, queue, 9)
      end,
    } do
      local queue, here = new(), nil
      change = function() f(queue) end
      local ok, err = pcall(queue.put_nowait, queue, 0)
      assert.equal(i == 5, ok)
      assert(ok or tostring(err):find "changed by its own comparison")
      queue = new()
      change = function() f(queue) here = queue:qsize() end
      ok, err = pcall(queue.get_nowait, queue)
      assert(ok or tostring(err):find "changed by its own comparison")
      assert.equal(ok and here - 1 or here, queue:qsize())
      local left = drain(queue)
      for k = 2, #left do
        assert(left[k - 1] <= left[k])
      end
    end
  end))

  it("refuses what cannot be called", function()
    assert.matches("bad argument #2 to '[%w.]+' %(function expected, got number%)",
      witness.text(asyncio.PriorityQueue, 0, 5))
  end)
end)
