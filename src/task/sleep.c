/*
** sleep.c
** Sleeping: a wait that ends at a deadline.
** One heap holds every deadline; one uv_timer_t wakes the loop for its top.
*/

#include "base/check.h"
#include "base/clock.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "rooms.h"


static void leavesleep (las_Task *t) {
  las_heapremove(&t->f.loop->clock.heap, &t->f.item);
}

static const las_Wait sleepwait = {.name = "sleep", .leave = leavesleep};


static int sleepk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  las_checkwake(L);
  return lua_gettop(L) - 1;
}


/* sleep(delay, ...): returns the other arguments after 'delay' seconds */
static int asyncio_sleep (lua_State *L) {
  las_Task *t = las_checktask(L, "sleep");
  lua_Number delay = las_checkseconds(L, 1);
  if (delay <= 0)
    las_giveway(L, t);
  else {
    las_Loop *lp = t->f.loop;
    las_checkcancel(L, t);
    if (!las_heapreserve(&lp->clock.heap))
      return luaL_error(L, "not enough memory");
    las_heapadd(&lp->clock.heap, &t->f.item, las_after(lp, delay));
    las_park(t, &sleepwait, NULL);
  }
  return lua_yieldk(L, 0, 0, sleepk);
}


void las_opensleep (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"sleep", asyncio_sleep},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
