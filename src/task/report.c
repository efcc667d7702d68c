/*
** report.c
** Reports: errors that reach nobody else go to the loop's exception handler.
** A handler that fails is replaced by the default one for that report.
*/

#include "task/report.h"
#include "base/anchor.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/context.h"
#include "rooms.h"


/*
** {==================================================================
** The handler
** ===================================================================
*/

/* Pushes the context of the task or handle that the report at 'i' is about, or
   nil. [-0, +1, -] */
static void pushcontext (lua_State *L, int i) {
  static const char *const about[] = {"task", "handle"};
  int k;
  for (k = 0; k < 2; k++) {
    lua_pushstring(L, about[k]);
    lua_rawget(L, i);
    las_pushcontextof(L, lua_gettop(L));
    lua_remove(L, -2);
    if (!lua_isnil(L, -1))
      return;
    lua_pop(L, 1);
  }
  lua_pushnil(L);
}


/* call(handler, loop, report): calls it in the context that the report comes
   from */
static int call (lua_State *L) {
  enum {REPORT = 3};
  int status;
  if (las_likely(!las_state(L)->contexts)) {
    lua_call(L, 2, 0);
    return 0;
  }
  pushcontext(L, REPORT);
  if (lua_isnil(L, -1)) {
    lua_settop(L, REPORT);
    lua_call(L, 2, 0);
    return 0;
  }
  las_entercontext(L);
  lua_insert(L, 1);  /* the former context */
  status = lua_pcall(L, 2, 0, 0);
  lua_pushvalue(L, 1);
  las_entercontext(L);
  lua_settop(L, (status == LUA_OK) ? 1 : 2);
  return (status == LUA_OK) ? 0 : lua_error(L);
}


void las_calldefault (lua_State *L, las_Loop *lp) {
  las_getanchored(L, LAS_UHANDLER);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 2);
    lua_writestringerror("%s\n", "asyncio: unhandled error");
    return;
  }
  lua_insert(L, -2);
  las_pushloop(L, lp);
  lua_insert(L, -2);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    const char *msg = lua_tostring(L, -1);
    lua_writestringerror("asyncio: the default exception handler failed: "
                         "%s\n", msg ? msg : "(error object)");
    lua_pop(L, 1);
  }
}


/* Makes the report of an exception handler that failed. Its error is on top. */
static int failedcontext (lua_State *L) {
  lua_newtable(L);
  lua_pushliteral(L, "the exception handler failed");
  lua_setfield(L, -2, "message");
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "exception");
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, "context");
  return 1;
}


void las_callhandler (lua_State *L, las_Loop *lp) {
  int ctx = lua_gettop(L);
  if (!lua_checkstack(L, 10))
    return;
  las_pushloop(L, lp);
  lua_getiuservalue(L, -1, LAS_LHANDLER);
  lua_remove(L, -2);
  if (lua_isnil(L, -1)) {
    lua_settop(L, ctx);
    las_calldefault(L, lp);
    return;
  }
  las_getanchored(L, LAS_UCALL);
  lua_insert(L, -2);
  las_pushloop(L, lp);
  lua_pushvalue(L, ctx);
  if (lua_pcall(L, 3, 0, 0) != LUA_OK) {
    lua_pushvalue(L, ctx);  /* the first error must not be lost */
    las_calldefault(L, lp);
    lua_pushcfunction(L, failedcontext);
    lua_insert(L, -2);
    lua_pushvalue(L, ctx);
    if (lua_pcall(L, 2, 1, 0) == LUA_OK)
      las_calldefault(L, lp);
  }
  lua_settop(L, ctx - 1);
}

/* }================================================================== */


void las_openreport (lua_State *L, int state) {
  lua_pushvalue(L, state);
  lua_pushcclosure(L, call, 1);
  lua_setiuservalue(L, state, LAS_UCALL);
}
