/*
** watchdog.c
** The watchdog: reports long steps while they still run, and makes steps yield.
** A thread only looks at the number of the step and signals the loop's own
** thread, whose signal handler arms a hook on the running coroutine.
*/

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/anchor.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/current.h"
#include "base/hook.h"
#include "base/instrument.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/resource.h"
#include "base/sentry.h"
#include "base/state.h"
#include "base/trace.h"
#include "task/future.h"
#include "task/park.h"
#include "task/report.h"
#include "task/task.h"
#include "inspect/since.h"
#include "rooms.h"


/* what to do with a step */
enum {REPORT = 1, SLICE = 2};

/* What is watched on a loop. A thread and signal handlers use it, too. */
typedef struct Watching {
  las_Resource res;	/* first; closes after all others of the loop */
  las_Loop *loop;
  las_Sentry *dog;	/* the thread, while it is there */
  _Atomic uint64_t limit;	/* ns; a longer step is reported; 0: none */
  uint64_t own;		/* the limit that the program set, without debug mode */
  double slow;		/* the limit of debug mode, seconds */
  _Atomic uint64_t slice;	/* a longer step is made to yield; 0: none */
  _Atomic uint64_t since;	/* when the reported step was first seen */
  _Atomic uint32_t step, seen;	/* number of the step under way, and of the one
			that the thread wants stopped */
  uint64_t began;	/* when the last step began */
  _Atomic uint8_t busy;	/* does a step or a callback run? */
  _Atomic int asked, alarm;	/* REPORT, SLICE: what the signal handler and
			the hook should do */
  las_Job job;		/* reports a step that has ended */
  uint64_t took;	/* how long that was, nanoseconds */
  uint8_t sliceall;	/* are all tasks sliced? */
  char name[LAS_TASKNAME];	/* of the task that is stepped */
} Watching;

#define watching(lp)	((Watching *)(lp)->room[LAS_RWATCH])

#define CLOSEDEPTH	200	/* how many levels to search for a '__close' */


/*
** {==================================================================
** Reports
** ===================================================================
*/

/* watch_report(): calls the exception handler with the place of the step */
static int watchreport (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  las_Task *t = lp->now.task;
  lua_createtable(L, 0, 4);
  lua_pushfstring(L, "a %s has been running for %f s",
                  (t != NULL) ? "step" : "callback",
                  (lua_Number)(uv_hrtime() - watching(lp)->since) / 1e9);
  lua_setfield(L, -2, "message");
  if (t != NULL) {
    las_pushanchored(L, lp, t->f.item.slot);
    lua_setfield(L, -2, "task");
  }
  las_traceback(L, (t != NULL) ? t->co : L, 1);
  lua_setfield(L, -2, "traceback");
  las_callhandler(L, lp);
  return 0;
}


/* job: reports a step that ended before any hook was called */
static int reportended (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  lua_State *A = lp->anchors.thread;
  watching(lp)->job.trigger.item.phase = 0;
  lua_createtable(L, 0, 2);
  lua_pushvalue(A, LAS_AWATCHED);
  lua_xmove(A, L, 1);
  lua_pushnil(A);
  lua_replace(A, LAS_AWATCHED);
  lua_pushfstring(L, "a %s ran for %f s",
                  lua_isnil(L, -1) ? "callback" : "step",
                  (lua_Number)watching(lp)->took / 1e9);
  lua_setfield(L, -3, "message");
  lua_setfield(L, -2, "task");
  las_callhandler(L, lp);
  return 0;
}

/* }================================================================== */


/*
** {==================================================================
** The hook
** ===================================================================
*/

/* Is the coroutine in the library's own Lua code, or in a '__close'? A slice
   must not end there. Lua walks to each level that it is asked for, so looking
   at all levels of a deep recursion would take too long. */
static int mustnotslice (lua_State *L, const las_State *S) {
  lua_Debug ar;
  int level;
  for (level = 0; level < CLOSEDEPTH && lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sn", &ar);
    if (level == 0 && las_isown(S, ar.source))
      return 1;
    if (ar.name != NULL && strcmp(ar.namewhat, "metamethod") == 0 &&
        strcmp(ar.name, "close") == 0)
      return 1;
  }
  return 0;
}


static int mayslice (lua_State *L, las_Loop *lp) {
  las_Task *t = lp->now.task;
  return lp->now.co == L && t->f.item.phase == LAS_RUNNING &&
         t->holdoff == 0 && (watching(lp)->sliceall || t->sliced) &&
         lua_isyieldable(L) && !mustnotslice(L, lp->S);
}


/* Ends the running step. The task goes on in its next turn. */
static void slice (lua_State *L, las_Loop *lp) {
  if (las_takecancel(lp->now.task)) {
    las_pushstate(L);
    lua_getiuservalue(L, -1, LAS_URAISE);
    lua_remove(L, -2);
    lua_call(L, 0, 0);
  }
  las_giveway(L, lp->now.task);
  lp->now.task->f.item.flags |= LAS_FBARE;
  lua_yield(L, 0);
}


static void actwatch (lua_State *L, las_Loop *lp, lua_Debug *ar) {
  int isseen = (watching(lp)->step == watching(lp)->seen);
  int asked = isseen ? watching(lp)->alarm : 0;
  (void)ar;
  watching(lp)->alarm = 0;
  if (asked & REPORT) {
    las_pushstate(L);
    lua_getiuservalue(L, -1, LAS_UWATCH);
    lua_remove(L, -2);
    lua_call(L, 0, 0);
  }
  if ((asked & SLICE) && mayslice(L, lp))
    slice(L, lp);
}


static const las_Deed watch = {LAS_DWATCH, LUA_MASKCOUNT, actwatch};

/* }================================================================== */


/*
** {==================================================================
** The signal, on the loop's thread
** ===================================================================
*/

/* Prints the name of a step whose hook was not called, because it is in a C
   function or in a plain inner coroutine. Nothing more is known now. */
static void tellname (las_Loop *lp) {
  char text[160];
  int n = snprintf(text, sizeof(text), "asyncio: a step of %.80s has been "
                   "running for %.3f s, outside its own Lua code\n",
                   watching(lp)->name,
                   (double)(uv_hrtime() - watching(lp)->since) / 1e9);
  if (write(STDERR_FILENO, text, (size_t)n) < 0)
    return;
}


static void notice (las_Loop *lp) {
  lua_State *co = las_busythread(lp);
  int asked = watching(lp)->asked;
  watching(lp)->asked = 0;
  if (co == NULL || asked == 0 || watching(lp)->step != watching(lp)->seen)
    return;
  if ((asked & REPORT) && (watching(lp)->alarm & REPORT)) {
    tellname(lp);
    return;
  }
  watching(lp)->alarm |= asked;
  las_armhook(lp, co, &watch);
}

/* }================================================================== */


/*
** {==================================================================
** The thread
** ===================================================================
*/

/* what the thread knows about the step it sees */
typedef struct Dog {
  las_Sentry sentry;	/* first */
  uint32_t step;	/* its number */
  uint64_t since;	/* first seen, or last sliced */
  uint64_t first;	/* first seen */
  int reports;		/* signals sent to make the loop report it */
} Dog;


/* Is the step long enough to be reported, or at least named? */
static int wantsreport (const las_Loop *lp, const Dog *d, uint64_t now) {
  return watching(lp)->limit != 0 &&
         (d->reports == 0 ||
          (d->reports == 1 && (watching(lp)->alarm & REPORT))) &&
         now - d->first >= watching(lp)->limit * (uint64_t)(d->reports + 1);
}


static int look (las_Sentry *s) {
  Dog *d = (Dog *)s;
  las_Loop *lp = s->loop;
  uint64_t now = uv_hrtime();
  int ask = 0;
  if (!watching(lp)->busy || watching(lp)->step != d->step) {
    d->step = watching(lp)->step;
    d->since = d->first = now;
    d->reports = 0;
    return 0;
  }
  if (wantsreport(lp, d, now)) {
    watching(lp)->since = d->first;
    d->reports++;
    ask |= REPORT;
  }
  if (watching(lp)->slice != 0 && now - d->since >= watching(lp)->slice) {
    d->since = now;
    ask |= SLICE;
  }
  if (ask != 0) {
    watching(lp)->seen = d->step;
    watching(lp)->asked = ask;
  }
  return ask != 0;
}


static uint64_t rest (las_Sentry *s) {
  const las_Loop *lp = s->loop;
  uint64_t period = watching(lp)->limit;
  if (period == 0 || (watching(lp)->slice != 0 && watching(lp)->slice < period))
    period = watching(lp)->slice;
  return (period / 4 > 500000) ? period / 4 : 500000;
}


/* Notes whether a step runs. An eager step runs inside another one, which goes
   on after it. */
static void notebusy (las_Loop *lp) {
  watching(lp)->busy = (lp->now.task != NULL || lp->now.calling);
}


static void startdog (las_Loop *lp) {
  static const las_SentryKind kind = {sizeof(Dog), rest, look, notice};
  notebusy(lp);
  if (watching(lp)->dog == NULL)
    watching(lp)->dog = las_startsentry(lp, &kind);
}


static void stopdog (las_Loop *lp) {
  las_stopsentry(watching(lp)->dog);
  watching(lp)->dog = NULL;
  las_dropsince(lp);
}

/* }================================================================== */


/*
** {==================================================================
** The instrument
** ===================================================================
*/

/* Copies the name of the task, because a signal handler cannot ask Lua. */
static void notename (las_Loop *lp, const las_Task *t) {
  lua_State *A = lp->anchors.thread;
  if (t == NULL) {
    snprintf(watching(lp)->name, sizeof(watching(lp)->name), "a callback");
    return;
  }
  lua_rawgeti(A, LAS_ATABLE, t->f.item.slot);
  if (las_getextra(A, -1, LAS_XNAME) == LUA_TSTRING)
    snprintf(watching(lp)->name, sizeof(watching(lp)->name), "%s",
             lua_tostring(A, -1));
  else
    las_defaultname(A, -2, watching(lp)->name);
  lua_pop(A, 2);
}


static void onstep (las_Loop *lp, las_Task *t) {
  notename(lp, t);
  watching(lp)->began = uv_hrtime();
  watching(lp)->alarm = 0;
  watching(lp)->step++;
  watching(lp)->busy = 1;
}


static void watchanew (las_Loop *lp);
static void setlimit (las_Loop *lp);


/* Queues the report of a step that ended before its hook was called, so that it
   is made before anything else runs. */
static void queuereport (las_Loop *lp, las_Task *t, uint64_t took) {
  lua_State *A = lp->anchors.thread;
  las_Item *job = &watching(lp)->job.trigger.item;
  watching(lp)->alarm = 0;
  if (job->phase) {  /* a second one in the same poll */
    tellname(lp);
    return;
  }
  if (t != NULL)
    lua_rawgeti(A, LAS_ATABLE, t->f.item.slot);
  else
    lua_pushnil(A);
  lua_replace(A, LAS_AWATCHED);
  watching(lp)->took = took;
  job->type = LAS_JOB;
  job->phase = 1;
  watching(lp)->job.run = reportended;
  las_queuefirst(lp, job);
}


static void onstepped (las_Loop *lp, las_Task *t) {
  uint64_t took = uv_hrtime() - watching(lp)->began;
  if (took > lp->stats.longest)
    lp->stats.longest = took;
  notebusy(lp);
  if (lp->now.co == NULL && (watching(lp)->alarm & REPORT))
    queuereport(lp, t, took);
  if (t != NULL)
    las_notesince(lp, t);
}


static void onrun (las_Loop *lp, int begins) {
  if (begins)
    startdog(lp);
  else
    stopdog(lp);
}


static void onslice (las_Loop *lp, uint64_t slice) {
  if (watching(lp)->slice == 0 || slice < watching(lp)->slice)
    watching(lp)->slice = slice;
  watchanew(lp);
}


static const las_Instrument instrument = {onrun, onstep, onstepped};


/* Adapts the thread to changed limits. */
static void watchanew (las_Loop *lp) {
  if (watching(lp)->limit == 0 && watching(lp)->slice == 0) {
    stopdog(lp);
    lp->instrument = NULL;
  }
  else {
    lp->instrument = &instrument;
    if (lp->L != NULL)
      startdog(lp);
  }
}

/* }================================================================== */


/* Returns the seconds at 'i' as nanoseconds, 0 (off) for nil. */
static uint64_t optspan (lua_State *L, int i) {
  if (lua_isnoneornil(L, i))
    return 0;
  las_argcheck(L, las_checkseconds(L, i) > 0, i, "a positive time expected");
  return las_moment(lua_tonumber(L, i));
}


/* The limit is the shorter one of the program's own and that of debug mode. */
static void setlimit (las_Loop *lp) {
  uint64_t slow = lp->debug ? las_moment(watching(lp)->slow) : 0;
  if (lp->debug && slow == 0)
    slow = 1;
  stopdog(lp);
  watching(lp)->limit = watching(lp)->own;
  if (slow != 0 && (watching(lp)->own == 0 || slow < watching(lp)->own))
    watching(lp)->limit = slow;
  watchanew(lp);
}


/* watch(loop, report | nil, slice | nil): limits in seconds. Watching starts at
   once if the loop runs, else with its next run. */
static int core_watch (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  uint64_t limit = optspan(L, 2), slice = optspan(L, 3);
  watching(lp)->own = limit;
  watching(lp)->slice = slice;
  watching(lp)->sliceall = (slice != 0);
  setlimit(lp);
  return 0;
}


static int loop_set_debug (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  luaL_checkany(L, 2);
  lp->debug = (uint8_t)lua_toboolean(L, 2);
  lp->origins |= lp->debug;
  setlimit(lp);
  return 0;
}


static int loop_get_debug (lua_State *L) {
  lua_pushboolean(L, las_checkloop(L, 1)->debug);
  return 1;
}


static int loop_set_slow_callback_duration (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  lua_Number slow = las_checkseconds(L, 2);
  las_argcheck(L, slow >= 0, 2, "a time in seconds expected");
  watching(lp)->slow = slow;
  setlimit(lp);
  return 0;
}


/* hold_off(n): adds n to the calls that keep the current task from being
   sliced */
static int core_hold_off (lua_State *L) {
  las_Task *t = las_checktask(L, "uninterrupted");
  int n = (int)t->holdoff + (int)luaL_checkinteger(L, 1);
  n = (n < 0) ? 0 : (n > LAS_MAXHOLDOFF) ? LAS_MAXHOLDOFF : n;
  t->holdoff = (uint64_t)n & LAS_MAXHOLDOFF;
  return 0;
}


static void drop (las_Resource *r) {
  Watching *w = (Watching *)r;
  stopdog(w->loop);
  free(w);
}


static int openwatching (las_Loop *lp) {
  static const las_ResourceKind kind = {.drop = drop};
  Watching *w = (Watching *)calloc(1, sizeof(*w));
  if (w == NULL)
    return 0;
  w->res.kind = &kind;
  w->loop = lp;
  w->slow = 0.1;
  las_adopt(lp, &w->res);
  lp->room[LAS_RWATCH] = w;
  setlimit(lp);
  return 1;
}


static const las_Watcher watcher = {openwatching, onslice};


void las_openwatchdog (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"watch", core_watch},
    {"hold_off", core_hold_off},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"set_debug", loop_set_debug},
    {"get_debug", loop_get_debug},
    {"set_slow_callback_duration", loop_set_slow_callback_duration},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  las_addmethods(L, state, LAS_TLOOP, methods);
  ((las_State *)lua_touserdata(L, state))->watcher = &watcher;
  lua_pushvalue(L, state);
  lua_pushcclosure(L, watchreport, 1);
  lua_setiuservalue(L, state, LAS_UWATCH);
}
