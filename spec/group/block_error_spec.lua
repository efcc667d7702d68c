--- An error of a group's own block keeps the stack where it was raised.

local asyncio = require "asyncio"
local report = require "asyncio.task.report"
local testing = require "asyncio.testing"

local FILE = "spec/group/block_error_spec%.lua:"

local function line(offset)
  return debug.getinfo(2, "l").currentline + offset
end

--- What the report about a failed task says of the block's stack: its lines of this file.
local function block_lines(f)
  local task = asyncio.create_task(f)
  pcall(asyncio.await, task)
  local block = report.chain(task):match "stack traceback of a group's body:(.-)\nstack traceback of"
  if not block then
    return nil
  end
  local lines = {}
  for at in block:gmatch(FILE .. "(%d+): in") do
    lines[#lines + 1] = tonumber(at)
  end
  return lines
end

describe("the error of a group's block", function()
  it("has the stack from where it was raised", testing.virtual(function()
    local raised, called
    local function part()
      local group <close> = asyncio.TaskGroup()
      group:create_task(asyncio.sleep, 1)
      raised = line(1)
      error({}, 0)
    end
    local lines = block_lines(function()
      called = line(1)
      part()
      asyncio.sleep(0)
    end)
    assert.same({ raised, called }, lines)
  end))

  it("has it in a coroutine of the task, too", testing.virtual(function()
    local raised
    local lines = block_lines(function()
      asyncio.coroutine.wrap(function()
        local _ <close> = asyncio.TaskGroup()
        raised = line(1)
        error("in a coroutine", 0)
      end)()
    end)
    assert.equal(raised, lines[1])
  end))

  it("has the place of a time limit that was reached in it", testing.virtual(function()
    local waits
    local lines = block_lines(function()
      local _ <close> = asyncio.TaskGroup()
      local _ <close> = asyncio.timeout(1)
      waits = line(1)
      asyncio.sleep(5)
    end)
    assert.equal(waits, lines[1])
  end))

  it("is not given the stack of an earlier one", testing.virtual(function()
    assert.is_nil(block_lines(function()
      local _ <close> = setmetatable({}, { __close = function()
        local _, err = pcall(function()
          local _ <close> = asyncio.TaskGroup()
          error("the same", 0)
        end)
        error(err, 0)
      end })
      error("the same", 0)
    end))
  end))
end)
