/*
** park.c
** Parking, waking and raising cancels: the one protocol of every wait.
** A wait either happened (las_wake) or was cancelled (las_throw), never both.
*/

#include "task/park.h"
#include "base/anchor.h"
#include "base/current.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "base/trace.h"
#include "task/future.h"
#include "task/reason.h"
#include "task/task.h"
#include "rooms.h"


/*
** {==================================================================
** Who may wait
** ===================================================================
*/

las_Task *las_currenttask (lua_State *L, las_State *S) {
  las_Loop *lp = S->loop;
  if (lp != NULL && lp->now.co == L && lua_isyieldable(L))
    return lp->now.task;
  return NULL;
}


/* Returns why the caller cannot wait here, as the end of a sentence; NULL if it
   can. */
static const char *whynot (lua_State *L, las_State *S) {
  if (las_currenttask(L, S) != NULL)
    return NULL;
  if (S->loop == NULL || S->loop->now.task == NULL)
    return "";
  if (S->loop->now.co != L)
    return ": this coroutine is not the task's own"
           " (use asyncio.coroutine instead of coroutine)";
  return ": Lua cannot yield here"
         " (in a finalizer, a sort comparator or the like)";
}


/* cannot_wait(): nil in a task that can wait, else the reason */
static int core_cannot_wait (lua_State *L) {
  if (las_state(L)->lost != 0)
    lua_pushfstring(L, ": the loop belongs to process %d",
                    las_state(L)->lost);
  else
    lua_pushstring(L, whynot(L, las_state(L)));
  return 1;
}


las_Task *las_checktask (lua_State *L, const char *fname) {
  las_State *S = las_state(L);
  las_Task *t = las_currenttask(L, S);
  if (las_unlikely(t == NULL && S->lost != 0))
    las_raiseforeign(L, S->lost);
  if (las_unlikely(t == NULL))
    luaL_error(L, "asyncio.%s must be called from inside a task%s", fname,
               whynot(L, S));
  return t;
}

/* }================================================================== */


/*
** {==================================================================
** Parking and waking
** ===================================================================
*/

void las_park (las_Task *t, const las_Wait *wait, void *what) {
  las_assert(t->f.item.phase == LAS_RUNNING);
  t->f.item.phase = LAS_PARKED;
  t->wait = wait;
  t->what = what;
}


void las_wake (las_Task *t) {
  las_assert(t->f.item.phase == LAS_PARKED);
  t->f.item.phase = LAS_READY;
  las_queue(t->f.loop, &t->f.item);
}


void las_abandonwait (las_Task *t) {
  if (t != NULL && t->f.item.phase == LAS_PARKED && !t->f.loop->closed) {
    t->f.item.flags |= LAS_FTHROW;
    las_wake(t);
  }
}


void las_wakefirst (las_List *l) {
  las_Item *it = *l;
  las_unlink(l, it);
  las_wake((las_Task *)it);
}


void las_leave (las_Task *t) {
  if (t->wait->leave != NULL)
    t->wait->leave(t);
  else
    las_unawait((las_Future *)t->what, t);
}


void las_leavewaits (las_Loop *lp) {
  lua_State *A = lp->anchors.thread;
  uint32_t slot;
  for (slot = 1; slot <= lp->anchors.nslots; slot++) {
    las_Task *t;
    lua_rawgeti(A, LAS_ATABLE, slot);
    t = (las_Task *)las_test(A, lp->S, -1, LAS_TTASK);
    lua_pop(A, 1);
    if (t != NULL && t->f.item.phase == LAS_PARKED) {
      las_leave(t);
      t->f.item.phase = LAS_READY;
    }
  }
}


void las_giveway (lua_State *L, las_Task *t) {
  (void)L;
  las_assert(t->f.item.phase == LAS_RUNNING);
  t->f.item.phase = LAS_READY;
  t->f.item.flags |= LAS_FYIELD;
  las_queue(t->f.loop, &t->f.item);
}


/* Continues a call that gave way. */
static int againk (lua_State *L, int status, lua_KContext ctx) {
  las_Task *t = las_checkwake(L);
  (void)status;
  return ((las_Retry)ctx)(L, t, t->what);
}


int las_again (lua_State *L, las_Task *t, las_Retry f, void *what) {
  las_giveway(L, t);
  t->what = what;  /* free while the task does not wait */
  return lua_yieldk(L, 0, (lua_KContext)f, againk);
}


void las_leavelist (las_Task *t) {
  las_unlink((las_List *)t->what, &t->f.item);
}


void las_waitin (lua_State *L, las_Task *t, las_List *l,
                 const las_Wait *how) {
  las_checkcancel(L, t);
  las_append(l, &t->f.item);
  las_park(t, how, l);
}


void las_wakeall (las_List *l) {
  while (*l != NULL)
    las_wakefirst(l);
}


/* Raises the current task's CancelledError. */
static int raisecancel (lua_State *L, las_Task *t) {
  las_newerror(L, "CancelledError", NULL);
  las_pushanchored(L, t->f.loop, t->f.item.slot);
  if (las_unlikely(t->strikes == 1)) {  /* the last, which it may catch */
    las_traceback(L, t->co, 0);
    las_setextra(L, -2, LAS_XTRACEBACK);
  }
  if (las_getextra(L, -1, LAS_XMESSAGE) != LUA_TNIL) {
    lua_setfield(L, -3, "message");
    lua_pushnil(L);
    las_setextra(L, -2, LAS_XMESSAGE);
    lua_pop(L, 1);
  }
  else {
    lua_pop(L, 2);
    las_addreason(L, t);
  }
  return lua_error(L);
}


int las_raisedeadlock (lua_State *L, las_Loop *lp) {
  lp->run.deadlocked = 0;
  luaL_checkstack(L, 4, NULL);
  las_pushloop(L, lp);
  if (lua_getiuservalue(L, -1, LAS_LBROKEN) == LUA_TNIL) {
    lua_pop(L, 1);
    las_newerror(L, "DeadlockError", "nothing can ever wake the main task");
  }
  lua_pushnil(L);
  lua_setiuservalue(L, -3, LAS_LBROKEN);
  return lua_error(L);
}


int las_raisecancel (lua_State *L) {
  return raisecancel(L, las_state(L)->loop->now.task);
}


/* A task that is cancelled at every suspension uses up its strikes. At the last
   one it may suspend, and the step then closes it. */
int las_takecancel (las_Task *t) {
  if (!(t->f.item.flags & LAS_FMUST))
    return 0;
  if (t->strikes == 1)
    return 0;
  if (t->strikes > 1)
    t->strikes--;
  else
    t->f.item.flags &= ~LAS_FMUST;
  return 1;
}


void las_checkcancel (lua_State *L, las_Task *t) {
  if (las_unlikely(las_takecancel(t)))
    raisecancel(L, t);
}


void las_absorbcancel (las_Task *t) {
  if (t->strikes == 0)
    t->f.item.flags &= ~LAS_FMUST;
}


/* Raises what the flags of a resumed task ask for. */
static void raiseflags (lua_State *L, las_Task *t) {
  uint8_t flags = t->f.item.flags;
  t->f.item.flags &= ~(LAS_FTHROW | LAS_FYIELD);
  if (flags & LAS_FTHROW) {
    las_absorbcancel(t);  /* cancelled again before it ran: raise once */
    if (t->f.loop->run.deadlocked && &t->f == t->f.loop->run.main)
      las_raisedeadlock(L, t->f.loop);
    raisecancel(L, t);
  }
  if (flags & LAS_FYIELD)
    las_checkcancel(L, t);
}


las_Task *las_checkwake (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  las_Task *t;
  if (las_unlikely(lp == NULL || lp->now.co != L))
    luaL_error(L, "a task's coroutine was resumed from outside the event loop");
  t = lp->now.task;
  if (las_unlikely(t->f.item.flags & (LAS_FTHROW | LAS_FYIELD)))
    raiseflags(L, t);
  return t;
}

/* }================================================================== */


/* If a body stands in a plain yield, no function of ours continues when it is
   resumed, so a hook raises the cancel as that yield returns. */
void las_openpark (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"cannot_wait", core_cannot_wait},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  lua_pushvalue(L, state);
  lua_pushcclosure(L, las_raisecancel, 1);
  lua_setiuservalue(L, state, LAS_URAISE);
}
