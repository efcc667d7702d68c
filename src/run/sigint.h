/*
** sigint.h
** SIGINT while a loop runs.
*/

#ifndef las_sigint_h
#define las_sigint_h

#include "base/base.h"


/* What has become of a SIGINT. LAS_MISSED: the main task had ended. */
enum {LAS_INTERRUPTED = 1, LAS_CANCELLING, LAS_MISSED, LAS_STOPPED};

/* What a SIGINT does in a run: it stops the run at once; or the first one
   cancels the main task; or that while a run ends, and a SIGINT that came
   before counts, too. */
enum las_SigintMode {LAS_SIGSTOP, LAS_SIGCANCEL, LAS_SIGENDING};
/* Catches SIGINT for a run of the loop, and stops catching it. Cannot raise. */
LAS_API void las_catchsigint (las_Loop *lp, enum las_SigintMode mode);
LAS_API void las_leavesigint (las_Loop *lp);
/* On the loop, outside of Lua: does what the signal asked for. Cannot raise. */
LAS_API void las_takesigint (las_Loop *lp);

#endif
