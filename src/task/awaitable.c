/*
** awaitable.c
** What can be awaited or made a task: coroutine functions, coroutine objects,
** futures, and values with an '__await' metamethod.
** A coroutine object is a Lua thread that has not started.
*/

#include "task/awaitable.h"
#include "base/check.h"
#include "base/hook.h"
#include "base/item.h"
#include "base/state.h"
#include "task/future.h"
#include "task/step.h"
#include "rooms.h"


/* Calls a coroutine function. Upvalue 2 is its body. */
static int callasync (lua_State *L) {
  int n = lua_gettop(L);
  lua_State *co = las_newthread(L);
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_rotate(L, 1, 2);
  if (!lua_checkstack(co, n + 8))
    luaL_error(L, "too many arguments");
  lua_xmove(L, co, n + 1);
  return 1;
}


int las_isfresh (lua_State *co) {
  lua_Debug ar;
  return lua_status(co) == LUA_OK && !lua_getstack(co, 0, &ar) &&
         lua_gettop(co) > 0 && !las_istaskthread(co);
}


int las_asbody (lua_State *L, int i, int arg) {
  switch (lua_type(L, i)) {
    case LUA_TFUNCTION:
      if (las_unlikely(lua_tocfunction(L, i) == callasync)) {
        lua_getupvalue(L, i, 2);
        lua_replace(L, i);
      }
      return 1;
    case LUA_TTHREAD:
      las_argcheck(L, las_isfresh(lua_tothread(L, i)), arg,
                   "coroutine was started or awaited before");
      return 1;
    default:
      return las_iscallable(L, i);
  }
}


void las_discardbody (lua_State *L, int i) {
  lua_State *co;
  lua_Debug ar;
  int top = lua_gettop(L);
  if (lua_istable(L, i)) {
    lua_rawgeti(L, i, 1);
    i = top + 1;
  }
  co = lua_tothread(L, i);
  if (co != NULL && co != L && lua_status(co) == LUA_OK &&
      !lua_getstack(co, 0, &ar) && !las_istaskthread(co))
    las_closethread(co, L);
  lua_settop(L, top);
}


int las_getawait (lua_State *L, int i) {
  return luaL_getmetafield(L, i, "__await") != LUA_TNIL;
}


void las_checkstartable (lua_State *L, las_Loop *lp, int i, int arg) {
  las_Future *f;
  if (las_likely(lua_type(L, i) == LUA_TFUNCTION))
    return;
  f = las_tofuture(L, las_state(L), i);
  if (f != NULL) {
    if (f->loop != lp && f->item.state == LAS_PENDING)
      las_argerror(L, arg, "the future belongs to another loop");
  }
  else if (las_getawait(L, i))
    lua_pop(L, 1);
  else {
    lua_pushvalue(L, i);
    if (!las_asbody(L, lua_gettop(L), arg))
      las_typeerror(L, i, arg, "awaitable or function");
    lua_pop(L, 1);
  }
}


int las_isawaitable (lua_State *L, int i) {
  if (lua_isthread(L, i) || las_tofuture(L, las_state(L), i) != NULL)
    return 1;
  if (!las_getawait(L, i))
    return 0;
  lua_pop(L, 1);
  return 1;
}


void las_checknoargs (lua_State *L, int first, int arg) {
  int i;
  for (i = first; i <= lua_gettop(L); i++) {
    las_argcheck(L, lua_isnil(L, i), (arg != 0) ? arg : i,
                 "only a function takes arguments");
  }
}


int las_isobject (lua_State *L, int i) {
  if (las_getawait(L, i)) {
    lua_pop(L, 1);
    return 1;
  }
  return las_iscallable(L, i);
}


static int asyncio_async (lua_State *L) {
  luaL_argexpected(L, las_iscallable(L, 1), 1, "function");
  lua_settop(L, 1);
  if (lua_iscfunction(L, 1) && lua_tocfunction(L, 1) == callasync)
    return 1;  /* it is a coroutine function already */
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_pushcclosure(L, callasync, 2);
  return 1;
}


/* body(f): the body of a coroutine function; any other value as it is */
static int core_body (lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (lua_isfunction(L, 1))
    las_asbody(L, 1, 1);
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


/* isfresh(thread): is it a coroutine object that has not started? */
static int core_isfresh (lua_State *L) {
  luaL_checktype(L, 1, LUA_TTHREAD);
  lua_pushboolean(L, las_isfresh(lua_tothread(L, 1)));
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


void las_openawaitable (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"async", asyncio_async},
    {"body", core_body},
    {"iscoroutine", asyncio_iscoroutine},
    {"iscoroutinefunction", asyncio_iscoroutinefunction},
    {"isfresh", core_isfresh},
    {"isfuture", asyncio_isfuture},
    {"isawaitable", asyncio_isawaitable},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
