/*
** state.c
** The state block and types of userdata.
** Every C function has the block as upvalue 1; there is one for each Lua
** state, however often the library is loaded into it.
*/

#include <string.h>

#include "base/state.h"
#include "rooms.h"


/* its address is the block's key in the registry */
static const char statekey = 0;


las_State *las_newstate (lua_State *L, int *fresh) {
  las_State *S;
  *fresh = 0;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &statekey) == LUA_TUSERDATA)
    return (las_State *)lua_touserdata(L, -1);
  lua_pop(L, 1);
  S = (las_State *)lua_newuserdatauv(L, sizeof(*S), LAS_NUSTATE);
  memset(S, 0, sizeof(*S));
  lua_newtable(L);
  lua_setiuservalue(L, -2, LAS_UTYPES);
  lua_newtable(L);
  lua_setiuservalue(L, -2, LAS_UERRORS);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &statekey);
  *fresh = 1;
  return S;
}


las_State *las_pushstate (lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &statekey);
  return (las_State *)lua_touserdata(L, -1);
}


int las_pushobjectname (lua_State *L, int i) {
  int n, t;
  for (n = 1; (t = lua_getiuservalue(L, i, n)) != LUA_TNONE; n++) {
    if (t == LUA_TSTRING)
      return 1;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return 0;
}


void las_setfuncs (lua_State *L, int state, const luaL_Reg *l) {
  lua_pushvalue(L, state);
  luaL_setfuncs(L, l, 1);
}


/* Gets table 'name' of the table on top, or makes it. [-0, +1, m] */
static void subtable (lua_State *L, const char *name) {
  if (lua_getfield(L, -1, name) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
  }
}


/* A second load of the library finds the types there, so that objects made
   before keep their types. */
void las_newtype (lua_State *L, int state, enum las_Type t,
                  const char *name, const luaL_Reg *methods,
                  const luaL_Reg *meta) {
  las_State *S = (las_State *)lua_touserdata(L, state);
  lua_getiuservalue(L, state, LAS_UTYPES);
  if (lua_rawgeti(L, -1, t) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, t);
  }
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lua_pushstring(L, name);  /* 'getmetatable' shows the name alone */
  lua_setfield(L, -2, "__metatable");
  if (meta != NULL)
    las_setfuncs(L, state, meta);
  subtable(L, "__index");
  if (methods != NULL)
    las_setfuncs(L, state, methods);
  S->mt[t] = lua_topointer(L, -2);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, state, LAS_UMETATABLES + (int)t);
  lua_pop(L, 3);  /* methods, metatable, table of types */
}


void las_addmethods (lua_State *L, int state, enum las_Type t,
                     const luaL_Reg *methods) {
  lua_getiuservalue(L, state, LAS_UTYPES);
  lua_rawgeti(L, -1, t);
  lua_getfield(L, -1, "__index");
  las_setfuncs(L, state, methods);
  lua_pop(L, 3);
}


/* index(typename): the table of methods of a type, and its metatable, for the
   Lua layer */
static int core_index (lua_State *L) {
  luaL_checkstring(L, 1);
  las_getanchored(L, LAS_UTYPES);
  lua_pushnil(L);
  while (lua_next(L, 2)) {
    lua_getfield(L, -1, "__name");
    if (lua_rawequal(L, -1, 1)) {
      lua_getfield(L, -2, "__index");
      lua_pushvalue(L, -3);
      return 2;
    }
    lua_pop(L, 2);
  }
  return luaL_argerror(L, 1, "no such type");
}


void las_openstate (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"index", core_index},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}


void *las_test (lua_State *L, las_State *S, int i, enum las_Type t) {
  void *p = lua_touserdata(L, i);
  if (p != NULL && lua_getmetatable(L, i)) {
    const void *mt = lua_topointer(L, -1);
    lua_pop(L, 1);
    if (mt == S->mt[t])
      return p;
  }
  return NULL;
}


void *las_check (lua_State *L, int i, enum las_Type t) {
  void *p = las_test(L, las_state(L), i, t);
  if (las_unlikely(p == NULL)) {
    const char *name;  /* its metatable keeps it alive */
    int top = lua_gettop(L);
    las_getanchored(L, LAS_UTYPES);
    lua_rawgeti(L, -1, t);
    lua_getfield(L, -1, "__name");
    name = lua_tostring(L, -1);
    lua_settop(L, top);  /* there may be no argument 'i' */
    luaL_typeerror(L, i, name);
  }
  return p;
}


/* Does 'os.exit' run at that level? It closes the state where it was called. */
static int isexit (lua_State *L, lua_State *M, lua_Debug *ar) {
  int is, top = lua_gettop(L);
  if (!lua_checkstack(M, 1) || !lua_getinfo(M, "f", ar))
    return 0;
  lua_xmove(M, L, (M != L));
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "os");
  if (lua_istable(L, -1))
    lua_getfield(L, -1, "exit");
  is = (lua_iscfunction(L, -1) &&
        lua_tocfunction(L, -1) == lua_tocfunction(L, top + 1));
  lua_settop(L, top);
  return is;
}


/* As Lua has no question for this, it looks for a finalizer that nothing in Lua
   can have called: only the closing of the state did. */
int las_isending (lua_State *L) {
  lua_State *M;
  lua_Debug ar;
  int level, ending = las_state(L)->ending;
  if (ending || lua_gc(L, LUA_GCISRUNNING) > 0)
    return ending;  /* the collector stands still in finalizers */
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  M = lua_tothread(L, -1);
  for (level = 0; !ending && lua_getstack(M, level, &ar); level++) {
    if (lua_getinfo(M, "n", &ar) && ar.name != NULL &&
        strcmp(ar.name, "__gc") == 0)
      ending = !lua_getstack(M, level + 1, &ar) || isexit(L, M, &ar);
  }
  lua_pop(L, 1);
  return ending;
}


void las_checkending (lua_State *L) {
  if (las_unlikely(las_isending(L))) {
    lua_pushliteral(L, "the Lua state is being closed");
    lua_error(L);
  }
}
