/*
** version.c
** Versions of Lua and libuv, and whether they are recent enough.
** Headers show what was compiled; only the libraries know what runs.
*/

#include <string.h>

#include "base/version.h"
#include "base/state.h"
#include "rooms.h"


#define VERSION	"0.1.0-dev"
#define PROBE	"local _ <close> = ..."


/*
** {==================================================================
** Checks when the library is loaded
** ===================================================================
*/

static int yieldnow (lua_State *L) {
  return lua_yield(L, 0);
}


/* Lua does not expose its release number, but 5.4.3 is the first release that
   can yield in a '__close', so a coroutine tries that. [-0, +0, e] */
static void checklua (lua_State *L) {
  lua_State *co = lua_newthread(L);
  int nresults, status;
  if (luaL_loadbuffer(co, PROBE, sizeof(PROBE) - 1, "=asyncio") != LUA_OK) {
    lua_xmove(co, L, 1);
    lua_error(L);
  }
  lua_newtable(co);
  lua_newtable(co);
  lua_pushcfunction(co, yieldnow);
  lua_setfield(co, -2, "__close");
  lua_setmetatable(co, -2);
  status = lua_resume(co, L, 1, &nresults);
  if (status == LUA_ERRRUN)
    luaL_error(L, "lua-asyncio needs Lua 5.4.3 or newer: this one cannot "
                  "suspend in '__close' (%s)", lua_tostring(co, -1));
  else if (status != LUA_YIELD)
    luaL_error(L, "not enough memory");
  lua_pop(L, 1);  /* the coroutine */
}


void las_checkversions (lua_State *L) {
  luaL_checkversion(L);
  checklua(L);
  if (uv_version() < LAS_UVMIN)
    luaL_error(L, "lua-asyncio needs libuv %d.%d or newer: this one is %s",
               LAS_UVMIN >> 16, (LAS_UVMIN >> 8) & 0xff, uv_version_string());
}

/* }================================================================== */


#if defined(__ELF__)
#pragma weak lua_ident	/* a host may not export it */
#define luaident()	((const char *)lua_ident)
#else
#define luaident()	((const char *)NULL)
#endif


/* Pushes the version of the Lua that runs, without the release if that is not
   visible. [-0, +1, m] */
static void pushrunninglua (lua_State *L) {
  static const char prefix[] = "$LuaVersion: Lua ";
  const char *ident = luaident();
  if (ident != NULL && strncmp(ident, prefix, sizeof(prefix) - 1) == 0) {
    ident += sizeof(prefix) - 1;
    lua_pushlstring(L, ident, strspn(ident, "0123456789."));
  }
  else {
    int version = (int)lua_version(L);
    lua_pushfstring(L, "%d.%d", version / 100, version % 100);
  }
}


static void pushcompileduv (lua_State *L) {
  lua_pushfstring(L, "%d.%d.%d%s%s", UV_VERSION_MAJOR, UV_VERSION_MINOR,
                  UV_VERSION_PATCH, UV_VERSION_IS_RELEASE ? "" : "-",
                  UV_VERSION_SUFFIX);
}


/* Puts the two versions on top as {compiled =, running =} into field 'name' of
   the table below them. [-2, +0, m] */
static void setpair (lua_State *L, const char *name) {
  lua_createtable(L, 0, 2);
  lua_insert(L, -3);
  lua_setfield(L, -3, "running");
  lua_setfield(L, -2, "compiled");
  lua_setfield(L, -2, name);
}


/* versions(): {asyncio =, lua = {compiled =, running =}, libuv = the same} */
static int asyncio_versions (lua_State *L) {
  lua_createtable(L, 0, 3);
  lua_pushliteral(L, VERSION);
  lua_setfield(L, -2, "asyncio");
  lua_pushliteral(L, LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "."
                     LUA_VERSION_RELEASE);
  pushrunninglua(L);
  setpair(L, "lua");
  pushcompileduv(L);
  lua_pushstring(L, uv_version_string());
  setpair(L, "libuv");
  return 1;
}


void las_openversion (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"versions", asyncio_versions},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
