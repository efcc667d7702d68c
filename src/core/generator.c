/*
** generator.c
** Generators: functions whose yields are the values of a generic 'for', and
** which may wait. Leaving the loop unwinds the function by a raise at its
** yield. The loop knows those that are open, so that none is forgotten.
*/

#include <string.h>

#include "core/core.h"


enum {FRESH, OPEN, BUSY, OVER};	/* BUSY: its body runs, or waits */

typedef struct Generator {
  lua_State *co;	/* first: las_inner reads it. User value THREAD */
  uint8_t state;
  uint8_t dropped;	/* was it collected, and is kept to be closed? */
  uint8_t closing;	/* ... by a task that was started for it? */
} Generator;

enum {THREAD = 1, KEEPER, NUSER = KEEPER};

/* What a loop has of its generators: user value LAS_LKEEPER */
typedef struct Keeper {
  las_Job job;		/* first: closes what was dropped */
  las_Loop *loop;	/* alive: user value LOOP */
  int queued;
} Keeper;

/* user values: sets of the open ones (weak) and of the dropped ones */
enum {ALL = 1, DROPPED, LOOP, NKEEPER = LOOP};


/*
** {==================================================================
** The register
** ===================================================================
*/

static int keeper_run (lua_State *L);


/* [-0, +1, m] */
static void pushkeeper (lua_State *L, las_Loop *lp) {
  Keeper *k;
  las_pushloop(L, lp);
  if (lua_getiuservalue(L, -1, LAS_LKEEPER) != LUA_TNIL) {
    lua_remove(L, -2);
    return;
  }
  lua_pop(L, 1);
  k = (Keeper *)lua_newuserdatauv(L, sizeof(*k), NKEEPER);
  memset(k, 0, sizeof(*k));
  k->job.watch.item.type = LAS_JOB;
  k->job.run = keeper_run;
  k->loop = lp;
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_setiuservalue(L, -2, ALL);
  lua_newtable(L);
  lua_setiuservalue(L, -2, DROPPED);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, LOOP);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, -3, LAS_LKEEPER);
  lua_remove(L, -2);
}


/* Puts the generator at 1 into a set of the keeper on top, or out of it. */
static void mark (lua_State *L, int set, int in) {
  lua_getiuservalue(L, -1, set);
  lua_pushvalue(L, 1);
  if (in)
    lua_pushboolean(L, 1);
  else
    lua_pushnil(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}


/* The generator at 1 begins. */
static void enlist (lua_State *L, las_Loop *lp) {
  pushkeeper(L, lp);
  mark(L, ALL, 1);
  lua_setiuservalue(L, 1, KEEPER);
}


/* The generator at 1 is over. */
static void over (lua_State *L, Generator *g) {
  g->state = OVER;
  g->co = NULL;
  lua_pushnil(L);
  lua_setiuservalue(L, 1, THREAD);
  if (lua_getiuservalue(L, 1, KEEPER) == LUA_TUSERDATA) {
    mark(L, ALL, 0);
    if (g->dropped)
      mark(L, DROPPED, 0);
    lua_pushnil(L);
    lua_setiuservalue(L, 1, KEEPER);
  }
  lua_pop(L, 1);
}


/* Collected while open: its body may have to wait to be closed, which a
   finalizer cannot. It is kept until it is closed. */
static int generator_gc (lua_State *L) {
  Generator *g = (Generator *)lua_touserdata(L, 1);
  Keeper *k;
  if (g->state != OPEN || lua_getiuservalue(L, 1, KEEPER) != LUA_TUSERDATA)
    return 0;
  k = (Keeper *)lua_touserdata(L, -1);
  if (k->loop->closed)
    return 0;
  mark(L, DROPPED, 1);
  g->dropped = 1;
  if (!k->queued) {
    k->queued = 1;
    las_queue(k->loop, &k->job.watch.item);
  }
  return 0;
}


/* Pushes a list of the dropped ones that nobody closes yet. Their set must
   stay as it is meanwhile: nothing here lets a finalizer run. */
static lua_Integer pushdropped (lua_State *L, int keeper) {
  lua_Integer n = 0;
  lua_newtable(L);
  lua_getiuservalue(L, keeper, DROPPED);
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    Generator *g = (Generator *)lua_touserdata(L, -2);
    lua_pop(L, 1);
    if (g->state == OPEN && !g->closing) {
      g->closing = 1;
      lua_pushvalue(L, -1);
      lua_rawseti(L, -4, ++n);
    }
  }
  lua_pop(L, 1);
  return n;
}


/* Has each generator that was dropped closed: closer(loop, generator) */
static int keeper_run (lua_State *L) {
  Keeper *k = (Keeper *)lua_touserdata(L, 1);
  lua_Integer i, n;
  k->queued = 0;
  las_pushloop(L, k->loop);
  lua_getiuservalue(L, -1, LAS_LKEEPER);
  n = pushdropped(L, lua_gettop(L));
  for (i = 1; i <= n; i++) {
    las_getanchored(L, LAS_UCLOSER);
    las_pushloop(L, k->loop);
    lua_rawgeti(L, -3, i);
    lua_call(L, 2, 0);
  }
  return 0;
}


/* set_closer(f): what the Lua layer does with a dropped generator */
static int core_set_closer (lua_State *L) {
  lua_settop(L, 1);
  lua_setiuservalue(L, lua_upvalueindex(1), LAS_UCLOSER);
  return 0;
}


/* open_generators(loop): list of those that are neither over nor busy */
static int core_open_generators (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  lua_Integer n = 0;
  lua_settop(L, 1);
  lua_newtable(L);
  pushkeeper(L, lp);
  lua_getiuservalue(L, 3, ALL);
  lua_pushnil(L);
  while (lua_next(L, 4)) {
    lua_pop(L, 1);
    if (((Generator *)lua_touserdata(L, -1))->state == OPEN) {
      lua_pushvalue(L, -1);
      lua_rawseti(L, 2, ++n);
    }
  }
  lua_pushinteger(L, n);
  lua_setfield(L, 2, "n");
  lua_settop(L, 2);
  return 1;
}

/* }================================================================== */


/*
** {==================================================================
** Iterating
** ===================================================================
*/

static Generator *checkself (lua_State *L) {
  return (Generator *)las_check(L, 1, LAS_TGENERATOR);
}


/* Has the body of a busy generator been closed by a stranger? */
static int isgone (const Generator *g) {
  lua_Debug ar;
  return lua_status(g->co) != LUA_YIELD && !lua_getstack(g->co, 0, &ar);
}


static void checkfree (lua_State *L, Generator *g) {
  if (las_unlikely(g->state == BUSY)) {
    if (!isgone(g))
      luaL_error(L, "the generator is running already");
    over(L, g);
  }
}


static int nextk (lua_State *L, int status, lua_KContext ctx);


static int finishnext (lua_State *L, Generator *g, int status, int n) {
  lua_State *co = g->co;
  switch (status) {
    case LAS_OUTWARD:
      return lua_yieldk(L, 0, 0, nextk);
    case LUA_YIELD:
      g->state = OPEN;
      if (las_unlikely(!lua_checkstack(L, n))) {
        lua_pop(co, n);
        return luaL_error(L, "too many values from a generator");
      }
      lua_xmove(co, L, n);
      return n;
    case LUA_OK:
      lua_pop(co, n);
      over(L, g);
      lua_pushnil(L);
      return 1;
    default:
      lua_xmove(co, L, 1);
      las_passerror(L, co);
      if (lua_status(co) == LUA_YIELD)
        g->state = OPEN;  /* there was no C stack to resume it */
      else
        over(L, g);
      return lua_error(L);
  }
}


/* The task was woken: the body goes on. */
static int driveagain (lua_State *L, Generator *g, int *n) {
  if (las_unlikely(g->co == NULL)) {
    las_checkwake(L);
    luaL_error(L, "the generator was closed by a stranger");
  }
  return las_driveagain(L, g->co, n);
}


static int nextk (lua_State *L, int status, lua_KContext ctx) {
  Generator *g = (Generator *)lua_touserdata(L, 1);
  int n;
  (void)ctx;
  lua_settop(L, 1);
  status = driveagain(L, g, &n);
  return finishnext(L, g, status, n);
}


/* it(): the next values, or nil */
static int generator_next (lua_State *L) {
  Generator *g = checkself(L);
  las_Task *t = las_checktask(L, "generator (its iterator)");
  int n, status;
  lua_settop(L, 1);
  checkfree(L, g);
  switch (g->state) {
    case OVER:
      lua_pushnil(L);
      return 1;
    case FRESH:
      enlist(L, t->f.loop);
      g->state = BUSY;
      status = las_drivefirst(L, g->co, &n);
      break;
    default:
      g->state = BUSY;
      status = las_drive(L, g->co, 0, &n);
  }
  return finishnext(L, g, status, n);
}

/* }================================================================== */


/*
** {==================================================================
** Closing
** ===================================================================
*/

static int closek (lua_State *L, int status, lua_KContext ctx);


/* stack: the generator, what was raised in it */
static int finishclose (lua_State *L, Generator *g, int status, int n) {
  lua_State *co = g->co;
  int same;
  switch (status) {
    case LAS_OUTWARD:
      return lua_yieldk(L, 0, 0, closek);
    case LUA_YIELD:  /* it caught the raise and goes on */
      lua_pop(co, n);
      las_closethread(co, L);
      over(L, g);
      return luaL_error(L, "a generator went on after it was closed");
    case LUA_OK:
      over(L, g);
      return 0;
    default:
      lua_xmove(co, L, 1);
      same = lua_rawequal(L, -1, 2);
      if (!same)
        las_passerror(L, co);
      if (lua_status(co) == LUA_YIELD)
        g->state = OPEN;
      else
        over(L, g);
      return same ? 0 : lua_error(L);
  }
}


static int closek (lua_State *L, int status, lua_KContext ctx) {
  Generator *g = (Generator *)lua_touserdata(L, 1);
  int n;
  (void)ctx;
  lua_settop(L, 2);
  status = driveagain(L, g, &n);
  return finishclose(L, g, status, n);
}


/* Closes the generator at 1, which is not busy, in a task. */
static int closegenerator (lua_State *L, Generator *g) {
  int n, status;
  if (g->state == FRESH)
    over(L, g);
  if (g->state == OVER)
    return 0;
  lua_settop(L, 1);
  las_newerror(L, "CancelledError", "the generator was closed");
  lua_pushvalue(L, 2);
  g->state = BUSY;
  status = las_drivethrow(L, g->co, &n);
  return finishclose(L, g, status, n);
}


static int throwk (lua_State *L, int status, lua_KContext ctx);


/* stack: the generator, what was raised in it */
static int finishthrow (lua_State *L, Generator *g, int status, int n) {
  lua_State *co = g->co;
  int again = (status == LUA_YIELD), same = 1;
  if (status == LAS_OUTWARD)
    return lua_yieldk(L, 0, 0, throwk);
  if (again) {
    lua_pop(co, n);
    g->state = OPEN;
  }
  else {
    if (status != LUA_OK) {
      lua_xmove(co, L, 1);
      same = lua_rawequal(L, -1, 2);
    }
    if (!same)
      las_passerror(L, co);
    if (status != LUA_OK && lua_status(co) == LUA_YIELD)
      g->state = OPEN;  /* there was no C stack to resume it */
    else
      over(L, g);
    if (!same)
      return lua_error(L);
  }
  lua_pushboolean(L, again);
  return 1;
}


static int throwk (lua_State *L, int status, lua_KContext ctx) {
  Generator *g = (Generator *)lua_touserdata(L, 1);
  int n;
  (void)ctx;
  lua_settop(L, 2);
  status = driveagain(L, g, &n);
  return finishthrow(L, g, status, n);
}


/* throw_into(it, err): raises 'err' where the body yielded. Whether it yields
   again; raises another error that comes out. For the Lua layer, in a task */
static int core_throw_into (lua_State *L) {
  Generator *g = checkself(L);
  int n, status;
  las_checktask(L, "throw_into");
  luaL_argcheck(L, g->state == OPEN, 1, "not in a yield");
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  g->state = BUSY;
  status = las_drivethrow(L, g->co, &n);
  return finishthrow(L, g, status, n);
}


/* is_open(it): does its body stand in a yield? */
static int core_is_open (lua_State *L) {
  lua_pushboolean(L, checkself(L)->state == OPEN);
  return 1;
}


/* it:aclose() */
static int generator_aclose (lua_State *L) {
  Generator *g = checkself(L);
  las_checktask(L, "generator (its aclose)");
  lua_settop(L, 1);
  checkfree(L, g);
  return closegenerator(L, g);
}


/* The end of a loop. If another task is in the body, that one will close it;
   where nothing can suspend, the body's <close> variables can't either. */
static int generator_close (lua_State *L) {
  Generator *g = checkself(L);
  lua_settop(L, 1);
  if (g->state == BUSY && !isgone(g))
    return 0;
  checkfree(L, g);
  if (g->state == OPEN && las_currenttask(L, las_state(L)) == NULL) {
    lua_State *co = g->co;
    int status = las_closethread(co, L);
    if (status != LUA_OK)
      lua_xmove(co, L, 1);
    over(L, g);
    return (status != LUA_OK) ? lua_error(L) : 0;
  }
  return closegenerator(L, g);
}

/* }================================================================== */


/* Calling a generator function: upvalue 2 is its body. Gives what a generic
   'for' wants. */
static int callgenerator (lua_State *L) {
  int n = lua_gettop(L);
  Generator *g = (Generator *)lua_newuserdatauv(L, sizeof(*g), NUSER);
  lua_State *co;
  memset(g, 0, sizeof(*g));
  g->state = OVER;
  las_settype(L, LAS_TGENERATOR);
  lua_insert(L, 1);
  co = las_newthread(L);
  if (!lua_checkstack(co, n + 5))
    return luaL_error(L, "too many arguments");
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_xmove(L, co, 1);
  las_addbase(L, co);
  lua_setiuservalue(L, 1, THREAD);
  lua_xmove(L, co, n);  /* the arguments */
  g->co = co;
  g->state = FRESH;
  lua_settop(L, 1);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushvalue(L, 1);
  return 4;
}


/* generator(f): a function whose calls give an iterator */
static int asyncio_generator (lua_State *L) {
  luaL_argexpected(L, las_iscallable(L, 1), 1, "function");
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_pushcclosure(L, callgenerator, 2);
  return 1;
}


static int generator_tostring (lua_State *L) {
  static const char *const states[] = {"new", "open", "running", "closed"};
  Generator *g = checkself(L);
  lua_settop(L, 1);
  if (g->co != NULL)
    las_pushplace(L, g->co);
  if (lua_isstring(L, -1))
    lua_pushfstring(L, "Generator<state=%s, at=%s>", states[g->state],
                    lua_tostring(L, -1));
  else
    lua_pushfstring(L, "Generator<state=%s>", states[g->state]);
  return 1;
}


void las_opengenerator (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"generator", asyncio_generator},
    {"open_generators", core_open_generators},
    {"set_closer", core_set_closer},
    {"throw_into", core_throw_into},
    {"is_open", core_is_open},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"aclose", generator_aclose},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__call", generator_next},
    {"__close", generator_close},
    {"__gc", generator_gc},
    {"__tostring", generator_tostring},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  las_newtype(L, state, LAS_TGENERATOR, "asyncio.Generator", methods, meta);
}
