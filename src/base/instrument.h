/*
** instrument.h
** An instrument watches what a loop runs: steps of tasks, and callbacks.
** A loop has one at most, and none while nobody watches.
*/

#ifndef las_instrument_h
#define las_instrument_h

#include "base/base.h"


/* Nothing here may raise or call Lua. 't' is NULL where a callback runs. */
typedef struct las_Instrument {
  void (*run) (las_Loop *lp, int begins);	/* a run begins, or ends */
  void (*step) (las_Loop *lp, las_Task *t);	/* it is about to run */
  void (*stepped) (las_Loop *lp, las_Task *t);	/* it has run; raises only
			in a process that was forked meanwhile */
} las_Instrument;

/* What the room with the watchdog does for others: it hangs off the state. */
typedef struct las_Watcher {
  int (*open) (las_Loop *lp);	/* a loop was made, maybe in debug mode; 0
			without memory. C only */
  void (*slice) (las_Loop *lp, uint64_t ns);	/* some tasks are to give way
			after so long. C only */
} las_Watcher;

#endif
