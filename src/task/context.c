/*
** context.c
** Contexts: values that follow the flow of a program into tasks and callbacks.
** Contexts share their maps and copy one before writing to it, so a copy is a
** small object. A task that has no context costs the test of one bit.
*/

#include <string.h>

#include "task/context.h"
#include "base/anchor.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/future.h"
#include "task/task.h"
#include "rooms.h"


typedef struct Context {
  int shared;		/* may others have the same map? */
  int entered;		/* is it current for a 'run'? */
} Context;

/* user value of a context: table, variable -> value; nil while empty */
enum {MAP = 1};

/* its address stands for nil in maps */
static const char nilkey = 0;


/*
** {==================================================================
** Maps
** ===================================================================
*/

void las_encodevar (lua_State *L) {
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushlightuserdata(L, (void *)&nilkey);
  }
}


void las_decodevar (lua_State *L) {
  if (lua_touserdata(L, -1) == (void *)&nilkey) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
}


int las_lookupvar (lua_State *L, int ctx, int var) {
  if (lua_isnil(L, ctx))
    return 0;
  lua_pushvalue(L, var);
  if (lua_getiuservalue(L, lua_absindex(L, (ctx < 0) ? ctx - 1 : ctx), MAP) ==
      LUA_TNIL) {
    lua_pop(L, 2);
    return 0;
  }
  lua_insert(L, -2);
  if (lua_rawget(L, -2) == LUA_TNIL) {
    lua_pop(L, 2);
    return 0;
  }
  lua_remove(L, -2);
  return 1;
}


/* Pushes the map of the context at 'ctx', copied if it was shared. */
static void ownmap (lua_State *L, int ctx) {
  Context *c = (Context *)lua_touserdata(L, ctx);
  int has = (lua_getiuservalue(L, ctx, MAP) != LUA_TNIL);
  if (has && !c->shared)
    return;
  lua_newtable(L);
  if (has) {
    lua_pushnil(L);
    while (lua_next(L, -3)) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -4);
    }
  }
  lua_remove(L, -2);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, ctx, MAP);
  c->shared = 0;
}


void las_assignvar (lua_State *L, int ctx, int var) {
  ownmap(L, ctx);
  lua_insert(L, -2);
  lua_pushvalue(L, var);
  lua_insert(L, -2);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* }================================================================== */


/*
** {==================================================================
** The current context
** ===================================================================
*/

static Context *newcontext (lua_State *L) {
  Context *c = (Context *)lua_newuserdatauv(L, sizeof(*c), MAP);
  memset(c, 0, sizeof(*c));
  las_settype(L, LAS_TCONTEXT);
  las_state(L)->contexts = 1;
  return c;
}


/* Replaces the context on top by a copy, or nil by an empty context. */
static void copy (lua_State *L) {
  Context *from = (Context *)lua_touserdata(L, -1), *c = newcontext(L);
  if (from != NULL && lua_getiuservalue(L, -2, MAP) != LUA_TNIL) {
    from->shared = c->shared = 1;
    lua_setiuservalue(L, -2, MAP);
  }
  else if (from != NULL)
    lua_pop(L, 1);
  lua_remove(L, -2);
}


/* Pushes the context of the task at 'i', or nil. [-0, +1, -] */
static void pushtaskcontext (lua_State *L, int i) {
  const las_Task *t = (las_Task *)lua_touserdata(L, i);
  if (!t->hascontext)
    lua_pushnil(L);
  else
    las_getextra(L, i, LAS_XCONTEXT);
}


static las_Task *runningtask (const las_State *S) {
  return (S->loop != NULL) ? S->loop->now.task : NULL;
}


void las_pushcontext (lua_State *L) {
  las_State *S = las_state(L);
  las_Task *t = runningtask(S);
  if (t == NULL)
    las_getanchored(L, LAS_UCONTEXT);
  else if (!t->hascontext)
    lua_pushnil(L);
  else {
    las_pushanchored(L, S->loop, t->f.item.slot);
    las_getextra(L, -1, LAS_XCONTEXT);
    lua_remove(L, -2);
  }
}


/* Pops a context or nil and gives it to the task at 'i'. */
static void settaskcontext (lua_State *L, int i) {
  las_Task *t = (las_Task *)lua_touserdata(L, i);
  int has = !lua_isnil(L, -1);
  las_setextra(L, i, LAS_XCONTEXT);
  t->hascontext = has;
}


/* Pops a context or nil and makes it the current one. */
static void setcurrent (lua_State *L) {
  las_State *S = las_state(L);
  las_Task *t = runningtask(S);
  if (t == NULL)
    lua_setiuservalue(L, lua_upvalueindex(1), LAS_UCONTEXT);
  else {
    las_pushanchored(L, S->loop, t->f.item.slot);
    lua_insert(L, -2);
    settaskcontext(L, -2);
    lua_pop(L, 1);
  }
}


void las_needcontext (lua_State *L) {
  las_pushcontext(L);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    newcontext(L);
    lua_pushvalue(L, -1);
    setcurrent(L);
  }
}


void las_inheritcontext (lua_State *L) {
  luaL_checkstack(L, 8, NULL);
  las_pushcontext(L);
  if (lua_isnil(L, -1))
    lua_pop(L, 1);
  else {
    copy(L);
    settaskcontext(L, -2);
  }
}


int las_copycontext (lua_State *L) {
  las_pushcontext(L);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return 0;
  }
  copy(L);
  return 1;
}


void las_swapcontext (lua_State *L) {
  las_getanchored(L, LAS_UCONTEXT);
  lua_insert(L, -2);
  lua_setiuservalue(L, lua_upvalueindex(1), LAS_UCONTEXT);
}

void las_entercontext (lua_State *L) {
  las_pushcontext(L);
  lua_insert(L, -2);
  setcurrent(L);
}


void las_pushjobcontext (lua_State *L, int i, const las_Job *job) {
  if (job->context != 0)
    lua_getiuservalue(L, i, job->context);
  else
    lua_pushnil(L);
}


void las_pushcontextof (lua_State *L, int i) {
  static const enum las_Type jobs[] = {
    LAS_THANDLE, LAS_TTIMERHANDLE, LAS_TCALLBACK
  };
  las_State *S = las_state(L);
  const las_Job *job = NULL;
  size_t k;
  if (las_test(L, S, i, LAS_TTASK) != NULL) {
    pushtaskcontext(L, i);
    return;
  }
  for (k = 0; job == NULL && k < sizeof(jobs) / sizeof(jobs[0]); k++)
    job = (const las_Job *)las_test(L, S, i, jobs[k]);
  if (job != NULL)
    las_pushjobcontext(L, i, job);
  else
    lua_pushnil(L);
}

/* }================================================================== */


/*
** {==================================================================
** Contexts
** ===================================================================
*/

static Context *checkcontext (lua_State *L) {
  return (Context *)las_check(L, 1, LAS_TCONTEXT);
}


/* Context(): an empty one */
static int asyncio_Context (lua_State *L) {
  newcontext(L);
  return 1;
}


static int asyncio_copy_context (lua_State *L) {
  las_pushcontext(L);
  copy(L);
  return 1;
}


static int context_copy (lua_State *L) {
  checkcontext(L);
  lua_settop(L, 1);
  copy(L);
  return 1;
}


/* context:get(var [, default]) */
static int context_get (lua_State *L) {
  checkcontext(L);
  las_check(L, 2, LAS_TCONTEXTVAR);
  lua_settop(L, 3);
  if (las_lookupvar(L, 1, 2))
    las_decodevar(L);
  return 1;
}


/* has_contexts(): was a context ever made? */
static int core_has_contexts (lua_State *L) {
  lua_pushboolean(L, las_state(L)->contexts);
  return 1;
}


/* enter_context(context): makes it the current one. Returns true and the former
   one, or false if it is entered already */
static int core_enter_context (lua_State *L) {
  Context *c = checkcontext(L);
  lua_settop(L, 1);
  lua_pushboolean(L, !c->entered);
  if (c->entered)
    return 1;
  las_pushcontext(L);
  lua_pushvalue(L, 1);
  setcurrent(L);
  c->entered = 1;
  return 2;
}


/* leave_context(context, former): restores the former one, unless the context
   is no longer current, as in a task that is closed by force */
static int core_leave_context (lua_State *L) {
  Context *c = checkcontext(L);
  lua_settop(L, 2);
  c->entered = 0;
  las_pushcontext(L);
  if (lua_rawequal(L, -1, 1)) {
    lua_pop(L, 1);
    setcurrent(L);
  }
  return 0;
}


static int context_tostring (lua_State *L) {
  int n = 0;
  checkcontext(L);
  if (lua_getiuservalue(L, 1, MAP) != LUA_TNIL) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
      lua_pop(L, 1);
      n++;
    }
  }
  lua_pushfstring(L, "Context<size=%d>", n);
  return 1;
}


/* task:get_context() */
static int task_get_context (lua_State *L) {
  las_check(L, 1, LAS_TTASK);
  lua_settop(L, 1);
  pushtaskcontext(L, 1);
  if (lua_isnil(L, -1)) {
    newcontext(L);
    lua_pushvalue(L, -1);
    settaskcontext(L, 1);
  }
  return 1;
}

/* }================================================================== */


void las_opencontext (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"Context", asyncio_Context},
    {"copy_context", asyncio_copy_context},
    {"has_contexts", core_has_contexts},
    {"enter_context", core_enter_context},
    {"leave_context", core_leave_context},
    {NULL, NULL}
  };
  static const luaL_Reg contextmethods[] = {
    {"copy", context_copy},
    {"get", context_get},
    {NULL, NULL}
  };
  static const luaL_Reg contextmeta[] = {
    {"__tostring", context_tostring},
    {NULL, NULL}
  };
  static const luaL_Reg taskmethods[] = {
    {"get_context", task_get_context},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  las_newtype(L, state, LAS_TCONTEXT, "asyncio.Context", contextmethods,
              contextmeta);
  las_addmethods(L, state, LAS_TTASK, taskmethods);
}
