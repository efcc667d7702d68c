/*
** instrument.h
** Instruments watch what a loop runs: steps of tasks, and callbacks.
** A loop has at most one, and none while nobody watches.
*/

#ifndef las_instrument_h
#define las_instrument_h

#include "base/base.h"


/* No function here may raise or call Lua. 't' is NULL if a callback runs. */
typedef struct las_Instrument {
  void (*run) (las_Loop *lp, int begins);	/* a run begins, or ends */
  void (*step) (las_Loop *lp, las_Task *t);	/* it will run next */
  void (*stepped) (las_Loop *lp, las_Task *t);	/* it has run; raises only
			in a process that was forked meanwhile */
} las_Instrument;

/* How other rooms start the watchdog, which they do not know: the state block
   points to this. */
typedef struct las_Watcher {
  int (*open) (las_Loop *lp);	/* a loop was made, maybe in debug mode; 0
			without memory. C only */
  void (*slice) (las_Loop *lp, uint64_t ns);	/* makes tasks that may be
			sliced give way after so long. C only */
} las_Watcher;

#endif
