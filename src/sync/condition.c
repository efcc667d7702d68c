/*
** condition.c
** Conditions: tasks that hold a lock wait until another one notifies them.
** A task stands in the lock's line from the moment it is notified. However a
** wait ends, the lock is held again before the wait returns or raises.
*/

#include "base/anchor.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/params.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "rooms.h"
#include "sync/line.h"
#include "sync/lock.h"


enum {LOCK = LAS_USOWN, NUSER = LOCK};  /* user values */

/* stack of 'wait' and 'wait_for'; MESSAGE: of a cancel to be raised later */
enum {SELF = 1, PREDICATE, MESSAGE};

typedef struct Condition {
  las_Line line;	/* first; tasks not notified yet */
  las_Lock *lock;	/* alive by LOCK */
} Condition;

static const las_Wait notifywait = {.name = "condition",
                                    .leave = las_leavelist, .inslot1 = 1};
static const las_Wait relockwait = {.name = "lock of a condition",
                                    .leave = las_leavelist, .inslot1 = 1,
                                    .holder = las_lockholder};


static Condition *checkcondition (lua_State *L) {
  Condition *c = (Condition *)las_check(L, SELF, LAS_TCONDITION);
  las_reclaimlock(c->lock);
  return c;
}


/* Returns condition and task of a method that may suspend, or raises. */
static Condition *enter (lua_State *L, const char *fname, las_Task **t) {
  Condition *c;
  *t = las_checktask(L, fname);
  c = checkcondition(L);
  las_useline(L, SELF, &c->line, *t);
  if (las_unlikely(c->lock->line.loop != (*t)->f.loop)) {
    lua_getiuservalue(L, SELF, LOCK);
    las_useline(L, lua_gettop(L), &c->lock->line, *t);
    lua_pop(L, 1);
  }
  return c;
}


static int islock (lua_State *L, int i) {
  return las_test(L, las_state(L), i, LAS_TLOCK) != NULL;
}


/* Condition([lock]) or Condition{lock=, name=} */
static int asyncio_Condition (lua_State *L) {
  enum {GIVEN = 1, NAME};
  static const las_Param params[] = {
    {"lock", "be an asyncio.Lock", islock}, {NULL, NULL, NULL}
  };
  las_Lock *lk;
  Condition *c;
  las_params(L, 1, params);
  if (lua_isnil(L, GIVEN)) {
    lk = las_newlock(L, NAME);
    lua_replace(L, GIVEN);
  }
  else
    lk = (las_Lock *)las_check(L, GIVEN, LAS_TLOCK);
  c = (Condition *)las_newobject(L, sizeof(*c), NUSER, NAME);
  c->lock = lk;
  lua_pushvalue(L, GIVEN);
  lua_setiuservalue(L, -2, LOCK);
  las_settype(L, LAS_TCONDITION);
  return 1;
}


/*
** {==================================================================
** The lock
** ===================================================================
*/

/* condition:acquire(): the condition itself */
static int condition_acquire (lua_State *L) {
  las_Task *t;
  Condition *c = enter(L, "Condition:acquire", &t);
  return las_acquirelock(L, t, c->lock);
}


static Condition *checkheld (lua_State *L) {
  Condition *c = checkcondition(L);
  if (c->lock->owner == 0)
    luaL_error(L, "the lock of the condition is not held");
  return c;
}


static int condition_release (lua_State *L) {
  las_releaselock(checkheld(L)->lock);
  return 0;
}


static int condition_locked (lua_State *L) {
  lua_pushboolean(L, checkcondition(L)->lock->owner != 0);
  return 1;
}


static int condition_close (lua_State *L) {
  las_closelock(L, checkcondition(L)->lock);
  return 0;
}

/* }================================================================== */


/*
** {==================================================================
** Notifying
** ===================================================================
*/

/* Moves the first task that waits to the line of the lock, which is held. */
static void notifyfirst (Condition *c) {
  las_Task *t = (las_Task *)c->line.waiters;
  las_List *l = &c->lock->line.waiters;
  las_unlink(&c->line.waiters, &t->f.item);
  las_append(l, &t->f.item);
  t->wait = &relockwait;
  t->what = l;
}


static void notify (Condition *c, lua_Integer n) {
  while (n-- > 0 && c->line.waiters != NULL)
    notifyfirst(c);
}


/* Raises if tasks of another loop wait: one line holds tasks of one loop. */
static void checkloop (lua_State *L, const Condition *c) {
  if (c->line.waiters != NULL && c->lock->line.loop != c->line.loop)
    luaL_error(L, "the lock of the condition is in use by another loop");
}


/* condition:notify([n]): wakes the first n tasks that wait, one by default */
static int condition_notify (lua_State *L) {
  Condition *c = checkheld(L);
  lua_Integer n = luaL_optinteger(L, 2, 1);
  luaL_argcheck(L, n >= 0, 2, "a number of tasks expected");
  checkloop(L, c);
  notify(c, n);
  return 0;
}


static int condition_notify_all (lua_State *L) {
  Condition *c = checkheld(L);
  checkloop(L, c);
  notify(c, LUA_MAXINTEGER);
  return 0;
}

/* }================================================================== */


/*
** {==================================================================
** Waiting
** ===================================================================
*/

/* what has become of a wait: bits */
#define CANCELLED	1
#define NOTIFIED	2


/* First thing in a continuation: was the wait cancelled? The cancel is not
   raised here; 'rethrow' does that. */
static int takethrow (lua_State *L, las_Task **t) {
  las_Loop *lp = las_state(L)->loop;
  int thrown = 0;
  if (lp != NULL && lp->now.co == L) {
    *t = lp->now.task;
    thrown = ((*t)->f.item.flags & LAS_FTHROW) != 0;
    (*t)->f.item.flags &= ~LAS_FTHROW;
  }
  *t = las_checkwake(L);
  return thrown;
}


/* Keeps the message of a cancel until the cancel is raised, so that the task
   has room for the message of another. The last one counts. */
static void takemessage (lua_State *L, const las_Task *t) {
  lua_settop(L, MESSAGE);
  las_pushanchored(L, t->f.loop, t->f.item.slot);
  if (las_getextra(L, -1, LAS_XMESSAGE) != LUA_TNIL) {
    lua_pushnil(L);
    las_setextra(L, -3, LAS_XMESSAGE);
  }
  lua_replace(L, MESSAGE);
  lua_settop(L, MESSAGE);
}


static void givemessage (lua_State *L, const las_Task *t) {
  las_pushanchored(L, t->f.loop, t->f.item.slot);
  lua_pushvalue(L, MESSAGE);
  las_setextra(L, -2, LAS_XMESSAGE);
  lua_settop(L, MESSAGE);
}


static int rethrow (lua_State *L, las_Task *t) {
  if (lua_gettop(L) == MESSAGE && !lua_isnil(L, MESSAGE))
    givemessage(L, t);
  t->f.item.flags |= LAS_FTHROW;
  las_checkwake(L);
  return 0;  /* to avoid warnings; it has raised */
}


static int test (lua_State *L);


/* Ends a wait with the lock held. A notification that the task cannot use goes
   to another task. */
static int finish (lua_State *L, las_Task *t, Condition *c, int state) {
  c->lock->owner = t->id;
  c->lock->co = L;
  c->lock->line.given = 0;
  if (state & CANCELLED) {
    if (state & NOTIFIED)
      notify(c, 1);
    return rethrow(L, t);
  }
  if (!lua_isnil(L, PREDICATE))
    return test(L);
  lua_pushboolean(L, 1);
  return 1;
}


static int waitk (lua_State *L, int status, lua_KContext ctx);


/* Waits for the lock, again each time a cancel takes the task out of its line.
   It gives up only if nothing can ever wake the main task, or if the task is
   cancelled at every suspension, of which this is one. */
static int relock (lua_State *L, las_Task *t, Condition *c, int state) {
  las_Lock *lk = c->lock;
  if (lk->owner == 0)
    return finish(L, t, c, state);
  if (t->f.loop->run.deadlocked && &t->f == t->f.loop->run.main)
    return rethrow(L, t);
  if (t->strikes != 0 && las_takecancel(t))
    return rethrow(L, t);
  las_append(&lk->line.waiters, &t->f.item);
  las_park(t, &relockwait, &lk->line.waiters);
  return lua_yieldk(L, 0, state, waitk);
}


static int waitk (lua_State *L, int status, lua_KContext ctx) {
  Condition *c = (Condition *)lua_touserdata(L, SELF);
  int state = (int)ctx;
  las_Task *t;
  int thrown = takethrow(L, &t);
  (void)status;
  if (!thrown)  /* the lock was given to it? */
    return finish(L, t, c, state);
  takemessage(L, t);
  if (state == 0 && t->wait == &relockwait)
    state |= NOTIFIED;
  return relock(L, t, c, state | CANCELLED);
}


/* Waits for a notification; the stack holds SELF and PREDICATE. */
static int wait (lua_State *L, las_Task *t, Condition *c) {
  las_waitin(L, t, &c->line.waiters, &notifywait);
  las_releaselock(c->lock);
  return lua_yieldk(L, 0, 0, waitk);
}


/* condition:wait(): true */
static int condition_wait (lua_State *L) {
  las_Task *t;
  Condition *c = enter(L, "Condition:wait", &t);
  checkheld(L);
  lua_settop(L, SELF);
  lua_settop(L, PREDICATE);
  return wait(L, t, c);
}


/* Continues when the predicate has returned. */
static int testk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  if (!lua_toboolean(L, -1)) {
    las_Task *t = las_checktask(L, "Condition:wait_for");
    lua_settop(L, PREDICATE);
    return wait(L, t, checkheld(L));
  }
  return 1;
}


static int test (lua_State *L) {
  lua_pushvalue(L, PREDICATE);
  lua_callk(L, 0, 1, 0, testk);
  return testk(L, LUA_OK, 0);
}


static int testagain (lua_State *L, las_Task *t, void *what) {
  (void)t;
  (void)what;
  return test(L);
}


/* condition:wait_for(predicate): waits until it returns a true value, and
   returns that */
static int condition_wait_for (lua_State *L) {
  las_Task *t;
  enter(L, "Condition:wait_for", &t);
  luaL_argexpected(L, las_iscallable(L, PREDICATE), PREDICATE, "function");
  checkheld(L);
  lua_settop(L, PREDICATE);
  if (las_unlikely(las_spent(t->f.loop)))
    return las_again(L, t, testagain, NULL);
  return test(L);
}

/* }================================================================== */


static int condition_gc (lua_State *L) {
  Condition *c = (Condition *)lua_touserdata(L, SELF);
  las_dropwaiters(c->line.loop, &c->line.waiters);
  return 0;
}


static int condition_tostring (lua_State *L) {
  Condition *c = checkcondition(L);
  lua_pushfstring(L, "Condition<%sstate=%s, waiters=%d, lock waiters=%d>",
                  las_nametext(L, SELF), c->lock->owner ? "locked" : "free",
                  las_listcount(&c->line.waiters),
                  las_listcount(&c->lock->line.waiters));
  return 1;
}


void las_opencondition (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"Condition", asyncio_Condition},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"acquire", condition_acquire},
    {"release", condition_release},
    {"locked", condition_locked},
    {"wait", condition_wait},
    {"wait_for", condition_wait_for},
    {"notify", condition_notify},
    {"notify_all", condition_notify_all},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__close", condition_close},
    {"__gc", condition_gc},
    {"__tostring", condition_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TCONDITION, "asyncio.Condition", methods, meta);
  las_setfuncs(L, state, funcs);
}
