/*
** step.c
** Steps: how the loop enters a task's Lua code, and how that ends.
** One protected resume, las_step, is the only way in.
*/

#include <string.h>

#include "task/step.h"
#include "base/anchor.h"
#include "base/budget.h"
#include "base/current.h"
#include "base/error.h"
#include "base/hook.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "base/trace.h"
#include "task/cancel.h"
#include "task/future.h"
#include "task/park.h"
#include "task/reason.h"
#include "task/task.h"
#include "task/unretrieved.h"
#include "rooms.h"


#define MAXSTACKNOW	10	/* calls below an await that steps its task */


/*
** {==================================================================
** The body's frame
** ===================================================================
*/

/* stack of a task's coroutine, from its base */
enum {MSGH = 1, SELF, BODY};


/* Is the body run by the loop's own step? */
static int isstepped (lua_State *L, const las_Task *t) {
  const las_Loop *lp = t->f.loop;
  return lp->now.task == t && lp->now.co == L;
}


/* The body was ended by another resume than the loop's. Nothing holds its
   coroutine any more. */
static void endoutside (las_Task *t) {
  t->co = NULL;
  if (t->f.item.phase == LAS_PARKED)
    las_throw(t);
}


/* Notes how the body ended. The value goes in last: it replaces the thread,
   which is then held by nothing but this step. */
static int taskmaink (lua_State *L, int status, lua_KContext ctx) {
  las_Task *t = (las_Task *)ctx;  /* alive: in slot SELF */
  if (status == LUA_OK || status == LUA_YIELD) {
    las_setvalues(L, SELF, &t->f, lua_gettop(L) - SELF);  /* may raise */
    t->outcome = LAS_FINISHED;
  }
  else {
    if (las_iserror(L, -1, "CancelledError")) {
      t->outcome = LAS_CANCELLED;
      t->f.item.flags |= LAS_FERROBJ;
    }
    else {
      las_newreporter(L, SELF);
      t->outcome = LAS_FAILED;
    }
    lua_setiuservalue(L, SELF, LAS_UVALUE);
  }
  if (las_unlikely(!isstepped(L, t)))
    endoutside(t);
  return 0;
}


/* Runs the body of the task whose first step this is: no code of the program
   comes between the step and here. Outside code may have this function, too:
   a new coroutine that it resumes gives it away. */
static int taskmain (lua_State *L) {
  int n = lua_gettop(L) - BODY;
  las_Loop *lp = las_state(L)->loop;
  las_Task *t = (lp != NULL) ? lp->now.starting : NULL;
  if (las_unlikely(t == NULL))
    return luaL_error(L, "a task's coroutine was resumed from outside the"
                         " event loop");
  las_assert(lua_touserdata(L, SELF) == (void *)t);
  lp->now.starting = NULL;
  return taskmaink(L, lua_pcallk(L, n, LUA_MULTRET, MSGH, (lua_KContext)t,
                                 taskmaink), (lua_KContext)t);
}


int las_istaskthread (lua_State *co) {
  return lua_tocfunction(co, 1) == taskmain;
}


/* Does a cancel of the current task keep its traceback? */
static int wantstrace (const las_Loop *lp) {
  return lp->debug || lp->run.main == &lp->now.task->f;
}


/* Message handler of every body: keeps the traceback, and the future that the
   error came from, if it came from one; the error goes on unchanged. A <close>
   variable that fails in its turn has the handler called again. */
static int taskerror (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  if (lp == NULL || lp->now.task == NULL || lp->now.co != L ||
      (las_iserror(L, 1, "CancelledError") && !wantstrace(lp)))
    return 1;
  lua_settop(L, 1);
  las_pushanchored(L, lp, lp->now.task->f.item.slot);  /* task at 2 */
  if (!las_pushstack(L, 1))
    las_errortrace(L);
  las_setextra(L, 2, LAS_XPLACE);
  las_setextra(L, 2, LAS_XTRACEBACK);
  las_pushcause(L);
  las_setextra(L, 2, LAS_XCAUSE);  /* maybe nil: no longer the former one */
  lua_settop(L, 1);
  return 1;
}


/* raised(): the traceback of the error that unwinds this coroutine, or nil; to
   be asked only where no call in between can have caught another one */
static int core_raised (lua_State *L) {
  const las_Loop *lp = las_checkrunning(L);
  const las_Task *t = lp->now.task;
  lua_settop(L, 0);
  if (t != NULL && t->co == L) {
    las_pushanchored(L, t->f.loop, t->f.item.slot);
    las_getextra(L, 1, LAS_XTRACEBACK);
  }
  else
    las_pushnoted(L);
  return 1;
}

/* }================================================================== */


/*
** {==================================================================
** Stepping
** ===================================================================
*/

/* The task is done: its waiters are woken, and the loop holds it no more. */
static void finish (las_Task *t) {
  las_Loop *lp = t->f.loop;
  uint32_t slot = t->f.item.slot;
  t->f.item.phase = LAS_DONE;
  t->co = NULL;
  lp->ntasks--;
  las_settle(&t->f, (enum las_Outcome)t->outcome);
  if (las_likely(t->f.item.slot != 0)) {  /* did its group leave it there? */
    t->f.item.slot = 0;
    las_release(lp, slot);
  }
}


/* Takes a value off stack A as the outcome of the task. Cannot raise. */
static void setvalue (las_Task *t, lua_State *A) {
  lua_rawgeti(A, LAS_ATABLE, t->f.item.slot);
  lua_insert(A, -2);
  lua_setiuservalue(A, -2, LAS_UVALUE);
  lua_pop(A, 1);
}


/* The job that makes the reporter of a task that failed outside its body. */
typedef struct Failure {
  las_Job job;		/* first */
  las_Task *task;
} Failure;


static int failure_run (lua_State *L) {
  las_Task *t = ((Failure *)lua_touserdata(L, 1))->task;
  las_pushanchored(L, t->f.loop, t->f.item.slot);
  las_newreporter(L, lua_gettop(L));
  return 0;
}


/* Gives the task a reporter; false if there is no memory for one. */
static int addreporter (las_Task *t) {
  las_Loop *lp = t->f.loop;
  lua_State *A = lp->anchors.thread;
  lua_State *L = (lp->now.co != NULL) ? lp->now.co : lp->L;
  Failure failure = {.job = {.run = failure_run}, .task = t};
  if (!lua_checkstack(L, 2))
    return 0;
  lua_pushvalue(A, LAS_ARUNJOB);
  lua_xmove(A, L, 1);
  lua_pushlightuserdata(L, &failure);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK)
    return 1;
  lua_pop(L, 1);  /* memory error */
  return 0;
}


/* Fails the anchored task with the error on top of A. Its body's frame, which
   makes the reporters of other tasks, was not reached. Cannot raise. */
static void failoutside (las_Task *t, lua_State *A) {
  const char *msg = "(error object)";
  if (lua_type(A, -1) == LUA_TSTRING)
    msg = lua_tostring(A, -1);
  setvalue(t, A);  /* keeps 'msg' alive */
  t->outcome = LAS_FAILED;
  if (!addreporter(t) && !las_isawaited(&t->f))
    lua_writestringerror("asyncio: a task's coroutine failed outside its body:"
                         " %s\n", msg);
}


/* Pushes the error of a coroutine that outside code resumed or closed on the
   stack A, which it returns. [-0, +1, -] on A */
static lua_State *pushoutside (las_Task *t) {
  lua_State *A = t->f.loop->anchors.thread;
  las_pushstate(A);
  lua_getiuservalue(A, -1, LAS_UOUTSIDE);
  lua_remove(A, -2);
  return A;
}


/* The coroutine broke outside its protected body: out of memory, or resumed or
   closed from outside. Closed, it has not even started again: its status is
   that of one which never failed. */
static void broken (las_Task *t, lua_State *co) {
  lua_State *A = t->f.loop->anchors.thread;
  if (t->outcome != LAS_PENDING)
    return;
  if (lua_status(co) == LUA_OK)
    pushoutside(t);
  else if (lua_gettop(co) > 0)
    lua_xmove(co, A, 1);
  else
    lua_pushnil(A);
  failoutside(t, A);
}


/* Cancelled before its first step: the body never runs. */
static void cancelunstarted (las_Task *t) {
  lua_State *A = t->f.loop->anchors.thread;
  lua_pushnil(A);
  setvalue(t, A);
  t->outcome = LAS_CANCELLED;
  finish(t);
}


/* Fires as the bare yield returns, or where a time slice had ended. */
static void actcancel (lua_State *L, las_Loop *lp, lua_Debug *ar) {
  (void)lp;
  (void)ar;
  las_pushstate(L);
  lua_getiuservalue(L, -1, LAS_URAISE);
  lua_remove(L, -2);
  lua_call(L, 0, 0);
}


static const las_Deed cancel = {
  LAS_DCANCEL, LUA_MASKRET | LUA_MASKCOUNT, actcancel
};


/* Has nobody touched the coroutine of a new task? */
static int isuntouched (const las_Task *t) {
  return lua_status(t->co) == LUA_OK &&
         (size_t)lua_gettop(t->co) == (size_t)t->what;
}


/* The same for a new task. */
static void failtouched (las_Task *t) {
  failoutside(t, pushoutside(t));
  finish(t);
}


/* Resumes after a bare 'coroutine.yield' or for the first time. Returns
   whether there is anything to resume. */
static int prepare (las_Task *t, int *narg) {
  uint8_t flags = t->f.item.flags;
  if (t->f.item.phase == LAS_NEW) {
    if (flags & LAS_FMUST) {
      t->f.item.flags &= ~LAS_FMUST;
      cancelunstarted(t);
      return 0;
    }
    if (las_unlikely(!isuntouched(t))) {
      failtouched(t);
      return 0;
    }
    *narg = lua_gettop(t->co) - 1;
    t->f.loop->now.starting = t;
  }
  else {  /* LAS_FBARE */
    if (las_isbare(t->co))  /* else outside code resumed it */
      lua_pop(t->co, 1);
    t->f.item.flags &= ~(LAS_FBARE | LAS_FYIELD);
    if (las_takecancel(t))
      las_armhook(t->f.loop, las_innermost(t->f.loop->S, t->co), &cancel);
  }
  return 1;
}


/* The last resort against a task that went on after too many cancels: closes
   its coroutine. It has just suspended; its next step finishes it. It leaves
   its wait first: what closes meanwhile must not find it there. */
static void closebyforce (las_Task *t) {
  lua_State *A = t->f.loop->anchors.thread, *co;
  las_Loop *lp = t->f.loop;
  las_Task *outer = lp->now.task;
  lua_State *driven = lp->now.co;
  int failed = 0;
  if (t->f.item.phase == LAS_PARKED)
    las_throw(t);
  t->strikes = LAS_KILLED;
  lp->now.task = t;  /* what its scopes release is the task's */
  lp->now.co = NULL;
  lua_pushnil(A);
  do {  /* what it drives comes first */
    co = las_innermost(t->f.loop->S, t->co);
    if (las_closethread(co, t->f.loop->L) != LUA_OK) {
      failed = 1;
      if (lua_gettop(co) > 0) {
        lua_xmove(co, A, 1);
        lua_replace(A, -2);
      }
    }
  } while (co != t->co);
  lp->now.task = outer;
  lp->now.co = driven;
  setvalue(t, A);
  t->outcome = failed ? LAS_FAILED : LAS_CANCELLED;
  t->co = NULL;  /* nothing holds it any more */
}


void las_step (las_Loop *lp, las_Task *t) {
  las_Task *outer = lp->now.task;
  lua_State *driven = lp->now.co, *co = t->co;
  int status, n, narg = 0, budget = lp->budget.left;
  las_assert(t->f.item.phase <= LAS_READY);
  if (las_unlikely(t->outcome != LAS_PENDING)) {  /* ended from outside? */
    finish(t);
    return;
  }
  if (las_unlikely(t->f.item.phase == LAS_NEW ||
                   (t->f.item.flags & LAS_FBARE))) {
    if (!prepare(t, &narg))
      return;
  }
  t->f.item.phase = LAS_RUNNING;
  lp->now.task = t;
  lp->now.co = co;
  lp->budget.left = LAS_BUDGET;
  if (las_unlikely(lp->instrument != NULL))
    lp->instrument->step(lp, t);
  status = lua_resume(co, (driven != NULL) ? driven : lp->L, narg, &n);
  lp->now.task = outer;
  lp->now.co = driven;
  lp->budget.left = budget;
  if (las_unlikely(lp->hook.co != NULL))
    las_movehook(lp, driven);
  if (las_unlikely(lp->instrument != NULL))
    lp->instrument->stepped(lp, t);
  if (las_likely(status == LUA_YIELD)) {
    if (las_unlikely(n > 0))
      lua_pop(co, n);
    if (las_unlikely(t->f.item.phase == LAS_RUNNING)) {  /* a bare yield? */
      las_giveway(co, t);
      t->f.item.flags |= LAS_FBARE;
      las_pushbare(co);
    }
    if (las_unlikely(t->strikes == 1))
      closebyforce(t);
  }
  else {
    if (las_unlikely(status != LUA_OK)) {
      lp->now.starting = NULL;
      broken(t, co);
    }
    finish(t);
  }
}


/* Steps a task that is ready out of its turn: an eager start, or a reader
   whose bytes are in the loop's buffer. It stands in no queue. */
void las_stepnow (las_Loop *lp, las_Task *t) {
  las_assert(t->f.item.phase == LAS_PARKED);
  t->f.item.phase = LAS_READY;
  las_step(lp, t);
}

/* May the awaited child run inside the step of 't'? Nothing else may be ready,
   and all that is bounded or watched step by step must stay so: polls, the
   budget, the watchdog, the depth of the C stack. */
static int canstepnow (las_Loop *lp, const las_Task *child, lua_State *L) {
  lua_Debug ar;
  return lp->ready.first == &child->f.item && lp->ready.n == 1 &&
         child->f.item.phase == LAS_NEW && !lp->run.stop &&
         lp->instrument == NULL && lp->now.depth == 0 && lp->now.level == 0 &&
         !las_mustpoll(lp, lp->budget.ticks % 16 == 15) &&
         !lua_getstack(L, MAXSTACKNOW, &ar) && !las_spent(lp);
}


/* The next item of the queue, which has no other, is taken out. */
static void takeready (las_Loop *lp) {
  lp->ready.first = NULL;
  lp->ready.n = 0;
}


int las_stepawaited (lua_State *L, las_Task *t, las_Task *child) {
  las_Loop *lp = t->f.loop;
  las_assert(t->f.item.phase == LAS_PARKED);
  if (!canstepnow(lp, child, L))
    return 0;
  takeready(lp);
  lp->budget.ticks++;
  lp->now.depth++;
  las_step(lp, child);
  lp->now.depth--;
  if (lp->ready.first != &t->f.item || lp->ready.n != 1 || lp->run.stop)
    return 0;
  takeready(lp);
  t->f.item.phase = LAS_RUNNING;
  return 1;
}

/* }================================================================== */


void las_openstep (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"raised", core_raised},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  lua_pushliteral(L, "a task's coroutine was resumed or closed from outside"
                     " the event loop");
  lua_setiuservalue(L, state, LAS_UOUTSIDE);
  lua_pushvalue(L, state);
  lua_pushcclosure(L, taskmain, 1);
  lua_setiuservalue(L, state, LAS_UTASKMAIN);
  lua_pushvalue(L, state);
  lua_pushcclosure(L, taskerror, 1);
  lua_setiuservalue(L, state, LAS_UMSGH);
}
