# lua-asyncio: `make help` explains every target.
#
# A few variables can be set on the command line:
#   SPEC=spec/sync/lock_spec.lua     the spec files or directories that a suite runs
#   ARGS="--filter=cancel"           more options for busted, the oom driver or bench/run
#   LUA, LUA_INCDIR, LUAROCKS, LIBUV_DIR         tools that scripts/setup cannot find

SPEC = spec
ARGS =
THREADED = spec/threads_spec.lua $(shell find spec -name 'resolver_spec.lua' -o -name 'callback_spec.lua' -o -name 'handle_spec.lua')

ROCKSPEC = lua-asyncio-scm-1.rockspec
C_SOURCES := $(sort $(shell find src -name '*.c'))
C_HEADERS := $(sort $(shell find src bench spec -name '*.h'))
LUA_SOURCES := $(sort $(shell find lua types -name '*.lua' 2>/dev/null))
C_LINTED := $(C_SOURCES) $(sort $(shell find bench spec -name '*.c'))

help:  ## lists these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: lua_modules/.built  ## installs what is missing, builds the rock, shows a server with a thousand clients
	@scripts/lua rock examples/rate_server.lua

test: lua_modules/.built  ## installs what is missing, builds the rock, runs every spec against it
	@scripts/suite rock $(SPEC) $(ARGS)

build: build/debug/asyncio/core.so  ## compiles what changed, with assertions, into build/debug

lint: lint-rockspec lint-lua lint-c lint-rooms  ## luacheck, gcc, clang, clang-tidy, the rooms' borders, the rockspec

asan: build/asan/asyncio/core.so  ## runs the specs under AddressSanitizer, LeakSanitizer and UBSan
	@scripts/suite asan $(SPEC) $(ARGS)

valgrind: build/debug/asyncio/core.so  ## runs the specs under valgrind's memcheck; a leak is an error
	@scripts/suite valgrind $(SPEC) $(ARGS)

tsan: build/tsan/asyncio/core.so  ## runs the specs that have threads under ThreadSanitizer
	@scripts/suite tsan $(if $(filter spec,$(SPEC)),$(THREADED),$(SPEC)) $(ARGS)

hardgc: build/asan/asyncio/core.so  ## the same as asan, with a full collection at nearly every allocation
	@scripts/suite hardgc $(SPEC) $(ARGS)

oom: build/oom/driver  ## fails every single allocation of a scenario in turn, under the sanitizers
	@scripts/oom $(ARGS)

check: build/tools.mk  ## everything that continuous integration runs: test, lint, asan, tsan, hardgc, oom
	@scripts/check test lint asan tsan hardgc oom

random: lua_modules/.built  ## runs a random program of a million steps; RANDOM_SEED=n makes the same again
	@RANDOM_SEED=$${RANDOM_SEED:-$$(date +%s)} RANDOM_STEPS=$${RANDOM_STEPS:-1000000} \
	  scripts/suite rock spec/sync/random_spec.lua $(ARGS)

bench: lua_modules/.built  ## measures, each figure beside its peers, and prints one table
	@scripts/lua rock --exec bench/run $(ARGS)

instructions: lua_modules/.built  ## counts instructions for each operation; BASE=DIR compares with a tree built there
	@scripts/lua rock --exec bench/instructions $(ARGS)

rockspec:  ## writes the lists of files in the rockspec anew from the tree
	@$(LUA) scripts/rockspec.lua write $(ROCKSPEC)

clean:  ## removes all that was built, also by a plain `luarocks make`
	rm -rf build lua_modules asyncio
	find src -name '*.o' -exec rm {} +

.PHONY: help run test build lint asan tsan valgrind hardgc oom check random bench instructions rockspec clean
.PHONY: lint-rockspec lint-lua lint-c lint-rooms FORCE

# Tools. scripts/setup installs what the goals need and is missing, then writes
# where things are. It looks each time, which takes a moment, so that the answer
# is never stale; make reads the file again only when it changed.

ifneq (,$(filter-out help clean,$(MAKECMDGOALS)))
include build/tools.mk
endif

build/tools.mk: FORCE
	@scripts/setup $(MAKECMDGOALS)

export LUA

# The rock, as a user gets it. It is built from a copy, because luarocks leaves
# its object files beside the sources.

lua_modules/.built: $(ROCKSPEC) $(C_SOURCES) $(C_HEADERS) $(LUA_SOURCES)
	@echo "Building the rock into lua_modules"
	@rm -rf build/rock && mkdir -p build/rock
	@cp -R $(wildcard $(ROCKSPEC) src lua types docs) build/rock
	@cd build/rock && $(LUAROCKS) --lua-version=5.4 make --tree "$(CURDIR)/lua_modules" \
	  LUA_INCDIR=$(LUA_INCDIR) LIBUV_DIR=$(LIBUV_DIR) $(ROCKSPEC) >../rock.log 2>&1 || \
	  { cat ../rock.log >&2; exit 1; }
	@touch $@

# Development builds: objects in build/<variant>/src, the module beside them.

CPPFLAGS = -Isrc -I$(LUA_INCDIR) -I$(LIBUV_DIR)/include
CFLAGS = -std=gnu11 -g -O1 -fPIC -Wall -Wextra -DLUAI_ASSERT $(SANITIZERS)
LIBS = -L$(LIBUV_DIR)/lib -luv -lpthread
SHARED = $(if $(filter Darwin,$(shell uname)),-bundle -undefined dynamic_lookup,-shared)

# The sanitizers name the lines of a leak only while the library stays mapped.
# LeakSanitizer takes thread-local memory that lies sixteen bytes after the
# beginning of a page for a piece of an older glibc, follows what is no pointer
# and dies ("Tracer caught signal 11"): ours is to be the executable's.
build/asan/% build/oom/%: SANITIZERS = -fsanitize=address,undefined \
  -fno-sanitize-recover=all -fno-omit-frame-pointer -ftls-model=initial-exec
build/asan/% build/oom/%: CC = gcc
build/asan/%.so: LDFLAGS += -Wl,-z,nodelete
build/tsan/%: SANITIZERS = -fsanitize=thread -fno-omit-frame-pointer
build/tsan/%: CC = gcc

COMPILE = @mkdir -p $(@D); echo "cc $@"; $(CC) $(CFLAGS) $(CPPFLAGS)

build/debug/%.o: %.c Makefile
	$(COMPILE) -MMD -MP -c -o $@ $<

build/asan/%.o: %.c Makefile
	$(COMPILE) -MMD -MP -c -o $@ $<

build/tsan/%.o: %.c Makefile
	$(COMPILE) -MMD -MP -c -o $@ $<

build/debug/asyncio/core.so: $(C_SOURCES:%.c=build/debug/%.o)
build/asan/asyncio/core.so: $(C_SOURCES:%.c=build/asan/%.o)
build/tsan/asyncio/core.so: $(C_SOURCES:%.c=build/tsan/%.o)
build/debug/asyncio/core.so build/asan/asyncio/core.so build/tsan/asyncio/core.so:
	$(COMPILE) $(SHARED) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(foreach way,debug asan tsan,$(C_SOURCES:%.c=build/$(way)/%.d))

LUA_LIB = lua5.4
build/oom/driver: spec/support/oom.c build/oom/asyncio/core.so Makefile
	$(COMPILE) -rdynamic -o $@ $< -l$(LUA_LIB) $(LIBS)

# A copy of the library that asks the driver for memory.
WRAP = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
build/oom/asyncio/core.so: $(C_SOURCES:%.c=build/asan/%.o) Makefile
	$(COMPILE) $(SHARED) $(WRAP) -Wl,-z,nodelete -o $@ $(filter %.o,$^) $(LIBS)

# Lint. A C file that passed is looked at again when it or a header changes.
# One compiler sees the assertions, the other does not.

lint-rockspec:
	@$(LUA) scripts/rockspec.lua check $(ROCKSPEC)

lint-lua:
	@luacheck -q --no-color $(wildcard lua types spec examples bench scripts) $(ROCKSPEC)

# The laws of the rooms: docs/internals/map.md.
lint-rooms: build/debug/asyncio/core.so
	@$(LUA) scripts/includes.lua
	@$(LUA) scripts/circles.lua build/debug/src
	@scripts/lengths

lint-c: $(C_LINTED:%=build/lint/%.ok)

WARN = -std=gnu11 -O2 -fPIC -Wall -Wextra -Werror $(CPPFLAGS)
build/lint/%.c.ok: %.c $(C_HEADERS) .clang-tidy Makefile
	@echo "lint $<"
	@mkdir -p $(@D)
	@gcc $(WARN) -DLUAI_ASSERT -c -o $(@:.ok=.o) $<
	@clang $(WARN) -c -o $(@:.ok=.o) $<
	@clang-tidy --quiet $< -- $(WARN) -DLUAI_ASSERT >$(@:.ok=.log) 2>&1 || \
	  { cat $(@:.ok=.log) >&2; exit 1; }
	@touch $@
