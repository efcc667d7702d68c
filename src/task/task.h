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
  const las_Wait *wait;	/* its way of waiting, while LAS_PARKED */
  void *what;		/* what it waits for: read by 'wait'; the height of
			   the coroutine's stack, while LAS_NEW */
  unsigned ncancels : 24;	/* cancels asked for and not taken back;
			stays at LAS_MAXCANCELS */
  unsigned strikes : 8;	/* suspensions left until it is closed by force,
			each of which is cancelled; 0: it is not being
			ended so; 1: the next one closes it;
			LAS_KILLED: it was closed */
  uint32_t mark;	/* pass of the last cancel that reached it; 0: none */
  uint64_t id : 48;	/* number in its default name, never used twice */
  uint64_t hascontext : 1;	/* does its extra table hold one? */
  uint64_t sliced : 1;	/* may be made to yield, even if others are not */
  uint64_t holdoff : 12;	/* calls of uninterrupted inside one another,
			during which it may not; stays at
			LAS_MAXHOLDOFF */
  uint64_t outcome : 2;	/* how its body ended, before it is settled */
};

/* Makes a task of the loop from the body (see las_asbody) and the 'n'
   arguments on top. The caller must start it. [-(n+1), +1, m] */
#define las_newtask(L,lp,n)	las_newtaskfor(L, lp, n, 0)
/* The same for a userdata at 'subject', which stays alive with the task: as
   long as nobody names the task, 'nametask' of the state does so by it; 0:
   there is none. [-(n+1), +1, m] */
LAS_API las_Task *las_newtaskfor (lua_State *L, las_Loop *lp, int n,
                                  int subject);
#define LAS_TASKNAME	160	/* bytes that a default name takes */
/* Writes the name that the task at 'i' has by default. C only. */
LAS_API void las_defaultname (lua_State *L, int i, char *text);
/* Starts it in the next turn; if 'eager' at once, unless eager starts nest too
   deeply. Cannot raise. */
LAS_API void las_start (las_Task *t, int eager);
/* Makes a task as create_task does, by the loop's factory if it has one, which
   starts in the next turn. [-(n+1), +1, e] */
LAS_API las_Future *las_spawn (lua_State *L, las_Loop *lp, int n);
/* Does what create_task does with its arguments, which lie from 'first' on: a
   body and its arguments, or one table of them with options. Leaves the task
   on top and returns it; NULL if it is a future that the task factory gave,
   which is called only if 'factory' is true. [-?, +1, e] */
LAS_API las_Task *las_createtask (lua_State *L, las_Loop *lp, int first,
                                  int factory);

#endif
