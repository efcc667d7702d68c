/*
** park.h
** Parking and waking: the one way to suspend.
*/

#ifndef las_park_h
#define las_park_h

#include "base/item.h"


/* A way of waiting. Nothing here may raise or call Lua. */
typedef struct las_Wait {
  const char *name;	/* what reports call it */
  void (*leave) (las_Task *t);	/* unlink; NULL: in a future's list */
  las_Future *(*inner) (las_Task *t);	/* a cancel goes to this one first;
					   NULL: to nobody */
  struct las_Work *(*many) (las_Task *t);	/* or to many: the work of
					   passing it on, embedded somewhere */
  /* for reports only: */
  int inslot1;	/* does what it waits for lie in slot 1 of the function that
		waits? Then its name is shown */
  uint64_t (*holder) (las_Task *t);	/* number of the task that has what it
					   waits for; 0: not known */
  las_Future *(*child) (las_Task *t, int i);	/* i-th of the many, from 0;
					   NULL past the last */
} las_Wait;

/* The current task; raises unless L is a task's own running coroutine that
   can yield. 'fname' names the function in the message. Comes first in
   every function that may suspend, before any fast path. */
LAS_API las_Task *las_checktask (lua_State *L, const char *fname);

/* The quiet form: NULL where las_checktask would raise. */
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

/* The main task's wait was broken: raises the error made for it, or a plain
   DeadlockError. */
LAS_API int las_raisedeadlock (lua_State *L, las_Loop *lp);

/* A CancelledError is on its way into the task: a cancel that waits for a
   suspension is the same one to it. */
LAS_API void las_absorbcancel (las_Task *t);

/* Is there one to raise? Then it counts as raised. */
LAS_API int las_takecancel (las_Task *t);

/* First thing in a continuation after a yield: raises if the wait was
   cancelled, or if outside code resumed the coroutine. Returns the task. */
LAS_API las_Task *las_checkwake (lua_State *L);

/* Makes a waiting task ready; it must be unlinked already. */
LAS_API void las_wake (las_Task *t);

/* What the task 't' (or none, NULL) waited in was collected: its coroutine was
   closed by outside code, or its loop was dropped. Unless the loop is closed
   it wakes to raise a CancelledError; it must be unlinked already. */
LAS_API void las_abandonwait (las_Task *t);

/* Wakes a task of a list of tasks only; unlinks it. */
LAS_API void las_wakefirst (las_List *l);

/* Unlinks a waiting task from what it waits for. */
LAS_API void las_leave (las_Task *t);

/* Puts the running task at the end of the ready queue; then yield. A cancel
   meanwhile is raised by las_checkwake. */
LAS_API void las_giveway (lua_State *L, las_Task *t);

/* The task gives way, then 'f' tries anew what it was about to do. Returns
   what 'f' returns, or yields. */
typedef int (*las_Retry) (lua_State *L, las_Task *t, void *what);
LAS_API int las_again (lua_State *L, las_Task *t, las_Retry f, void *what);

/* The 'leave' of a wait whose 'what' is a las_List. */
LAS_API void las_leavelist (las_Task *t);

/* Links the running task at the end of the list and parks it; then yield.
   Raises a pending cancel first. */
LAS_API void las_waitin (lua_State *L, las_Task *t, las_List *l,
                         const las_Wait *how);

/* Wakes all tasks of the list, in order. */
LAS_API void las_wakeall (las_List *l);

/* Takes all tasks out of what they wait for, which may go before they do. They
   stay pending, and nothing will ever step them. C only. */
LAS_API void las_leavewaits (las_Loop *lp);

#endif
