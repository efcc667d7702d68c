/*
** sigint.h
** SIGINT while a loop runs.
*/

#ifndef las_sigint_h
#define las_sigint_h

#include "base/base.h"


/* What has become of a SIGINT. LAS_MISSED: the main task had ended. */
enum {LAS_INTERRUPTED = 1, LAS_CANCELLING, LAS_MISSED, LAS_STOPPED};
/* What a SIGINT does in a run: it stops at once, or the first cancels the main
   task; while a run ends, one that came before counts too. */
enum las_SigintMode {LAS_SIGSTOP, LAS_SIGCANCEL, LAS_SIGENDING};
LAS_API void las_catchsigint (las_Loop *lp, enum las_SigintMode mode);
LAS_API void las_leavesigint (las_Loop *lp);
LAS_API void las_takesigint (las_Loop *lp);

#endif
