/*
** clock.c
** The loop's clock: real or virtual, in nanoseconds.
*/

#include "base/clock.h"
#include "base/loop.h"


uint64_t las_now (las_Loop *lp) {
  return lp->clock.isvirtual ? lp->clock.now : uv_hrtime();
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
