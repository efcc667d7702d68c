/*
** coroutine.c
** Coroutine functions, their objects, and await.
** A coroutine object is a Lua thread that has not started; awaiting one runs
** its function inline, in the current task.
*/

#include "core/core.h"


/*
** {==================================================================
** What can be awaited or made a task
** ===================================================================
*/

/* calling a coroutine function: upvalue 2 is its body */
static int callasync (lua_State *L) {
  int n = lua_gettop(L);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_rotate(L, 1, 2);
  if (!lua_checkstack(co, n + 8))
    luaL_error(L, "too many arguments");
  lua_xmove(L, co, n + 1);
  return 1;
}


/* a function with its arguments on the stack, nothing run, and not the
   coroutine of a task? */
static int isfresh (lua_State *co) {
  lua_Debug ar;
  return lua_status(co) == LUA_OK && !lua_getstack(co, 0, &ar) &&
         lua_gettop(co) > 0 && !las_istaskthread(co);
}


int las_tobody (lua_State *L, int i, int arg) {
  switch (lua_type(L, i)) {
    case LUA_TFUNCTION:
      if (las_unlikely(lua_tocfunction(L, i) == callasync)) {
        lua_getupvalue(L, i, 2);
        lua_replace(L, i);
      }
      return 1;
    case LUA_TTHREAD:
      luaL_argcheck(L, isfresh(lua_tothread(L, i)), arg,
                    "coroutine was started or awaited before");
      return 1;
    default:
      return las_iscallable(L, i);
  }
}


/* Raises an argument error about the value at 'i', which need not be where
   the argument was. */
static int typeerror (lua_State *L, int i, int arg, const char *expected) {
  const char *got = luaL_typename(L, i);
  if (luaL_getmetafield(L, i, "__name") == LUA_TSTRING)
    got = lua_tostring(L, -1);
  return luaL_argerror(L, arg, lua_pushfstring(L, "%s expected, got %s",
                                               expected, got));
}


/* Has the value an '__await' metamethod? [-0, +(1 if so), -] */
static int getawait (lua_State *L, int i) {
  return luaL_getmetafield(L, i, "__await") != LUA_TNIL;
}


static int asyncio_await (lua_State *L);


void las_checkstartable (lua_State *L, las_Loop *lp, int i, int arg) {
  las_Future *f;
  if (las_likely(lua_type(L, i) == LUA_TFUNCTION))
    return;
  f = las_tofuture(L, las_state(L), i);
  if (f != NULL) {
    if (f->loop != lp && f->item.state == LAS_PENDING)
      luaL_argerror(L, arg, "future of another loop");
  }
  else if (getawait(L, i))
    lua_pop(L, 1);
  else {
    lua_pushvalue(L, i);
    if (!las_tobody(L, lua_gettop(L), arg))
      typeerror(L, i, arg, "awaitable or function");
    lua_pop(L, 1);
  }
}


int las_isawaitable (lua_State *L, int i) {
  if (lua_isthread(L, i) || las_tofuture(L, las_state(L), i) != NULL)
    return 1;
  if (!getawait(L, i))
    return 0;
  lua_pop(L, 1);
  return 1;
}


void las_checknoargs (lua_State *L, int first, int arg) {
  int i;
  for (i = first; i <= lua_gettop(L); i++) {
    luaL_argcheck(L, lua_isnil(L, i), (arg != 0) ? arg : i,
                  "only a function takes arguments");
  }
}


int las_isthing (lua_State *L, int i) {
  if (getawait(L, i)) {
    lua_pop(L, 1);
    return 1;
  }
  return las_iscallable(L, i);
}


las_Future *las_ensurefuture (lua_State *L, las_Loop *lp, int i, int arg) {
  las_Future *f;
  las_checkstartable(L, lp, i, arg);
  f = las_tofuture(L, las_state(L), i);
  if (f != NULL)
    return f;
  luaL_checkstack(L, 4, NULL);
  if (lua_type(L, i) != LUA_TFUNCTION && getawait(L, i)) {
    lua_pop(L, 1);
    las_getanchored(L, LAS_UAWAIT);
    lua_pushvalue(L, i);
    f = las_spawn(L, lp, 1);
  }
  else {
    lua_pushvalue(L, i);
    las_tobody(L, lua_gettop(L), arg);
    f = las_spawn(L, lp, 0);
  }
  lua_replace(L, i);
  return f;
}

/* }================================================================== */


/*
** {==================================================================
** await
** ===================================================================
*/

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


/* Waits for the future at 1, where nothing else may lie below. */
static int awaitfuture (lua_State *L, las_Task *t, las_Future *f,
                        const las_Wait *how) {
  if (f->item.state == LAS_PENDING) {
    if (f->loop != t->f.loop)
      return luaL_error(L, "cannot await a future of another loop");
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


/* results of a call: all but the awaited thing at 1 */
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
    luaL_argcheck(L, isfresh(co), 1,
                  "coroutine was started or awaited before");
    n = lua_gettop(co);
    luaL_checkstack(L, n + 1, "too many arguments");
    lua_xmove(co, L, n);
    lua_callk(L, n - 1, LUA_MULTRET, 0, callk);
    return callk(L, LUA_OK, 0);
  }
  if (getawait(L, 1)) {
    lua_pushvalue(L, 1);
    lua_callk(L, 1, LUA_MULTRET, 0, callk);
    return callk(L, LUA_OK, 0);
  }
  return luaL_typeerror(L, 1, "awaitable");
}


/* shield(aw): waits as await does, but keeps a cancel from reaching it. */
static int asyncio_shield (lua_State *L) {
  las_Task *t = las_checktask(L, "shield");
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  return awaitfuture(L, t, las_ensurefuture(L, t->f.loop, 1, 1),
                     &shieldwait);
}

/* }================================================================== */


static int asyncio_async (lua_State *L) {
  luaL_argexpected(L, las_iscallable(L, 1), 1, "function");
  lua_settop(L, 1);
  if (lua_iscfunction(L, 1) && lua_tocfunction(L, 1) == callasync)
    return 1;  /* it is one already */
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_pushcclosure(L, callasync, 2);
  return 1;
}


/* body(f): what a coroutine function runs; any other value as it is */
static int core_body (lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (lua_isfunction(L, 1))
    las_tobody(L, 1, 1);
  return 1;
}


static int asyncio_iscoroutinefunction (lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, lua_iscfunction(L, 1) &&
                     lua_tocfunction(L, 1) == callasync);
  return 1;
}


static int asyncio_iscoroutine (lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, lua_isthread(L, 1));
  return 1;
}


static int asyncio_isfuture (lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, las_tofuture(L, las_state(L), 1) != NULL);
  return 1;
}


static int asyncio_isawaitable (lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, las_isawaitable(L, 1));
  return 1;
}


/* ensure_future(aw [, loop]): a future stays, all else becomes a task. */
static int asyncio_ensure_future (lua_State *L) {
  las_Loop *lp = lua_isnoneornil(L, 2) ? NULL : las_checkloop(L, 2);
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (las_tofuture(L, las_state(L), 1) == NULL)
    las_ensurefuture(L, (lp != NULL) ? lp : las_defaultloop(L), 1, 1);
  return 1;
}


void las_opencoroutine (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"async", asyncio_async},
    {"await", asyncio_await},
    {"shield", asyncio_shield},
    {"body", core_body},
    {"iscoroutine", asyncio_iscoroutine},
    {"iscoroutinefunction", asyncio_iscoroutinefunction},
    {"isfuture", asyncio_isfuture},
    {"isawaitable", asyncio_isawaitable},
    {"ensure_future", asyncio_ensure_future},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  lua_getfield(L, -1, "await");
  lua_setiuservalue(L, state, LAS_UAWAIT);
}
