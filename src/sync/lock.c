/*
** lock.c
** Locks: one task at a time.
** Releasing a lock gives it to the first task in line at once, so no task that
** comes meanwhile can take it, and a waiter that wakes has it.
*/

#include "sync/lock.h"
#include "base/budget.h"
#include "base/loop.h"
#include "base/params.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "rooms.h"
#include "sync/line.h"


/*
** {==================================================================
** Who holds it
** ===================================================================
*/

uint64_t las_lockholder (las_Task *t) {
  return las_owner(t->what, las_Lock, line.waiters)->owner;
}

static const las_Wait lockwait = {.name = "lock", .leave = las_leavelist,
                                  .inslot1 = 1, .holder = las_lockholder};


/* Does the lock belong to the scope that is closed in L? It does if the running
   task holds it, in whatever coroutine. A coroutine may also be closed outside
   of its task's steps, and only the coroutine then shows whose scope it is. */
static int isowner (const lua_State *L, const las_Lock *lk) {
  const las_Loop *lp = lk->line.loop;
  if (lk->owner == 0)
    return 0;
  if (lp->now.task != NULL && lp->now.task->id == lk->owner)
    return 1;
  return lp->now.co != L && lk->co == L;
}

/* }================================================================== */


/*
** {==================================================================
** Taking and giving, for conditions too
** ===================================================================
*/

/* Continues when the lock was given to this task. */
static int acquirek (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  las_checkwake(L);
  ((las_Lock *)ctx)->co = L;  /* may be inside the task's own coroutine */
  ((las_Lock *)ctx)->line.given = 0;
  lua_settop(L, 1);
  return 1;
}


static int tryagain (lua_State *L, las_Task *t, void *lk) {
  return las_acquirelock(L, t, (las_Lock *)lk);
}


int las_acquirelock (lua_State *L, las_Task *t, las_Lock *lk) {
  if (las_unlikely(lk->owner != 0)) {
    las_waitin(L, t, &lk->line.waiters, &lockwait);
    return lua_yieldk(L, 0, (lua_KContext)lk, acquirek);
  }
  if (las_unlikely(las_spent(t->f.loop)))
    return las_again(L, t, tryagain, lk);
  lk->owner = t->id;
  lk->co = L;
  lua_settop(L, 1);
  return 1;
}


void las_releaselock (las_Lock *lk) {
  las_Task *next = (las_Task *)lk->line.waiters;
  lk->line.given = (next != NULL);
  if (next != NULL) {
    lk->owner = next->id;
    lk->co = next->co;
    las_wakefirst(&lk->line.waiters);
  }
  else {
    lk->owner = 0;
    lk->co = NULL;
  }
}


void las_reclaimlock (las_Lock *lk) {
  if (las_isorphaned(&lk->line))
    las_releaselock(lk);
}


void las_closelock (lua_State *L, las_Lock *lk) {
  if (isowner(L, lk))
    las_releaselock(lk);
}


las_Lock *las_newlock (lua_State *L, int name) {
  las_Lock *lk =
      (las_Lock *)las_newobject(L, sizeof(*lk), LAS_USLOOP, name);
  las_settype(L, LAS_TLOCK);
  return lk;
}

/* }================================================================== */


static las_Lock *checklock (lua_State *L) {
  las_Lock *lk = (las_Lock *)las_check(L, 1, LAS_TLOCK);
  las_reclaimlock(lk);
  return lk;
}


/* Lock() or Lock{name=} */
static int asyncio_Lock (lua_State *L) {
  las_params(L, 1, las_noparams);
  las_newlock(L, 1);
  return 1;
}


/* lock:acquire(): the lock itself */
static int lock_acquire (lua_State *L) {
  las_Task *t = las_checktask(L, "Lock:acquire");
  las_Lock *lk = checklock(L);
  las_useline(L, 1, &lk->line, t);
  return las_acquirelock(L, t, lk);
}


static int lock_release (lua_State *L) {
  las_Lock *lk = checklock(L);
  if (lk->owner == 0)
    return luaL_error(L, "the lock is not held");
  las_releaselock(lk);
  return 0;
}


static int lock_locked (lua_State *L) {
  lua_pushboolean(L, checklock(L)->owner != 0);
  return 1;
}


static int lock_close (lua_State *L) {
  las_closelock(L, checklock(L));
  return 0;
}


static int lock_gc (lua_State *L) {
  las_Lock *lk = (las_Lock *)lua_touserdata(L, 1);
  las_dropwaiters(lk->line.loop, &lk->line.waiters);
  return 0;
}


static int lock_tostring (lua_State *L) {
  las_Lock *lk = checklock(L);
  lua_pushfstring(L, "Lock<%sstate=%s, waiters=%d>", las_nametext(L, 1),
                  lk->owner ? "locked" : "free",
                  las_listcount(&lk->line.waiters));
  return 1;
}


void las_openlock (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"Lock", asyncio_Lock},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"acquire", lock_acquire},
    {"release", lock_release},
    {"locked", lock_locked},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__close", lock_close},
    {"__gc", lock_gc},
    {"__tostring", lock_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TLOCK, "asyncio.Lock", methods, meta);
  las_setfuncs(L, state, funcs);
}
