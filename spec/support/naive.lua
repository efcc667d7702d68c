--- A second, naive implementation of StreamReader, to compare the first with.

local assert = require "luassert"
local asyncio = require "asyncio"
local witness = require "spec.support.witness"

local naive = {}

--- The naive reader: all bytes in one string, and a place in it.
function naive.reader(data, limit)
  return { data = data, limit = limit, at = 1 }
end

local function model_find(model, separators)
  local start, stop, longest = nil, nil, 0
  for _, separator in ipairs(separators) do
    local s, e = model.data:find(separator, model.at, true)
    if s and (not stop or e < stop or e == stop and s > start) then
      start, stop = s, e
    end
    longest = math.max(longest, #separator)
  end
  local left = #model.data - model.at + 1
  if start and start - model.at > model.limit or not start and left + 1 - longest > model.limit then
    return "LimitOverrunError"
  end
  return nil, stop
end

local function model_take(model, stop)
  local bytes = model.data:sub(model.at, stop)
  model.at = stop + 1
  return bytes
end

local model_calls = {
  readexactly = function(model, n)
    if model.at + n - 1 > #model.data then
      return "raised", "IncompleteReadError", model_take(model, #model.data)
    end
    return model_take(model, model.at + n - 1)
  end,
  readuntil = function(model, separators)
    local err, stop = model_find(model, separators)
    if err then
      return "raised", err
    elseif stop then
      return model_take(model, stop)
    end
    return "raised", "IncompleteReadError", model_take(model, #model.data)
  end,
  readline = function(model)
    local err, stop = model_find(model, { "\n" })
    if err then
      return "raised", err
    end
    local line = model_take(model, stop or #model.data)
    return line ~= "" and line or nil
  end,
}

--- `n` bytes of which many are part of a separator.
function naive.bytes(random, n)
  local bytes = {}
  for i = 1, n do
    bytes[i] = ("ab\n;-"):sub(random(5)):sub(1, 1)
  end
  return table.concat(bytes)
end

--- A function that gives numbers from 1 to its argument, by chance.
function naive.random(seed)
  return function(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % n + 1
  end
end

local SEPARATORS = { { ";" }, { "--" }, { "a\n", ";;" }, { "ab", "b", "-a-" }, { "aab-" } }

--- Makes one call, of any kind, on a reader and on its naive twin. Gives
-- whether there is more.
function naive.compare(reader, model, random)
  local kind = random(8)
  if kind <= 2 then
    local n = random(2 * model.limit)
    local bytes = reader[kind == 1 and "read" or "peek"](reader, n)
    local expected = bytes and model.data:sub(model.at, model.at + #bytes - 1)
    assert(bytes == expected and (not bytes or #bytes <= n))
    assert(bytes or model.at > #model.data)
    model.at = model.at + (kind == 1 and bytes and #bytes or 0)
    return bytes
  end
  local name = kind <= 4 and "readexactly" or kind <= 6 and "readuntil" or "readline"
  local arg
  if name == "readexactly" then
    arg = random(3 * model.limit)
  elseif name == "readuntil" then
    arg = SEPARATORS[random(#SEPARATORS)]
  end
  local expected = { model_calls[name](model, arg) }
  local ok, got = pcall(reader[name], reader, arg)
  if ok then
    assert.same(expected, { got })
  else
    local partial
    if asyncio.isinstance(got, asyncio.IncompleteReadError) then
      partial = got.partial
    end
    assert.same(expected, { "raised", witness.class(got), partial })
  end
  return true
end

return naive
