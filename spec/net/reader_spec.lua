--- StreamReader, fed by hand: what each way of reading gives, and when.

local asyncio = require "asyncio"
local testing = require "asyncio.testing"
local naive = require "spec.support.naive"
local witness = require "spec.support.witness"

local HARD = os.getenv "SPEC_WAY" == "hardgc" or os.getenv "SPEC_WAY" == "valgrind"

local try, turns, text = witness.try, witness.turns, witness.text

-- A reader that has these bytes and then its end.
local function ended(bytes, options)
  local reader = asyncio.StreamReader(options)
  reader:feed_data(bytes)
  reader:feed_eof()
  return reader
end

-- A task that reads, and has come to its wait.
local function waiting(reader, method, ...)
  local task = asyncio.create_task(reader[method], reader, ...)
  turns(1)
  assert.is_false(task:done())
  return task
end

describe("read(n)", function()
  it("gives what is there, n bytes at most", testing.virtual(function()
    local reader = ended "abcdef"
    assert.same({ "ab", "cd", "ef", n = 3 },
      table.pack(reader:read(2), reader:read(2), reader:read(100)))
    assert.same({ n = 2, nil, nil }, table.pack(reader:read(1), reader:read(1)))
  end))

  it("waits for one byte, not for n", testing.virtual(function()
    local reader = asyncio.StreamReader()
    local task = waiting(reader, "read", 100)
    reader:feed_data "x"
    assert.equal("x", asyncio.await(task))
  end))

  it("of zero gives an empty string at once", testing.virtual(function()
    assert.equal("", asyncio.StreamReader():read(0))
  end))

  it("takes zero bytes and any byte", testing.virtual(function()
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = string.char(byte)
    end
    all = table.concat(all)
    assert.equal(all, ended(all):read(256))
    assert.equal(all .. all, ended(all .. all):read())
  end))
end)

describe("read()", function()
  it("gives all until the end, and nil when that is nothing", testing.virtual(function()
    for _, method in ipairs { { }, { -1 }, { nil } } do
      local reader = asyncio.StreamReader()
      local task = waiting(reader, "read", table.unpack(method))
      reader:feed_data "one "
      turns(1)
      reader:feed_data "two"
      reader:feed_eof()
      assert.equal("one two", asyncio.await(task))
      assert.is_nil(reader:read())
    end
  end))

  it("with a format is that of io files", testing.virtual(function()
    local reader = ended "first\nsecond\nthird\nrest\nof it"
    assert.equal("first", reader:read "l")
    assert.equal("second\n", reader:read "L")
    assert.equal("third", reader:read "*l")
    assert.equal("rest\nof it", reader:read "a")
    assert.equal("", reader:read "a")
    assert.same({ n = 2, nil, nil }, table.pack(reader:read "l", reader:read "L"))
    assert.matches("bad argument #1 to 'read' %(invalid format%)",
      text(function() reader:read "n" end))
  end))

  it("is not bound by the limit", testing.virtual(function()
    local reader = ended(("x"):rep(1000), { limit = 10 })
    assert.equal(500, #reader:read(500))
    assert.equal(500, #reader:read())
  end))
end)

describe("readexactly", function()
  it("waits until all are there", testing.virtual(function()
    local reader = asyncio.StreamReader()
    local task = waiting(reader, "readexactly", 5)
    for _, chunk in ipairs { "ab", "c", "", "defg" } do
      reader:feed_data(chunk)
      turns(1)
    end
    assert.equal("abcde", asyncio.await(task))
    assert.equal("fg", reader:readexactly(2))
  end))

  it("of zero gives an empty string at once", testing.virtual(function()
    assert.equal("", asyncio.StreamReader():readexactly(0))
    assert.equal("", ended(""):readexactly(0))
  end))

  it("raises what came, at the end, and takes it", testing.virtual(function()
    local reader = ended "abc"
    local err = witness.raises(asyncio.IncompleteReadError, reader.readexactly, reader, 5)
    assert.same({ "abc", 5, "IncompleteReadError: 3 of 5 bytes came before the end of the stream" },
      { err.partial, err.expected, tostring(err) })
    assert.is_true(reader:at_eof())
    err = witness.raises(asyncio.IncompleteReadError, reader.readexactly, reader, 5)
    assert.equal("", err.partial)
  end))

  it("is not bound by the limit", testing.virtual(function()
    assert.equal(1000, #ended(("x"):rep(1001), { limit = 10 }):readexactly(1000))
  end))
end)

describe("readline", function()
  it("gives lines with their newline, the last one even without", testing.virtual(function()
    local reader = ended "one\n\r\n\nlast"
    assert.same({ "one\n", "\r\n", "\n", "last" },
      { reader:readline(), reader:readline(), reader:readline(), reader:readline() })
    assert.same({ n = 1 }, table.pack(reader:readline()))
  end))

  it("waits over any cut", testing.virtual(function()
    local reader = asyncio.StreamReader()
    local task = waiting(reader, "readline")
    for chunk in ("a line\nanother"):gmatch "." do
      reader:feed_data(chunk)
      turns(1)
    end
    assert.equal("a line\n", asyncio.await(task))
    assert.equal("another", reader:read(100))
  end))

  it("takes as a limit what Lua takes as an integer", testing.virtual(function()
    for _, limit in ipairs { 4, 4.0, "4", "0x4", " 4.0 " } do
      local reader = ended("12345\n1234\n", { limit = limit })
      witness.raises(asyncio.LimitOverrunError, reader.readline, reader)
      reader:readexactly(6)
      assert.equal("1234\n", reader:readline())
    end
  end))

  it("over the limit raises and keeps the bytes", testing.virtual(function()
    local reader = asyncio.StreamReader{ limit = 4 }
    reader:feed_data "12345"
    local err = witness.raises(asyncio.LimitOverrunError, reader.readline, reader)
    assert.equal("LimitOverrunError: no separator within the limit of 4 bytes", tostring(err))
    assert.equal(5, err.consumed)
    reader:feed_data "6\n"
    err = witness.raises(asyncio.LimitOverrunError, reader.readline, reader)
    assert.equal(6, err.consumed)
    assert.equal("123456\n", reader:read(100))
  end))

  it("does not count the newline", testing.virtual(function()
    local reader = ended("1234\n5678", { limit = 4 })
    assert.equal("1234\n", reader:readline())
    assert.equal("5678", reader:readline())
  end))
end)

describe("lines", function()
  it("iterates over lines without newlines to the end", testing.virtual(function()
    local seen = {}
    for line in ended("one\n\ntwo\nlast"):lines() do
      seen[#seen + 1] = line
    end
    assert.same({ "one", "", "two", "last" }, seen)
    for _ in ended(""):lines() do
      error "no line"
    end
  end))

  it("raises over the limit, and goes on after it", testing.virtual(function()
    local reader = ended("12345\nok\n", { limit = 4 })
    local next_line = reader:lines()
    witness.raises(asyncio.LimitOverrunError, next_line)
    reader:readexactly(6)
    assert.equal("ok", next_line())
    assert.is_nil(next_line())
  end))

  it("left early leaves the other lines", testing.virtual(function()
    local reader = ended "one\ntwo\n"
    for line in reader:lines() do
      if line == "one" then
        break
      end
    end
    assert.equal("two\n", reader:readline())
  end))
end)

describe("readuntil", function()
  it("gives the bytes with the separator, a newline if none is named",
    testing.virtual(function()
      local reader = ended "a\nb--c--"
      assert.same({ "a\n", "b--", "c--" },
        { reader:readuntil(), reader:readuntil "--", reader:readuntil "--" })
    end))

  it("finds a separator split over any two reads", testing.virtual(function()
    for _, separator in ipairs { "\r\n", "--end--", "aab", "aaaa" } do
      local whole = "aa-a\r-" .. separator .. "rest"
      for cut = 1, #whole - 1 do
        local reader = asyncio.StreamReader()
        local task = asyncio.create_task(reader.readuntil, reader, separator)
        turns(1)
        reader:feed_data(whole:sub(1, cut))
        turns(1)
        reader:feed_data(whole:sub(cut + 1))
        local _, last = whole:find(separator, 1, true)
        assert.equal(whole:sub(1, last), asyncio.await(task))
        assert.equal(whole:sub(last + 1), reader:read(100))
      end
    end
  end))

  it("finds separators with zero bytes", testing.virtual(function()
    local reader = ended "a\0b\0\0c"
    assert.equal("a\0b\0\0", reader:readuntil "\0\0")
  end))

  it("of several takes the one that ends first", testing.virtual(function()
    local list = { "\r\n", "\n", "ab", n = 3 }
    local reader = ended "one\r\ntwo\nthree ab"
    assert.same({ "one\r\n", "two\n", "three ab" },
      { reader:readuntil(list), reader:readuntil(list), reader:readuntil(list) })
    assert.equal("xabc", ended("xabcd"):readuntil { "abcd", "bc" })
  end))

  it("does not mind a list that changes meanwhile", testing.virtual(function()
    local list = { ";" }
    local reader = asyncio.StreamReader()
    local task = waiting(reader, "readuntil", list)
    list[1] = "x"
    reader:feed_data "x;"
    assert.equal("x;", asyncio.await(task))
  end))

  it("at the end raises what is left, and takes it", testing.virtual(function()
    local reader = ended "rest"
    local err = witness.raises(asyncio.IncompleteReadError, reader.readuntil, reader, ";")
    assert.same({ "rest", nil }, { err.partial, err.expected })
    assert.is_nil(reader:read())
  end))

  it("takes a separator in the last byte that the limit allows", testing.virtual(function()
    for _, separator in ipairs { ";", "--" } do
      local reader = asyncio.StreamReader{ limit = 8 }
      reader:feed_data(("x"):rep(8) .. separator)
      assert.equal(8 + #separator, #reader:readuntil(separator))
      reader:feed_data(("x"):rep(9) .. separator)
      witness.raises(asyncio.LimitOverrunError, reader.readuntil, reader, separator)
      assert.equal(9 + #separator, #reader:read(100))
      reader:feed_data(("x"):rep(8) .. separator:sub(1, -2))
      local task = waiting(reader, "readuntil", separator)
      reader:feed_data(separator:sub(-1))
      assert.equal(8 + #separator, #asyncio.await(task))
    end
  end))

  it("takes a limit for one call", testing.virtual(function()
    local reader = asyncio.StreamReader{ limit = 4 }
    reader:feed_data "123456;"
    witness.raises(asyncio.LimitOverrunError, reader.readuntil, reader, ";")
    witness.raises(asyncio.LimitOverrunError, reader.readuntil, reader, ";", { limit = 5 })
    assert.equal("123456;", reader:readuntil(";", { limit = 6 }))
    reader:feed_data "12;"
    witness.raises(asyncio.LimitOverrunError, reader.readuntil, reader, ";", { limit = 1 })
    assert.equal("12;", reader:readuntil(";", { limit = math.maxinteger }))
    reader:feed_data "1234;56;"
    witness.raises(asyncio.LimitOverrunError, reader.readuntil, reader, ";", { limit = "3" })
    assert.equal("1234;", reader:readuntil(";", { limit = "4" }))
    assert.equal("56;", reader:readuntil(";", { limit = 2^20 }))
  end))

  it("tells how many bytes cannot be the separator's", testing.virtual(function()
    local reader = asyncio.StreamReader{ limit = 4 }
    reader:feed_data "123456-"
    local err = witness.raises(asyncio.LimitOverrunError, reader.readuntil, reader, "--")
    assert.equal(6, err.consumed)
    assert.equal("123456", reader:readexactly(err.consumed))
    reader:feed_data "-"
    assert.equal("--", reader:readuntil "--")
  end))
end)

describe("peek", function()
  it("waits for the first byte, gives what is there and takes nothing",
    testing.virtual(function()
      local reader = asyncio.StreamReader()
      local task = waiting(reader, "peek", 3)
      reader:feed_data "ab"
      assert.equal("ab", asyncio.await(task))
      reader:feed_data "cd"
      assert.same({ "abc", "a", "abcd" }, { reader:peek(3), reader:peek(1), reader:peek(9) })
      reader:feed_eof()
      assert.same({ "abcd", "abcd" }, { reader:peek(9), reader:read() })
      assert.is_nil(reader:peek(1))
    end))
end)

describe("the end", function()
  it("is told by at_eof once all is taken", testing.virtual(function()
    local reader = asyncio.StreamReader()
    assert.is_false(reader:at_eof())
    reader:feed_data "x"
    reader:feed_eof()
    assert.is_false(reader:at_eof())
    reader:read(1)
    assert.is_true(reader:at_eof())
  end))

  it("wakes whoever waits", testing.virtual(function()
    for method, want in pairs { read = "nil", readline = "nil", peek = "nil",
      readexactly = "raised", readuntil = "raised" } do
      local reader = asyncio.StreamReader()
      local task = waiting(reader, method, method ~= "readuntil" and method ~= "readline" and 3
        or nil)
      reader:feed_eof()
      reader:feed_eof()
      assert.equal(want, tostring((try(asyncio.await, task))), method)
    end
  end))

  it("is final", testing.virtual(function()
    local reader = ended ""
    assert.matches("feed_data after feed_eof", text(reader.feed_data, reader, "x"))
  end))
end)

describe("set_exception", function()
  it("is raised by every read that finds too few bytes, by identity",
    testing.virtual(function()
      for _, err in ipairs { "text", {}, false, 0 } do
        local reader = asyncio.StreamReader()
        reader:feed_data "ab\ncd"
        reader:set_exception(err)
        assert.same({ err, true }, { reader:exception() })
        assert.equal("ab\n", reader:readline())
        for method, n in pairs { readline = nil, readexactly = 3, readuntil = nil, read = -1 } do
          assert.same({ false, err }, { pcall(reader[method], reader, n) })
        end
        assert.equal("cd", reader:read(9))
        assert.same({ false, err }, { pcall(reader.read, reader, 9) })
        assert.same({ false, err }, { pcall(reader.peek, reader, 9) })
      end
    end))

  it("wakes whoever waits", testing.virtual(function()
    local reader, err = asyncio.StreamReader(), {}
    local task = waiting(reader, "readline")
    reader:set_exception(err)
    assert.same({ false, err }, { pcall(asyncio.await, task) })
  end))

  it("may be nil, and there is none before", testing.virtual(function()
    local reader = asyncio.StreamReader()
    assert.same({ n = 2, nil, false }, table.pack(reader:exception()))
    reader:set_exception(nil)
    assert.same({ n = 2, nil, true }, table.pack(reader:exception()))
    assert.same({ n = 2, false, nil }, table.pack(pcall(reader.read, reader, 1)))
  end))
end)

describe("a reader", function()
  it("refuses nonsense before it waits", testing.virtual(function()
    local reader = asyncio.StreamReader()
    for pattern, call in pairs {
      ["#1 to 'readexactly' %(count of bytes out of range%)"] =
        function() reader:readexactly(-1) end,
      ["#1 to 'readexactly' %(number expected, got no value%)"] =
        function() reader:readexactly() end,
      ["#1 to 'peek' %(count of bytes out of range%)"] = function() reader:peek(0) end,
      ["#1 to 'readuntil' %(empty separator%)"] = function() reader:readuntil "" end,
      ["#1 to 'readuntil' %(no separator in the list%)"] = function() reader:readuntil {} end,
      ["#1 to 'readuntil' %(separators must be strings, not empty%)"] =
        function() reader:readuntil { "a", 1 } end,
      ["#1 to 'readuntil' %(separators must be strings"] = function() reader:readuntil { "" } end,
      ["#1 to 'readuntil' %(string expected, got boolean%)"] =
        function() reader:readuntil(true) end,
      ["#2 to 'readuntil' %(unknown option 'size'%)"] =
        function() reader:readuntil(";", { size = 1 }) end,
      ["#2 to 'readuntil' %(option 'limit' must be"] =
        function() reader:readuntil(";", { limit = 0 }) end,
      ["#1 to 'feed_data' %(string expected, got nil%)"] = function() reader:feed_data(nil) end,
      ["#1 to 'read' %(number expected, got table%)"] = function() reader:read {} end,
      ["#1 to 'read' %(number has no integer"] = function() reader:read(1.5) end,
    } do
      assert.matches(pattern, text(call))
    end
    for key, shown in pairs { size = "size", [1] = "1", [true] = "true" } do
      local expected = ("unknown option '%s'"):format(shown)
      assert.matches(expected, text(asyncio.StreamReader, { [key] = 100 }))
      assert.matches(expected, text(function() reader:readuntil(";", { [key] = 100 }) end))
    end
    for _, limit in ipairs { "x", "1.5", 1.5, 0, -1, 2^31, true } do
      assert.matches("option 'limit' must be", text(asyncio.StreamReader, { limit = limit }))
    end
    assert.matches("asyncio.StreamReader expected, got table", text(reader.read, {}))
  end))

  it("cannot wait outside a task", function()
    local reader = ended "abc\n"
    for _, method in ipairs { "read", "readline", "readuntil", "peek", "readexactly" } do
      assert.matches(("asyncio.StreamReader:%s must be called from inside a task"):format(method),
        text(reader[method], reader, 1))
    end
    assert.matches("asyncio.StreamReader:lines must be called from inside a task", text(reader:lines()))
  end)

  it("prints its state", testing.virtual(function()
    local reader = asyncio.StreamReader()
    assert.equal("StreamReader<buffered=0>", tostring(reader))
    local task = waiting(reader, "readexactly", 5)
    reader:feed_data "abc"
    turns(1)
    assert.equal("StreamReader<buffered=3, waiting>", tostring(reader))
    reader:feed_eof()
    assert.matches("^StreamReader<buffered=3, eof", tostring(reader))
    try(asyncio.await, task)
  end))

  it("may be fed from outside any task", function()
    local loop <close> = testing.new_event_loop()
    local reader = asyncio.StreamReader()
    local task = loop:create_task(reader.readline, reader)
    pcall(loop.run_until_complete, loop, function() asyncio.sleep(0) end)
    reader:feed_data "a line\n"
    assert.equal("a line\n", loop:run_until_complete(task))
  end)

  it("outlives the loop of a task that waits for it", function()
    local reader = asyncio.StreamReader()
    do
      local loop = testing.new_event_loop()
      loop:run_until_complete(function()
        asyncio.create_task(reader.readline, reader)
        asyncio.sleep(0)
      end)
    end
    witness.collect()
    reader:feed_data "a line\n"
    witness.collect()
    local loop = testing.new_event_loop()
    loop:run_until_complete(function()
      asyncio.create_task(reader.readline, ended "")
      asyncio.create_task(asyncio.StreamReader().readline, asyncio.StreamReader())
      asyncio.sleep(0)
    end)
    loop:close()
    witness.collect()
    assert.equal(1, witness.destroyed())
    assert.matches("^StreamReader<buffered=7", tostring(reader))
    reader = nil  -- with it goes the task that waited, and its loop
    witness.collect()
    assert.is_nil(reader)
    assert.equal(1, witness.destroyed())
  end)
end)

describe("any order of reads", function()
  it("gives the same for any cut of the bytes, and with cancels between",
    testing.virtual(function()
      for seed = 1, HARD and 20 or 150 do
        local random = naive.random(seed)
        local limit = random(20)
        local model = naive.reader(naive.bytes(random, random(400)), limit)
        local reader = asyncio.StreamReader{ limit = limit }
        local feeder = asyncio.create_task(function()
          local at = 1
          while at <= #model.data do
            local n = random(3) == 1 and random(60) or random(4)
            reader:feed_data(model.data:sub(at, at + n - 1))
            at = at + n
            asyncio.sleep(random(2) - 1)
          end
          reader:feed_eof()
        end)
        repeat
          if random(3) == 1 then
            pcall(asyncio.wait_for, function() reader:readexactly(10000) end, random(3) - 1)
            if reader:at_eof() then  -- it took what was left, at the end
              break
            end
          end
        until not naive.compare(reader, model, random)
        asyncio.await(feeder)
      end
    end, { timeout = 1e6 }))
end)
