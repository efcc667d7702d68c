/*
** future.h
** Futures and tasks.
*/

#ifndef las_future_h
#define las_future_h

#include "base/item.h"


enum las_Outcome {
  LAS_PENDING, LAS_FINISHED, LAS_FAILED, LAS_CANCELLED
};

#define LAS_FMUST	0x01	/* a cancel waits for the next suspension */
#define LAS_FTHROW	0x02	/* the wait was cancelled: raise on resuming */
#define LAS_FYIELD	0x04	/* it is ready because it gave way */
#define LAS_FBARE	0x08	/* ... by a bare 'coroutine.yield' */
#define LAS_FSEEN	0x10	/* the outcome was retrieved */
#define LAS_FMULTI	0x20	/* the value is a table: count, then results */
#define LAS_FVOID	0x40	/* there is no result at all */
#define LAS_FERROBJ	0x80	/* cancelled: the value is the error itself */

struct las_Future {
  las_Item item;	/* first */
  las_Loop *loop;	/* alive: user value LAS_ULOOP */
  las_List waiters;	/* tasks, callbacks, triggers, in order */
};

/* user values of futures and tasks */
#define LAS_UVALUE	1	/* a task's thread, then the outcome */
#define LAS_ULOOP	2
#define LAS_UEXTRA	3	/* nil; a table by the numbers below; or only
				the value of LAS_XSUBJECT, a userdata */

/* fields of the extra table, for what is rarely there */
enum las_Extra {
  LAS_XNAME = 1, LAS_XCONTEXT, LAS_XCREATED, LAS_XTRACEBACK, LAS_XCAUSE,
  LAS_XREPORTER, LAS_XCALLBACKS, LAS_XMESSAGE, LAS_XPLACE,
  LAS_XSUBJECT		/* what a task was made for, which names it */
};

/* Makes a plain future of the loop. [-0, +1, m] */
LAS_API las_Future *las_newfuture (lua_State *L, las_Loop *lp);

/* Returns the future or task at 'i', or NULL. Cannot raise. */
LAS_API las_Future *las_tofuture (lua_State *L, las_State *S, int i);
/* Returns it, or raises an argument error. */
LAS_API las_Future *las_checkfuture (lua_State *L, int i);
/* Returns the future at 1, which the caller will settle. Raises if it is a task
   or done. */
LAS_API las_Future *las_checkpending (lua_State *L);

/* Ends a future whose value and flags are in place, and fires all waiters.
   Cannot raise. */
LAS_API void las_settle (las_Future *f, enum las_Outcome how);

/* Links the task as a waiter of the future 'f' at 'i', which the loop then
   holds. Park the task next. [-0, +0, m] */
LAS_API void las_await (lua_State *L, int i, las_Future *f, las_Task *t);
/* Takes it out again. Cannot raise. */
LAS_API void las_unawait (las_Future *f, las_Task *t);
/* Does any task wait for it? */
LAS_API int las_isawaited (const las_Future *f);

/* Pushes the results of the done future at 'i', or raises its error. Returns
   how many there are. [-0, +n, e] */
LAS_API int las_outcome (lua_State *L, int i);

/* Pushes the error of a failed or cancelled future at 'i'. [-0, +1, m] */
LAS_API void las_pusherror (lua_State *L, int i);

/* Stores the 'n' values on top as the results of the future 'f' at 'i'.
   [-n, +0, m] */
LAS_API void las_setvalues (lua_State *L, int i, las_Future *f, int n);

/* Pushes field 'x' of the extra table of the future at 'i', or nil. Returns its
   type. [-0, +1, -] */
LAS_API int las_getextra (lua_State *L, int i, enum las_Extra x);
/* Pops a value into it. [-1, +0, m] */
LAS_API void las_setextra (lua_State *L, int i, enum las_Extra x);

#endif
