/*
** lock.h
** Locks, as conditions use them, too.
*/

#ifndef las_lock_h
#define las_lock_h

#include "sync/line.h"


typedef struct las_Lock {
  las_Line line;	/* first */
  uint64_t owner;	/* number of the task that holds it; 0: it is free */
  const lua_State *co;	/* the coroutine it was acquired in; only compared,
			if a scope is closed outside of any task's step */
} las_Lock;

/* Frees a lock that was given to a task whose loop was closed since. */
LAS_API void las_reclaimlock (las_Lock *lk);

/* Takes the lock for the task and returns the value at 1, as a C function does;
   may yield. That value keeps the lock alive. */
LAS_API int las_acquirelock (lua_State *L, las_Task *t, las_Lock *lk);

/* Gives a lock that is held to the first task in its line, or frees it. */
LAS_API void las_releaselock (las_Lock *lk);

/* Ends a scope: releases the lock if the scope's task still holds it. Another
   task may hold it by now. */
LAS_API void las_closelock (lua_State *L, las_Lock *lk);

/* Makes a lock with the name at 'name', if there is one there; 0: none.
   [-0, +1, m] */
LAS_API las_Lock *las_newlock (lua_State *L, int name);

/* Returns the number of the task that holds the lock for which 't' waits. */
LAS_API uint64_t las_lockholder (las_Task *t);

#endif
