/*
** driver.c
** asyncio.coroutine: coroutines inside a task, whose bodies may wait.
** A body that waits suspends the task, not its resumer: each level yields
** outward, and resumes the one inside once the task is stepped again.
*/

#include "coroutine/driver.h"
#include "base/error.h"
#include "base/hook.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "base/trace.h"
#include "task/future.h"
#include "task/park.h"
#include "task/step.h"
#include "task/task.h"
#include "rooms.h"


/*
** {==================================================================
** The body's frame
** ===================================================================
*/

/*
** A body that is first resumed inside a task runs in a protected call at the
** base of its coroutine, so that its <close> variables run when it fails,
** and may suspend. The error goes on.
*/

static int bodymaink (lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  if (las_unlikely(status != LUA_OK && status != LUA_YIELD))
    return lua_error(L);
  return lua_gettop(L) - 1;  /* all but the handler */
}


/* stack: message handler, function, arguments */
static int bodymain (lua_State *L) {
  int n = lua_gettop(L) - 2;
  return bodymaink(L, lua_pcallk(L, n, LUA_MULTRET, 1, 0, bodymaink), 0);
}


/* Message handler of bodies: notes where the error came from, for the
   traceback of the task. */
static int bodyerror (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  lua_settop(L, 1);
  if (lp != NULL && lp->now.co == L && !las_iserror(L, 1, "CancelledError"))
    las_noteerror(L);
  lua_settop(L, 1);
  return 1;
}


enum {BASE = 1, MSGH, BODY};

void las_addbase (lua_State *L, lua_State *co) {
  lua_pushcfunction(co, bodymain);
  las_getanchored(L, LAS_UBODYMSGH);
  lua_xmove(L, co, 1);
  lua_rotate(co, BASE, 2);
}


/* Does a protected call stand at the base of the started coroutine? */
static int hasbase (lua_State *co) {
  lua_Debug ar;
  int low = 0, high = 1, is;
  while (lua_getstack(co, high, &ar)) {  /* find the outermost level */
    low = high;
    high *= 2;
  }
  while (low < high - 1) {
    int mid = (low + high) / 2;
    if (lua_getstack(co, mid, &ar))
      low = mid;
    else
      high = mid;
  }
  if (!lua_getstack(co, low, &ar) || !lua_checkstack(co, 2))
    return 0;
  lua_getinfo(co, "f", &ar);
  is = (lua_tocfunction(co, -1) == bodymain);
  lua_pop(co, 1);
  return is;
}

/* }================================================================== */


/*
** {==================================================================
** Driving
** ===================================================================
*/

int las_drive (lua_State *L, lua_State *co, int n, int *nres) {
  las_Loop *lp = las_state(L)->loop;
  las_Task *t = lp->now.task;
  int status;
  las_assert(lp->now.co == L);
  lp->now.co = co;
  if (las_unlikely(lp->hook.co == L))
    las_movehook(lp, co);
  lp->now.level++;
  status = lua_resume(co, L, n, nres);
  lp->now.level--;
  lp->now.co = L;
  if (las_unlikely(lp->hook.co != NULL))
    las_movehook(lp, L);
  if (status == LUA_YIELD && t->f.item.phase != LAS_RUNNING) {
    lua_pop(co, *nres);
    return LAS_OUTWARD;
  }
  return status;
}


/*
** A call of a body takes C stack, of which Lua allows two hundred levels; one
** that goes on after a yield takes less. So where coroutines nest deeply a
** body begins with a yield, which is answered at once.
*/

#define DEEP	4

static const char trampoline[] =
  "local yield = ...\n"
  "return function (body, ...)\n"
  "  yield()\n"
  "  return body(...)\n"
  "end\n";


int las_drivefirst (lua_State *L, lua_State *co, int *nres) {
  las_Loop *lp = las_state(L)->loop;
  int status;
  if (las_likely(lp->now.level < DEEP))
    return las_drive(L, co, lua_gettop(co) - BASE, nres);
  las_getanchored(L, LAS_UTRAMPOLINE);
  lua_xmove(L, co, 1);
  lua_insert(co, BODY);
  status = las_drive(L, co, lua_gettop(co) - BASE, nres);
  if (status == LUA_YIELD)
    status = las_drive(L, co, 0, nres);
  return status;
}


int las_driveagain (lua_State *L, lua_State *co, int *nres) {
  las_Loop *lp = las_state(L)->loop;
  if (las_unlikely(lp == NULL || lp->now.co != L))
    luaL_error(L, "a task's coroutine was resumed from outside the event loop");
  if (las_unlikely(co == NULL || lua_status(co) != LUA_YIELD))
    las_checkwake(L);  /* outside code ended it: the cancel is for us */
  return las_drive(L, co, 0, nres);
}


/* Fires as the yield returns. */
static void raiseinto (lua_State *L, las_Loop *lp, lua_Debug *ar) {
  lua_State *A = lp->anchors.thread;
  (void)ar;
  lua_pushvalue(A, LAS_ARAISE);
  lua_xmove(A, L, 1);
  lua_pushnil(A);
  lua_replace(A, LAS_ARAISE);
  lua_error(L);
}


static const las_Deed raisedeed = {LAS_DRAISE, LUA_MASKRET, raiseinto};


int las_drivethrow (lua_State *L, lua_State *co, int *nres) {
  las_Loop *lp = las_state(L)->loop;
  las_assert(lua_status(co) == LUA_YIELD);
  lua_xmove(L, lp->anchors.thread, 1);
  lua_replace(lp->anchors.thread, LAS_ARAISE);
  las_armhook(lp, co, &raisedeed);
  return las_drive(L, co, 0, nres);
}

/* }================================================================== */


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
    return 2;
  }
  if (lua_type(L, -1) == LUA_TSTRING) {  /* add where it came through */
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}


/* A failed body whose <close> variables are still open is closed. */
static int failbody (lua_State *L, lua_State *co, int how, int status) {
  if (how == WRAP && lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD)
    las_closethread(co, L);
  lua_xmove(co, L, 1);
  if (how == WRAP)
    las_passerror(L, co);
  if (lua_status(co) == LUA_OK && lua_tocfunction(co, 1) == bodymain)
    lua_settop(co, 0);  /* no C stack to start it: its arguments are gone */
  if (how == WRAP && status == LUA_ERRMEM)
    return lua_error(L);
  return fail(L, how);
}


static int againk (lua_State *L, int status, lua_KContext ctx);


/* The coroutine at 1 came back with 'n' values. */
static int finish (lua_State *L, lua_State *co, int how, int status, int n) {
  if (las_unlikely(status == LAS_OUTWARD)) {
    lua_settop(L, 1);
    return lua_yieldk(L, 0, how, againk);
  }
  if (las_unlikely(status != LUA_OK && status != LUA_YIELD))
    return failbody(L, co, how, status);
  if (las_unlikely(!lua_checkstack(L, n + 1))) {
    lua_pop(co, n);
    lua_pushliteral(L, "too many results to resume");
    return fail(L, how);
  }
  if (how == WRAP) {
    lua_xmove(co, L, n);
    return n;
  }
  lua_pushboolean(L, 1);
  lua_xmove(co, L, n);
  return n + 1;
}


static int againk (lua_State *L, int status, lua_KContext ctx) {
  lua_State *co = lua_tothread(L, 1);
  int n;
  lua_settop(L, 1);
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
  lua_xmove(L, co, n);
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
  lua_insert(L, 1);
  return resume(L, WRAP);
}


static int coroutine_create (lua_State *L) {
  lua_State *co;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  co = las_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  return 1;
}


static int coroutine_wrap (lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_pushvalue(L, lua_upvalueindex(1));
  coroutine_create(L);
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
  lua_xmove(co, L, 1);
  return 2;
}


static int closek (lua_State *L, int status, lua_KContext ctx);


/* stack: the coroutine, what was raised in it */
static int finishclose (lua_State *L, lua_State *co, int status, int n) {
  switch (status) {
    case LAS_OUTWARD:
      return lua_yieldk(L, 0, 0, closek);
    case LUA_YIELD:  /* it caught the raise and goes on */
      lua_pop(co, n);
      return closenow(L, co);
    case LUA_OK:
      lua_pop(co, n);
      break;
    default:
      lua_xmove(co, L, 1);
      if (!lua_rawequal(L, -1, 2)) {
        las_closethread(co, L);
        lua_settop(co, 0);
        lua_pushboolean(L, 0);
        lua_insert(L, -2);
        return 2;
      }
  }
  las_closethread(co, L);
  lua_settop(co, 0);
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
  if (lua_status(co) != LUA_YIELD || !hasbase(co) ||
      las_currenttask(L, las_state(L)) == NULL)
    return closenow(L, co);
  las_newerror(L, "CancelledError", "the coroutine was closed");
  lua_pushvalue(L, 2);
  status = las_drivethrow(L, co, &n);
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


void las_opendriver (lua_State *L, int state) {
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
  lua_pushvalue(L, state);
  lua_pushcclosure(L, bodyerror, 1);
  lua_setiuservalue(L, state, LAS_UBODYMSGH);
  if (luaL_loadbuffer(L, trampoline, sizeof(trampoline) - 1,
                      LAS_OWNSOURCE) != LUA_OK)
    lua_error(L);
  lua_pushcfunction(L, coroutine_yield);
  lua_call(L, 1, 1);
  lua_setiuservalue(L, state, LAS_UTRAMPOLINE);
}
