/*
** future.h
** Futures and tasks.
*/

#ifndef las_future_h
#define las_future_h

#include "core/item.h"
#include "core/state.h"


enum las_Outcome {
  LAS_PENDING, LAS_FINISHED, LAS_FAILED, LAS_CANCELLED
};

#define LAS_STRIKES	101	/* las_Task.strikes at first */
#define LAS_KILLED	255	/* ... and once its coroutine was closed */

#define LAS_MAXCANCELS	0xffffff	/* las_Task.ncancels at most */
#define LAS_MAXHOLDOFF	0xfff	/* las_Task.holdoff at most */

#define LAS_FMUST	0x01	/* a cancel waits for the next suspension */
#define LAS_FTHROW	0x02	/* the wait was cancelled: raise on resuming */
#define LAS_FYIELD	0x04	/* is ready because it gave way */
#define LAS_FBARE	0x08	/* ... by a bare 'coroutine.yield' */
#define LAS_FSEEN	0x10	/* somebody looked at the outcome */
#define LAS_FMULTI	0x20	/* the value is a table: count, then results */
#define LAS_FVOID	0x40	/* there is no result at all */
#define LAS_FERROBJ	0x80	/* cancelled: the value is the error itself */

struct las_Future {
  las_Item item;	/* first */
  las_Loop *loop;	/* alive: user value LAS_ULOOP */
  las_List waiters;	/* tasks, handles (callbacks) and watches, in order */
};

/* user values of futures and tasks */
#define LAS_UVALUE	1	/* a task's thread, then the outcome */
#define LAS_ULOOP	2
#define LAS_UEXTRA	3	/* nil or a table, by the numbers below */

/* what is seldom there: fields of the extra table */
enum las_Extra {
  LAS_XNAME = 1, LAS_XCONTEXT, LAS_XCREATED, LAS_XTRACEBACK, LAS_XCAUSE,
  LAS_XREPORTER, LAS_XCALLBACKS, LAS_XMESSAGE, LAS_XPLACE
};

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

struct las_Task {
  las_Future f;		/* first */
  lua_State *co;	/* anchored by LAS_UVALUE until done */
  const las_Wait *wait;	/* how it waits, while LAS_PARKED */
  void *what;		/* what it waits for: read by 'wait'; the height of
			   the coroutine's stack, while LAS_NEW */
  unsigned ncancels : 24;	/* cancels asked for and not taken back;
			stays at LAS_MAXCANCELS */
  unsigned strikes : 8;	/* suspensions until it is closed by force, each of
			which is cancelled; 0: it is not cancelled so;
			1: closed now; LAS_KILLED: it was */
  uint32_t mark;	/* pass of the cancel that came by last; 0: none did */
  uint64_t id : 48;	/* number for its default name, never given twice */
  uint64_t hascontext : 1;	/* is there one among its extras? */
  uint64_t sliced : 1;	/* may be made to yield, whatever the loop says */
  uint64_t holdoff : 12;	/* ... but not now: calls of uninterrupted;
			stays at LAS_MAXHOLDOFF */
  uint64_t outcome : 2;	/* how its body ended, before it is settled */
};

/* Makes a plain future of the loop. [-0, +1, m] */
LAS_API las_Future *las_newfuture (lua_State *L, las_Loop *lp);

LAS_API las_Future *las_tofuture (lua_State *L, las_State *S, int i);
LAS_API las_Future *las_checkfuture (lua_State *L, int i);
/* The future at 1, which the caller is to settle; raises for tasks and where
   it is done. */
LAS_API las_Future *las_checkpending (lua_State *L);

/* Ends a future whose value and flags are in place: tells all waiters.
   Cannot raise. */
LAS_API void las_settle (las_Future *f, enum las_Outcome how);

/* Links the task as a waiter of the future 'f' at 'i', which the loop then
   holds; park it next. [-0, +0, m] */
LAS_API void las_await (lua_State *L, int i, las_Future *f, las_Task *t);
/* Takes it out again. Cannot raise. */
LAS_API void las_unawait (las_Future *f, las_Task *t);
/* Does any task wait for it? */
LAS_API int las_isawaited (const las_Future *f);

/* Results of the done future at 'i', or raises its error. [-0, +n, e] */
LAS_API int las_outcome (lua_State *L, int i);

/* Pushes the error of a failed or cancelled future at 'i'. [-0, +1, m] */
LAS_API void las_pusherror (lua_State *L, int i);

/* Stores the 'n' values on top as the results of the future 'f' at 'i'.
   [-n, +0, m] */
LAS_API void las_setvalues (lua_State *L, int i, las_Future *f, int n);

/* Pushes field 'x' of the extra table of the future at 'i'. [-0, +1, -] */
LAS_API int las_getextra (lua_State *L, int i, enum las_Extra x);
/* Pops a value into it. [-1, +0, m] */
LAS_API void las_setextra (lua_State *L, int i, enum las_Extra x);

/* Makes a task of the loop from the body (see las_tobody) and the 'n'
   arguments on top. It must be started. [-(n+1), +1, m] */
LAS_API las_Task *las_newtask (lua_State *L, las_Loop *lp, int n);
/* Starts it next turn; 'eager': now, unless too deep. Cannot raise. */
LAS_API void las_start (las_Task *t, int eager);
/* Makes a task as create_task does, by the loop's factory if it has one, and
   starts it next turn. [-(n+1), +1, e] */
LAS_API las_Future *las_spawn (lua_State *L, las_Loop *lp, int n);
/* What create_task does with its arguments, which lie from 'first' on: a body
   and its arguments, or one table of them with options. Leaves the task on
   top; NULL: the task factory gave that future, if 'factory' lets it.
   [-?, +1, e] */
LAS_API las_Task *las_createtask (lua_State *L, las_Loop *lp, int first,
                                  int factory);
/* Is it the coroutine of a task? */
LAS_API int las_istaskthread (lua_State *co);

/* The protected resume. Cannot raise. */
LAS_API void las_step (las_Loop *lp, las_Task *t);
/* The same for a parked task that is unlinked but stands in no queue. */
LAS_API void las_stepnow (las_Loop *lp, las_Task *t);
/* Steps 'child' at once if it is new and alone in the ready queue. The parked
   task 't' waits for it and is still inside its own step, in L. Returns
   whether it is the next to run: then it must go on without a yield. */
LAS_API int las_stepawaited (lua_State *L, las_Task *t, las_Task *child);

#endif
