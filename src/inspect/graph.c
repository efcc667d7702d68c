/*
** graph.c
** What each task waits for: the data of reports and of the call graph.
** It is only read while a task waits; afterwards the object may be gone.
*/

#include "base/anchor.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "base/trace.h"
#include "task/context.h"
#include "task/future.h"
#include "task/task.h"
#include "inspect/since.h"
#include "rooms.h"


/* Appends a future to the list on top, if it is still pending. */
static void append (lua_State *L, las_Future *f) {
  if (f->item.state == LAS_PENDING && f->item.slot != 0) {
    las_pushanchored(L, f->loop, f->item.slot);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
}


/* Pushes the name of the object that a task waits for, or nil. The object lies
   in slot 1 of the function that waits. */
static void pushname (lua_State *L, const las_Task *t) {
  lua_State *co = las_innermost(t->f.loop->S, t->co);
  lua_Debug ar;
  if (t->wait->inslot1 && lua_getstack(co, 0, &ar) &&
      lua_checkstack(co, 1) && lua_getlocal(co, &ar, 1) != NULL) {
    if (co != L)
      lua_xmove(co, L, 1);
    if (lua_type(L, -1) == LUA_TUSERDATA && las_pushobjectname(L, -1)) {
      lua_remove(L, -2);
      return;
    }
    lua_pop(L, 1);
  }
  lua_pushnil(L);
}


/* waiting(task): the kind of its wait, or nil; a list of the futures and tasks
   that it awaits there; the number of the task that has what it waits for, or
   nil; the name of the object it waits for, or nil */
static int core_waiting (lua_State *L) {
  las_Task *t = (las_Task *)las_check(L, 1, LAS_TTASK);
  uint64_t holder = 0;
  las_Future *f;
  int i;
  if (t->f.item.phase != LAS_PARKED) {
    lua_pushnil(L);
    lua_newtable(L);
    return 2;
  }
  lua_pushstring(L, t->wait->name);
  lua_newtable(L);
  if (t->wait->inner != NULL)
    append(L, t->wait->inner(t));
  if (t->wait->child != NULL) {
    for (i = 0; (f = t->wait->child(t, i)) != NULL; i++)
      append(L, f);
  }
  if (t->wait->holder != NULL)
    holder = t->wait->holder(t);
  if (holder != 0)
    lua_pushinteger(L, (lua_Integer)holder);
  else
    lua_pushnil(L);
  pushname(L, t);
  return 4;
}


/* number(task): the number in its default name, which 'waiting' returns, too */
static int core_number (lua_State *L) {
  las_Task *t = (las_Task *)las_check(L, 1, LAS_TTASK);
  lua_pushinteger(L, (lua_Integer)t->id);
  return 1;
}


/* phase(task): "new", "ready", "running", "waiting" or "done"; the place where
   it is; the moment when it began to wait; its context. Each is nil if there
   is none, or if it is not known */
static int core_phase (lua_State *L) {
  static const char *const phases[] = {
    "new", "ready", "running", "waiting", "done"
  };
  las_Task *t = (las_Task *)las_check(L, 1, LAS_TTASK);
  uint64_t since = las_since(t->f.loop, t);
  lua_pushstring(L, phases[t->f.item.phase]);
  if (t->co != NULL)
    las_pushplace(L, t->co);
  else
    lua_pushnil(L);
  if (since != 0)
    lua_pushnumber(L, (lua_Number)since / 1e9);
  else
    lua_pushnil(L);
  las_pushcontextof(L, 1);
  return 4;
}


/* created(future): the stack that made a task in debug mode, else nil */
static int core_created (lua_State *L) {
  las_checkfuture(L, 1);
  if (las_getextra(L, 1, LAS_XCREATED) == LUA_TNIL)
    lua_pushnil(L);
  return 1;
}


void las_opengraph (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"waiting", core_waiting},
    {"number", core_number},
    {"phase", core_phase},
    {"created", core_created},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
