/*
** check.c
** Checks of arguments, and the errors they raise.
** A function that the Lua layer calls for a public one raises them in the
** name of the public one, which is its second upvalue.
*/

#include <limits.h>
#include <string.h>

#include "base/check.h"
#include "base/state.h"
#include "base/trace.h"
#include "rooms.h"


/*
** {==================================================================
** Errors
** ===================================================================
*/

/* upvalues of a function that works for a public one */
#define PUBLICNAME	lua_upvalueindex(2)
#define PUBLICSHIFT	lua_upvalueindex(3)

/* Pushes the position from which the public function was called.
   [-0, +1, m] */
static void pushcaller (lua_State *L) {
  luaL_where(L, (lua_type(L, PUBLICNAME) == LUA_TSTRING) ? las_asklevel(L)
                                                         : 1);
}


int las_misuse (lua_State *L, const char *text) {
  pushcaller(L);
  lua_pushstring(L, text);
  lua_concat(L, 2);
  lua_error(L);
}


int las_argerror (lua_State *L, int arg, const char *what) {
  if (lua_type(L, PUBLICNAME) != LUA_TSTRING)
    luaL_argerror(L, arg, what);
  las_misuse(L, lua_pushfstring(L, "bad argument #%d to '%s' (%s)",
             arg - (int)lua_tointeger(L, PUBLICSHIFT),
             lua_tostring(L, PUBLICNAME), what));
}


const char *las_typename (lua_State *L, int i) {
  i = lua_absindex(L, i);
  if (luaL_getmetafield(L, i, "__name") == LUA_TSTRING)
    return lua_tostring(L, -1);
  lua_pushstring(L, luaL_typename(L, i));
  return lua_tostring(L, -1);
}


int las_typeerror (lua_State *L, int i, int arg, const char *expected) {
  const char *got = las_typename(L, i);
  las_argerror(L, arg, lua_pushfstring(L, "%s expected, got %s", expected,
                                       got));
}


void las_setinner (lua_State *L, int state, const char *key,
                   lua_CFunction f, const char *name, int shift) {
  lua_pushvalue(L, state);
  lua_pushstring(L, name);
  lua_pushinteger(L, shift);
  lua_pushcclosure(L, f, 3);
  lua_setfield(L, -2, key);
}

/* }================================================================== */


int las_iscallable (lua_State *L, int i) {
  if (lua_isfunction(L, i))
    return 1;
  if (luaL_getmetafield(L, i, "__call") == LUA_TNIL)
    return 0;
  lua_pop(L, 1);
  return 1;
}


void las_checknone (lua_State *L, int i) {
  if (las_unlikely(!lua_isnoneornil(L, i)))
    las_typeerror(L, i, i, "no argument");
}


lua_Number las_checkseconds (lua_State *L, int i) {
  lua_Number n = luaL_checknumber(L, i);
  luaL_argcheck(L, n == n, i, "seconds expected, got NaN");
  return n;
}


int las_listlen (lua_State *L, int i) {
  lua_Integer n;
  int isnum = 1, named = (lua_getfield(L, i, "n") != LUA_TNIL);
  if (named)
    n = lua_tointegerx(L, -1, &isnum);
  else
    n = luaL_len(L, i);
  lua_pop(L, 1);
  if (!isnum || n < 0 || n >= INT_MAX / 2)
    las_argerror(L, i, named ? "field 'n' must be the length of the list"
                             : "'#' does not give the length of the list");
  return (int)n;
}


int las_listroom (lua_State *L, int i, int n) {
  return ((lua_Unsigned)n < lua_rawlen(L, i)) ? n : (int)lua_rawlen(L, i);
}


/* Raises unless the key at 'k', of the table at 'i', stands in 'names'. */
static void checkname (lua_State *L, int i, int k, const char *const names[]) {
  if (lua_type(L, k) == LUA_TSTRING) {
    const char *key = lua_tostring(L, k);
    for (; *names != NULL; names++)
      if (strcmp(*names, key) == 0)
        return;
  }
  las_argerror(L, i, lua_pushfstring(L, "unknown option '%s'",
                                     luaL_tolstring(L, k, NULL)));
}


void las_checkoptions (lua_State *L, int i, const char *const names[]) {
  lua_pushnil(L);
  while (lua_next(L, i)) {
    lua_pop(L, 1);
    checkname(L, i, lua_gettop(L), names);
  }
}


void las_checklistoptions (lua_State *L, int i, const char *const names[]) {
  lua_pushnil(L);
  while (lua_next(L, i)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TNUMBER || lua_tointegerx(L, -1, NULL) < 1)
      checkname(L, i, lua_gettop(L), names);
  }
}


int las_optboolean (lua_State *L, int i, int arg, const char *name) {
  int t = lua_getfield(L, i, name), on = lua_toboolean(L, -1);
  if (t != LUA_TNIL && t != LUA_TBOOLEAN)
    las_argerror(L, arg, lua_pushfstring(L, "option '%s' must be a boolean",
                                         name));
  lua_pop(L, 1);
  return on;
}


lua_Integer las_optbytes (lua_State *L, int i, const char *name,
                          lua_Integer least, lua_Integer most) {
  lua_Integer n = -1;
  if (lua_getfield(L, i, name) != LUA_TNIL) {
    int isnum;
    n = lua_tointegerx(L, -1, &isnum);
    if (!isnum || n < least || n > most)
      luaL_argerror(L, i, lua_pushfstring(L,
                    "option '%s' must be a number of bytes", name));
  }
  lua_pop(L, 1);
  return n;
}


/* type_name(v): the type of v as argument errors name it */
static int core_type_name (lua_State *L) {
  luaL_checkany(L, 1);
  las_typename(L, 1);
  return 1;
}


void las_opencheck (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"type_name", core_type_name},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
