/*
** handler.c
** Exception handlers: the functions that a loop calls with errors that reach
** nobody else. task/report.c calls them.
*/

#include "base/check.h"
#include "base/current.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/awaitable.h"
#include "task/report.h"
#include "rooms.h"


/* loop:set_exception_handler(f): nil restores the default one */
static int loop_set_exception_handler (lua_State *L) {
  las_checkloop(L, 1);
  luaL_argexpected(L, lua_isnoneornil(L, 2) || las_iscallable(L, 2), 2,
                   "function or nil");
  lua_settop(L, 2);
  las_asbody(L, 2, 2);
  lua_setiuservalue(L, 1, LAS_LHANDLER);
  return 0;
}


static int loop_get_exception_handler (lua_State *L) {
  las_checkloop(L, 1);
  lua_getiuservalue(L, 1, LAS_LHANDLER);
  return 1;
}


static int loop_call_exception_handler (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  las_callhandler(L, lp);
  return 0;
}


static int loop_default_exception_handler (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  las_calldefault(L, lp);
  return 0;
}


/* set_default_handler(f): sets the default, which the Lua layer has */
static int core_set_default_handler (lua_State *L) {
  lua_settop(L, 1);
  lua_setiuservalue(L, lua_upvalueindex(1), LAS_UHANDLER);
  return 0;
}


void las_openhandler (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"set_default_handler", core_set_default_handler},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"set_exception_handler", loop_set_exception_handler},
    {"get_exception_handler", loop_get_exception_handler},
    {"call_exception_handler", loop_call_exception_handler},
    {"default_exception_handler", loop_default_exception_handler},
    {NULL, NULL}
  };
  las_addmethods(L, state, LAS_TLOOP, methods);
  las_setfuncs(L, state, funcs);
}
