/*
** task.c
** Tasks: a coroutine that the loop steps, and the future of its outcome.
** One protected resume, las_step, is the only way into a task's Lua code.
*/

#include <string.h>

#include "core/core.h"


#define MAXEAGER	30	/* eager starts inside one another */
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
  return lp->current == t && lp->driven == L;
}


/* Notes how the body ended. The value goes in last: it replaces the thread,
   which is then held by nothing but this step. */
static int taskmaink (lua_State *L, int status, lua_KContext ctx) {
  las_Task *t = (las_Task *)lua_touserdata(L, SELF);
  (void)ctx;
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
    las_endstray(t);
  return 0;
}


static int taskmain (lua_State *L) {
  int n = lua_gettop(L) - BODY;
  return taskmaink(L, lua_pcallk(L, n, LUA_MULTRET, MSGH, 0, taskmaink), 0);
}


int las_istaskthread (lua_State *co) {
  return lua_tocfunction(co, 1) == taskmain;
}


/* Does anybody care where the current task was cancelled? */
static int iscurious (const las_Loop *lp) {
  return lp->debug || lp->main == &lp->current->f;
}


/* Message handler of every body: keeps the traceback, and which failed
   future the error came from, if from one; the error goes on unchanged. */
static int taskerror (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  lua_State *A;
  if (lp == NULL || lp->current == NULL || lp->driven != L ||
      (las_iserror(L, 1, "CancelledError") && !iscurious(lp)))
    return 1;
  lua_settop(L, 1);
  A = lp->anchor;
  las_pushanchored(L, lp, lp->current->f.item.slot);  /* task at 2 */
  las_errortrace(L, lp);
  las_forgeterror(L, lp);
  las_setextra(L, 2, LAS_XPLACE);
  las_setextra(L, 2, LAS_XTRACEBACK);
  lua_pushvalue(A, LAS_ACAUSE);
  lua_xmove(A, L, 1);
  if (!lua_isnil(L, -1)) {
    lua_getiuservalue(L, -1, LAS_UVALUE);
    if (lua_rawequal(L, -1, 1)) {
      lua_pop(L, 1);
      las_setextra(L, 2, LAS_XCAUSE);
    }
  }
  lua_settop(L, 1);
  return 1;
}

/* }================================================================== */


/*
** {==================================================================
** Stepping
** ===================================================================
*/

/* The task is over: whoever waits is told, and the loop lets go. */
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


static void complain (lua_State *co) {
  const char *msg = "(error object)";
  if (lua_gettop(co) > 0 && lua_type(co, -1) == LUA_TSTRING)
    msg = lua_tostring(co, -1);
  lua_writestringerror("asyncio: a task broke: %s\n", msg);
}


/* The coroutine broke outside its protected body: out of memory, closed or
   resumed by a stranger. What it left on its stack is the error. */
static void broken (las_Task *t, lua_State *co) {
  lua_State *A = t->f.loop->anchor;
  if (t->outcome == LAS_PENDING) {
    if (!las_isawaited(&t->f))
      complain(co);  /* it has no reporter */
    if (lua_gettop(co) > 0)
      lua_xmove(co, A, 1);
    else
      lua_pushnil(A);
    setvalue(t, A);
    t->outcome = LAS_FAILED;
  }
}


void las_endstray (las_Task *t) {
  if (t->f.item.phase == LAS_PARKED) {
    t->f.item.flags |= LAS_FTHROW;
    las_throw(t);
  }
}


/* Cancelled before its first step: the body never runs. */
static void neverrun (las_Task *t) {
  lua_State *A = t->f.loop->anchor;
  lua_pushnil(A);
  setvalue(t, A);
  t->outcome = LAS_CANCELLED;
  finish(t);
}


/* Fires as the bare yield returns, or where a time slice had ended: puts the former hook back and raises. */
void las_hookyield (lua_State *L, lua_Debug *ar) {
  las_Loop *lp = las_pushstate(L)->loop;
  (void)ar;
  las_disarmhook(lp, L);
  if (lp == NULL) {
    lua_pop(L, 1);
    return;
  }
  lua_getiuservalue(L, -1, LAS_URAISE);
  lua_call(L, 0, 0);
}


static int isours (lua_Hook f) {
  return f == las_hookyield || f == las_hookraise || f == las_hookdump ||
         f == las_hookwatch || f == las_hooklate;
}


int las_armhook (las_Loop *lp, lua_State *co, lua_Hook f, int mask,
                 int force) {
  lua_Hook now = lua_gethook(co);
  if (!isours(now)) {
    lp->hook.f = now;
    lp->hook.mask = lua_gethookmask(co);
    lp->hook.count = lua_gethookcount(co);
  }
  else if (now != f && !force)
    return 0;
  lua_sethook(co, f, mask, 1);
  return 1;
}


void las_disarmhook (las_Loop *lp, lua_State *co) {
  if (lp == NULL)
    lua_sethook(co, NULL, 0, 0);
  else
    lua_sethook(co, lp->hook.f, lp->hook.mask, lp->hook.count);
}


static void sethook (las_Loop *lp, lua_State *co) {
  las_armhook(lp, co, las_hookyield, LUA_MASKRET | LUA_MASKCOUNT, 1);
}


/* Has nobody touched the coroutine of a new task? */
static int isuntouched (const las_Task *t) {
  return lua_status(t->co) == LUA_OK &&
         (size_t)lua_gettop(t->co) == (size_t)t->what;
}


/* A stranger has resumed or closed the coroutine of a new task. */
static void failnew (las_Task *t) {
  lua_State *A = t->f.loop->anchor;
  las_pushstate(A);
  lua_getiuservalue(A, -1, LAS_USTRANGER);
  lua_remove(A, -2);
  setvalue(t, A);
  t->outcome = LAS_FAILED;
  finish(t);
}


/* its address lies on the stack of a coroutine in a bare yield */
static const char barekey = 0;


int las_isbare (lua_State *co) {
  return lua_gettop(co) > 0 && lua_touserdata(co, -1) == (void *)&barekey;
}


/* Resumes after a bare 'coroutine.yield' or for the first time. Returns
   whether there is anything to resume. */
static int prepare (las_Task *t, int *narg) {
  uint8_t flags = t->f.item.flags;
  if (t->f.item.phase == LAS_NEW) {
    if (flags & LAS_FMUST) {
      t->f.item.flags &= ~LAS_FMUST;
      neverrun(t);
      return 0;
    }
    if (las_unlikely(!isuntouched(t))) {
      failnew(t);
      return 0;
    }
    *narg = lua_gettop(t->co) - 1;
  }
  else {  /* LAS_FBARE */
    if (las_isbare(t->co))  /* else a stranger resumed it */
      lua_pop(t->co, 1);
    t->f.item.flags &= ~(LAS_FBARE | LAS_FYIELD);
    if (las_takecancel(t))
      sethook(t->f.loop, las_innermost(t->f.loop->S, t->co));
  }
  return 1;
}


/* The last resort against a task that went on after too many cancels: closes
   its coroutine. It has just suspended; its next step finishes it. It leaves
   its wait first: what closes meanwhile must not find it there. */
static void closebyforce (las_Task *t) {
  lua_State *A = t->f.loop->anchor, *co;
  int failed = 0;
  if (t->f.item.phase == LAS_PARKED)
    las_throw(t);
  t->doom = LAS_FORCED;
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
  setvalue(t, A);
  t->outcome = failed ? LAS_FAILED : LAS_CANCELLED;
}


void las_step (las_Loop *lp, las_Task *t) {
  las_Task *outer = lp->current;
  lua_State *driven = lp->driven, *co = t->co;
  int status, n, narg = 0, budget = lp->budget;
  las_assert(t->f.item.phase <= LAS_READY);
  if (las_unlikely(t->outcome != LAS_PENDING)) {  /* ended by a stranger? */
    finish(t);
    return;
  }
  if (las_unlikely(t->f.item.phase == LAS_NEW ||
                   (t->f.item.flags & LAS_FBARE))) {
    if (!prepare(t, &narg))
      return;
  }
  t->f.item.phase = LAS_RUNNING;
  lp->current = t;
  lp->driven = co;
  lp->budget = LAS_BUDGET;
  if (las_unlikely(lp->watch.dog != NULL))
    las_notestep(lp, t);
  status = lua_resume(co, (driven != NULL) ? driven : lp->L, narg, &n);
  if (las_unlikely(lp->watch.dog != NULL))
    las_noteend(lp);
  lp->current = outer;
  lp->driven = driven;
  lp->budget = budget;
  if (las_likely(status == LUA_YIELD)) {
    if (las_unlikely(n > 0))
      lua_pop(co, n);
    if (las_unlikely(t->f.item.phase == LAS_RUNNING)) {  /* a bare yield? */
      las_giveway(co, t);
      t->f.item.flags |= LAS_FBARE;
      lua_pushlightuserdata(co, (void *)&barekey);
    }
    if (las_unlikely(t->doom == 1))
      closebyforce(t);
  }
  else {
    if (las_unlikely(status != LUA_OK))
      broken(t, co);
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
  return lp->ready == &child->f.item && lp->nready == 1 &&
         child->f.item.phase == LAS_NEW && lp->ticks < LAS_POLLEVERY &&
         lp->watch.dog == NULL && lp->depth == 0 && lp->level == 0 &&
         !lua_getstack(L, MAXSTACKNOW, &ar) && !las_spent(lp);
}


/* The next item of the queue, which has no other, is taken out. */
static void takeready (las_Loop *lp) {
  lp->ready = NULL;
  lp->nready = 0;
}


int las_stepawaited (lua_State *L, las_Task *t, las_Task *child) {
  las_Loop *lp = t->f.loop;
  las_assert(t->f.item.phase == LAS_PARKED);
  if (!canstepnow(lp, child, L))
    return 0;
  takeready(lp);
  lp->ticks++;
  lp->depth++;
  las_step(lp, child);
  lp->depth--;
  if (lp->ready != &t->f.item || lp->nready != 1 || lp->stop)
    return 0;
  takeready(lp);
  t->f.item.phase = LAS_RUNNING;
  return 1;
}

/* }================================================================== */


/*
** {==================================================================
** Making tasks
** ===================================================================
*/

/* Keeps the stack that makes the task at 'i'. */
static void notecreation (lua_State *L, int i) {
  luaL_checkstack(L, 6, NULL);
  luaL_traceback(L, L, NULL, 1);
  las_setextra(L, i, LAS_XCREATED);
}


las_Task *las_newtask (lua_State *L, las_Loop *lp, int n) {
  int base = lua_gettop(L) - n;
  int ready = lua_isthread(L, base);  /* a coroutine object? */
  lua_State *co;
  las_Task *t;
  if (base + n > LUA_MINSTACK / 2)
    luaL_checkstack(L, 8, NULL);
  t = (las_Task *)lua_newuserdatauv(L, sizeof(*t), LAS_UEXTRA);
  memset(t, 0, sizeof(*t));
  t->f.item.type = LAS_TASK;
  t->f.loop = lp;
  las_getanchored(L, LAS_UTASK);
  lua_setmetatable(L, -2);
  if (las_unlikely(lp->S->contexts))
    las_inheritcontext(L);
  if (ready) {
    co = lua_tothread(L, base);
    lua_pushvalue(L, base);
  }
  else
    co = lua_newthread(L);
  if ((ready || n > LUA_MINSTACK / 2) && !lua_checkstack(co, n + 8))
    luaL_error(L, "too many arguments");
  /* stack: body, arguments, task, thread */
  las_pushloop(L, lp);
  lua_setiuservalue(L, -3, LAS_ULOOP);
  if (las_unlikely(lp->debug))
    notecreation(L, lua_gettop(L) - 1);
  t->f.item.slot = las_anchor(L, lp, -2);  /* last thing that can raise */
  lua_pushvalue(lp->anchor, LAS_ATASKMAIN);
  lua_pushvalue(lp->anchor, LAS_AMSGH);
  lua_xmove(lp->anchor, co, 2);
  lua_pushvalue(L, -2);
  lua_xmove(L, co, 1);
  if (ready) {
    lua_rotate(co, 1, 3);
    lua_remove(L, base);
  }
  else {
    lua_rotate(L, base, 2);
    lua_xmove(L, co, n + 1);
  }
  lua_setiuservalue(L, base, LAS_UVALUE);
  t->co = co;
  t->what = (void *)(size_t)(ready ? lua_gettop(co)
                                     : BODY + 1 + n);
  t->id = ++lp->S->ntasks;
  lp->ntasks++;
  return t;
}


void las_start (las_Task *t, int eager) {
  las_Loop *lp = t->f.loop;
  if (eager && lp->L != NULL && lp->depth < MAXEAGER) {
    lp->depth++;
    las_step(lp, t);
    lp->depth--;
  }
  else
    las_queue(lp, &t->f.item);
}


/* Checks the options of create_task at 'i' and pushes what the extra table
   of the task starts as, nil for none. Returns 'eager_start'. */
static int newextra (lua_State *L, int i) {
  static const char *const names[] = {
    "name", "eager_start", "context", "time_slice", "n", NULL
  };
  int eager, name, context;
  las_checkoptions(L, i, names);
  lua_getfield(L, i, "eager_start");
  eager = lua_toboolean(L, -1);
  name = lua_getfield(L, i, "name");
  luaL_argcheck(L, name == LUA_TNIL || name == LUA_TSTRING, i,
                "option 'name' must be a string");
  context = lua_getfield(L, i, "context");
  luaL_argcheck(L, context == LUA_TNIL ||
                   las_test(L, las_state(L), -1, LAS_TCONTEXT) != NULL, i,
                "option 'context' must be a Context");
  if (name != LUA_TNIL || context != LUA_TNIL) {
    lua_createtable(L, LAS_XCREATED, 0);
    lua_insert(L, -3);
    lua_rawseti(L, -3, LAS_XCONTEXT);
    lua_rawseti(L, -2, LAS_XNAME);
  }
  else
    lua_pop(L, 1);  /* nil of the name stays */
  lua_remove(L, -2);  /* eager_start */
  return eager;
}


/* Gives the new task on top the extra table at 'extra'. Cannot raise: it has
   room for the context and for where it was made. */
static void setextra (lua_State *L, las_Task *t, int extra) {
  if (lua_rawgeti(L, extra, LAS_XCONTEXT) != LUA_TNIL)
    t->hascontext = 1;
  else if (t->hascontext) {  /* inherited */
    las_getextra(L, -2, LAS_XCONTEXT);
    lua_rawseti(L, extra, LAS_XCONTEXT);
  }
  lua_pop(L, 1);
  if (las_getextra(L, -1, LAS_XCREATED) != LUA_TNIL)
    lua_rawseti(L, extra, LAS_XCREATED);
  else
    lua_pop(L, 1);
  lua_pushvalue(L, extra);
  lua_setiuservalue(L, -2, LAS_UEXTRA);
}


/* Pushes body and arguments from the array part of the table at 'i'.
   Returns how many arguments. */
static int unpackoptions (lua_State *L, int i) {
  int k, n = las_listlen(L, i);
  luaL_checkstack(L, n + 8, "too many arguments");
  for (k = 1; k <= n; k++)
    lua_geti(L, i, k);
  if (n == 0)
    lua_pushnil(L);
  return (n > 0) ? n - 1 : 0;
}


/* Calls the loop's task factory: factory(loop, coroutine, options). The body
   and its 'n' arguments are on top. [-(n+1), +1, e] */
static int callfactory (lua_State *L, las_Loop *lp, int n, int options) {
  int base = lua_gettop(L) - n;
  if (!lua_isthread(L, base)) {
    lua_State *co = lua_newthread(L);
    lua_insert(L, base);
    if (!lua_checkstack(co, n + 8))
      luaL_error(L, "too many arguments");
    lua_xmove(L, co, n + 1);
  }
  las_pushloop(L, lp);
  lua_insert(L, base);
  lua_getiuservalue(L, base, LAS_LFACTORY);
  lua_insert(L, base);
  lua_newtable(L);
  if (options != 0) {
    lua_getfield(L, options, "name");
    lua_setfield(L, -2, "name");
    lua_getfield(L, options, "eager_start");
    lua_setfield(L, -2, "eager_start");
    lua_getfield(L, options, "context");
    lua_setfield(L, -2, "context");
    lua_getfield(L, options, "time_slice");
    lua_setfield(L, -2, "time_slice");
  }
  lua_call(L, 3, 1);
  if (las_tofuture(L, las_state(L), -1) == NULL)
    luaL_error(L, "the task factory returned a %s, not a task",
               luaL_typename(L, -1));
  if (((las_Future *)lua_touserdata(L, -1))->loop != lp)
    luaL_error(L, "the task factory returned a task of another loop");
  return 1;
}


las_Future *las_spawn (lua_State *L, las_Loop *lp, int n) {
  las_Task *t;
  if (las_unlikely(lp->factory)) {
    luaL_checkstack(L, 8, NULL);
    callfactory(L, lp, n, 0);
    return (las_Future *)lua_touserdata(L, -1);
  }
  t = las_newtask(L, lp, n);
  las_start(t, 0);
  return &t->f;
}


las_Task *las_createtask (lua_State *L, las_Loop *lp, int first,
                          int factory) {
  int options = 0, extra = 0, eager = 0, body = first, n;
  uint64_t slice = 0;
  las_Task *t;
  if (las_unlikely(lua_type(L, first) == LUA_TTABLE &&
                   !las_isthing(L, first))) {
    options = first;
    extra = lua_gettop(L) + 1;
    slice = las_optslice(L, options);
    eager = newextra(L, options);
    n = unpackoptions(L, options);
    body = lua_gettop(L) - n;
  }
  else
    n = (lua_gettop(L) > first) ? lua_gettop(L) - first : 0;
  if (!las_tobody(L, body, first)) {
    if (!las_isawaitable(L, body))
      luaL_typeerror(L, first, "function or awaitable");
    las_checknoargs(L, body + 1, options);
    lua_settop(L, body);  /* a task that awaits it */
    las_getanchored(L, LAS_UAWAIT);
    lua_insert(L, body);
    n = 1;
  }
  if (las_unlikely(lua_type(L, body) == LUA_TTHREAD)) {
    las_checknoargs(L, body + 1, options);
    lua_settop(L, body);
    n = 0;
  }
  if (las_unlikely(factory && lp->factory)) {
    callfactory(L, lp, n, options);
    return NULL;
  }
  t = las_newtask(L, lp, n);
  if (extra != 0 && !lua_isnil(L, extra))
    setextra(L, t, extra);
  if (slice != 0)
    las_slicetask(t, slice);
  las_start(t, eager);
  return t;
}


/* create_task(f, ...) or create_task{f, ..., name=, eager_start=} */
static int asyncio_create_task (lua_State *L) {
  las_Loop *lp = las_checkrunning(L);
  las_createtask(L, lp, 1, 1);
  return 1;
}


static int loop_create_task (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  las_createtask(L, lp, 2, 1);
  return 1;
}


/* Task(loop, coroutine, options): what task factories end in */
static int asyncio_Task (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  lua_settop(L, 3);
  if (lua_isnil(L, 3))
    lua_settop(L, 2);
  else {
    static const char *const names[] = {
      "name", "eager_start", "context", "time_slice", NULL
    };
    int n;
    luaL_checktype(L, 3, LUA_TTABLE);
    las_checkoptions(L, 3, names);
    lua_newtable(L);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 1);
    for (n = 0; names[n] != NULL; n++) {
      lua_getfield(L, 3, names[n]);
      lua_setfield(L, -2, names[n]);
    }
    lua_replace(L, 2);
    lua_settop(L, 2);
  }
  las_createtask(L, lp, 2, 0);
  return 1;
}


static int asyncio_current_task (lua_State *L) {
  las_State *S = las_state(L);
  las_Loop *lp = lua_isnoneornil(L, 1)
      ? S->loop : (las_Loop *)las_check(L, 1, LAS_TLOOP);
  if (lp != NULL && lp->current != NULL)
    las_pushanchored(L, lp, lp->current->f.item.slot);
  else
    lua_pushnil(L);
  return 1;
}


static int asyncio_all_tasks (lua_State *L) {
  las_State *S = las_state(L);
  las_Loop *lp = lua_isnoneornil(L, 1)
      ? las_checkrunning(L) : (las_Loop *)las_check(L, 1, LAS_TLOOP);
  lua_Integer n = 0;
  uint32_t slot;
  lua_createtable(L, (int)lp->ntasks, 1);
  for (slot = 1; slot <= lp->nslots; slot++) {
    las_pushanchored(L, lp, slot);
    if (las_test(L, S, -1, LAS_TTASK) != NULL)
      lua_rawseti(L, -2, ++n);
    else
      lua_pop(L, 1);
  }
  lua_pushinteger(L, n);
  lua_setfield(L, -2, "n");
  return 1;
}

/* }================================================================== */


/*
** {==================================================================
** Methods
** ===================================================================
*/

static las_Task *checkself (lua_State *L) {
  return (las_Task *)las_check(L, 1, LAS_TTASK);
}


static int task_cancelling (lua_State *L) {
  lua_pushinteger(L, checkself(L)->ncancels);
  return 1;
}


static int task_uncancel (lua_State *L) {
  las_Task *t = checkself(L);
  las_uncancel(t, 0);
  lua_pushinteger(L, t->ncancels);
  return 1;
}


static const char *pushname (lua_State *L, int i) {
  const las_Task *t = (las_Task *)lua_touserdata(L, i);
  if (las_getextra(L, i, LAS_XNAME) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushfstring(L, "Task-%I", (LUAI_UACINT)t->id);
  }
  return lua_tostring(L, -1);
}


static int task_get_name (lua_State *L) {
  checkself(L);
  pushname(L, 1);
  return 1;
}


static int task_set_name (lua_State *L) {
  checkself(L);
  luaL_checkstring(L, 2);
  lua_settop(L, 2);
  lua_tostring(L, 2);
  las_setextra(L, 1, LAS_XNAME);
  return 1;
}


static int task_get_coro (lua_State *L) {
  if (checkself(L)->co != NULL)
    lua_getiuservalue(L, 1, LAS_UVALUE);
  else
    lua_pushnil(L);
  return 1;
}


static int task_tostring (lua_State *L) {
  las_Task *t = checkself(L);
  const char *state = "pending", *name;
  switch (t->f.item.state) {
    case LAS_FINISHED: state = "finished"; break;
    case LAS_FAILED: state = "failed"; break;
    case LAS_CANCELLED: state = "cancelled"; break;
    default: if (t->f.item.phase == LAS_RUNNING) state = "running";
  }
  lua_settop(L, 1);
  name = pushname(L, 1);
  if (t->co != NULL)
    las_pushplace(L, t->co);
  else
    las_getextra(L, 1, LAS_XPLACE);
  if (lua_isstring(L, -1))
    lua_pushfstring(L, "Task<name=%s, state=%s, at=%s>", name, state,
                    lua_tostring(L, -1));
  else
    lua_pushfstring(L, "Task<name=%s, state=%s>", name, state);
  return 1;
}


/* The stack of a task that waits or runs, or where it failed; then, for an
   error that came out of an await, the same of the task it came from. */
static int task_traceback (lua_State *L) {
  las_Task *t = checkself(L);
  lua_settop(L, 1);
  if (t->co != NULL)
    las_traceback(L, t->co, las_asklevel(L));
  else if (las_getextra(L, 1, LAS_XTRACEBACK) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushstring(L, (t->f.item.state == LAS_CANCELLED)
                          ? "stack traceback: (only debug mode keeps that of"
                            " a cancelled task)"
                          : "stack traceback: (none: the task is over)");
  }
  return 1;
}


/* cause(future): the failed one its error came from, or nil */
static int core_cause (lua_State *L) {
  las_checkfuture(L, 1);
  if (las_getextra(L, 1, LAS_XCAUSE) == LUA_TNIL)
    lua_pushnil(L);
  return 1;
}


void las_opentask (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"create_task", asyncio_create_task},
    {"Task", asyncio_Task},
    {"current_task", asyncio_current_task},
    {"all_tasks", asyncio_all_tasks},
    {"cause", core_cause},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"cancelling", task_cancelling},
    {"uncancel", task_uncancel},
    {"get_name", task_get_name},
    {"set_name", task_set_name},
    {"get_coro", task_get_coro},
    {"traceback", task_traceback},
    {NULL, NULL}
  };
  static const luaL_Reg loopmethods[] = {
    {"create_task", loop_create_task},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__tostring", task_tostring},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  las_newtype(L, state, LAS_TTASK, "asyncio.Task", methods, meta);
  lua_getiuservalue(L, state, LAS_UTYPES);
  lua_rawgeti(L, -1, LAS_TTASK);
  lua_setiuservalue(L, state, LAS_UTASK);
  lua_pop(L, 1);
  las_addmethods(L, state, LAS_TLOOP, loopmethods);
  lua_pushliteral(L, "a task's coroutine was resumed or closed by a stranger");
  lua_setiuservalue(L, state, LAS_USTRANGER);
  lua_pushvalue(L, state);
  lua_pushcclosure(L, taskmain, 1);
  lua_setiuservalue(L, state, LAS_UTASKMAIN);
  lua_pushvalue(L, state);
  lua_pushcclosure(L, taskerror, 1);
  lua_setiuservalue(L, state, LAS_UMSGH);
}

/* }================================================================== */
