/*
** task.h
** Tasks: a coroutine that the loop steps, and the future of its outcome.
*/

#ifndef las_task_h
#define las_task_h

#include "task/future.h"
#include "task/park.h"


#define LAS_STRIKES	101	/* las_Task.strikes at first */
#define LAS_KILLED	255	/* ... and once its coroutine was closed */

#define LAS_MAXCANCELS	0xffffff	/* las_Task.ncancels at most */
#define LAS_MAXHOLDOFF	0xfff	/* las_Task.holdoff at most */

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

/* Makes a task of the loop from the body (see las_asbody) and the 'n'
   arguments on top. It must be started. [-(n+1), +1, m] */
#define las_newtask(L,lp,n)	las_newtaskfor(L, lp, n, 0)
/* The same for a userdata at 'subject', which stays alive with the task: as
   long as nobody names the task, 'nametask' of the state does so by it; 0:
   there is none. [-(n+1), +1, m] */
LAS_API las_Task *las_newtaskfor (lua_State *L, las_Loop *lp, int n,
                                  int subject);
#define LAS_TASKNAME	160	/* bytes that a default name takes */
/* Writes the name that the task at 'i' has by default. C only. */
LAS_API void las_defaultname (lua_State *L, int i, char *text);
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

#endif
