/*
** current.c
** Which loop is meant: the running one, or the one that was set.
** A loop that is closed or belongs to another process is never returned.
*/

#include "base/current.h"
#include "base/anchor.h"
#include "base/loop.h"
#include "base/state.h"
#include "rooms.h"


int las_raiseforeign (lua_State *L, int pid) {
  return luaL_error(L, "the loop belongs to process %d", pid);
}


las_Loop *las_checkloop (lua_State *L, int i) {
  las_Loop *lp = (las_Loop *)las_check(L, i, LAS_TLOOP);
  if (las_unlikely(lp->closed)) {
    if (lp->closed == LAS_FOREIGN)
      las_raiseforeign(L, lp->process.pid);
    luaL_error(L, "the loop is closed");
  }
  return lp;
}


las_Loop *las_checkrunning (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  if (lp == NULL) {
    if (las_state(L)->lost != 0)
      las_raiseforeign(L, las_state(L)->lost);
    luaL_error(L, "no running event loop");
  }
  return lp;
}


las_Loop *las_defaultloop (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  if (lp == NULL) {
    las_getanchored(L, LAS_UCURRENT);
    lp = (las_Loop *)lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (las_state(L)->lost != 0)
      las_raiseforeign(L, las_state(L)->lost);
    if (lp == NULL || lp->closed)
      luaL_error(L, "no current event loop");
  }
  return lp;
}


static int asyncio_get_running_loop (lua_State *L) {
  las_pushloop(L, las_checkrunning(L));
  return 1;
}


static int asyncio_get_event_loop (lua_State *L) {
  las_pushloop(L, las_defaultloop(L));
  return 1;
}


static int asyncio_set_event_loop (lua_State *L) {
  if (!lua_isnoneornil(L, 1))
    las_checkloop(L, 1);
  lua_settop(L, 1);
  lua_setiuservalue(L, lua_upvalueindex(1), LAS_UCURRENT);
  return 0;
}


void las_opencurrent (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"get_running_loop", asyncio_get_running_loop},
    {"get_event_loop", asyncio_get_event_loop},
    {"set_event_loop", asyncio_set_event_loop},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
