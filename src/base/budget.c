/*
** budget.c
** How often the loop polls while its queue is full.
** On a virtual clock only the count matters, so that the order is the same
** in every run.
*/

#include "base/budget.h"
#include "base/loop.h"


#define POLLAFTER	2	/* milliseconds: then a poll is due anyway */


/* The longer steps take, the fewer of them come between polls. */
void las_adaptpolls (las_Loop *lp, uint64_t before) {
  uint64_t took = uv_now(&lp->uv) - before;  /* milliseconds */
  unsigned every = lp->budget.pollevery;
  if (lp->clock.isvirtual)
    return;
  if (took >= POLLAFTER)
    every = (took < every) ? every / (unsigned)took : 1;
  else
    every *= 2;
  lp->budget.pollevery = (every < LAS_POLLEVERY) ? every : LAS_POLLEVERY;
}


int las_mustpoll (las_Loop *lp, int look) {
  if (look && !lp->clock.isvirtual &&
      uv_hrtime() / 1000000 >= uv_now(&lp->uv) + POLLAFTER)
    las_pollsoon(lp);
  return lp->budget.ticks >= lp->budget.pollevery;
}
