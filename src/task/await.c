/*
** await.c
** Waiting for what can be awaited: await and shield.
** A coroutine object runs inline, in the current task.
*/

#include "task/await.h"
#include "base/budget.h"
#include "base/current.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/awaitable.h"
#include "task/future.h"
#include "task/park.h"
#include "task/step.h"
#include "task/task.h"
#include "rooms.h"


las_Future *las_ensurefuture (lua_State *L, las_Loop *lp, int i, int arg) {
  las_Future *f;
  las_checkstartable(L, lp, i, arg);
  f = las_tofuture(L, las_state(L), i);
  if (f != NULL)
    return f;
  luaL_checkstack(L, 4, NULL);
  if (lua_type(L, i) != LUA_TFUNCTION && las_getawait(L, i)) {
    lua_pop(L, 1);
    las_getanchored(L, LAS_UAWAIT);
    lua_pushvalue(L, i);
    f = las_spawn(L, lp, 1);
  }
  else {
    lua_pushvalue(L, i);
    las_asbody(L, lua_gettop(L), arg);
    f = las_spawn(L, lp, 0);
  }
  lua_replace(L, i);
  return f;
}


static las_Future *innerfuture (las_Task *t) {
  return (las_Future *)t->what;
}

static const las_Wait awaitwait = {.name = "future", .inner = innerfuture};

static las_Future *shielded (las_Task *t, int i) {
  return (i == 0) ? (las_Future *)t->what : NULL;
}

static const las_Wait shieldwait = {.name = "shield", .child = shielded};


static int awaitk (lua_State *L, int status, lua_KContext ctx) {
  las_Task *t = las_checkwake(L);
  (void)status;
  (void)ctx;
  if (las_unlikely(((las_Future *)lua_touserdata(L, 1))->item.state ==
                   LAS_CANCELLED))
    las_absorbcancel(t);
  return las_outcome(L, 1);
}


/* Waits for the future at 1, the lowest value on the stack. */
static int awaitfuture (lua_State *L, las_Task *t, las_Future *f,
                        const las_Wait *how) {
  if (f->item.state == LAS_PENDING) {
    if (f->loop != t->f.loop)
      return luaL_error(L, "cannot await a future that belongs to another"
                        " loop");
    if (f == &t->f)
      return luaL_error(L, "a task cannot await itself");
    las_checkcancel(L, t);
    las_await(L, 1, f, t);
    las_park(t, how, f);
    if (f->item.type == LAS_TASK && las_stepawaited(L, t, (las_Task *)f))
      return awaitk(L, LUA_OK, 0);
    return lua_yieldk(L, 0, 0, awaitk);
  }
  if (las_spent(t->f.loop)) {
    las_giveway(L, t);
    return lua_yieldk(L, 0, 0, awaitk);
  }
  return las_outcome(L, 1);
}


/* The results of a call: everything above the awaited value at 1. */
static int callk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  return lua_gettop(L) - 1;
}


static int asyncio_await (lua_State *L) {
  las_Task *t = las_checktask(L, "await");
  las_Future *f = las_tofuture(L, t->f.loop->S, 1);
  if (las_likely(f != NULL))
    return awaitfuture(L, t, f, &awaitwait);
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (lua_isthread(L, 1)) {
    lua_State *co = lua_tothread(L, 1);
    int n;
    luaL_argcheck(L, las_isfresh(co), 1,
                  "coroutine was started or awaited before");
    n = lua_gettop(co);
    luaL_checkstack(L, n + 1, "too many arguments");
    lua_xmove(co, L, n);
    lua_callk(L, n - 1, LUA_MULTRET, 0, callk);
    return callk(L, LUA_OK, 0);
  }
  if (las_getawait(L, 1)) {
    lua_pushvalue(L, 1);
    lua_callk(L, 1, LUA_MULTRET, 0, callk);
    return callk(L, LUA_OK, 0);
  }
  return luaL_typeerror(L, 1, "awaitable");
}


/* shield(aw): waits as await does, but no cancel reaches aw */
static int asyncio_shield (lua_State *L) {
  las_Task *t = las_checktask(L, "shield");
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  return awaitfuture(L, t, las_ensurefuture(L, t->f.loop, 1, 1),
                     &shieldwait);
}


/* ensure_future(aw [, loop]): a future as it is; anything else as a task */
static int asyncio_ensure_future (lua_State *L) {
  las_Loop *lp = lua_isnoneornil(L, 2) ? NULL : las_checkloop(L, 2);
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (las_tofuture(L, las_state(L), 1) == NULL)
    las_ensurefuture(L, (lp != NULL) ? lp : las_defaultloop(L), 1, 1);
  return 1;
}


void las_openawait (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"await", asyncio_await},
    {"shield", asyncio_shield},
    {"ensure_future", asyncio_ensure_future},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  lua_getfield(L, -1, "await");
  lua_setiuservalue(L, state, LAS_UAWAIT);
}
