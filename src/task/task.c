/*
** task.c
** Tasks: a coroutine that the loop steps, and the future of its outcome.
*/

#include <stdio.h>
#include <string.h>

#include "task/task.h"
#include "base/anchor.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/current.h"
#include "base/hook.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/origin.h"
#include "base/state.h"
#include "base/trace.h"
#include "task/awaitable.h"
#include "task/cancel.h"
#include "task/context.h"
#include "task/future.h"
#include "task/step.h"
#include "rooms.h"


#define MAXEAGER	30	/* eager starts inside one another */


/*
** {==================================================================
** Making tasks
** ===================================================================
*/

/* In debug mode, keeps the stack that makes the task at 'i'; for a test, only
   the innermost line. */
static void notecreation (lua_State *L, const las_Loop *lp, int i) {
  luaL_checkstack(L, 8, NULL);
  if (lp->debug)
    luaL_traceback(L, L, NULL, 1);
  else {
    las_pushorigin(L, lp);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      return;
    }
    lua_pushfstring(L, "stack traceback:\n\t%s", lua_tostring(L, -1));
    lua_remove(L, -2);
  }
  las_setextra(L, i, LAS_XCREATED);
}


/* Pushes the coroutine of a new task: the coroutine object at 'base', if it is
   'ready', or a new one with room for the body there and its 'n' arguments. */
static lua_State *pushthread (lua_State *L, int base, int n, int ready) {
  lua_State *co;
  if (ready) {
    co = lua_tothread(L, base);
    lua_pushvalue(L, base);
  }
  else
    co = las_newthread(L);
  if ((ready || n > LUA_MINSTACK / 2) && !lua_checkstack(co, n + 8))
    luaL_error(L, "too many arguments");
  return co;
}


/* Moves to the coroutine everything that a task starts with: the functions at
   its base, the task, the body and its 'n' arguments. From 'base' on, only
   task and thread remain on L. Cannot raise. */
static void fillthread (lua_State *L, las_Loop *lp, lua_State *co, int base,
                        int n, int ready) {
  lua_pushvalue(lp->anchors.thread, LAS_ATASKMAIN);
  lua_pushvalue(lp->anchors.thread, LAS_AMSGH);
  lua_xmove(lp->anchors.thread, co, 2);
  lua_pushvalue(L, -2);
  lua_xmove(L, co, 1);
  if (ready) {  /* body and arguments are there already */
    lua_rotate(co, 1, 3);
    lua_remove(L, base);
  }
  else {
    lua_rotate(L, base, 2);  /* stack: task, thread, body, arguments */
    lua_xmove(L, co, n + 1);
  }
}


las_Task *las_newtaskfor (lua_State *L, las_Loop *lp, int n, int subject) {
  int base = lua_gettop(L) - n;
  int ready = lua_isthread(L, base);
  lua_State *co;
  las_Task *t;
  if (base + n > LUA_MINSTACK / 2)
    luaL_checkstack(L, 8, NULL);
  t = (las_Task *)lua_newuserdatauv(L, sizeof(*t), LAS_UEXTRA);
  memset(t, 0, sizeof(*t));
  t->f.item.type = LAS_TASK;
  t->f.loop = lp;
  las_settype(L, LAS_TTASK);
  if (las_unlikely(lp->S->contexts))
    las_inheritcontext(L);
  if (subject != 0) {
    lua_pushvalue(L, subject);
    las_setextra(L, -2, LAS_XSUBJECT);
  }
  co = pushthread(L, base, n, ready);
  /* stack: body, arguments, task, thread */
  las_pushloop(L, lp);
  lua_setiuservalue(L, -3, LAS_ULOOP);
  if (las_unlikely(lp->origins))
    notecreation(L, lp, lua_gettop(L) - 1);
  t->f.item.slot = las_anchor(L, lp, -2);  /* last thing that can raise */
  fillthread(L, lp, co, base, n, ready);
  lua_setiuservalue(L, base, LAS_UVALUE);
  t->co = co;
  t->what = (void *)(size_t)lua_gettop(co);
  t->id = ++lp->S->ntasks;
  lp->ntasks++;
  return t;
}


void las_start (las_Task *t, int eager) {
  las_Loop *lp = t->f.loop;
  if (eager && lp->L != NULL && lp->now.depth < MAXEAGER) {
    lp->now.depth++;
    las_step(lp, t);
    lp->now.depth--;
  }
  else
    las_queue(lp, &t->f.item);
}


/* Checks the options of create_task at 'i' and pushes the extra table that the
   task starts with, or nil. Returns 'eager_start'. */
static int newextra (lua_State *L, int i) {
  static const char *const names[] = {
    "name", "eager_start", "context", "time_slice", "n", NULL
  };
  int eager, name, context;
  las_checklistoptions(L, i, names);
  eager = las_optboolean(L, i, i, "eager_start");
  name = lua_getfield(L, i, "name");
  las_argcheck(L, name == LUA_TNIL || name == LUA_TSTRING, i,
               "option 'name' must be a string");
  context = lua_getfield(L, i, "context");
  las_argcheck(L, context == LUA_TNIL ||
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
  las_argcheck(L, lua_checkstack(L, n + 8), i, "too many arguments");
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
    lua_State *co = las_newthread(L);
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
    luaL_error(L, "the task factory returned %s%s, not a task",
               lua_isnil(L, -1) ? "" : "a ", luaL_typename(L, -1));
  if (((las_Future *)lua_touserdata(L, -1))->loop != lp)
    luaL_error(L, "the task factory returned a task that belongs to another"
                  " loop");
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


/* Returns option 'time_slice' of the table at 'i' in nanoseconds; 0: none. */
static uint64_t optslice (lua_State *L, int i) {
  lua_Number slice = 0;
  if (lua_getfield(L, i, "time_slice") != LUA_TNIL) {
    slice = lua_tonumber(L, -1);
    las_argcheck(L, slice > 0, i,
                 "option 'time_slice' must be a positive time in seconds");
  }
  lua_pop(L, 1);
  return las_moment(slice);
}


/* Makes the task give way when a step takes longer than 'slice'. */
static void slicetask (las_Task *t, uint64_t slice) {
  las_Loop *lp = t->f.loop;
  t->sliced = 1;
  lp->S->watcher->slice(lp, slice);
}


las_Task *las_createtask (lua_State *L, las_Loop *lp, int first,
                          int factory) {
  int options = 0, extra = 0, eager = 0, body = first, n;
  uint64_t slice = 0;
  las_Task *t;
  if (las_unlikely(lua_type(L, first) == LUA_TTABLE &&
                   !las_isobject(L, first))) {
    las_checknone(L, first + 1);
    options = first;
    extra = lua_gettop(L) + 1;
    slice = optslice(L, options);
    eager = newextra(L, options);
    n = unpackoptions(L, options);
    body = lua_gettop(L) - n;
  }
  else
    n = (lua_gettop(L) > first) ? lua_gettop(L) - first : 0;
  if (!las_asbody(L, body, first)) {
    if (!las_isawaitable(L, body))
      las_typeerror(L, body, first, "function or awaitable");
    las_checknoargs(L, body + 1, options);
    lua_settop(L, body);  /* make a task that awaits the value */
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
    slicetask(t, slice);
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


/* Task(loop, coroutine, options): for task factories */
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
  if (lp != NULL && lp->now.task != NULL)
    las_pushanchored(L, lp, lp->now.task->f.item.slot);
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
  for (slot = 1; slot <= lp->anchors.nslots; slot++) {
    const las_Task *t;
    las_pushanchored(L, lp, slot);
    t = (las_Task *)las_test(L, S, -1, LAS_TTASK);
    if (t != NULL && t->f.item.state == LAS_PENDING)
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


void las_defaultname (lua_State *L, int i, char *text) {
  const las_Task *t = (las_Task *)lua_touserdata(L, i);
  if (las_getextra(L, i, LAS_XSUBJECT) == LUA_TNIL ||
      !t->f.loop->S->nametask(lua_touserdata(L, -1), text))
    snprintf(text, LAS_TASKNAME, "Task-%llu", (unsigned long long)t->id);
  lua_pop(L, 1);
}


static const char *pushname (lua_State *L, int i) {
  if (las_getextra(L, i, LAS_XNAME) == LUA_TNIL) {
    char text[LAS_TASKNAME];
    lua_pop(L, 1);
    las_defaultname(L, i, text);
    lua_pushstring(L, text);
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


/* The stack of a task that waits or runs, or the stack where it failed. If the
   error came out of an await, that of the task it came from follows. */
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
                          : "stack traceback: (none: the task is done)");
  }
  return 1;
}


/* cause(future): the failed future that its error came from, or nil */
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
  las_addmethods(L, state, LAS_TLOOP, loopmethods);
}

/* }================================================================== */
