/*
** watchdog.c
** Watching long steps: they are reported while they still run, and may be
** made to yield. A thread only looks at the number of the step and signals
** the loop's own thread, whose handler arms a hook on the running coroutine.
** Another does the same where a test is overdue: its step is stopped.
*/

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/core.h"


#define WATCHSIGNAL	SIGURG	/* ignored where nobody handles it */

#define LATESLACK	20000000  /* ns for a turn that sees the limit */
#define LATEPERIOD	50000000  /* ns between later attempts to stop one */
#define LONGSLEEP	UINT64_C(3600000000000)

/* lp->alarm: what the hook is asked to do */
enum {REPORT = 1, SLICE = 2};

struct las_Watchdog {
  las_Loop *loop;
  pthread_t thread, target;	/* its own; the one that runs the loop */
  uv_mutex_t lock;
  uv_cond_t wake;
  int stop;		/* guarded by 'lock' */
};

/* the loop that this thread runs under a watchdog, how many it has, and who
   handled their signal before */
static __thread las_Loop *volatile watched = NULL;
static __thread int ndogs = 0;
static __thread struct sigaction former;


/*
** {==================================================================
** The hook
** ===================================================================
*/

/* Calls the exception handler with where the step is: watch_report() */
static int watchreport (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  las_Task *t = lp->current;
  lua_createtable(L, 0, 4);
  lua_pushfstring(L, "a %s has been running for %f s",
                  (t != NULL) ? "step" : "callback",
                  (lua_Number)(uv_hrtime() - lp->watch.since) / 1e9);
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


/* Is the coroutine in the middle of the library's own Lua code, or in a
   '__close'? A slice must not end there. */
static int isdelicate (lua_State *L, las_State *S) {
  lua_Debug ar;
  int level;
  for (level = 0; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sn", &ar);
    if (level == 0 && S->libdir[0] != '\0' &&
        strncmp(ar.source, S->libdir, strlen(S->libdir)) == 0)
      return 1;
    if (ar.name != NULL && strcmp(ar.namewhat, "metamethod") == 0 &&
        strcmp(ar.name, "close") == 0)
      return 1;
  }
  return 0;
}


static int mayslice (lua_State *L, las_Loop *lp) {
  las_Task *t = lp->current;
  return lp->driven == L && t->f.item.phase == LAS_RUNNING &&
         t->holdoff == 0 && (lp->watch.sliceall || t->sliced) &&
         lua_isyieldable(L) && !isdelicate(L, lp->S);
}


/* Puts the user's hook back and does what was asked for. */
void las_hookwatch (lua_State *L, lua_Debug *ar) {
  las_State *S = las_pushstate(L);
  las_Loop *lp = S->loop;
  int asked;
  (void)ar;
  las_disarmhook(lp, L);
  if (lp == NULL) {
    lua_pop(L, 1);
    return;
  }
  asked = (lp->watch.step == lp->watch.seen) ? lp->watch.alarm : 0;
  lp->watch.alarm = 0;
  if (asked & REPORT) {
    lua_getiuservalue(L, -1, LAS_UWATCH);
    lua_call(L, 0, 0);
  }
  if ((asked & SLICE) && mayslice(L, lp)) {
    if (las_takecancel(lp->current)) {
      lua_getiuservalue(L, -1, LAS_URAISE);
      lua_call(L, 0, 0);
    }
    lua_pop(L, 1);
    las_giveway(L, lp->current);
    lp->current->f.item.flags |= LAS_FBARE;
    lua_yield(L, 0);
    return;
  }
  lua_pop(L, 1);
}


/* The run is at its time limit: stops the step or callback, wherever it is,
   unless that has ended meanwhile. If it goes on it is stopped again, then at
   each instruction until it is left. */
void las_hooklate (lua_State *L, lua_Debug *ar) {
  las_Loop *lp = las_pushstate(L)->loop;
  int late = (lp != NULL && lp->limit != 0 && uv_hrtime() >= lp->limit &&
              lp->turns == lp->watch.lateturn && !lp->spared);
  int ismain = late && lp->main != NULL && lp->current == (void *)lp->main;
  int level = 0;
  lua_pop(L, 1);
  if (!late || !lp->overdue)
    las_disarmhook(lp, L);
  if (!late || (ismain && lp->ending))
    return;
  if (ismain)
    lp->overdue = LAS_TOLD;
  else if (!lp->overdue)
    lp->overdue = LAS_LATE;
  while (lua_getstack(L, level, ar) && lua_getinfo(L, "l", ar) &&
         ar->currentline <= 0)
    level++;
  luaL_where(L, level);
  lua_pushliteral(L, "the time limit was reached");
  lua_concat(L, 2);
  lua_error(L);
}

/* }================================================================== */


/*
** {==================================================================
** The signal, on the loop's thread
** ===================================================================
*/

/* The hook has not come: the step is in a C function or in a plain inner
   coroutine. Its name is all that can be told now. */
static void tellname (las_Loop *lp) {
  char text[160];
  int n = snprintf(text, sizeof(text), "asyncio: a step of %.80s has been "
                   "running for %.3f s, outside its own Lua code\n",
                   lp->watch.name,
                   (double)(uv_hrtime() - lp->watch.since) / 1e9);
  if (write(STDERR_FILENO, text, (size_t)n) < 0)
    return;
}


static void onsignal (int sig) {
  las_Loop *lp = watched;
  lua_State *co;
  int late;
  (void)sig;
  if (lp == NULL || lp->closed)
    return;
  co = (lp->driven != NULL) ? lp->driven : lp->watch.calling ? lp->L : NULL;
  late = lp->watch.late;
  lp->watch.late = 0;
  if (co != NULL && late && lp->turns == lp->watch.lateturn) {
    las_armhook(lp, co, las_hooklate,
                LUA_MASKCOUNT | LUA_MASKCALL | LUA_MASKRET, 1);
    return;
  }
  if (co == NULL || lp->watch.asked == 0)
    return;
  if (lp->watch.asked & REPORT) {
    if (lp->watch.alarm & REPORT) {
      lp->watch.asked &= ~REPORT;
      tellname(lp);
      return;
    }
  }
  if (las_armhook(lp, co, las_hookwatch, LUA_MASKCOUNT, 0))
    lp->watch.alarm |= lp->watch.asked;
}

/* }================================================================== */


/*
** {==================================================================
** The thread
** ===================================================================
*/

/* What the thread knows of the step it sees. */
typedef struct Sight {
  uint32_t step;	/* its number */
  uint64_t since;	/* first seen, or last sliced */
  uint64_t first;	/* first seen */
  int reports;		/* signals sent to have it reported */
} Sight;


/* Looks once; sends a signal where the step is too long. */
static void look (struct las_Watchdog *w, Sight *s) {
  las_Loop *lp = w->loop;
  uint64_t now = uv_hrtime();
  int ask = 0;
  if ((lp->current == NULL && !lp->watch.calling) ||
      lp->watch.step != s->step) {
    s->step = lp->watch.step;
    s->since = s->first = now;
    s->reports = 0;
    return;
  }
  if (lp->watch.limit != 0 &&
      (s->reports == 0 || (s->reports == 1 && (lp->watch.alarm & REPORT))) &&
      now - s->first >= lp->watch.limit * (uint64_t)(s->reports + 1)) {
    lp->watch.since = s->first;
    s->reports++;
    ask |= REPORT;
  }
  if (lp->watch.slice != 0 && now - s->since >= lp->watch.slice) {
    s->since = now;
    ask |= SLICE;
  }
  if (ask != 0) {
    lp->watch.seen = s->step;
    lp->watch.asked = ask;
    pthread_kill(w->target, WATCHSIGNAL);
  }
}


static void *watch (void *arg) {
  struct las_Watchdog *w = (struct las_Watchdog *)arg;
  las_Loop *lp = w->loop;
  Sight s;
  memset(&s, 0, sizeof(s));
  uv_mutex_lock(&w->lock);
  while (!w->stop) {
    uint64_t period = lp->watch.limit;
    if (period == 0 || (lp->watch.slice != 0 && lp->watch.slice < period))
      period = lp->watch.slice;
    period = (period / 4 > 500000) ? period / 4 : 500000;
    uv_cond_timedwait(&w->wake, &w->lock, period);
    if (!w->stop)
      look(w, &s);
  }
  uv_mutex_unlock(&w->lock);
  return NULL;
}


/* How long to sleep before the next look at a run with a time limit. */
static uint64_t sleeptime (uint64_t limit, int looks) {
  uint64_t now = uv_hrtime();
  if (limit == 0 || limit > now + LONGSLEEP)
    return LONGSLEEP;
  if (limit > now)
    return limit - now;
  return (looks == 1) ? LATESLACK : LATEPERIOD;
}


/* Sleeps until the time limit of the run. The loop sees that itself, unless
   it is busy: a turn that was there at the look before is stopped. */
static void *waitlate (void *arg) {
  struct las_Watchdog *w = (struct las_Watchdog *)arg;
  las_Loop *lp = w->loop;
  uint64_t seen = 0;
  int looks = 0;  /* past the limit */
  uv_mutex_lock(&w->lock);
  while (!w->stop) {
    uint64_t limit;
    uv_cond_timedwait(&w->wake, &w->lock, sleeptime(lp->limit, looks));
    limit = lp->limit;
    if (w->stop || limit == 0 || uv_hrtime() < limit)
      continue;
    if (looks++ > 0 && lp->turns == seen) {
      lp->watch.lateturn = seen;
      lp->watch.late = 1;
      pthread_kill(w->target, WATCHSIGNAL);
    }
    seen = lp->turns;
  }
  uv_mutex_unlock(&w->lock);
  return NULL;
}


/* Stands for the thread of a loop that belongs to another process: so the end
   of the step that was forked is noted. */
static struct las_Watchdog foreign;


void las_forkwatch (las_Loop *lp) {
  if (lp->watch.dog == NULL)
    lp->watch.dog = &foreign;
}


static void endthread (struct las_Watchdog *w) {
  int running;
  uv_mutex_lock(&w->lock);
  running = !w->stop;
  w->stop = 1;
  uv_cond_signal(&w->wake);
  uv_mutex_unlock(&w->lock);
  if (running)
    pthread_join(w->thread, NULL);
  uv_cond_destroy(&w->wake);
  uv_mutex_destroy(&w->lock);
}


static void stop (struct las_Watchdog **place) {
  struct las_Watchdog *w = *place;
  if (w == NULL || w == &foreign)
    return;
  *place = NULL;
  if (w->loop->closed != LAS_FOREIGN)
    endthread(w);
  else  /* a fork takes no threads along */
    las_forkwatch(w->loop);
  if (--ndogs == 0) {
    sigaction(WATCHSIGNAL, &former, NULL);
    watched = NULL;
  }
  free(w);
}


/* Without memory or threads nothing is watched. */
static void start (las_Loop *lp, struct las_Watchdog **place,
                   void *(*f) (void *)) {
  struct las_Watchdog *w;
  sigset_t all, old;
  int err;
  w = (struct las_Watchdog *)calloc(1, sizeof(*w));
  if (w == NULL)
    return;
  w->loop = lp;
  w->target = pthread_self();
  uv_mutex_init(&w->lock);
  uv_cond_init(&w->wake);
  if (ndogs++ == 0) {
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = onsignal;
    sa.sa_flags = SA_RESTART;
    sigemptyset(&sa.sa_mask);
    watched = lp;
    sigaction(WATCHSIGNAL, &sa, &former);
  }
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  err = pthread_create(&w->thread, NULL, f, w);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  *place = w;
  if (err != 0) {
    w->stop = 1;
    stop(place);
  }
}


/* Starts the threads for which there is anything to watch. */
void las_startwatch (las_Loop *lp) {
  if (watched != NULL && watched != lp)
    return;
  if (lp->watch.dog == NULL && (lp->watch.limit != 0 || lp->watch.slice != 0))
    start(lp, &lp->watch.dog, watch);
  if (lp->watch.clock == NULL && lp->limit != 0)
    start(lp, &lp->watch.clock, waitlate);
}


void las_stopwatch (las_Loop *lp) {
  las_dropsince(lp);
  stop(&lp->watch.dog);
  stop(&lp->watch.clock);
  lp->watch.late = 0;
  if (lp->L != NULL && lua_gethook(lp->L) == las_hooklate)
    las_disarmhook(lp, lp->L);  /* no callback ran any more */
}


/* A step begins: its name must be at hand where nothing can be asked. */
void las_notestep (las_Loop *lp, las_Task *t) {
  lua_State *A = lp->anchor;
  lua_rawgeti(A, LAS_ATABLE, t->f.item.slot);
  if (las_getextra(A, -1, LAS_XNAME) == LUA_TSTRING)
    snprintf(lp->watch.name, sizeof(lp->watch.name), "%s",
             lua_tostring(A, -1));
  else
    snprintf(lp->watch.name, sizeof(lp->watch.name), "Task-%llu",
             (unsigned long long)t->id);
  lua_pop(A, 2);
  lp->watch.began = uv_hrtime();
  lp->watch.step++;
}


void las_notecall (las_Loop *lp) {
  snprintf(lp->watch.name, sizeof(lp->watch.name), "a callback");
  lp->watch.began = uv_hrtime();
  lp->watch.step++;
  lp->watch.calling = 1;
}


void las_noteend (las_Loop *lp) {
  uint64_t took = uv_hrtime() - lp->watch.began;
  if (las_unlikely(lp->closed == LAS_FOREIGN))
    las_leaverun(lp);
  if (took > lp->longest)
    lp->longest = took;
}

/* }================================================================== */


/* seconds at 'i' as nanoseconds; nil is 0: off */
static uint64_t optspan (lua_State *L, int i) {
  if (lua_isnoneornil(L, i))
    return 0;
  luaL_argcheck(L, las_checkseconds(L, i) > 0, i, "a positive time expected");
  return las_moment(lua_tonumber(L, i));
}


/* The limit is the shorter one of the program's own and of debug mode. */
void las_debugwatch (las_Loop *lp) {
  uint64_t slow = lp->debug ? las_moment(lp->slow) : 0;
  las_stopwatch(lp);
  if (lp->debug && slow == 0)
    slow = 1;
  lp->watch.limit = lp->watch.own;
  if (slow != 0 && (lp->watch.own == 0 || slow < lp->watch.own))
    lp->watch.limit = slow;
  if (lp->L != NULL)
    las_startwatch(lp);
}


/* watch(loop, report | nil, slice | nil): seconds. Starts at once if the
   loop runs, else with its next run. */
static int core_watch (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  uint64_t limit = optspan(L, 2), slice = optspan(L, 3);
  las_stopwatch(lp);
  lp->watch.own = limit;
  lp->watch.slice = slice;
  lp->watch.sliceall = (slice != 0);
  las_debugwatch(lp);
  return 0;
}


uint64_t las_optslice (lua_State *L, int i) {
  lua_Number slice = 0;
  if (lua_getfield(L, i, "time_slice") != LUA_TNIL) {
    slice = lua_tonumber(L, -1);
    las_argcheck(L, slice > 0, i,
                 "option 'time_slice' must be a positive time in seconds");
  }
  lua_pop(L, 1);
  return las_moment(slice);
}


void las_slicetask (las_Task *t, uint64_t slice) {
  las_Loop *lp = t->f.loop;
  t->sliced = 1;
  if (lp->watch.slice == 0 || slice < lp->watch.slice)
    lp->watch.slice = slice;
  if (lp->L != NULL)
    las_startwatch(lp);
}


/* hold_off(n): adds to how often the current task may not be sliced */
static int core_hold_off (lua_State *L) {
  las_Task *t = las_checktask(L, "uninterrupted");
  int n = (int)t->holdoff + (int)luaL_checkinteger(L, 1);
  n = (n < 0) ? 0 : (n > LAS_MAXHOLDOFF) ? LAS_MAXHOLDOFF : n;
  t->holdoff = (uint64_t)n & LAS_MAXHOLDOFF;
  return 0;
}


/* set_libdir(prefix): what the source of the library's own Lua starts with */
static int core_set_libdir (lua_State *L) {
  snprintf(las_state(L)->libdir, sizeof(las_state(L)->libdir), "%s",
           luaL_checkstring(L, 1));
  return 0;
}


void las_openwatchdog (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"watch", core_watch},
    {"hold_off", core_hold_off},
    {"set_libdir", core_set_libdir},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  lua_pushvalue(L, state);
  lua_pushcclosure(L, watchreport, 1);
  lua_setiuservalue(L, state, LAS_UWATCH);
}
