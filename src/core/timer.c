/*
** timer.c
** The loop's clock, and sleep.
** One heap holds every deadline; one uv_timer_t wakes the loop for its top.
*/

#include "core/core.h"


uint64_t las_now (las_Loop *lp) {
  return lp->virtual ? lp->clock : uv_hrtime();
}


uint64_t las_moment (lua_Number when) {
  lua_Number ns = when * 1e9;
  if (!(ns > 0))
    return 0;
  return (ns < (lua_Number)LAS_FAR) ? (uint64_t)ns : LAS_FAR;
}


uint64_t las_after (las_Loop *lp, lua_Number seconds) {
  uint64_t delay = las_moment(seconds), now = las_now(lp);
  return (delay < LAS_FAR - now) ? now + delay : LAS_FAR;
}


static void leavesleep (las_Task *t) {
  las_heapremove(&t->f.loop->heap, &t->f.item);
}

static const las_Wait sleepwait = {.name = "sleep", .leave = leavesleep};


static int sleepk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  las_checkwake(L);
  return lua_gettop(L) - 1;
}


/* sleep(delay, ...): returns the rest after so many seconds */
static int asyncio_sleep (lua_State *L) {
  las_Task *t = las_checktask(L, "sleep");
  lua_Number delay = las_checkseconds(L, 1);
  if (delay <= 0)
    las_giveway(L, t);
  else {
    las_Loop *lp = t->f.loop;
    las_checkcancel(L, t);
    if (!las_heapreserve(&lp->heap))
      return luaL_error(L, "not enough memory");
    las_heapadd(&lp->heap, &t->f.item, las_after(lp, delay));
    las_park(t, &sleepwait, NULL);
  }
  return lua_yieldk(L, 0, 0, sleepk);
}


void las_opentimer (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"sleep", asyncio_sleep},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
