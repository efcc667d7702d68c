/*
** context.c
** Contexts: values that follow the flow of a program into tasks and callbacks.
** A context is a map that is copied when it is written while another shares
** it; so a copy is one small object. A task without one costs a bit to test.
*/

#include <string.h>

#include "core/core.h"


typedef struct Context {
  int shared;		/* does another have the same map? */
  int entered;		/* does 'run' run in it? */
} Context;

/* user value of a context: table, variable -> value; nil while empty */
enum {MAP = 1};

/* user values of a variable: its name; a function that gives its default */
enum {NAME = 1, DEFAULT};

typedef struct Variable {
  int hasdefault;
} Variable;

/* user values of a token */
enum {VARIABLE = 1, CONTEXT, FORMER, NTOKEN = FORMER};

typedef struct Token {
  int hasformer;	/* had the variable a value in the context? */
  int used;
} Token;

/* its address stands for nil in maps */
static const char nilkey = 0;


/*
** {==================================================================
** Maps
** ===================================================================
*/

/* The value on top as it stands in maps. */
static void encode (lua_State *L) {
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushlightuserdata(L, (void *)&nilkey);
  }
}


static void decode (lua_State *L) {
  if (lua_touserdata(L, -1) == (void *)&nilkey) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
}


/* Pushes the value, as it stands there, of the variable at 'var' in the
   context at 'ctx' (may be nil). Is there one? [-0, +(1 if so), -] */
static int lookup (lua_State *L, int ctx, int var) {
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


/* Pushes the map of the context at 'ctx', which is then its own. */
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


/* Pops a value (as it stands there; nil takes it out) and gives it to the
   variable at 'var' in the context at 'ctx'. Both positive. */
static void assign (lua_State *L, int ctx, int var) {
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


/* Replaces the context on top by a copy; nil by an empty one. */
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
  return (S->loop != NULL) ? S->loop->current : NULL;
}


/* Pushes the current context or nil. Outside of tasks it is that of the
   callback that runs, or of the main program. [-0, +1, -] */
static void pushcurrent (lua_State *L) {
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


/* Pops a context or nil, which the task at 'i' then has. */
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


/* Pushes the current context, made now if there was none. */
static void needcurrent (lua_State *L) {
  pushcurrent(L);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    newcontext(L);
    lua_pushvalue(L, -1);
    setcurrent(L);
  }
}


void las_inheritcontext (lua_State *L) {
  luaL_checkstack(L, 8, NULL);
  pushcurrent(L);
  if (lua_isnil(L, -1))
    lua_pop(L, 1);
  else {
    copy(L);
    settaskcontext(L, -2);
  }
}


int las_copycontext (lua_State *L) {
  pushcurrent(L);
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
  pushcurrent(L);
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
  pushcurrent(L);
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
  if (lookup(L, 1, 2))
    decode(L);
  return 1;
}


/* has_contexts(): was there ever one? */
static int core_has_contexts (lua_State *L) {
  lua_pushboolean(L, las_state(L)->contexts);
  return 1;
}


/* enter_context(context): makes it the current one; gives true and the former,
   or false if it is entered already */
static int core_enter_context (lua_State *L) {
  Context *c = checkcontext(L);
  lua_settop(L, 1);
  lua_pushboolean(L, !c->entered);
  if (c->entered)
    return 1;
  pushcurrent(L);
  lua_pushvalue(L, 1);
  setcurrent(L);
  c->entered = 1;
  return 2;
}


/* leave_context(context, former): if it is the current one still, which it is
   not in a task that is closed by force */
static int core_leave_context (lua_State *L) {
  Context *c = checkcontext(L);
  lua_settop(L, 2);
  c->entered = 0;
  pushcurrent(L);
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


/*
** {==================================================================
** Variables
** ===================================================================
*/

static Variable *checkvariable (lua_State *L) {
  return (Variable *)las_check(L, 1, LAS_TCONTEXTVAR);
}


/* ContextVar(name [, default]) */
static int asyncio_ContextVar (lua_State *L) {
  Variable *v;
  int hasdefault = !lua_isnone(L, 2);
  luaL_checktype(L, 1, LUA_TSTRING);
  lua_settop(L, 2);
  v = (Variable *)lua_newuserdatauv(L, sizeof(*v), DEFAULT);
  v->hasdefault = hasdefault;
  lua_insert(L, 1);
  lua_setiuservalue(L, 1, DEFAULT);
  lua_setiuservalue(L, 1, NAME);
  las_settype(L, LAS_TCONTEXTVAR);
  return 1;
}


static const char *pushname (lua_State *L, int var) {
  lua_getiuservalue(L, var, NAME);
  return lua_tostring(L, -1);
}


/* var:get([default]): its value, else the argument, else its own default */
static int contextvar_get (lua_State *L) {
  Variable *v = checkvariable(L);
  int hasdefault = !lua_isnone(L, 2);
  lua_settop(L, 2);
  pushcurrent(L);
  if (lookup(L, 3, 1))
    decode(L);
  else if (hasdefault)
    lua_pushvalue(L, 2);
  else if (v->hasdefault)
    lua_getiuservalue(L, 1, DEFAULT);
  else
    return luaL_error(L, "ContextVar '%s' has no value", pushname(L, 1));
  return 1;
}


/* var:set(value): a token that takes it back */
static int contextvar_set (lua_State *L) {
  enum {SELF = 1, VALUE, TOKEN, CURRENT};
  Token *t;
  checkvariable(L);
  luaL_checkany(L, VALUE);
  lua_settop(L, VALUE);
  t = (Token *)lua_newuserdatauv(L, sizeof(*t), NTOKEN);
  memset(t, 0, sizeof(*t));
  las_settype(L, LAS_TTOKEN);
  lua_pushvalue(L, SELF);
  lua_setiuservalue(L, TOKEN, VARIABLE);
  needcurrent(L);
  lua_pushvalue(L, CURRENT);
  lua_setiuservalue(L, TOKEN, CONTEXT);
  t->hasformer = lookup(L, CURRENT, SELF);
  if (t->hasformer)
    lua_setiuservalue(L, TOKEN, FORMER);
  lua_pushvalue(L, VALUE);
  encode(L);
  assign(L, CURRENT, SELF);
  lua_settop(L, TOKEN);
  return 1;
}


/* Takes back what the token at 2 stands for; the variable is at 1. */
static void reset (lua_State *L, Token *t) {
  enum {SELF = 1, TOKEN, MADEIN};
  lua_settop(L, TOKEN);
  lua_getiuservalue(L, TOKEN, CONTEXT);
  pushcurrent(L);
  if (!lua_rawequal(L, -1, MADEIN))
    luaL_error(L, "the token was made in another context");
  lua_pop(L, 1);
  if (t->hasformer)
    lua_getiuservalue(L, TOKEN, FORMER);
  else
    lua_pushnil(L);
  assign(L, MADEIN, SELF);
  t->used = 1;
}


/* var:reset(token): once, and where it was made */
static int contextvar_reset (lua_State *L) {
  Token *t;
  checkvariable(L);
  t = (Token *)las_check(L, 2, LAS_TTOKEN);
  lua_getiuservalue(L, 2, VARIABLE);
  luaL_argcheck(L, lua_rawequal(L, -1, 1), 2,
                "the token is another variable's");
  if (t->used)
    return luaL_error(L, "the token was used already");
  reset(L, t);
  return 0;
}


static int contextvar_tostring (lua_State *L) {
  checkvariable(L);
  lua_pushfstring(L, "ContextVar<name=%s>", pushname(L, 1));
  return 1;
}


/* The end of a token's scope. */
static int token_close (lua_State *L) {
  Token *t = (Token *)las_check(L, 1, LAS_TTOKEN);
  lua_settop(L, 1);
  if (!t->used) {
    lua_getiuservalue(L, 1, VARIABLE);
    lua_insert(L, 1);
    reset(L, t);
  }
  return 0;
}


static int token_tostring (lua_State *L) {
  Token *t = (Token *)las_check(L, 1, LAS_TTOKEN);
  const char *name;
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, VARIABLE);
  name = pushname(L, 2);
  lua_pushfstring(L, "Token<var=%s%s>", name, t->used ? ", used" : "");
  return 1;
}

/* }================================================================== */


void las_opencontext (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"Context", asyncio_Context},
    {"copy_context", asyncio_copy_context},
    {"ContextVar", asyncio_ContextVar},
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
  static const luaL_Reg variablemethods[] = {
    {"get", contextvar_get},
    {"set", contextvar_set},
    {"reset", contextvar_reset},
    {NULL, NULL}
  };
  static const luaL_Reg variablemeta[] = {
    {"__tostring", contextvar_tostring},
    {NULL, NULL}
  };
  static const luaL_Reg tokenmeta[] = {
    {"__close", token_close},
    {"__tostring", token_tostring},
    {NULL, NULL}
  };
  static const luaL_Reg taskmethods[] = {
    {"get_context", task_get_context},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  las_newtype(L, state, LAS_TCONTEXT, "asyncio.Context", contextmethods,
              contextmeta);
  las_newtype(L, state, LAS_TCONTEXTVAR, "asyncio.ContextVar",
              variablemethods, variablemeta);
  las_newtype(L, state, LAS_TTOKEN, "asyncio.Token", NULL, tokenmeta);
  las_addmethods(L, state, LAS_TTASK, taskmethods);
}
