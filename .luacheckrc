std = "lua54"
cache = "build/luacheck.cache"
-- A scope is there to be closed; nothing need read it.
ignore = { "211/scope", "211/inner", "211/outer" }

files["spec"] = { std = "+busted", globals = { "io.stderr" } }
files["scripts/busted.lua"] = { globals = { "io.write", "io.flush" } }
-- Definitions for editors: functions without bodies, fields without readers.
files["types"] = { ignore = { "111", "112", "113", "211", "212", "241" } }
