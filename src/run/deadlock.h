/*
** deadlock.h
** Breaking the wait of a run's main task.
*/

#ifndef las_deadlock_h
#define las_deadlock_h

#include "base/base.h"


/* Why it is broken, and so by which error. */
enum las_Break {
  LAS_NOWAKER,	/* nothing can ever wake it: a DeadlockError that says who
		waits for what */
  LAS_GRACEOVER,	/* it has waited for the others to end: a plain one */
  LAS_LIMITREACHED	/* the run has a time limit: what 'set_limit' was given
		makes the error */
};

/* The main task gets the error where it waits; a run whose main is a plain
   future is stopped instead. Cannot raise. */
LAS_API void las_breakwait (las_Loop *lp, enum las_Break why);

#endif
