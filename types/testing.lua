---@meta asyncio.testing

--- Tests in tasks: a loop for each, a deadline, a virtual clock, and a check that nothing is left over.
---@class asyncio.testing
local testing = {}

--- The clock of a loop: with "virtual", time jumps as soon as nothing can run.
---@alias asyncio.Clock "real"|"virtual"

--- Options of a loop for tests.
---@class asyncio.ClockOptions
---@field clock asyncio.Clock? "real" by default
---@field autojump number? real seconds without an event before time jumps; by default 0, with open sockets 0.01

--- Options of a test.
---@class asyncio.TestOptions: asyncio.ClockOptions
---@field timeout number? deadline in real seconds, whatever the clock; 10 by default
---@field leaks boolean? true: the test may leave things behind, which are still ended

--- Options of `testing.run`, in one table with the test and its arguments.
---@class asyncio.TestRunOptions: asyncio.TestOptions
---@field [1] async fun(...): ... the test
---@field [integer] any its arguments
---@field n integer? how many of both, if there are nils among them

--- Makes a loop for tests.
---@param options asyncio.ClockOptions?
---@return asyncio.Loop
function testing.new_event_loop(options) end

--- Runs a test once. Raises its error, or an error about what it left behind.
---@param test async fun(...): ...
---@param ... any arguments of the test
---@return any ... its results
---@overload fun(options: asyncio.TestRunOptions): ...
function testing.run(test, ...) end

--- Makes a test from a function: `it("...", testing.async(f))`.
---@param f async fun(...)
---@param options asyncio.TestOptions?
---@return fun(...)
function testing.async(f, options) end

--- Makes a test from a function, on the virtual clock.
---@param f async fun(...)
---@param options asyncio.TestOptions?
---@return fun(...)
function testing.virtual(f, options) end

--- Runs a function before each test of the present `describe` that was made by `async` or `virtual`, in its task.
---@param f async fun()
function testing.before_each(f) end

--- Runs a function after each test of the present `describe`, however that ended; the last one runs first.
---@param f async fun()
function testing.after_each(f) end

--- Calls a function every 10 ms until it raises no error and returns nothing or a true value.
---@async
---@param f async fun(): ...
---@param timeout number? seconds of the loop's clock; 1 by default
---@return any ... its results then
function testing.eventually(f, timeout) end

return testing
