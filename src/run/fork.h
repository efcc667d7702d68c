/*
** fork.h
** Forked processes: a loop belongs to the process that made it.
*/

#ifndef las_fork_h
#define las_fork_h

#include "base/base.h"


/* A loop is made, and goes. From the first to the second a fork makes the
   child's copy LAS_FOREIGN. */
LAS_API void las_enterprocess (las_Loop *lp);
LAS_API void las_leaveprocess (las_Loop *lp);

/* Makes the loop of another process LAS_FOREIGN, if the fork did not. */
LAS_API void las_checkprocess (las_Loop *lp);

/* Closes what a foreign loop has of the system, here and not in the process
   that it belongs to; nothing is run or reported. C only. */
LAS_API void las_dropforeign (las_Loop *lp);

/* The step or callback that has ended was forked away from its loop: whoever
   runs that is left by an error. */
LAS_API void las_leaverun (las_Loop *lp);

#endif
