/*
** fork.h
** Forked processes: a loop belongs to the process that made it.
*/

#ifndef las_fork_h
#define las_fork_h

#include "base/base.h"


/* Call the first when a loop is made, the second before it goes. In between, a
   fork makes the child's copy LAS_FOREIGN. Cannot raise. */
LAS_API void las_enterprocess (las_Loop *lp);
LAS_API void las_leaveprocess (las_Loop *lp);

/* Makes a loop of another process LAS_FOREIGN, if the fork did not. */
LAS_API void las_checkprocess (las_Loop *lp);

/* Closes what a foreign loop has of the system, in this process and not in the
   one that it belongs to. Nothing is run or reported. C only. */
LAS_API void las_dropforeign (las_Loop *lp);

/* Ends the run of a loop in a child that was forked in a step or callback of
   it, which has ended now: raises an error through the frames of the run. */
LAS_API void las_leaverun (las_Loop *lp);

#endif
