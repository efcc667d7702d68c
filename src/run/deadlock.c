/*
** deadlock.c
** Deadlocks: the main task of a run that nothing will wake gets an error where
** it waits, so that its <close> variables run.
** The error's text is made in Lua, by a job, before the task leaves its wait.
*/

#include <string.h>

#include "run/deadlock.h"
#include "base/anchor.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/cancel.h"
#include "task/future.h"
#include "task/job.h"
#include "rooms.h"


/* Keeps the error on top for the main task. [-1, +0, -] */
static void keeperror (lua_State *L, las_Loop *lp) {
  las_pushloop(L, lp);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, LAS_LBROKEN);
  lua_pop(L, 1);
}


/* job: makes a DeadlockError, whose text comes from 'set_deadlock_text' */
static int makedeadlock (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  las_newerror(L, "DeadlockError", NULL);
  las_getanchored(L, LAS_UDEADLOCK);
  las_pushloop(L, lp);
  lua_call(L, 1, 1);
  lua_setfield(L, -2, "message");
  keeperror(L, lp);
  return 0;
}


/* job: makes an error by the loop's LAS_LLATE */
static int makelate (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  las_pushloop(L, lp);
  if (lua_getiuservalue(L, -1, LAS_LLATE) == LUA_TNIL)
    return 0;
  lua_call(L, 0, 1);
  keeperror(L, lp);
  return 0;
}


/* A time limit that was reached does not stop the job, even if that is slow. */
static void runnow (las_Loop *lp, lua_CFunction f) {
  las_Job job;
  memset(&job, 0, sizeof(job));
  job.trigger.item.type = LAS_JOB;
  job.run = f;
  lp->run.spared = 1;
  las_runjob(lp, &job);
  lp->run.spared = 0;
}


void las_breakwait (las_Loop *lp, enum las_Break why) {
  if (why == LAS_NOWAKER)
    runnow(lp, makedeadlock);
  else if (why == LAS_LIMITREACHED)
    runnow(lp, makelate);
  lp->run.deadlocked = 1;
  if (lp->run.main->item.type == LAS_TASK &&
      lp->run.main->item.phase == LAS_PARKED)
    las_throw((las_Task *)lp->run.main);
  else
    lp->run.stop = 1;
}


/* set_deadlock_text(f): f(loop) gives the text of a DeadlockError */
static int core_set_deadlock_text (lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_setiuservalue(L, lua_upvalueindex(1), LAS_UDEADLOCK);
  return 0;
}


void las_opendeadlock (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"set_deadlock_text", core_set_deadlock_text},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
