/*
** run.c
** Running a loop: forever, or until a future is done, and how that ends.
*/

#include "base/check.h"
#include "base/clock.h"
#include "base/current.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/await.h"
#include "task/future.h"
#include "task/park.h"
#include "rooms.h"
#include "run/sigint.h"
#include "run/turn.h"


static void onmaindone (las_Trigger *w, las_Future *f) {
  (void)f;
  las_owner(w, las_Loop, run.maindone)->run.stop = 1;
}


static void checkcanrun (lua_State *L, las_Loop *lp) {
  if (lp->S->loop != NULL)
    luaL_error(L, "a loop is already running in this Lua state");
  if (lp->S->lost != 0)
    las_raiseforeign(L, lp->S->lost);
  las_checkending(L);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
}


/* loop:run_forever(): until stop() */
static int loop_run_forever (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  lua_settop(L, 1);
  checkcanrun(L, lp);
  las_catchsigint(lp, LAS_SIGSTOP);
  las_runloop(lp, L);
  las_leavesigint(lp);
  return (lp->run.interrupted == 0) ? 0 : luaL_error(L, "interrupted!");
}


/* Runs until the future is done, or something stops the loop. */
static void rununtil (lua_State *L, las_Loop *lp, las_Future *f,
                      enum las_SigintMode mode) {
  lp->run.maindone.item.type = LAS_TRIGGER;
  lp->run.maindone.fire = onmaindone;
  las_append(&f->waiters, &lp->run.maindone.item);
  lp->run.main = f;
  lp->run.ending = (mode == LAS_SIGENDING);
  las_catchsigint(lp, mode);
  las_runloop(lp, L);
  las_leavesigint(lp);
  if (f->item.state == LAS_PENDING)
    las_unlink(&f->waiters, &lp->run.maindone.item);
  lp->run.main = NULL;
  lp->run.ending = 0;
}


/* Raises the reason why the run has ended although the future is not done. */
static int raisestopped (lua_State *L, las_Loop *lp) {
  if (lp->run.interrupted == LAS_STOPPED)
    return luaL_error(L, "interrupted!");
  if (lp->run.deadlocked)
    return las_raisedeadlock(L, lp);
  return luaL_error(L, "the loop was stopped before the future was done");
}


/* Runs the awaitable at 2 on the loop at 1 and returns its results. */
static int complete (lua_State *L, enum las_SigintMode mode) {
  las_Loop *lp = las_checkloop(L, 1);
  las_Future *f;
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  checkcanrun(L, lp);
  f = las_ensurefuture(L, lp, 2, 2);
  if (f->loop != lp)
    return luaL_argerror(L, 2, "the future belongs to another loop");
  if (f->item.state == LAS_PENDING) {
    rununtil(L, lp, f, mode);
    if (f->item.state == LAS_PENDING)
      return raisestopped(L, lp);
  }
  lp->run.deadlocked = 0;
  return las_outcome(L, 2);
}


/* loop:run_until_complete(aw): the results of aw; a SIGINT stops the run */
static int loop_run_until_complete (lua_State *L) {
  int i;
  las_checkloop(L, 1);
  for (i = 3; i <= lua_gettop(L); i++)
    luaL_argcheck(L, lua_isnil(L, i), i,
                  "nil expected: it hands on no arguments");
  return complete(L, LAS_SIGSTOP);
}


/* complete(loop, aw, ending): the same for 'run', but the first SIGINT cancels
   aw; if 'ending', a SIGINT that came before counts */
static int core_complete (lua_State *L) {
  return complete(L, lua_toboolean(L, 3) ? LAS_SIGENDING : LAS_SIGCANCEL);
}


/* loop:stop(): the run ends after this turn */
static int loop_stop (lua_State *L) {
  las_checkloop(L, 1)->run.stop = 1;
  return 0;
}


/* interrupted(loop [, main]): what a SIGINT did: "cancelled", "missed" (the
   cancel never reached the main task), "stopped", or nil if none came */
static int core_interrupted (lua_State *L) {
  las_Loop *lp = (las_Loop *)las_check(L, 1, LAS_TLOOP);
  las_Future *f = lua_isnoneornil(L, 2) ? NULL : las_checkfuture(L, 2);
  int kept = (f != NULL && f->item.type == LAS_TASK &&
              (f->item.flags & LAS_FMUST));
  switch (lp->run.interrupted) {
    case 0: lua_pushnil(L); break;
    case LAS_STOPPED: lua_pushliteral(L, "stopped"); break;
    case LAS_CANCELLING:
      lua_pushstring(L, kept ? "missed" : "cancelled");
      break;
    default: lua_pushliteral(L, "missed");
  }
  return 1;
}


/* set_grace(loop, seconds | nil): after that time the main task gets a
   DeadlockError where it waits, as if nothing could wake it */
static int core_set_grace (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  lp->run.grace = 0;
  if (!lua_isnoneornil(L, 2)) {
    lua_Number seconds = las_checkseconds(L, 2);
    lp->run.grace = las_after(lp, seconds);
    lp->run.realgrace = uv_hrtime() + las_moment(seconds);
  }
  return 0;
}


/* set_limit(loop, seconds | nil, makeerror | nil): after that much real time
   the main task gets the error that makeerror() returns where it waits, or is
   cancelled at its next wait. If it then goes on, the run ends without it.
   Busy code is stopped in any case. overdue(loop): was the limit reached? */
static int core_set_limit (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  lp->run.limit = lua_isnoneornil(L, 2) ? 0
              : uv_hrtime() + las_moment(las_checkseconds(L, 2));
  lp->run.overdue = 0;
  lua_settop(L, 3);
  lua_setiuservalue(L, 1, LAS_LLATE);
  return 0;
}


/* extend_limit(loop, seconds): if the limit was reached, which stays so, the
   clean-up of the main task gets more time before it is stopped */
static int core_extend_limit (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  if (lp->run.overdue)
    lp->run.limit = uv_hrtime() + las_moment(las_checkseconds(L, 2));
  return 0;
}


static int core_overdue (lua_State *L) {
  lua_pushboolean(L, ((las_Loop *)las_check(L, 1, LAS_TLOOP))->run.overdue);
  return 1;
}


void las_openrun (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"complete", core_complete},
    {"interrupted", core_interrupted},
    {"set_grace", core_set_grace},
    {"set_limit", core_set_limit},
    {"extend_limit", core_extend_limit},
    {"overdue", core_overdue},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"run_until_complete", loop_run_until_complete},
    {"run_forever", loop_run_forever},
    {"stop", loop_stop},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  las_addmethods(L, state, LAS_TLOOP, methods);
}
