/*
** timeout.c
** Timeout scopes: a deadline that cancels the task it was opened in.
** Closing the scope turns that very cancel into a TimeoutError; any other
** cancel, and any other error, goes through as it is.
*/

#include <string.h>

#include "core/core.h"


typedef struct Timeout {
  las_Watch watch;	/* first; in the heap while ARMED */
  las_Loop *loop;
  las_Task *task;	/* alive: the scope is on its stack until closed */
  lua_Number when;	/* seconds of the loop's clock */
  unsigned base;	/* of the task's cancels, when the scope was opened */
  uint8_t phase;
  uint8_t forever;	/* there is no deadline */
} Timeout;

enum {IDLE, ARMED, EXPIRED, CLOSED, LATE};  /* LATE: closed after expiry */

/* user values */
enum {LOOP = 1, TASK, NUSER = TASK};


static void onexpired (las_Watch *w, las_Future *f) {
  Timeout *s = (Timeout *)w;
  (void)f;
  s->phase = EXPIRED;
  las_cancel(&s->task->f);
}


static void disarm (Timeout *s) {
  if (s->phase == ARMED) {
    if (!s->loop->closed)
      las_heapremove(&s->loop->heap, &s->watch.item);
    s->phase = IDLE;
  }
}


/* A deadline that is past ends the very next wait, be it a 'sleep(0)': the
   turn under way must look for deadlines when it ends. */
static void arm (lua_State *L, Timeout *s) {
  las_Loop *lp = s->loop;
  uint64_t when = las_moment(s->when);
  if (s->forever)
    return;
  if (!las_heapreserve(&lp->heap))
    luaL_error(L, "not enough memory");
  las_heapadd(&lp->heap, &s->watch.item, when);
  if (when <= las_now(lp))
    las_pollsoon(lp);
  s->phase = ARMED;
}


static int newtimeout (lua_State *L, las_Task *t, int forever,
                       lua_Number when) {
  las_Loop *lp = t->f.loop;
  Timeout *s = (Timeout *)lua_newuserdatauv(L, sizeof(*s), NUSER);
  memset(s, 0, sizeof(*s));
  s->watch.item.type = LAS_WATCH;
  s->watch.told = onexpired;
  s->loop = lp;
  s->task = t;
  s->when = when;
  s->forever = (uint8_t)forever;
  s->base = las_cancelbase(t);
  s->phase = CLOSED;
  las_pushloop(L, lp);
  lua_setiuservalue(L, -2, LOOP);
  las_pushanchored(L, lp, t->f.item.slot);
  lua_setiuservalue(L, -2, TASK);
  las_settype(L, LAS_TTIMEOUT);
  s->phase = IDLE;
  arm(L, s);
  return 1;
}


/* timeout(delay): nil for no deadline */
static int asyncio_timeout (lua_State *L) {
  las_Task *t = las_checktask(L, "timeout");
  int forever = lua_isnil(L, 1);
  lua_Number when = 0;
  if (!forever) {
    lua_Number delay = las_checkseconds(L, 1);
    when = (lua_Number)las_now(t->f.loop) / 1e9 + (delay > 0 ? delay : 0);
  }
  return newtimeout(L, t, forever, when);
}


/* timeout_at(when): 'when' as of loop:time() */
static int asyncio_timeout_at (lua_State *L) {
  las_Task *t = las_checktask(L, "timeout_at");
  int forever = lua_isnil(L, 1);
  return newtimeout(L, t, forever, forever ? 0 : las_checkseconds(L, 1));
}


/*
** wait_for(aw, timeout, ...): awaits or calls inside a scope, which is a
** to-be-closed slot of this very call.
*/

/* stack: awaited thing, timeout, scope, what to call, its arguments */
enum {AW = 1, LIMIT, SCOPE, CALLEE};


static int waitfork (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  return lua_gettop(L) - SCOPE;
}


/* the cancelled future has ended */
static int endedk (lua_State *L, int status, lua_KContext ctx) {
  las_Future *f = (las_Future *)lua_touserdata(L, AW);
  (void)status;
  (void)ctx;
  if (f->item.state == LAS_PENDING)  /* was it the wait that was cancelled? */
    return lua_error(L);
  if (f->item.state != LAS_CANCELLED)
    return las_outcome(L, AW);
  f->item.flags |= LAS_FSEEN;
  return las_error(L, "TimeoutError", "the time ran out");
}


/* There is no time at all: only what is done already counts. */
static int waitnotime (lua_State *L, las_Future *f) {
  if (f == NULL)
    return las_error(L, "TimeoutError", "the time ran out");
  if (f->item.state != LAS_PENDING)
    return las_outcome(L, AW);
  las_cancel(f);
  lua_settop(L, AW);
  las_getanchored(L, LAS_UAWAIT);
  lua_pushvalue(L, AW);
  return endedk(L, lua_pcallk(L, 1, 0, 0, 0, endedk), 0);
}


/* Puts at CALLEE what to call; the rest are its arguments already. */
static int pushcallee (lua_State *L) {
  if (!lua_isthread(L, AW) && !las_isawaitable(L, AW)) {
    lua_pushvalue(L, AW);
    las_tobody(L, lua_gettop(L), AW);
    lua_insert(L, CALLEE);
    return lua_gettop(L) - CALLEE;
  }
  lua_settop(L, SCOPE);
  las_getanchored(L, LAS_UAWAIT);
  lua_pushvalue(L, AW);
  return 1;
}


static int asyncio_wait_for (lua_State *L) {
  las_Task *t = las_checktask(L, "wait_for");
  int forever, n;
  lua_Number when = 0;
  luaL_checkany(L, AW);
  las_checkstartable(L, t->f.loop, AW, AW);
  if (lua_isthread(L, AW) || las_isawaitable(L, AW))
    las_checknoargs(L, LIMIT + 1, 0);
  if (lua_gettop(L) < LIMIT)
    lua_settop(L, LIMIT);
  forever = lua_isnil(L, LIMIT);
  if (!forever) {
    lua_Number limit = las_checkseconds(L, LIMIT);
    if (limit <= 0)
      return waitnotime(L, las_tofuture(L, las_state(L), AW));
    when = (lua_Number)las_now(t->f.loop) / 1e9 + limit;
  }
  newtimeout(L, t, forever, when);
  lua_insert(L, SCOPE);
  lua_toclose(L, SCOPE);
  n = pushcallee(L);
  lua_callk(L, n, LUA_MULTRET, 0, waitfork);
  return waitfork(L, LUA_OK, 0);
}


static Timeout *checkscope (lua_State *L) {
  return (Timeout *)las_check(L, 1, LAS_TTIMEOUT);
}


/* __close(scope, err): Lua raises 'err' again unless this raises */
static int timeout_close (lua_State *L) {
  Timeout *s = checkscope(L);
  int expired = (s->phase == EXPIRED);
  if (s->phase == CLOSED || s->phase == LATE) {
    if (lua_isnoneornil(L, 2))
      return luaL_error(L, "the timeout scope was closed before");
    return 0;
  }
  disarm(s);
  s->phase = expired ? LATE : CLOSED;
  if (expired && s->task->f.item.phase != LAS_DONE &&
      !las_uncancel(s->task, s->base) && las_iserror(L, 2, "CancelledError"))
    return las_error(L, "TimeoutError", "the time ran out");
  return 0;
}


static int timeout_gc (lua_State *L) {
  disarm((Timeout *)lua_touserdata(L, 1));
  return 0;
}


static int timeout_when (lua_State *L) {
  Timeout *s = checkscope(L);
  if (s->forever)
    lua_pushnil(L);
  else
    lua_pushnumber(L, s->when);
  return 1;
}


/* scope:reschedule(when): nil for never */
static int timeout_reschedule (lua_State *L) {
  Timeout *s = checkscope(L);
  int forever = lua_isnil(L, 2);
  lua_Number when = forever ? 0 : las_checkseconds(L, 2);
  if (s->loop->closed)
    return luaL_error(L, "the loop is closed");
  if (s->phase != IDLE && s->phase != ARMED)
    return luaL_error(L, "cannot change the deadline of %s scope",
                      s->phase == EXPIRED ? "an expired" : "a closed");
  disarm(s);
  s->forever = (uint8_t)forever;
  s->when = when;
  arm(L, s);
  return 0;
}


static int timeout_expired (lua_State *L) {
  int phase = checkscope(L)->phase;
  lua_pushboolean(L, phase == EXPIRED || phase == LATE);
  return 1;
}


static int timeout_tostring (lua_State *L) {
  static const char *const phases[] = {
    "open", "open", "expired", "closed", "expired"
  };
  Timeout *s = checkscope(L);
  lua_pushfstring(L, "Timeout<state=%s>", phases[s->phase]);
  return 1;
}


void las_opentimeout (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"timeout", asyncio_timeout},
    {"timeout_at", asyncio_timeout_at},
    {"wait_for", asyncio_wait_for},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"when", timeout_when},
    {"reschedule", timeout_reschedule},
    {"expired", timeout_expired},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__close", timeout_close},
    {"__gc", timeout_gc},
    {"__tostring", timeout_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TTIMEOUT, "asyncio.Timeout", methods, meta);
  las_setfuncs(L, state, funcs);
}
