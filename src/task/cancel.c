/*
** cancel.c
** Cancelling: a cancel goes down the chain of awaits to whatever can raise it.
** A message goes the same way first, because keeping it may raise, but a
** cancel must not.
*/

#include "task/cancel.h"
#include "base/anchor.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "task/reason.h"
#include "task/task.h"
#include "rooms.h"


void las_throw (las_Task *t) {
  las_leave(t);
  t->f.item.flags |= LAS_FTHROW;
  las_wake(t);
}


/*
** The cancel follows the chain of awaits in a loop. If a task waits for many (a
** gather), the rest becomes work for later, so nothing recurses. A task that
** is met twice in one pass is cancelled once.
*/
static int cancelchain (las_Future *f, uint32_t pass) {
  for (;;) {
    las_Task *t = (las_Task *)f;
    las_Future *inner;
    if (f->item.state != LAS_PENDING)
      return 0;
    if (f->item.type != LAS_TASK) {
      las_settle(f, LAS_CANCELLED);
      return 1;
    }
    if (t->mark == pass) {
      if (f->item.phase == LAS_PARKED)
        las_throw(t);  /* a cycle: there is no innermost wait */
      return 1;
    }
    t->mark = pass;
    if (t->ncancels < LAS_MAXCANCELS)
      t->ncancels++;
    if (f->item.phase != LAS_PARKED) {
      f->item.flags |= LAS_FMUST;
      return 1;
    }
    if (t->wait->many != NULL) {
      las_Work *w = t->wait->many(t);
      w->next = f->loop->cancel.work;
      f->loop->cancel.work = w;
      return 1;
    }
    inner = (t->wait->inner != NULL) ? t->wait->inner(t) : NULL;
    if (inner == NULL) {
      las_throw(t);
      return 1;
    }
    f = inner;
  }
}


/* Begins a pass with a new number. After 2^32 passes the numbers start again,
   so all tasks forget their marks of old passes. */
static void newpass (las_Loop *lp) {
  if (las_unlikely(++lp->cancel.pass == 0)) {
    lua_State *A = lp->anchors.thread;
    uint32_t slot;
    for (slot = 1; slot <= lp->anchors.nslots; slot++) {
      las_Task *t;
      lua_rawgeti(A, LAS_ATABLE, slot);
      t = (las_Task *)las_test(A, lp->S, -1, LAS_TTASK);
      if (t != NULL)
        t->mark = 0;
      lua_pop(A, 1);
    }
    lp->cancel.pass = 1;
  }
}


int las_cancelalso (las_Future *f) {
  las_Loop *lp = f->loop;
  int taken;
  if (lp->closed && f->item.type == LAS_TASK)
    return 0;  /* the deadlines went with the collected loop */
  taken = cancelchain(f, lp->cancel.pass);
  while (lp->cancel.work != NULL) {
    las_Work *w = lp->cancel.work;
    lp->cancel.work = w->next;
    w->run(w);
  }
  return taken;
}


int las_cancel (las_Future *f) {
  newpass(f->loop);
  return las_cancelalso(f);
}


int las_cancelfor (las_Future *f, las_Reason *r) {
  int taken;
  if (r->pass != 0 && r->pass == f->loop->cancel.pass)
    return las_cancelalso(f);
  las_assert(r->pass == 0);
  taken = las_cancel(f);
  las_listreason(f->loop, r);
  return taken;
}


void las_cancelinner (las_Future *f) {
  cancelchain(f, f->loop->cancel.pass);
}


unsigned las_cancelbase (const las_Task *t) {
  int coming = (t->f.item.flags & LAS_FMUST) && t->ncancels > 0;
  return coming ? t->ncancels - 1 : t->ncancels;
}


int las_uncancel (las_Task *t, unsigned base) {
  if (t->ncancels > 0)
    t->ncancels--;
  if (t->ncancels > base)
    return 1;
  t->f.item.flags &= ~LAS_FMUST;
  return 0;
}


/* Follows the chain of tasks that each wait for one other task, from 't' on.
   Returns the last one before 'me', or the first that does not wait so. */
static las_Task *lastawaiter (las_Task *t, const las_Task *me) {
  uint32_t steps = t->f.loop->ntasks;  /* a longer chain is a circle */
  while (steps-- > 0 && t->f.item.phase == LAS_PARKED) {
    las_Future *inner = (t->wait->inner != NULL) ? t->wait->inner(t) : NULL;
    if (inner == NULL || inner->item.type != LAS_TASK || inner == &me->f)
      break;
    t = (las_Task *)inner;
  }
  return t;
}


/* cancel_child(task): like its method 'cancel'. But if the task waits for the
   caller, directly or through others, the cancel would come back; it is then
   raised in the last of the tasks that wait. */
static int core_cancel_child (lua_State *L) {
  las_Task *t = (las_Task *)las_check(L, 1, LAS_TTASK);
  las_Task *me = las_checktask(L, "cancel_child");
  uint8_t must = me->f.item.flags & LAS_FMUST;
  unsigned ncancels = me->ncancels;
  las_cancel(&t->f);
  if (me->mark != me->f.loop->cancel.pass)
    return 0;
  me->ncancels = ncancels & LAS_MAXCANCELS;
  if (!must)
    me->f.item.flags &= ~LAS_FMUST;
  t = lastawaiter(t, me);
  if (t->f.item.phase == LAS_PARKED)
    las_throw(t);
  return 0;
}


/* uncancel(task, base): is any cancel left? */
static int core_uncancel (lua_State *L) {
  las_Task *t = (las_Task *)las_check(L, 1, LAS_TTASK);
  lua_pushboolean(L, las_uncancel(t, (unsigned)luaL_checkinteger(L, 2)));
  return 1;
}


/* stack of 'cancel'; LIST: the tasks that get the message; TARGET: one of
   them */
enum {SELF = 1, MESSAGE, LIST, TARGET};


/* Adds a task that the cancel goes on to, once. */
static void addtarget (lua_State *L, las_Future *f) {
  int top = lua_gettop(L);
  if (f->item.type == LAS_TASK && f->item.state == LAS_PENDING &&
      lua_rawgetp(L, LIST, f) == LUA_TNIL) {
    lua_pushboolean(L, 1);
    lua_rawsetp(L, LIST, f);
    las_pushanchored(L, f->loop, f->item.slot);
    lua_rawseti(L, LIST, (lua_Integer)lua_rawlen(L, LIST) + 1);
  }
  lua_settop(L, top);
}


/* Adds the tasks that the cancel of a task goes on to. Returns whether the task
   itself raises it, too. */
static int addtargets (lua_State *L, las_Task *t) {
  las_Future *f;
  int i;
  if (t->f.item.phase != LAS_PARKED)
    return 1;
  if (t->wait->many != NULL) {
    for (i = 0; (f = t->wait->child(t, i)) != NULL; i++)
      addtarget(L, f);
    return 1;
  }
  f = (t->wait->inner != NULL) ? t->wait->inner(t) : NULL;
  if (f == NULL || f->item.type != LAS_TASK)
    return 1;
  addtarget(L, f);
  return 0;
}


/* Gives the message to all tasks that will raise the cancel. A message that one
   has already stays. */
static void setmessage (lua_State *L) {
  lua_Integer k;
  lua_createtable(L, 1, 1);
  lua_pushvalue(L, SELF);
  lua_rawseti(L, LIST, 1);
  for (k = 1; k <= (lua_Integer)lua_rawlen(L, LIST); k++) {
    las_Future *f;
    lua_rawgeti(L, LIST, k);
    f = (las_Future *)lua_touserdata(L, TARGET);
    if ((f->item.type != LAS_TASK || addtargets(L, (las_Task *)f)) &&
        las_getextra(L, TARGET, LAS_XMESSAGE) == LUA_TNIL) {
      lua_pushvalue(L, MESSAGE);
      las_setextra(L, TARGET, LAS_XMESSAGE);
    }
    lua_settop(L, LIST);
  }
}


static int future_cancel (lua_State *L) {
  las_Future *f = las_checkfuture(L, 1);
  luaL_optstring(L, 2, NULL);
  lua_settop(L, 2);
  if (!lua_isnil(L, 2) && f->item.state == LAS_PENDING)
    setmessage(L);
  lua_pushboolean(L, las_cancel(f));
  return 1;
}


/* persist(task): cancels it now and at each further suspension; after a
   hundred of those its coroutine is closed. killed(task): was it closed? */
static int core_persist (lua_State *L) {
  las_Task *t = (las_Task *)las_check(L, 1, LAS_TTASK);
  if (t->f.item.state == LAS_PENDING && t->strikes == 0) {
    t->strikes = LAS_STRIKES;
    las_cancel(&t->f);
    t->f.item.flags |= LAS_FMUST;
  }
  return 0;
}


static int core_killed (lua_State *L) {
  las_Task *t = (las_Task *)las_check(L, 1, LAS_TTASK);
  lua_pushboolean(L, t->strikes == LAS_KILLED);
  return 1;
}


/* the types of futures and tasks are there already */
void las_opencancel (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"cancel_child", core_cancel_child},
    {"uncancel", core_uncancel},
    {"persist", core_persist},
    {"killed", core_killed},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"cancel", future_cancel},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  las_addmethods(L, state, LAS_TFUTURE, methods);
  las_addmethods(L, state, LAS_TTASK, methods);
}
