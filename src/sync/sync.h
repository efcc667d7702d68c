/*
** sync.h
** Locks, events, queues: what tasks of one loop wait for from each other.
** What a waiter gets is its own at the wake: nothing is left to hand on.
*/

#ifndef las_sync_h
#define las_sync_h

#include "core/core.h"


/* user values of every object here: the loop comes first */
enum {LAS_USLOOP = 1, LAS_USOWN};

/*
** Tasks that wait for one thing, in the order they came. All are of one
** loop, which the object keeps alive.
*/
typedef struct las_Line {
  las_Loop *loop;	/* that used it last: alive by LAS_USLOOP; NULL: none */
  las_List waiters;
  lua_Integer given;	/* how many were woken with what they waited for, and
			have not run yet */
} las_Line;

/* Makes the object at 'i' the loop's whose task uses it. Raises if tasks of
   another loop wait. [-0, +0, e] */
#define las_useline(L,i,line,t) \
  ((void)(las_likely((line)->loop == (t)->f.loop) || \
          (las_bindline(L, i, line, (t)->f.loop, \
                        (line)->waiters != NULL || (line)->given > 0), 0)))

/* Was the loop closed before what is given could be taken? Then it must come
   back. Ask first in every method. */
#define las_isorphaned(line) \
  (las_unlikely((line)->given > 0) && (line)->loop->closed)

LAS_API void las_bindline (lua_State *L, int i, las_Line *line,
                           las_Loop *lp, int busy);

/* The 'leave' of a wait whose 'what' is a las_List. */
LAS_API void las_leavelist (las_Task *t);

/* Links the running task at the end of the list and parks it; then yield.
   Raises a pending cancel first. */
LAS_API void las_waitin (lua_State *L, las_Task *t, las_List *l,
                         const las_Wait *how);

/* Wakes all tasks of the list, in order. */
LAS_API void las_wakeall (las_List *l);

/* How many stand in the list. O(n), for those who look at it. */
LAS_API int las_listcount (const las_List *l);

/* For finalizers: an object can go while tasks wait only if a stranger
   closed their coroutines, so these fail; or if the loop goes, too. */
LAS_API void las_dropwaiters (las_Loop *lp, las_List *l);


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

/* A new lock, as from 'Lock()'. [-0, +1, m] */
LAS_API las_Lock *las_newlock (lua_State *L);

/* Number of the task that holds the lock whose line 't' waits in. */
LAS_API uint64_t las_lockholder (las_Task *t);


LAS_API void las_openlock (lua_State *L, int state);
LAS_API void las_openevent (lua_State *L, int state);
LAS_API void las_opencondition (lua_State *L, int state);
LAS_API void las_opensemaphore (lua_State *L, int state);
LAS_API void las_openbarrier (lua_State *L, int state);
LAS_API void las_openqueue (lua_State *L, int state);

#endif
