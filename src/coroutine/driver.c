/*
** driver.c
** Driving coroutines inside a task, whose bodies may wait.
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
    return lua_error(L);  /* the error on top goes on */
  return lua_gettop(L) - 1;  /* all but the message handler */
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
  lua_settop(L, 1);  /* the error */
  if (lp != NULL && lp->now.co == L && !las_iserror(L, 1, "CancelledError"))
    las_noteerror(L);
  lua_settop(L, 1);
  return 1;  /* the error goes on unchanged */
}


/* stack of a coroutine that has its base and has not started */
enum {BASE = 1, MSGH, BODY};

void las_addbase (lua_State *L, lua_State *co) {
  lua_pushcfunction(co, bodymain);
  las_getanchored(L, LAS_UBODYMSGH);
  lua_xmove(L, co, 1);  /* move message handler to the coroutine */
  lua_rotate(co, BASE, 2);  /* both below the function and its arguments */
}


void las_dropunstarted (lua_State *co) {
  if (lua_status(co) == LUA_OK && lua_tocfunction(co, BASE) == bodymain)
    lua_settop(co, 0);
}


int las_hasbase (lua_State *co) {
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
  lua_getinfo(co, "f", &ar);  /* push the function at the base */
  is = (lua_tocfunction(co, -1) == bodymain);
  lua_pop(co, 1);  /* remove it */
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
    lua_pop(co, *nres);  /* what a wait yields means nothing */
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

static const char deepstart[] =
  "local yield = ...\n"
  "return function (body, ...)\n"
  "  yield()\n"
  "  return body(...)\n"
  "end\n";


/* No upvalue: so this can be told from a wait. */
static int yieldonce (lua_State *L) {
  return lua_yield(L, 0);
}


int las_drivefirst (lua_State *L, lua_State *co, int *nres) {
  las_Loop *lp = las_state(L)->loop;
  int status;
  if (las_likely(lp->now.level < DEEP))
    return las_drive(L, co, lua_gettop(co) - BASE, nres);
  las_getanchored(L, LAS_UDEEPSTART);
  lua_xmove(L, co, 1);  /* move starting function to the coroutine */
  lua_insert(co, BODY);  /* the body becomes its first argument */
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
  lua_xmove(A, L, 1);  /* move error to the coroutine */
  lua_pushnil(A);
  lua_replace(A, LAS_ARAISE);  /* keep it alive no longer */
  lua_error(L);
}


static const las_Deed raisedeed = {LAS_DRAISE, LUA_MASKRET, raiseinto};


int las_drivethrow (lua_State *L, lua_State *co, int *nres) {
  las_Loop *lp = las_state(L)->loop;
  las_assert(lua_status(co) == LUA_YIELD);
  lua_xmove(L, lp->anchors.thread, 1);  /* move error to where the hook... */
  lua_replace(lp->anchors.thread, LAS_ARAISE);  /* ... will take it from */
  las_armhook(lp, co, &raisedeed);
  return las_drive(L, co, 0, nres);
}

/* }================================================================== */


void las_opendriver (lua_State *L, int state) {
  lua_pushvalue(L, state);
  lua_pushcclosure(L, bodyerror, 1);
  lua_setiuservalue(L, state, LAS_UBODYMSGH);
  if (luaL_loadbuffer(L, deepstart, sizeof(deepstart) - 1,
                      LAS_OWNSOURCE) != LUA_OK)
    lua_error(L);
  lua_pushcfunction(L, yieldonce);
  lua_call(L, 1, 1);  /* leaves the function that starts bodies */
  lua_setiuservalue(L, state, LAS_UDEEPSTART);
}
