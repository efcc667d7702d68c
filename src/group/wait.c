/*
** wait.c
** wait and as_completed: waiting for some of many futures.
** Neither ever cancels a child or raises the error of one. However the wait
** ends, the children go on by themselves.
*/

#include <string.h>

#include "base/anchor.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/site.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "group/children.h"
#include "rooms.h"


/* what a set waits for */
enum Until {
  ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION,	/* wait */
  NEXT	/* as_completed: one that was not returned yet */
};

typedef struct WaitSet {
  las_Trigger alarm;	/* first; in the heap while 'armed' */
  las_Loop *loop;	/* alive: user value LOOP */
  las_Task *task;	/* the task that waits here, while it does */
  las_List finished;	/* children, in the order they finished */
  uint8_t until;	/* enum Until */
  uint8_t failed;	/* has any child raised an error? */
  uint8_t armed;
  uint8_t expired;	/* was the time limit reached? */
  las_Children all;	/* last */
} WaitSet;

/* user values: the list of futures (without those already returned) */
enum {CHILDREN = 1, LOOP, LATE, NUSER = LATE};	/* LATE: text of the
				TimeoutError, if there is a limit */

/* stack of a call: list of futures, options, the WaitSet */
enum {LIST = LAS_CLIST, OPTIONS = LAS_COPTIONS, SET};


/*
** {==================================================================
** Waiting
** ===================================================================
*/

/* Is there nothing more to wait for? */
static int isenough (const WaitSet *s) {
  if (s->expired || s->all.left == 0)
    return 1;
  switch (s->until) {
    case FIRST_COMPLETED: return s->all.left < s->all.n;
    case FIRST_EXCEPTION: return s->failed;
    case NEXT: return s->finished != NULL;
    default: return 0;
  }
}


static void wakeup (WaitSet *s) {
  las_Task *t = s->task;
  if (t != NULL && isenough(s)) {
    s->task = NULL;
    las_wake(t);
  }
}


static void onchild (las_Children *all, las_Child *child) {
  WaitSet *s = las_owner(all, WaitSet, all);
  las_append(&s->finished, &child->trigger.item);
  if (child->f->item.state == LAS_FAILED)
    s->failed = 1;
  wakeup(s);
}


static void onalarm (las_Trigger *w, las_Future *f) {
  WaitSet *s = (WaitSet *)w;
  (void)f;
  s->armed = 0;
  s->expired = 1;
  las_unwatchchildren(&s->all);
  wakeup(s);
}


/* Sets the time limit. If it has passed already it ends the next wait, so the
   turn under way must look for deadlines when it ends. */
static void arm (lua_State *L, WaitSet *s, lua_Number seconds) {
  las_Loop *lp = s->loop;
  if (!las_heapreserve(&lp->clock.heap))
    luaL_error(L, "not enough memory");
  las_heapadd(&lp->clock.heap, &s->alarm.item, las_after(lp, seconds));
  if (seconds <= 0)
    las_pollsoon(lp);
  s->armed = 1;
}


static void endwait (WaitSet *s) {
  las_unwatchchildren(&s->all);
  if (s->armed && !s->loop->closed)
    las_heapremove(&s->loop->clock.heap, &s->alarm.item);
  s->armed = 0;
}


static void leavewait (las_Task *t) {
  WaitSet *s = (WaitSet *)t->what;
  s->task = NULL;
  endwait(s);
}


/* Leaves a wait for the next child. The loop over them may go on. */
static void leavenext (las_Task *t) {
  ((WaitSet *)t->what)->task = NULL;
}

static las_Future *childof (las_Task *t, int i) {
  WaitSet *s = (WaitSet *)t->what;
  int k;
  for (k = 0; k < s->all.n; k++) {  /* one that was returned may be gone */
    if (s->all.child[k].linked && i-- == 0)
      return s->all.child[k].f;
  }
  return NULL;
}

static const las_Wait waitwait = {
  .name = "wait", .leave = leavewait, .child = childof
};
static const las_Wait nextwait = {
  .name = "as_completed", .leave = leavenext, .child = childof
};


/* As for a Gather, no trigger may stay behind, and no task may wait on. */
static int waitset_gc (lua_State *L) {
  WaitSet *s = (WaitSet *)lua_touserdata(L, 1);
  las_Task *t = s->task;
  s->task = NULL;
  endwait(s);
  las_abandonwait(t);
  return 0;
}

/* }================================================================== */


/*
** {==================================================================
** Arguments
** ===================================================================
*/

static enum Until checkuntil (lua_State *L) {
  static const char *const names[] = {
    "ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION", NULL
  };
  enum Until until = ALL_COMPLETED;
  if (lua_istable(L, OPTIONS) &&
      lua_getfield(L, OPTIONS, "return_when") != LUA_TNIL) {
    const char *name = lua_tostring(L, -1);
    int i = 0;
    while (names[i] != NULL && (name == NULL || strcmp(names[i], name) != 0))
      i++;
    luaL_argcheck(L, names[i] != NULL, 1,
                  "option 'return_when' must be asyncio.ALL_COMPLETED,"
                  " FIRST_COMPLETED or FIRST_EXCEPTION");
    until = (enum Until)i;
  }
  lua_settop(L, OPTIONS);
  return until;
}


/* Reads option 'timeout'. Returns false if there is none. */
static int checktimeout (lua_State *L, lua_Number *seconds) {
  int has = lua_istable(L, OPTIONS) &&
            lua_getfield(L, OPTIONS, "timeout") != LUA_TNIL;
  if (has) {
    int isnumber;
    *seconds = lua_tonumberx(L, -1, &isnumber);
    luaL_argcheck(L, isnumber && *seconds == *seconds, 1,
                  "option 'timeout' must be a number of seconds");
  }
  lua_settop(L, OPTIONS);
  return has;
}


/* Raises unless all are tasks or futures. */
static void checkfutures (lua_State *L, int n) {
  int i;
  if (n == 0)
    luaL_argerror(L, 1, "one task or future at least expected, got none");
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, LIST, i);
    if (las_tofuture(L, las_state(L), -1) == NULL)
      las_typeerror(L, -1, las_childarg(L, i), "task or future");
    lua_pop(L, 1);
  }
}


/* Makes a set of the 'n' futures in the list. [-0, +1, m] */
static WaitSet *newset (lua_State *L, las_Loop *lp, int n,
                        enum Until until) {
  size_t size = las_childrensize(WaitSet, n);
  WaitSet *s = (WaitSet *)lua_newuserdatauv(L, size, NUSER);
  memset(s, 0, size);
  s->alarm.item.type = LAS_TRIGGER;
  s->alarm.fire = onalarm;
  s->loop = lp;
  s->until = (uint8_t)until;
  s->all.done = onchild;
  lua_pushvalue(L, LIST);
  lua_setiuservalue(L, -2, CHILDREN);
  las_pushloop(L, lp);
  lua_setiuservalue(L, -2, LOOP);
  las_settype(L, LAS_TWAITSET);
  las_setchildren(L, &s->all, n);
  return s;
}

/* }================================================================== */


/*
** {==================================================================
** wait
** ===================================================================
*/

/* Pushes the lists of done and pending futures, in the order of the
   arguments. */
static int pushlists (lua_State *L, int n) {
  enum {DONE = SET + 1, PENDING};
  lua_Integer count[2] = {0, 0};
  int i;
  lua_settop(L, SET);
  lua_createtable(L, n, 1);
  lua_createtable(L, 0, 1);
  for (i = 1; i <= n; i++) {
    int pending;
    lua_rawgeti(L, LIST, i);
    pending = las_tofuture(L, las_state(L), -1)->item.state == LAS_PENDING;
    lua_rawseti(L, DONE + pending, ++count[pending]);
  }
  for (i = 0; i < 2; i++) {
    lua_pushinteger(L, count[i]);
    lua_setfield(L, DONE + i, "n");
  }
  return 2;
}


static int waitk (lua_State *L, int status, lua_KContext ctx) {
  WaitSet *s = (WaitSet *)lua_touserdata(L, SET);
  (void)ctx;
  endwait(s);
  if (status == LUA_YIELD)
    las_checkwake(L);
  return pushlists(L, s->all.n);
}


/* wait(f, ...) or wait{f, ..., timeout =, return_when =} */
static int asyncio_wait (lua_State *L) {
  static const char *const options[] = {
    "timeout", "return_when", "n", NULL
  };
  las_Task *t = las_checktask(L, "wait");
  int n = las_listchildren(L, options);
  lua_Number seconds = 0;
  int limited = checktimeout(L, &seconds);
  enum Until until = checkuntil(L);
  WaitSet *s;
  checkfutures(L, n);
  las_checkchildren(L, t, n);
  s = newset(L, t->f.loop, las_dedupchildren(L, n), until);
  if (isenough(s)) {
    if (!las_spent(t->f.loop))
      return waitk(L, LUA_OK, 0);
    las_giveway(L, t);
  }
  else {
    las_checkcancel(L, t);
    if (limited)
      arm(L, s, seconds);
    las_watchchildren(&s->all);
    s->task = t;
    las_park(t, &waitwait, s);
  }
  return lua_yieldk(L, 0, 0, waitk);
}

/* }================================================================== */


/*
** {==================================================================
** as_completed
** ===================================================================
*/

/* Pushes the child that finished first of those not returned yet. */
static int give (lua_State *L, WaitSet *s) {
  las_Child *child = (las_Child *)s->finished;
  lua_Integer i = (child - s->all.child) + 1;
  las_unlink(&s->finished, &child->trigger.item);
  lua_getiuservalue(L, 1, CHILDREN);
  lua_rawgeti(L, -1, i);
  lua_pushnil(L);
  lua_rawseti(L, -3, i);
  return 1;
}


static int nextk (lua_State *L, int status, lua_KContext ctx);


static int next (lua_State *L, las_Task *t, WaitSet *s) {
  if (s->finished != NULL)
    return give(L, s);
  if (s->all.left == 0) {
    endwait(s);
    lua_pushnil(L);
    return 1;
  }
  if (s->expired) {
    lua_getiuservalue(L, 1, LATE);
    return las_error(L, "TimeoutError", "%s", lua_tostring(L, -1));
  }
  las_checkcancel(L, t);
  s->task = t;
  las_park(t, &nextwait, s);
  return lua_yieldk(L, 0, 0, nextk);
}


/* Another task may have been faster; then this one waits again. */
static int nextk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  return next(L, las_checkwake(L), (WaitSet *)lua_touserdata(L, 1));
}


/* the iterator of a 'for': set(_, _) */
static int waitset_call (lua_State *L) {
  WaitSet *s = (WaitSet *)las_check(L, 1, LAS_TWAITSET);
  las_Task *t = las_checktask(L, "as_completed");
  if (t->f.loop != s->loop)
    return luaL_error(L, "this as_completed belongs to another loop");
  if (s->task != NULL)
    return luaL_error(L, "another task waits in this as_completed");
  lua_settop(L, 1);
  if (isenough(s) && las_spent(t->f.loop)) {
    las_giveway(L, t);
    return lua_yieldk(L, 0, 0, nextk);
  }
  return next(L, t, s);
}


/* Ends when the 'for' loop does; the children run on. */
static int waitset_close (lua_State *L) {
  WaitSet *s = (WaitSet *)las_check(L, 1, LAS_TWAITSET);
  endwait(s);
  s->finished = NULL;
  s->all.left = 0;
  lua_newtable(L);
  lua_setiuservalue(L, 1, CHILDREN);
  wakeup(s);
  return 0;
}


static int waitset_tostring (lua_State *L) {
  WaitSet *s = (WaitSet *)las_check(L, 1, LAS_TWAITSET);
  lua_pushfstring(L, "as_completed<pending=%d>", s->all.left);
  return 1;
}


/* as_completed(aw, ...) or as_completed{aw, ..., timeout =}: the values of a
   'for', with one to be closed */
static int asyncio_as_completed (lua_State *L) {
  static const char *const options[] = {"timeout", "n", NULL};
  las_Task *t = las_checktask(L, "as_completed");
  int n = las_listchildren(L, options);
  lua_Number seconds = 0;
  int limited = checktimeout(L, &seconds);
  WaitSet *s;
  las_checkchildren(L, t, n);
  las_startchildren(L, t->f.loop, n);
  s = newset(L, t->f.loop, las_dedupchildren(L, n), NEXT);
  if (limited) {
    las_Site site;
    las_setsite(L, 1, &site);
    las_pushtimedout(L, seconds, &site);
    lua_setiuservalue(L, SET, LATE);
    arm(L, s, seconds);
  }
  las_watchchildren(&s->all);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushvalue(L, SET);
  return 4;
}

/* }================================================================== */


void las_openwait (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"wait", asyncio_wait},
    {"as_completed", asyncio_as_completed},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__call", waitset_call},
    {"__close", waitset_close},
    {"__gc", waitset_gc},
    {"__tostring", waitset_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TWAITSET, "asyncio.as_completed", NULL, meta);
  las_setfuncs(L, state, funcs);
}
