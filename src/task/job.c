/*
** job.c
** Jobs: C functions that the loop calls in their turn.
** This is the loop's second way into Lua, beside the step of a task.
*/

#include "task/job.h"
#include "base/hook.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "rooms.h"


/* Calls the function of a job, with the state block as upvalue. */
static int calljob (lua_State *L) {
  las_Job *job = (las_Job *)lua_touserdata(L, 1);
  job->run(L);
  return 0;
}


void las_runjob (las_Loop *lp, las_Job *job) {
  lua_State *L = lp->L;
  lua_pushvalue(lp->anchors.thread, LAS_ARUNJOB);
  lua_xmove(lp->anchors.thread, L, 1);
  lua_pushlightuserdata(L, job);
  lp->now.calling = 1;
  if (las_unlikely(lp->instrument != NULL))
    lp->instrument->step(lp, NULL);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {  /* no memory even to report? */
    const char *msg = lua_tostring(L, -1);
    lua_writestringerror("asyncio: %s\n", msg ? msg : "error in a callback");
    lua_pop(L, 1);
  }
  lp->now.calling = 0;
  if (las_unlikely(lp->hook.co != NULL))
    las_movehook(lp, NULL);
  if (las_unlikely(lp->instrument != NULL))
    lp->instrument->stepped(lp, NULL);
}


void las_openjob (lua_State *L, int state) {
  lua_pushvalue(L, state);
  lua_pushcclosure(L, calljob, 1);
  lua_setiuservalue(L, state, LAS_URUNJOB);
}
