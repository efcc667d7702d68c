--- busted under whichever Lua runs this file.
-- What busted itself has to say goes to the file that PROGRESS names, so that standard output and
-- standard error are the specs' alone, and scripts/tally.lua sees whether they are silent.

local progress = assert(io.open(assert(os.getenv "PROGRESS"), "a"))
local write, flush = io.write, io.flush

io.write = function(...) return progress:write(...) end
io.flush = function() return progress:flush() end
require "busted.outputHandlers.plainTerminal"  -- keeps both functions
io.write, io.flush = write, flush

require "busted.runner" { standalone = false }
