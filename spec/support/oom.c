/*
** oom.c
** Out of memory: runs scenarios under allocators that fail, one request
** after the other, until a scenario passes without a failure.
** Every run must end, well or with an error, and leave nothing allocated.
**
**     driver                          all scenarios of oom.lua, in all ways
**     driver SCENARIO [WAY [N]]       some of them; N: only that run, aloud
**     driver --list                   prints the scenarios' names
*/

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "lua.h"
#include "lauxlib.h"
#include "lualib.h"

#define SCRIPT	"spec/support/oom.lua"
#define STATES	"states"	/* the scenario that is in no script */
#define PATIENCE	30	/* seconds that a run may take */


/*
** {==================================================================
** Allocators
** ===================================================================
*/

enum Way {
  ONCE,		/* the n-th request fails; Lua collects and asks again */
  TWICE,	/* Lua's second try fails too: an error where it was asked */
  FOREVER,	/* the n-th and all that follow */
  NWAYS
};

static const char *const ways[] = {"once", "twice", "forever", NULL};

#if defined(__SANITIZE_ADDRESS__)
void __sanitizer_set_report_fd (void *fd);
void __sanitizer_print_stack_trace (void);
#define showstack()	__sanitizer_print_stack_trace()
#else
#define showstack()	((void)0)
#endif

static struct {
  int loud;	/* show where a request fails? */
  int armed;	/* do requests count? */
  enum Way way;
  long n;	/* the request to fail */
  long count;	/* requests so far */
  int failed;	/* did any fail? */
  int again;	/* is a second try to come, for the same as below? */
  void *ptr;
  size_t osize, nsize;
  size_t bytes;	/* allocated by Lua */
  lua_State *L;	/* of the run */
} state;


static int countdown (void) {
  state.count++;
  if (state.count < state.n || (state.count > state.n && state.way != FOREVER))
    return 0;
  state.failed = 1;
  if (state.loud)
    showstack();
  return 1;
}


/* Is it a stack to call a finalizer on? Without one Lua drops the finalizer,
   and what that would have freed is lost. */
static int isforfinalizer (const void *ptr, size_t osize) {
  return ptr == NULL && osize == 0 && state.L != NULL &&
         lua_gc(state.L, LUA_GCISRUNNING) != 1;
}


static int refuse (void *ptr, size_t osize, size_t nsize) {
  if (!state.armed || isforfinalizer(ptr, osize))
    return 0;
  if (state.again && ptr == state.ptr && nsize == state.nsize) {
    state.again = 0;
    return 1;
  }
  if (!countdown())
    return 0;
  state.again = (state.way == TWICE);
  state.ptr = ptr;
  state.osize = osize;
  state.nsize = nsize;
  return 1;
}


/* Lua's. It may not fail to shrink. */
static void *alloc (void *ud, void *ptr, size_t osize, size_t nsize) {
  size_t old = (ptr != NULL) ? osize : 0;
  void *p;
  (void)ud;
  if (nsize == 0) {
    free(ptr);
    state.bytes -= old;
    return NULL;
  }
  if (nsize > old && refuse(ptr, osize, nsize))
    return NULL;
  p = realloc(ptr, nsize);
  if (p != NULL)
    state.bytes += nsize - old;
  return p;
}


/* The library is linked with --wrap, so these are what its C code calls.
   libuv is given them too, but for realloc: it aborts the process when it
   cannot grow its table of descriptors. */

void *__wrap_malloc (size_t size);
void *__wrap_calloc (size_t n, size_t size);
void *__wrap_realloc (void *ptr, size_t size);


void *__wrap_malloc (size_t size) {
  return (state.armed && countdown()) ? NULL : malloc(size);
}


void *__wrap_calloc (size_t n, size_t size) {
  return (state.armed && countdown()) ? NULL : calloc(n, size);
}


void *__wrap_realloc (void *ptr, size_t size) {
  return (state.armed && countdown()) ? NULL : realloc(ptr, size);
}

/* }================================================================== */


/*
** {==================================================================
** Standard error
** ===================================================================
*/

/* What the library complains of is not for the reader: that it complains is
   part of the game. The sanitizer and this driver keep the real thing. */

static FILE *console;

static void hush (void) {
  int fd = dup(STDERR_FILENO);
  console = fdopen(fd, "w");
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_set_report_fd((void *)(long)fd);
#endif
  if (freopen("/dev/null", "w", stderr) == NULL)
    abort();
}

/* }================================================================== */


/*
** {==================================================================
** Runs
** ===================================================================
*/

static const char *scenario;

/* Says which run it was that hangs or aborts. Printing is not safe here, but
   the run is lost in any case. NOLINTBEGIN(bugprone-signal-handler) */
static void onsignal (int sig) {
  fprintf(console, "oom: %s %s %ld: %s\n", scenario, ways[state.way],
          state.n, (sig == SIGALRM) ? "hangs" : "aborted");
  fflush(console);
  signal(SIGABRT, SIG_DFL);
  abort();
}
/* NOLINTEND(bugprone-signal-handler) */


static void fault (const char *what) {
  fprintf(console, "oom: %s %s %ld: %s\n", scenario, ways[state.way],
          state.n, what);
  fflush(console);
  exit(1);
}


static void setpath (lua_State *L, const char *program) {
  const char *slash = strrchr(program, '/');
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "cpath");
  lua_pushlstring(L, program, slash ? (size_t)(slash - program) : 0);
  lua_pushfstring(L, "%s/?.so;%s", lua_tostring(L, -1),
                  lua_tostring(L, -2));
  lua_setfield(L, -4, "cpath");
  lua_settop(L, 0);
}


/* A state with the table of scenarios on its stack; memory is plenty. */
static lua_State *newstate (const char *program) {
  lua_State *L = lua_newstate(alloc, NULL);
  luaL_openlibs(L);
  setpath(L, program);
  if (luaL_dofile(L, SCRIPT) != LUA_OK) {
    fprintf(console, "oom: %s\n", lua_tostring(L, -1));
    exit(2);
  }
  return L;
}


/* Runs it in the state; returns what it ended with. Messages that are no
   memory error mean that a result was wrong. */
static int play (lua_State *L, const char *name) {
  int status;
  lua_getfield(L, 1, name);
  lua_getfield(L, -1, "prepare");
  lua_call(L, 0, 0);
  lua_getfield(L, -1, "run");
  state.armed = 1;
  status = lua_pcall(L, 0, 0, 0);
  state.armed = (state.way == FOREVER);
  return status;
}


/* Is the error at the top what was to be expected, now that memory was
   short? Whoever has no memory for the error itself gets nil; a connection
   whose other end had none is reset. */
static int isexpected (lua_State *L) {
  const char *msg;
  int known;
  state.armed = 0;
  if (lua_isnil(L, -1))
    return 1;
  msg = luaL_tolstring(L, -1, NULL);
  known = strstr(msg, "not enough memory") || strstr(msg, "ENOMEM") ||
          strstr(msg, "ENOBUFS") || strstr(msg, "ECONNRESET");
  if (!known)
    fprintf(console, "oom: %s\n", msg);
  lua_pop(L, 1);
  state.armed = (state.way == FOREVER);
  return known;
}


/* One run. Returns whether no request failed any more. */
static int runonce (const char *program, long *errors) {
  lua_State *L;
  int status;
  state.armed = 0;
  state.bytes = 0;
  state.again = 0;
  L = state.L = newstate(program);
  state.count = 0;
  state.failed = 0;
  alarm(PATIENCE);
  status = play(L, scenario);
  if (status != LUA_OK) {
    if (state.loud)
      fprintf(console, "%s\n", lua_tostring(L, -1));
    if (!state.failed || !isexpected(L))
      fault(state.failed ? "a wrong result" : lua_tostring(L, -1));
    (*errors)++;
  }
  lua_close(L);
  state.armed = 0;
  alarm(0);
  if (state.bytes != 0)
    fault("Lua's memory was not all freed");
  return !state.failed;
}


static void runall (const char *program, enum Way way) {
  long errors = 0;
  state.way = way;
  for (state.n = 1; !runonce(program, &errors); state.n++)
    ;
  printf("%-12s %-8s %6ld requests, %6ld ended in an error\n", scenario,
         ways[way], state.n - 1, errors);
  fflush(stdout);
}

/* }================================================================== */


/*
** {==================================================================
** Two states in one process
** ===================================================================
*/

static void half (lua_State *L, const char *name) {
  lua_getfield(L, 1, "half");
  lua_pushstring(L, name);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK)
    fault(lua_tostring(L, -1));
}


/* within(): runs a whole scenario in another state, inside a task of this */
static int within (lua_State *L) {
  lua_State *other = newstate(lua_tostring(L, lua_upvalueindex(1)));
  if (play(other, "tasks") != LUA_OK)
    fault(lua_tostring(other, -1));
  lua_close(other);
  return 0;
}


static void twostates (const char *program) {
  lua_State *a, *b;
  scenario = STATES;
  state.n = 0;
  state.way = ONCE;
  state.bytes = 0;
  a = newstate(program);
  b = newstate(program);
  half(a, "begin");
  half(b, "begin");
  half(a, "more");
  lua_pushstring(a, program);
  lua_pushcclosure(a, within, 1);
  lua_setglobal(a, "within");
  half(a, "nest");
  half(b, "more");
  lua_close(a);
  half(b, "more");
  half(b, "finish");
  lua_close(b);
  if (state.bytes != 0)
    fault("Lua's memory was not all freed");
  printf("%-12s two Lua states in one process\n", scenario);
}

/* }================================================================== */


static void listall (const char *program) {
  lua_State *L = newstate(program);
  int i, n;
  lua_getfield(L, 1, "names");
  n = (int)luaL_len(L, -1);
  printf("%s\n", STATES);
  for (i = 1; i <= n; i++) {
    lua_geti(L, -1, i);
    printf("%s\n", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  lua_close(L);
}


/* Runs every scenario, in the order of the script, in all ways between. */
static void foreach (const char *program, int firstway, int lastway) {
  lua_State *L = newstate(program);
  int i, way, n;
  lua_getfield(L, 1, "names");
  n = (int)luaL_len(L, -1);
  for (i = 1; i <= n; i++) {
    lua_geti(L, -1, i);
    scenario = lua_tostring(L, -1);
    for (way = firstway; way <= lastway; way++)
      runall(program, (enum Way)way);
    lua_pop(L, 1);
  }
  state.armed = 0;
  lua_close(L);
}


static int wayof (const char *name) {
  int way = 0;
  while (ways[way] != NULL && strcmp(ways[way], name) != 0)
    way++;
  return way;
}


int main (int argc, char **argv) {
  const char *program = argv[0];
  int way;
  console = stderr;
  if (argc <= 3)
    hush();
  signal(SIGALRM, onsignal);
  signal(SIGABRT, onsignal);
  uv_replace_allocator(__wrap_malloc, realloc, __wrap_calloc, free);
  if (argc > 3) {
    long errors = 0;
    scenario = argv[1];
    state.way = (enum Way)wayof(argv[2]);
    state.n = atol(argv[3]);
    state.loud = 1;
    runonce(program, &errors);
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "--list") == 0) {
    listall(program);
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], STATES) == 0) {
    twostates(program);
    return 0;
  }
  if (argc > 1) {
    scenario = argv[1];
    for (way = 0; way < NWAYS; way++) {
      if (argc < 3 || way == wayof(argv[2]))
        runall(program, (enum Way)way);
    }
    return 0;
  }
  twostates(program);
  foreach(program, 0, NWAYS - 1);
  return 0;
}
