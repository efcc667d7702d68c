/*
** step.h
** Steps: how the loop enters a task's Lua code, and how that ends.
*/

#ifndef las_step_h
#define las_step_h

#include "base/base.h"


/* Is it the coroutine of a task? Cannot raise. */
LAS_API int las_istaskthread (lua_State *co);

/* Resumes the task, protected. Raises only in a process that was forked
   meanwhile. */
LAS_API void las_step (las_Loop *lp, las_Task *t);
/* Does the same for a parked task that is unlinked and stands in no queue. */
LAS_API void las_stepnow (las_Loop *lp, las_Task *t);
/* Steps 'child' at once if it is new and alone in the ready queue. The parked
   task 't' waits for it and is still inside its own step, in L. Returns
   whether it is the next to run: then it must go on without a yield. */
LAS_API int las_stepawaited (lua_State *L, las_Task *t, las_Task *child);

#endif
