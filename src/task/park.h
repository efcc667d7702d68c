/*
** park.h
** Parking and waking: the one way to suspend. A wait that is left must let the
** task go on at once: no 'leave' can fail, or wait for anything.
*/

#ifndef las_park_h
#define las_park_h

#include "base/item.h"


/* A way of waiting. No function of it may raise or call Lua. */
typedef struct las_Wait {
  const char *name;	/* what reports call it */
  void (*leave) (las_Task *t);	/* unlinks it; NULL: it stands in a
				future's list */
  las_Future *(*inner) (las_Task *t);	/* a cancel goes to this one first;
					   NULL: to nobody */
  struct las_Work *(*many) (las_Task *t);	/* or to many: the work of
					   passing it on, embedded somewhere */
  /* for reports only: */
  int inslot1;	/* does the object that it waits for lie in slot 1 of the
		function that waits? Then its name is shown */
  uint64_t (*holder) (las_Task *t);	/* number of the task that has what
					   this one waits for; 0: unknown */
  las_Future *(*child) (las_Task *t, int i);	/* i-th of the many, from 0;
					   NULL past the last */
} las_Wait;

/* Returns the current task. Raises unless L is a running coroutine of a task
   and can yield; 'fname' names the function in the message. Every function
   that may suspend calls this first, before any fast path. */
LAS_API las_Task *las_checktask (lua_State *L, const char *fname);

/* Returns NULL where las_checktask would raise. */
LAS_API las_Task *las_currenttask (lua_State *L, las_State *S);

/* Marks the task as waiting. The caller has linked it (las_append, or the
   heap), and yields next. A pending cancel must have been raised before by
   las_checkcancel. Cannot fail. */
LAS_API void las_park (las_Task *t, const las_Wait *wait, void *what);

/* Raises the cancel that waits for this suspension, if any. Call it just
   before linking and parking. */
LAS_API void las_checkcancel (lua_State *L, las_Task *t);

/* Raises the current task's CancelledError. */
LAS_API int las_raisecancel (lua_State *L);

/* Raises the error that was made for the main task when its wait was broken, or
   a plain DeadlockError. */
LAS_API int las_raisedeadlock (lua_State *L, las_Loop *lp);

/* Drops a cancel that waits for the next suspension, because a CancelledError
   is about to be raised in the task anyway. */
LAS_API void las_absorbcancel (las_Task *t);

/* Is there a cancel to raise at this suspension? Then it counts as raised. */
LAS_API int las_takecancel (las_Task *t);

/* First thing in a continuation after a yield: raises if the wait was
   cancelled, or if outside code resumed the coroutine. Returns the task. */
LAS_API las_Task *las_checkwake (lua_State *L);

/* Makes a waiting task ready; it must be unlinked already. */
LAS_API void las_wake (las_Task *t);

/* Ends the wait of 't' (NULL: nobody waits) for an object that was collected,
   because outside code closed the task's coroutine or its loop was dropped.
   Unless the loop is closed the task wakes to raise a CancelledError. It must
   be unlinked already. Cannot raise. */
LAS_API void las_abandonwait (las_Task *t);

/* Unlinks and wakes the first task of a list that holds nothing but tasks. */
LAS_API void las_wakefirst (las_List *l);

/* Unlinks a waiting task from what it waits for. */
LAS_API void las_leave (las_Task *t);

/* Puts the running task at the end of the ready queue; yield next. A cancel
   that comes meanwhile is raised by las_checkwake. */
LAS_API void las_giveway (lua_State *L, las_Task *t);

/* Makes the task give way; then 'f' tries again what was about to be done.
   Returns what 'f' returns, or yields. */
typedef int (*las_Retry) (lua_State *L, las_Task *t, void *what);
LAS_API int las_again (lua_State *L, las_Task *t, las_Retry f, void *what);

/* The 'leave' of a wait whose 'what' is a las_List. */
LAS_API void las_leavelist (las_Task *t);

/* Links the running task at the end of the list and parks it; yield next.
   Raises a pending cancel before that. */
LAS_API void las_waitin (lua_State *L, las_Task *t, las_List *l,
                         const las_Wait *how);

/* Wakes all tasks of the list, in order. */
LAS_API void las_wakeall (las_List *l);

/* Takes all tasks of the loop out of what they wait for, which may be freed
   before they are. They stay pending, and nothing will ever step them.
   C only. */
LAS_API void las_leavewaits (las_Loop *lp);

#endif
