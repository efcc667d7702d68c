--- busted under whichever Lua runs this file.
require "busted.runner" { standalone = false }
