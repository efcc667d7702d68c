/*
** unretrieved.c
** Errors of futures that are never retrieved.
** A failed future holds a reporter. If that is collected before the error is
** retrieved, it queues itself, and the loop's next turn calls the handler.
*/

#include <string.h>

#include "task/unretrieved.h"
#include "base/anchor.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/future.h"
#include "task/report.h"
#include "rooms.h"


typedef struct Reporter {
  las_Job job;		/* first */
  las_Loop *loop;
  las_Future *f;	/* alive: user value FUTURE */
  const char *message;	/* static */
} Reporter;

enum {FUTURE = 1, LOOP, NUSER = LOOP};

/* job.trigger.item.phase */
enum {
  LISTED,	/* in the loop's list of reporters */
  QUEUED,	/* in the ready queue, held by the loop */
  ALONE,	/* its finalizer, which has yet to run, reports it */
  REPORTED
};


/* Calls the handler with the error of the future. Takes the reporter off the
   loop's anchors. */
static void tell (lua_State *L, Reporter *r, int self) {
  r->job.trigger.item.phase = REPORTED;
  if (r->f->item.flags & LAS_FSEEN)
    return;
  r->f->item.flags |= LAS_FSEEN;
  luaL_checkstack(L, 8, NULL);
  lua_getiuservalue(L, self, FUTURE);
  lua_createtable(L, 0, 4);
  lua_pushstring(L, r->message);
  lua_setfield(L, -2, "message");
  lua_getiuservalue(L, -2, LAS_UVALUE);
  lua_setfield(L, -2, "exception");
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, (r->f->item.type == LAS_TASK) ? "task" : "future");
  las_getextra(L, -2, LAS_XTRACEBACK);
  lua_setfield(L, -2, "traceback");
  if (las_getextra(L, -2, LAS_XCREATED) == LUA_TNIL)
    lua_pop(L, 1);
  else
    lua_setfield(L, -2, "source_traceback");
  las_callhandler(L, r->loop);
  lua_pop(L, 1);
}


/* Releases the slot of a reporter that the loop holds. */
static void release (Reporter *r) {
  if (r->job.trigger.item.slot != 0 && !r->loop->closed)
    las_release(r->loop, r->job.trigger.item.slot);
  r->job.trigger.item.slot = 0;
}


static int reporter_run (lua_State *L) {
  Reporter *r = (Reporter *)lua_touserdata(L, 1);
  las_pushanchored(L, r->loop, r->job.trigger.item.slot);
  release(r);
  tell(L, r, lua_gettop(L));
  return 0;
}


void las_newreporter (lua_State *L, int i) {
  las_Future *f = (las_Future *)lua_touserdata(L, i);
  las_Loop *lp = f->loop;
  Reporter *r;
  luaL_checkstack(L, 6, NULL);
  i = lua_absindex(L, i);
  r = (Reporter *)lua_newuserdatauv(L, sizeof(*r), NUSER);
  memset(r, 0, sizeof(*r));
  r->job.trigger.item.type = LAS_JOB;
  r->job.trigger.item.phase = REPORTED;  /* until it is linked */
  r->job.run = reporter_run;
  r->loop = lp;
  r->f = f;
  r->message = (f->item.type == LAS_TASK)
                   ? "the error of a task was never retrieved"
                   : "the error of a future was never retrieved";
  lua_pushvalue(L, i);
  lua_setiuservalue(L, -2, FUTURE);
  las_pushloop(L, lp);
  lua_setiuservalue(L, -2, LOOP);
  las_settype(L, LAS_TREPORTER);
  lua_pushvalue(L, -1);
  las_setextra(L, i, LAS_XREPORTER);
  if (!lp->closed) {  /* else its finalizer reports */
    r->job.trigger.item.slot = las_anchorweak(L, lp, -1);
    las_append(&lp->unretrieved, &r->job.trigger.item);
  }
  r->job.trigger.item.phase = LISTED;
  lua_pop(L, 1);
}


static void enqueue (Reporter *r) {
  las_unlink(&r->loop->unretrieved, &r->job.trigger.item);
  r->job.trigger.item.phase = QUEUED;
  las_queue(r->loop, &r->job.trigger.item);
}


static int reporter_gc (lua_State *L) {
  Reporter *r = (Reporter *)lua_touserdata(L, 1);
  if ((r->job.trigger.item.phase != LISTED &&
       r->job.trigger.item.phase != ALONE) || r->loop->closed == LAS_FOREIGN)
    return 0;
  if (r->loop->closed || r->job.trigger.item.phase == ALONE)
    tell(L, r, 1);
  else if (r->f->item.flags & LAS_FSEEN) {
    las_unlink(&r->loop->unretrieved, &r->job.trigger.item);
    r->job.trigger.item.phase = REPORTED;
    release(r);
  }
  else {
    las_fill(L, r->loop, r->job.trigger.item.slot, 1);
    enqueue(r);
  }
  return 0;
}


static int isreport (const las_Item *it) {
  return it->type == LAS_JOB && ((const las_Job *)it)->run == reporter_run;
}


/* Returns the listed reporter of a future, or NULL. Most failures are recent,
   so the search begins at the end of the list. */
static Reporter *findreporter (las_Loop *lp, const las_Future *f) {
  las_Item *it = lp->unretrieved;
  if (it == NULL)
    return NULL;
  do {
    it = it->u.list.prev;
    if (((Reporter *)it)->f == f)
      return (Reporter *)it;
  } while (it != lp->unretrieved);
  return NULL;
}


/* Is the report of this future about to be made? */
static int isqueued (las_Loop *lp, const las_Future *f) {
  const las_Item *it;
  for (it = lp->ready.first; it != NULL; it = it->u.list.next) {
    if (isreport(it) && ((const Reporter *)it)->f == f)
      return 1;
  }
  return 0;
}


/* The future may have no anchor any more, so nothing looks it up. */
void las_reportnow (las_Loop *lp, las_Future *f, const char *message) {
  Reporter *r = findreporter(lp, f);
  if (f->item.flags & LAS_FSEEN)
    return;
  if (r != NULL) {
    r->message = message;
    if (las_hold(lp, r->job.trigger.item.slot))
      enqueue(r);  /* else its finalizer does so */
  }
  else if (!isqueued(lp, f))  /* there was no memory for one */
    lua_writestringerror("asyncio: %s: not enough memory\n", message);
}


void las_keepreports (las_Loop *lp) {
  las_Item *it = lp->ready.first;
  lp->ready.first = NULL;
  lp->ready.n = 0;
  while (it != NULL) {
    las_Item *next = it->u.list.next;
    if (isreport(it))
      las_queue(lp, it);
    it = next;
  }
}


/* Reports all errors that were not retrieved, including those whose reports
   wait for the next turn. */
void las_reportall (lua_State *L, las_Loop *lp) {
  las_Item *it;
  for (it = lp->ready.first; it != NULL; it = it->u.list.next) {
    if (isreport(it)) {
      Reporter *r = (Reporter *)it;
      las_pushanchored(L, lp, r->job.trigger.item.slot);
      release(r);
      tell(L, r, lua_gettop(L));
      lua_pop(L, 1);
    }
  }
  while (lp->unretrieved != NULL) {
    Reporter *r = (Reporter *)lp->unretrieved;
    las_unlink(&lp->unretrieved, &r->job.trigger.item);
    if (!las_hold(lp, r->job.trigger.item.slot)) {
      r->job.trigger.item.phase = ALONE;
      continue;
    }
    las_pushanchored(L, lp, r->job.trigger.item.slot);
    r->job.trigger.item.phase = REPORTED;
    release(r);
    tell(L, r, lua_gettop(L));
    lua_pop(L, 1);
  }
}


static int future_set_exception (lua_State *L) {
  las_Future *f = las_checkpending(L);
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  if (las_iserror(L, 2, "CancelledError")) {
    lua_setiuservalue(L, 1, LAS_UVALUE);
    f->item.flags |= LAS_FERROBJ;
    las_settle(f, LAS_CANCELLED);
  }
  else {
    las_newreporter(L, 1);
    lua_setiuservalue(L, 1, LAS_UVALUE);
    las_settle(f, LAS_FAILED);
  }
  return 0;
}


/* the types of futures and tasks are there already */
void las_openunretrieved (lua_State *L, int state) {
  static const luaL_Reg methods[] = {
    {"set_exception", future_set_exception},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__gc", reporter_gc},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TREPORTER, "asyncio.Reporter", NULL, meta);
  las_addmethods(L, state, LAS_TFUTURE, methods);
  las_addmethods(L, state, LAS_TTASK, methods);
}
