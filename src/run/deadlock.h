/*
** deadlock.h
** Breaking the wait of a run's main task.
*/

#ifndef las_deadlock_h
#define las_deadlock_h

#include "base/base.h"


/* why it is broken, which decides the error */
enum las_Break {
  LAS_NOWAKER,	/* nothing can ever wake it: a DeadlockError that shows
		which task waits for what */
  LAS_GRACEOVER,	/* it has waited long enough for the others to end: a
		plain DeadlockError */
  LAS_LIMITREACHED	/* the time limit of the run: the function given to
		'set_limit' makes the error */
};

/* Makes the main task raise the error where it waits; if a plain future is the
   main, the run is stopped instead. Cannot raise. */
LAS_API void las_breakwait (las_Loop *lp, enum las_Break why);

#endif
