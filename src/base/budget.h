/*
** budget.h
** Fairness: how much may run before others, and the system, get their turn.
*/

#ifndef las_budget_h
#define las_budget_h

#include "base/base.h"


#define LAS_BUDGET	128	/* operations that need not suspend, in a row */
#define LAS_POLLEVERY	61	/* steps between polls while the queue is full,
				and each is short */

typedef struct las_Budget {
  int left;		/* operations left before the task gives way */
  unsigned ticks;	/* items run since the last poll */
  unsigned pollevery;	/* how many come before the next poll:
			LAS_POLLEVERY, fewer if they take long */
  uint32_t busy;	/* look-ups and the like: they keep the loop waiting */
} las_Budget;

/* Counts an operation that did not suspend. True when the task has used up its
   budget: it should call las_giveway and yield before it takes anything. */
#define las_spent(lp)	las_spend(lp, 1)
/* The same for an operation that counts as 'n'. */
#define las_spend(lp,n)	(((lp)->budget.left -= (n)) < 0)

/* Makes the next poll come before anything else that is ready. */
#define las_pollsoon(lp)	((void)((lp)->budget.ticks += LAS_POLLEVERY))

/* Have events waited long enough, by the number of steps or by the clock? The
   clock is read only if 'look' is set, because that takes time. */
LAS_API int las_mustpoll (las_Loop *lp, int look);

/* Adjusts how many steps come before the next poll. Call it when a poll that
   need not wait begins. libuv's clock showed 'before' at the last poll and
   has been updated since. */
LAS_API void las_adaptpolls (las_Loop *lp, uint64_t before);

#endif
