/*
** graph.c
** Who waits for whom: what reports and the call graph are made of.
** Nothing is read of a task but while it waits: what it waited for may be gone.
*/

#include <string.h>

#include "core/core.h"
#include "core/job.h"


/* Appends a future to the list on top, if it is still pending. */
static void append (lua_State *L, las_Future *f) {
  if (f->item.state == LAS_PENDING && f->item.slot != 0) {
    las_pushanchored(L, f->loop, f->item.slot);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
}


/* waiting(task): what kind of wait it is in, or nil; a list of the futures
   and tasks it awaits there; the number of the task that has what it waits
   for, or nil */
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
  if (holder == 0)
    return 2;
  lua_pushinteger(L, (lua_Integer)holder);
  return 3;
}


/* number(task): as in its default name, and as 'waiting' gives it */
static int core_number (lua_State *L) {
  las_Task *t = (las_Task *)las_check(L, 1, LAS_TTASK);
  lua_pushinteger(L, (lua_Integer)t->id);
  return 1;
}


/* created(future): the stack that made a task in debug mode, else nil */
static int core_created (lua_State *L) {
  las_checkfuture(L, 1);
  if (las_getextra(L, 1, LAS_XCREATED) == LUA_TNIL)
    lua_pushnil(L);
  return 1;
}


/* set_deadlock_text(f): f(loop) gives the text of a DeadlockError */
static int core_set_deadlock_text (lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_setiuservalue(L, lua_upvalueindex(1), LAS_UDEADLOCK);
  return 0;
}


static int makedeadlock (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  las_newerror(L, "DeadlockError", NULL);
  las_getanchored(L, LAS_UDEADLOCK);
  las_pushloop(L, lp);
  lua_call(L, 1, 1);
  lua_setfield(L, -2, "message");
  las_pushloop(L, lp);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, LAS_LDEADLOCK);
  return 0;
}


void las_makedeadlock (las_Loop *lp) {
  las_Job job;
  memset(&job, 0, sizeof(job));
  job.watch.item.type = LAS_JOB;
  job.run = makedeadlock;
  las_runjob(lp, &job);
}


int las_raisedeadlock (lua_State *L, las_Loop *lp) {
  lp->deadlocked = 0;
  luaL_checkstack(L, 4, NULL);
  las_pushloop(L, lp);
  if (lua_getiuservalue(L, -1, LAS_LDEADLOCK) == LUA_TNIL) {
    lua_pop(L, 1);
    las_newerror(L, "DeadlockError", "nothing can ever wake the main task");
  }
  lua_pushnil(L);
  lua_setiuservalue(L, -3, LAS_LDEADLOCK);
  return lua_error(L);
}


void las_opengraph (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"waiting", core_waiting},
    {"number", core_number},
    {"created", core_created},
    {"set_deadlock_text", core_set_deadlock_text},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
