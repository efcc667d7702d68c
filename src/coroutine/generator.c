/*
** generator.c
** Generators: functions whose yields are the values of a generic 'for', and
** which may wait. Leaving the loop unwinds the function by a raise at its
** yield.
*/

#include <string.h>

#include "coroutine/generator.h"
#include "base/check.h"
#include "base/error.h"
#include "base/hook.h"
#include "base/state.h"
#include "base/trace.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "coroutine/driver.h"
#include "coroutine/generatorlist.h"
#include "rooms.h"


#define OVER	LAS_GOVER
#define OPEN	LAS_GOPEN
#define BUSY	LAS_GBUSY
#define FRESH	LAS_GFRESH

typedef las_Generator Generator;


/* The generator at 1 is over. */
static void over (lua_State *L, Generator *g) {
  g->state = OVER;
  g->co = NULL;
  las_unlistgenerator(L);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, LAS_GENTHREAD);
}


/* Collected while open: its body may have to wait to be closed, which a
   finalizer cannot. */
static int generator_gc (lua_State *L) {
  Generator *g = (Generator *)lua_touserdata(L, 1);
  if (g->state == OPEN)
    las_dropgenerator(L);
  return 0;
}


/*
** {==================================================================
** Iterating
** ===================================================================
*/

static Generator *checkself (lua_State *L) {
  return (Generator *)las_check(L, 1, LAS_TGENERATOR);
}


/* Has the body of a busy generator been closed by outside code? */
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
    luaL_error(L, "the generator's function was closed from outside the event"
                  " loop");
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
      las_listgenerator(L, t->f.loop);
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
  Generator *g = (Generator *)lua_newuserdatauv(L, sizeof(*g), LAS_NGENERATOR);
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
  lua_setiuservalue(L, 1, LAS_GENTHREAD);
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
  las_opengeneratorlist(L, state);
  las_newtype(L, state, LAS_TGENERATOR, "asyncio.Generator", methods, meta);
}
