/*
** callback.c
** Handles: functions that the loop calls, soon, later or when a future is
** done. Each is a job.
*/

#include <string.h>

#include "base/anchor.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/current.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/origin.h"
#include "base/state.h"
#include "task/awaitable.h"
#include "task/context.h"
#include "task/future.h"
#include "task/report.h"
#include "rooms.h"


#define MAXVALUES	200	/* arguments as user values; more: a table */

/* job.trigger.item.phase of a handle */
enum {
  IDLE,		/* was called */
  QUEUED,	/* in the ready queue */
  TIMED,	/* in the heap */
  AWAITING,	/* in the list of its future */
  CANCELLED,
  DUE		/* in the ready queue, but being collected: its finalizer,
		which has yet to run, makes the loop hold it */
};

/* user values: function, loop, arguments (or a table of them) */
enum {FUNCTION = 1, LOOP, ARGS};

typedef struct Handle {
  las_Job job;		/* first; the context is the last user value */
  las_Loop *loop;
  uint64_t when;	/* of a timer handle, nanoseconds */
  int nargs;
  uint8_t packed;	/* are the arguments in a table? */
  uint8_t weak;		/* is its future pending, so that it is not held? */
  uint8_t once;		/* is it of a future, which must drop it when it ran? */
  uint8_t finalized;	/* has its finalizer run? */
} Handle;


/*
** {==================================================================
** Calling
** ===================================================================
*/

/* Message handler: the error becomes the context of a report. */
static int tocontext (lua_State *L) {
  lua_settop(L, 1);
  lua_createtable(L, 0, 4);
  lua_pushvalue(L, 1);
  lua_setfield(L, 2, "exception");
  luaL_traceback(L, L, NULL, 1);
  lua_setfield(L, 2, "traceback");
  return 1;
}


/* Reports the error of a callback. On top is the context of the report, or what
   was raised when that was made. */
static void report (lua_State *L, las_Loop *lp, int handle) {
  if (!lua_istable(L, -1) || lua_getmetatable(L, -1)) {  /* no memory? */
    lua_settop(L, handle);
    lua_newtable(L);
    lua_pushliteral(L, "not enough memory");
    lua_setfield(L, -2, "exception");
  }
  lua_pushliteral(L, "exception in a callback");
  lua_setfield(L, -2, "message");
  lua_pushvalue(L, handle);
  lua_setfield(L, -2, "handle");
  las_callhandler(L, lp);
}


/* How many user values hold the arguments? */
static int nvalues (const Handle *h) {
  return h->packed ? 1 : h->nargs;
}


/* Pushes the arguments of the handle at 'i'; there is room. */
static void pusharguments (lua_State *L, int i, const Handle *h) {
  int k, t = lua_gettop(L) + 1;
  if (las_likely(!h->packed)) {
    for (k = 0; k < h->nargs; k++)
      lua_getiuservalue(L, i, ARGS + k);
    return;
  }
  lua_getiuservalue(L, i, ARGS);
  for (k = 1; k <= h->nargs; k++)
    lua_rawgeti(L, t, k);
  lua_remove(L, t);
}


/* Makes the handle at 'i' forget its function and arguments. */
static void forget (lua_State *L, int i, const Handle *h) {
  int k;
  for (k = -1; k < nvalues(h) + (h->job.context != 0); k++) {
    lua_pushnil(L);
    lua_setiuservalue(L, i, (k < 0) ? FUNCTION : ARGS + k);
  }
}


static int handle_run (lua_State *L) {
  Handle *h = (Handle *)lua_touserdata(L, 1);
  las_Loop *lp = h->loop;
  int handle, status, contexts = lp->S->contexts;
  if (las_unlikely(h->job.trigger.item.phase == DUE)) {
    las_queue(lp, &h->job.trigger.item);
    lua_gc(L, LUA_GCSTEP, 0);  /* makes its finalizer run sooner */
    return 0;
  }
  las_pushanchored(L, lp, h->job.trigger.item.slot);
  las_release(lp, h->job.trigger.item.slot);
  h->job.trigger.item.slot = 0;
  if (h->job.trigger.item.phase == CANCELLED)
    return 0;
  h->job.trigger.item.phase = IDLE;
  handle = lua_gettop(L);
  luaL_checkstack(L, h->nargs + 8, NULL);
  if (las_unlikely(contexts)) {
    las_pushjobcontext(L, handle, &h->job);
    las_swapcontext(L);  /* the former context stays below */
  }
  lua_pushcfunction(L, tocontext);
  lua_getiuservalue(L, handle, FUNCTION);
  pusharguments(L, handle, h);
  status = lua_pcall(L, h->nargs, 0, -h->nargs - 2);
  if (las_unlikely(lp->S->contexts)) {  /* the first may be new: nil then */
    if (contexts)
      lua_pushvalue(L, handle + 1);
    else
      lua_pushnil(L);
    las_swapcontext(L);
    lua_pop(L, 1);
  }
  if (status != LUA_OK)
    report(L, lp, handle);  /* the handler may keep it, so forget nothing */
  else if (h->once)
    forget(L, handle, h);
  return 0;
}


/* }================================================================== */


/* Its deadline has come, or its future is done. */
static void handle_told (las_Trigger *w, las_Future *f) {
  Handle *h = (Handle *)w;
  (void)f;
  if (las_unlikely(h->loop->closed)) {
    w->item.phase = CANCELLED;
    return;
  }
  w->item.phase = QUEUED;
  if (h->weak) {
    h->weak = 0;
    if (las_unlikely(!las_hold(h->loop, w->item.slot)))
      w->item.phase = DUE;
  }
  las_queue(h->loop, &w->item);
}


/*
** {==================================================================
** Making handles
** ===================================================================
*/

/* Makes a handle for the function at 'f' and all values above it. The loop lies
   at stack index 'loop'. [-0, +1, m] */
static Handle *newhandle (lua_State *L, las_Loop *lp, int f,
                          enum las_Type type) {
  int i, n = lua_gettop(L) - f, contexts = lp->S->contexts;
  int packed = n > MAXVALUES, nuser = ARGS - 1 + (packed ? 1 : n);
  Handle *h;
  luaL_checkstack(L, 8, NULL);
  h = (Handle *)lua_newuserdatauv(L, sizeof(*h), nuser + contexts);
  memset(h, 0, sizeof(*h));
  h->job.trigger.item.type = LAS_JOB;
  h->job.trigger.fire = handle_told;
  h->job.run = handle_run;
  h->job.trigger.item.phase = IDLE;
  h->loop = lp;
  h->nargs = n;
  h->packed = (uint8_t)packed;
  las_pushloop(L, lp);
  lua_setiuservalue(L, -2, LOOP);
  lua_pushvalue(L, f);
  lua_setiuservalue(L, -2, FUNCTION);
  if (las_unlikely(packed))
    lua_createtable(L, n, 0);
  for (i = 0; i < n; i++) {
    lua_pushvalue(L, f + 1 + i);
    if (packed)
      lua_rawseti(L, -2, i + 1);
    else
      lua_setiuservalue(L, -2, ARGS + i);
  }
  if (las_unlikely(packed))
    lua_setiuservalue(L, -2, ARGS);
  if (las_unlikely(contexts) && las_copycontext(L)) {
    h->job.context = nuser + 1;
    lua_setiuservalue(L, -2, h->job.context);
  }
  las_settype(L, type);
  return h;
}


/* Raises unless the value at 'i' is callable. A coroutine function is replaced
   by its body. */
static void checkcallable (lua_State *L, int i) {
  if (!las_iscallable(L, i) || !las_asbody(L, i, i))
    luaL_typeerror(L, i, "function");
}


static void callsoon (lua_State *L, las_Loop *lp) {
  Handle *h;
  checkcallable(L, 2);
  h = newhandle(L, lp, 2, LAS_THANDLE);
  h->job.trigger.item.slot = las_anchor(L, lp, -1);
  h->job.trigger.item.phase = QUEUED;
  las_queue(lp, &h->job.trigger.item);
}


/* loop:call_soon(f, ...) */
static int loop_call_soon (lua_State *L) {
  callsoon(L, las_checkloop(L, 1));
  return 1;
}


/* loop:call_soon_threadsafe(f, ...): the same; also ends a poll under way. Lua
   can run during a poll if a libuv callback that is not ours calls it, but
   never on another thread, because a Lua state has only one. */
static int loop_call_soon_threadsafe (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  callsoon(L, lp);
  uv_async_send(&lp->mail.async);
  return 1;
}


static int calltimed (lua_State *L, las_Loop *lp, uint64_t when) {
  Handle *h;
  checkcallable(L, 3);
  h = newhandle(L, lp, 3, LAS_TTIMERHANDLE);
  las_noteorigin(L, lp, -1);
  if (!las_heapreserve(&lp->clock.heap))
    return luaL_error(L, "not enough memory");
  h->job.trigger.item.slot = las_anchor(L, lp, -1);
  h->job.trigger.item.phase = TIMED;
  h->when = when;
  las_heapadd(&lp->clock.heap, &h->job.trigger.item, when);
  return 1;
}


/* loop:call_later(delay, f, ...) */
static int loop_call_later (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  return calltimed(L, lp, las_after(lp, las_checkseconds(L, 2)));
}


/* loop:call_at(when, f, ...): 'when' as of loop:time() */
static int loop_call_at (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  return calltimed(L, lp, las_moment(las_checkseconds(L, 2)));
}


/* future:add_done_callback(f) */
static int future_add_done_callback (lua_State *L) {
  las_Future *f = las_checkfuture(L, 1);
  las_Loop *lp = f->loop;
  Handle *h;
  checkcallable(L, 2);
  lua_settop(L, 2);
  if (lp->closed)
    return luaL_error(L, "the loop is closed");
  lua_pushvalue(L, 1);
  h = newhandle(L, lp, 2, LAS_TCALLBACK);  /* at 4 */
  if (f->item.state != LAS_PENDING) {
    h->job.trigger.item.slot = las_anchor(L, lp, 4);
    h->job.trigger.item.phase = QUEUED;
    las_queue(lp, &h->job.trigger.item);
  }
  else {
    if (las_getextra(L, 1, LAS_XCALLBACKS) == LUA_TNIL) {
      lua_pop(L, 1);
      lua_newtable(L);
      lua_pushvalue(L, -1);
      las_setextra(L, 1, LAS_XCALLBACKS);
    }
    lua_pushvalue(L, 4);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    h->job.trigger.item.slot = las_anchorweak(L, lp, 4);
    h->job.trigger.item.phase = AWAITING;
    h->weak = h->once = 1;
    las_append(&f->waiters, &h->job.trigger.item);
  }
  return 0;
}


/* Takes the callback out of its future's list of waiters. */
static void unawait (las_Future *f, Handle *h) {
  las_unlink(&f->waiters, &h->job.trigger.item);
  las_release(h->loop, h->job.trigger.item.slot);
  h->job.trigger.item.slot = 0;
  h->job.trigger.item.phase = IDLE;
}


/* future:remove_done_callback(f): how many were removed */
static int future_remove_done_callback (lua_State *L) {
  las_Future *f = las_checkfuture(L, 1);
  lua_Integer i, kept = 0, n;
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  if (f->item.state != LAS_PENDING ||
      las_getextra(L, 1, LAS_XCALLBACKS) == LUA_TNIL) {
    lua_pushinteger(L, 0);
    return 1;
  }
  n = (lua_Integer)lua_rawlen(L, -1);
  for (i = 1; i <= n; i++) {
    int same;
    lua_rawgeti(L, -1, i);
    lua_getiuservalue(L, -1, FUNCTION);
    same = lua_rawequal(L, -1, 2);
    lua_pop(L, 1);
    if (same) {
      unawait(f, (Handle *)lua_touserdata(L, -1));
      lua_pop(L, 1);
    }
    else
      lua_rawseti(L, -2, ++kept);
  }
  for (i = kept + 1; i <= n; i++) {
    lua_pushnil(L);
    lua_rawseti(L, -2, i);
  }
  lua_pushinteger(L, n - kept);
  return 1;
}


/* }================================================================== */


/*
** {==================================================================
** Methods
** ===================================================================
*/

static Handle *checkhandle (lua_State *L) {
  las_State *S = las_state(L);
  Handle *h = (Handle *)las_test(L, S, 1, LAS_THANDLE);
  if (h == NULL)
    h = (Handle *)las_test(L, S, 1, LAS_TCALLBACK);
  if (h == NULL)
    h = (Handle *)las_check(L, 1, LAS_TTIMERHANDLE);
  return h;
}


/* handle:cancel(): also forgets function and arguments at once */
static int handle_cancel (lua_State *L) {
  Handle *h = checkhandle(L);
  if (h->job.trigger.item.phase == CANCELLED)
    return 0;
  if (h->job.trigger.item.phase == TIMED && !h->loop->closed) {
    las_heapremove(&h->loop->clock.heap, &h->job.trigger.item);
    las_release(h->loop, h->job.trigger.item.slot);
    h->job.trigger.item.slot = 0;
  }
  h->job.trigger.item.phase = CANCELLED;
  forget(L, 1, h);
  return 0;
}


static int handle_cancelled (lua_State *L) {
  lua_pushboolean(L, checkhandle(L)->job.trigger.item.phase == CANCELLED);
  return 1;
}


static int handle_when (lua_State *L) {
  Handle *h = (Handle *)las_check(L, 1, LAS_TTIMERHANDLE);
  lua_pushnumber(L, (lua_Number)h->when / 1e9);
  return 1;
}


static int handle_tostring (lua_State *L) {
  static const char *const phases[] = {
    "done", "ready", "scheduled", "waiting", "cancelled", "ready"
  };
  Handle *h = checkhandle(L);
  const char *phase = phases[h->job.trigger.item.phase];
  lua_Debug ar;
  lua_getiuservalue(L, 1, FUNCTION);
  if (lua_isfunction(L, -1)) {
    lua_getinfo(L, ">S", &ar);
    lua_pushfstring(L, "Handle<state=%s, function=%s:%d>", phase,
                    ar.short_src, ar.linedefined);
  }
  else
    lua_pushfstring(L, "Handle<state=%s>", phase);
  return 1;
}


/* A callback is collected with its future, but another finalizer may still
   settle the future, and the callback must be called. So it stays linked and
   gets a second finalizer, which runs after the first ones of all that were
   collected together. */
static int callback_gc (lua_State *L) {
  Handle *h = (Handle *)lua_touserdata(L, 1);
  las_Loop *lp = h->loop;
  if (lp->closed)
    return 0;
  lua_settop(L, 1);
  if (h->job.trigger.item.phase == DUE) {
    las_fill(L, lp, h->job.trigger.item.slot, 1);
    h->job.trigger.item.phase = QUEUED;
  }
  else if (h->job.trigger.item.phase == AWAITING && !h->finalized) {
    h->finalized = 1;
    las_settype(L, LAS_TCALLBACK);
    las_fillweak(L, lp, h->job.trigger.item.slot, 1);
  }
  else if (h->job.trigger.item.phase == AWAITING) {
    lua_getiuservalue(L, 1, ARGS);
    unawait((las_Future *)lua_touserdata(L, -1), h);
  }
  return 0;
}

/* }================================================================== */


void las_opencallback (lua_State *L, int state) {
  static const luaL_Reg loopmethods[] = {
    {"call_soon", loop_call_soon},
    {"call_soon_threadsafe", loop_call_soon_threadsafe},
    {"call_later", loop_call_later},
    {"call_at", loop_call_at},
    {NULL, NULL}
  };
  static const luaL_Reg futuremethods[] = {
    {"add_done_callback", future_add_done_callback},
    {"remove_done_callback", future_remove_done_callback},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"cancel", handle_cancel},
    {"cancelled", handle_cancelled},
    {NULL, NULL}
  };
  static const luaL_Reg timermethods[] = {
    {"cancel", handle_cancel},
    {"cancelled", handle_cancelled},
    {"when", handle_when},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__tostring", handle_tostring},
    {NULL, NULL}
  };
  static const luaL_Reg callbackmeta[] = {
    {"__gc", callback_gc},
    {"__tostring", handle_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_THANDLE, "asyncio.Handle", methods, meta);
  las_newtype(L, state, LAS_TTIMERHANDLE, "asyncio.TimerHandle",
              timermethods, meta);
  las_newtype(L, state, LAS_TCALLBACK, "asyncio.Handle", methods,
              callbackmeta);
  las_addmethods(L, state, LAS_TLOOP, loopmethods);
  las_addmethods(L, state, LAS_TFUTURE, futuremethods);
  las_addmethods(L, state, LAS_TTASK, futuremethods);
}
