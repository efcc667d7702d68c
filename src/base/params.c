/*
** params.c
** Arguments of constructors: by position, or all in one table, together with
** a name for the object, as in Queue{maxsize = 10, name = "jobs"}.
*/

#include <string.h>

#include "base/params.h"


const las_Param las_noparams[] = {{NULL, NULL, NULL}};


int las_isinteger (lua_State *L, int i) {
  int isnum;
  lua_tointegerx(L, i, &isnum);
  return isnum;
}


/* Returns which of the parameters the key at 'k' is, -1 for the object's name.
   Raises an argument error for 'arg' if it is none. */
static int tonumber (lua_State *L, int k, int arg, const las_Param *params) {
  int n = 0, isnum = 0;
  if (lua_type(L, k) == LUA_TSTRING) {
    const char *key = lua_tostring(L, k);
    if (strcmp(key, "name") == 0)
      return -1;
    for (n = 0; params[n].name != NULL; n++) {
      if (strcmp(params[n].name, key) == 0)
        return n;
    }
  }
  else if (lua_isinteger(L, k)) {
    lua_Integer at = lua_tointegerx(L, k, &isnum);
    for (n = 0; params[n].name != NULL; n++) {
      if (at == n + 1)
        return n;
    }
  }
  lua_pushvalue(L, k);
  return luaL_argerror(L, arg, lua_pushfstring(L, "unknown option '%s'",
                                               luaL_tolstring(L, -1, NULL)));
}


/* Takes the option on top, with its key below; pops the option. The values
   go to 'first' and what follows. */
static void takeoption (lua_State *L, int first, int count,
                        const las_Param *params) {
  int top = lua_gettop(L), n = tonumber(L, top - 1, first, params);
  if (n < 0) {
    if (lua_type(L, top) != LUA_TSTRING)
      luaL_argerror(L, first, "option 'name' must be a string");
    n = count;
  }
  else if (!params[n].test(L, top))
    luaL_argerror(L, first, lua_pushfstring(L, "option '%s' must %s",
                                            params[n].name, params[n].must));
  if (!lua_isnil(L, first + 1 + n))
    luaL_argerror(L, first, lua_pushfstring(L, "option '%s' is given twice",
                                            params[n].name));
  lua_replace(L, first + 1 + n);
}


void las_params (lua_State *L, int first, const las_Param *params) {
  int count = 0;
  while (params[count].name != NULL)
    count++;
  luaL_checkstack(L, count + 6, NULL);
  if (las_likely(!lua_istable(L, first))) {
    lua_settop(L, first - 1 + count);
    lua_pushnil(L);
    return;
  }
  lua_settop(L, first);
  lua_settop(L, first + count + 1);
  lua_pushnil(L);
  while (lua_next(L, first))
    takeoption(L, first, count, params);
  lua_remove(L, first);
}
