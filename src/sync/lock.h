/*
** lock.h
** Locks, for conditions too.
*/

#ifndef las_lock_h
#define las_lock_h

#include "sync/line.h"


typedef struct las_Lock {
  las_Line line;	/* first */
  uint64_t owner;	/* number of the task that holds it; 0: it is free */
  const lua_State *co;	/* the coroutine it was acquired in: only compared,
			and only where no task's step closes the scope */
} las_Lock;

/* Frees a lock that was given to a task of a loop closed since. */
LAS_API void las_reclaimlock (las_Lock *lk);

/* Takes the lock for the task and returns what lies at 1, as a C function
   does; may yield. The lock is held by what lies at 1. */
LAS_API int las_acquirelock (lua_State *L, las_Task *t, las_Lock *lk);

/* Gives a lock that is held to the first task in its line, or frees it. */
LAS_API void las_releaselock (las_Lock *lk);

/* The end of a scope: releases the lock if its task still holds it. Another
   task may hold it by now. */
LAS_API void las_closelock (lua_State *L, las_Lock *lk);

/* A new lock, with the name at 'name' if there is one; 0: none.
   [-0, +1, m] */
LAS_API las_Lock *las_newlock (lua_State *L, int name);

/* Number of the task that holds the lock whose line 't' waits in. */
LAS_API uint64_t las_lockholder (las_Task *t);

#endif
