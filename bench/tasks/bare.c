/*
** bare.c
** What Lua itself takes for a switch, a coroutine, a call: our yardstick.
** A Lua module, so that it runs in the very interpreter that the tasks do.
*/

#include <time.h>

#include <lauxlib.h>
#include <lua.h>

static double now (void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static int pausek (lua_State *L, int status, lua_KContext ctx) {
  (void)L; (void)status; (void)ctx;
  return 0;
}

/* suspends its coroutine, as 'sleep' and every other wait do */
static int bare_pause (lua_State *L) {
  return lua_yieldk(L, 0, 0, pausek);
}

static void step (lua_State *co, lua_State *from) {
  int nres;
  if (lua_resume(co, from, 0, &nres) > LUA_YIELD)
    luaL_error(from, "%s", lua_tostring(co, -1));
  lua_pop(co, nres);
}

/* leaves a coroutine that will run the function at 'f' on top of the stack */
static lua_State *newco (lua_State *L, int f) {
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, f);
  lua_xmove(L, co, 1);
  return co;
}

/* switches(f, n, turns): ns a resume and yield, turn by turn of n coroutines
   that run f */
static int bare_switches (lua_State *L) {
  int i, n = (int)luaL_checkinteger(L, 2);
  lua_Integer turn, turns = luaL_checkinteger(L, 3);
  lua_State **co = (lua_State **)lua_newuserdatauv(L,
                                     (size_t)n * sizeof(lua_State *), 0);
  double start;
  lua_createtable(L, n, 0);  /* keeps them alive */
  for (i = 0; i < n; i++) {
    co[i] = newco(L, 1);
    lua_rawseti(L, -2, i + 1);
    step(co[i], L);  /* to its first pause */
  }
  start = now();
  for (turn = 0; turn < turns; turn++) {
    for (i = 0; i < n; i++)
      step(co[i], L);
  }
  lua_pushnumber(L, (now() - start) * 1e9 / (double)turns / n);
  return 1;
}

/* spawns(f, n): ns a new coroutine that runs f to its end */
static int bare_spawns (lua_State *L) {
  lua_Integer i, n = luaL_checkinteger(L, 2);
  double start = now();
  for (i = 0; i < n; i++) {
    step(newco(L, 1), L);
    lua_pop(L, 1);
  }
  lua_pushnumber(L, (now() - start) * 1e9 / (double)n);
  return 1;
}

/* park(f): a coroutine that runs f up to its first pause */
static int bare_park (lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  step(newco(L, 1), L);
  return 1;
}

static int empty (lua_State *L) {
  (void)L;
  return 0;
}

/* an object with two methods that do nothing, 'acquire' and 'release' */
static int bare_object (lua_State *L) {
  static const luaL_Reg methods[] = {
    {"acquire", empty},
    {"release", empty},
    {NULL, NULL}
  };
  lua_newuserdatauv(L, sizeof(int), 0);
  lua_createtable(L, 0, 1);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  return 1;
}

int luaopen_bare (lua_State *L) {
  static const luaL_Reg funcs[] = {
    {"pause", bare_pause},
    {"switches", bare_switches},
    {"spawns", bare_spawns},
    {"park", bare_park},
    {"object", bare_object},
    {NULL, NULL}
  };
  luaL_newlib(L, funcs);
  return 1;
}
