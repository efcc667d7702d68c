/*
** coroutine.c
** asyncio.coroutine: what the standard library does with coroutines, for those
** that a task drives. Outside of tasks it does the same as the original.
*/

#include "base/error.h"
#include "base/hook.h"
#include "base/state.h"
#include "base/trace.h"
#include "task/park.h"
#include "task/step.h"
#include "coroutine/driver.h"
#include "rooms.h"


/*
** {==================================================================
** Status
** ===================================================================
*/

enum {RUNNING, DEAD, SUSPENDED, NORMAL};

static const char *const statuses[] = {
  "running", "dead", "suspended", "normal"
};


static lua_State *getco (lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co != NULL, 1, "coroutine");
  return co;
}


static int statusof (lua_State *L, lua_State *co) {
  lua_Debug ar;
  if (L == co)
    return RUNNING;
  switch (lua_status(co)) {
    case LUA_YIELD:
      return las_isparked(las_state(L), co) ? NORMAL : SUSPENDED;
    case LUA_OK:
      if (lua_getstack(co, 0, &ar))
        return NORMAL;  /* it resumed another */
      if (lua_gettop(co) == 0)
        return DEAD;
      return las_istaskthread(co) ? NORMAL : SUSPENDED;
    default:
      return DEAD;  /* of an error */
  }
}


/* status(co): "normal" while it waits for the loop */
static int coroutine_status (lua_State *L) {
  lua_pushstring(L, statuses[statusof(L, getco(L))]);
  return 1;
}

/* }================================================================== */


/*
** {==================================================================
** Resuming
** ===================================================================
*/

/* How the caller takes what comes out: the context of continuations */
enum {RESUME, WRAP};


/* The error on top goes to the caller, as 'how' says. */
static int fail (lua_State *L, int how) {
  if (how == RESUME) {
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;  /* return false + error */
  }
  if (lua_type(L, -1) == LUA_TSTRING) {  /* add where it came through */
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);  /* propagate error */
}


/* A failed body whose <close> variables are still open is closed. */
static int failbody (lua_State *L, lua_State *co, int how, int status) {
  if (how == WRAP && lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD)
    las_closethread(co, L);  /* may put another error in its place */
  lua_xmove(co, L, 1);  /* move error to the caller */
  if (how == WRAP)
    las_passerror(L, co);
  las_dropunstarted(co);  /* there was no C stack to start it */
  if (how == WRAP && status == LUA_ERRMEM)
    return lua_error(L);  /* as it is: no memory to add to it */
  return fail(L, how);
}


static int againk (lua_State *L, int status, lua_KContext ctx);


/* The coroutine at 1 came back with 'n' values. */
static int finish (lua_State *L, lua_State *co, int how, int status, int n) {
  if (las_unlikely(status == LAS_OUTWARD)) {
    lua_settop(L, 1);  /* the coroutine stays for 'againk' */
    return lua_yieldk(L, 0, how, againk);
  }
  if (las_unlikely(status != LUA_OK && status != LUA_YIELD))
    return failbody(L, co, how, status);
  if (las_unlikely(!lua_checkstack(L, n + 1))) {
    lua_pop(co, n);  /* remove results anyway */
    lua_pushliteral(L, "too many results to resume");
    return fail(L, how);
  }
  if (how == WRAP) {
    lua_xmove(co, L, n);  /* move yielded values to the caller */
    return n;
  }
  lua_pushboolean(L, 1);
  lua_xmove(co, L, n);  /* move yielded values on top of it */
  return n + 1;
}


static int againk (lua_State *L, int status, lua_KContext ctx) {
  lua_State *co = lua_tothread(L, 1);
  int n;
  lua_settop(L, 1);  /* without what the step passed in */
  status = las_driveagain(L, co, &n);
  return finish(L, co, (int)ctx, status, n);
}


/* Resumes the coroutine at 1 with all that lies above it. */
static int resume (lua_State *L, int how) {
  lua_State *co = lua_tothread(L, 1);
  int driven = (las_currenttask(L, las_state(L)) != NULL);
  int n = lua_gettop(L) - 1, nres, status = statusof(L, co);
  if (las_unlikely(status != SUSPENDED)) {
    lua_pushfstring(L, "cannot resume %s coroutine",
                    (status == DEAD) ? "dead" : "non-suspended");
    return fail(L, how);
  }
  if (las_unlikely(!lua_checkstack(co, n + 5))) {
    lua_pushliteral(L, "too many arguments to resume");
    return fail(L, how);
  }
  lua_xmove(L, co, n);  /* move arguments to the coroutine */
  if (lua_status(co) == LUA_OK)
    n = lua_gettop(co) - 1;  /* a coroutine object has arguments already */
  if (!driven)
    status = lua_resume(co, L, n, &nres);
  else if (lua_status(co) == LUA_OK) {
    las_addbase(L, co);
    status = las_drivefirst(L, co, &nres);
  }
  else
    status = las_drive(L, co, n, &nres);
  return finish(L, co, how, status, nres);
}


/* resume(co, ...): true and what it gives, or false and its error */
static int coroutine_resume (lua_State *L) {
  getco(L);
  return resume(L, RESUME);
}


/* upvalue 2: the coroutine, which is put where las_inner looks for it */
static int callwrap (lua_State *L) {
  luaL_checkstack(L, 1, "too many arguments");
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);  /* the coroutine below the arguments */
  return resume(L, WRAP);
}


static int coroutine_create (lua_State *L) {
  lua_State *co;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  co = las_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);  /* move function to the coroutine */
  return 1;  /* the coroutine is on top */
}


static int coroutine_wrap (lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_pushvalue(L, lua_upvalueindex(1));  /* state block */
  coroutine_create(L);  /* push the coroutine */
  lua_pushcclosure(L, callwrap, 2);
  return 1;
}

/* }================================================================== */


/*
** {==================================================================
** Closing
** ===================================================================
*/

/* As the standard library: the <close> variables cannot suspend. */
static int closenow (lua_State *L, lua_State *co) {
  if (las_closethread(co, L) == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);  /* move error to the caller */
  return 2;  /* return false + error */
}


static int closek (lua_State *L, int status, lua_KContext ctx);


/* stack: the coroutine, what was raised in it */
static int finishclose (lua_State *L, lua_State *co, int status, int n) {
  switch (status) {
    case LAS_OUTWARD:
      return lua_yieldk(L, 0, 0, closek);
    case LUA_YIELD:  /* it caught the raise and goes on */
      lua_pop(co, n);  /* remove yielded values */
      return closenow(L, co);
    case LUA_OK:
      lua_pop(co, n);  /* remove results */
      break;
    default:
      lua_xmove(co, L, 1);  /* move error to the caller */
      if (!lua_rawequal(L, -1, 2)) {
        las_closethread(co, L);
        lua_settop(co, 0);  /* what the first failure left is no result */
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;  /* return false + error */
      }
  }
  las_closethread(co, L);
  lua_settop(co, 0);  /* dead, and holds nothing */
  lua_pushboolean(L, 1);
  return 1;
}


static int closek (lua_State *L, int status, lua_KContext ctx) {
  lua_State *co = lua_tothread(L, 1);
  int n;
  (void)ctx;
  status = las_driveagain(L, co, &n);
  return finishclose(L, co, status, n);
}


/* close(co): one that a task drove is unwound by a raise at its yield, so
   that its <close> variables may suspend. */
static int coroutine_close (lua_State *L) {
  lua_State *co = getco(L);
  int n, status = statusof(L, co);
  if (status != SUSPENDED && status != DEAD)
    return luaL_error(L, "cannot close a %s coroutine", statuses[status]);
  lua_settop(L, 1);
  if (lua_status(co) != LUA_YIELD || !las_hasbase(co) ||
      las_currenttask(L, las_state(L)) == NULL)
    return closenow(L, co);
  las_newerror(L, "CancelledError", "the coroutine was closed");
  lua_pushvalue(L, 2);  /* one to raise, one to know it by */
  status = las_drivethrow(L, co, &n);  /* pops one */
  return finishclose(L, co, status, n);
}

/* }================================================================== */


/* No upvalue: so a value that is yielded can be told from a wait. */
static int coroutine_yield (lua_State *L) {
  return lua_yield(L, lua_gettop(L));
}


static int coroutine_running (lua_State *L) {
  int ismain = lua_pushthread(L);
  lua_pushboolean(L, ismain);
  return 2;
}


static int coroutine_isyieldable (lua_State *L) {
  lua_State *co = lua_isnone(L, 1) ? L : getco(L);
  lua_pushboolean(L, lua_isyieldable(co));
  return 1;
}


void las_opencoroutine (lua_State *L, int state) {
  static const luaL_Reg bare[] = {
    {"create", coroutine_create},
    {"yield", coroutine_yield},
    {"running", coroutine_running},
    {"isyieldable", coroutine_isyieldable},
    {NULL, NULL}
  };
  static const luaL_Reg funcs[] = {
    {"resume", coroutine_resume},
    {"wrap", coroutine_wrap},
    {"status", coroutine_status},
    {"close", coroutine_close},
    {NULL, NULL}
  };
  lua_newtable(L);
  luaL_setfuncs(L, bare, 0);
  las_setfuncs(L, state, funcs);
  lua_setfield(L, -2, "coroutine");
}
