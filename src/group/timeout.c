/*
** timeout.c
** Timeout scopes: a deadline that cancels the task it was opened in.
** Closing the scope turns that very cancel into a TimeoutError; any other
** cancel, and any other error, goes through as it is.
*/

#include <math.h>
#include <string.h>

#include "base/anchor.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/site.h"
#include "base/state.h"
#include "task/awaitable.h"
#include "task/cancel.h"
#include "task/future.h"
#include "task/park.h"
#include "task/reason.h"
#include "task/task.h"
#include "rooms.h"


typedef struct Timeout {
  las_Trigger trigger;	/* first; in the heap while ARMED */
  las_Loop *loop;	/* alive: the task holds it */
  las_Task *task;	/* alive: user value TASK */
  lua_Number when;	/* seconds of the loop's clock */
  lua_Number span;	/* seconds from when it was set until then */
  las_Reason reason;	/* of its cancel, from then until it closes */
  unsigned base;	/* of the task's cancels, when the scope was opened */
  uint8_t phase;
  uint8_t nodeadline;
  las_Site site;	/* where it was set */
} Timeout;

enum {IDLE, ARMED, EXPIRED, CLOSED, LATE};  /* LATE: closed after expiry */

/* user values */
enum {TASK = 1, NUSER = TASK};

#define SOON	0.01	/* seconds from now: a deadline may be past already */


static void onexpired (las_Trigger *w, las_Future *f) {
  Timeout *s = (Timeout *)w;
  (void)f;
  s->phase = EXPIRED;
  las_cancelfor(&s->task->f, &s->reason);
}


/* The message of the CancelledErrors, for those who see them before the scope
   closes, or where nobody closes it. */
static void pushreason (lua_State *L, const las_Reason *r) {
  const Timeout *s = las_owner(r, const Timeout, reason);
  const char *span = las_pushspan(L, s->span);
  const char *site = las_pushsite(L, &s->site);
  lua_pushfstring(L, "the time limit of %s%s%s was reached", span,
                  (*site != '\0') ? " set at " : "", site);
  lua_replace(L, -3);
  lua_pop(L, 1);
}


static void disarm (Timeout *s) {
  if (s->phase == ARMED) {
    if (!s->loop->closed)
      las_heapremove(&s->loop->clock.heap, &s->trigger.item);
    s->phase = IDLE;
  }
}


/* A deadline that is past ends the very next wait, be it a 'sleep(0)': the
   turn under way must look for deadlines when it ends. One that is far off
   spares the look at the clock. */
static void arm (lua_State *L, Timeout *s) {
  las_Loop *lp = s->loop;
  uint64_t when = las_moment(s->when);
  if (s->nodeadline)
    return;
  if (!las_heapreserve(&lp->clock.heap))
    luaL_error(L, "not enough memory");
  las_heapadd(&lp->clock.heap, &s->trigger.item, when);
  if (s->span < SOON && when <= las_now(lp))
    las_pollsoon(lp);
  s->phase = ARMED;
}


/* 'level' is that of the function which sets the limit. [-0, +1, m] */
static int newtimeout (lua_State *L, las_Task *t, int level, int nodeadline,
                       lua_Number when, lua_Number span) {
  las_Loop *lp = t->f.loop;
  Timeout *s = (Timeout *)lua_newuserdatauv(L, sizeof(*s), NUSER);
  memset(s, 0, sizeof(*s));
  s->trigger.item.type = LAS_TRIGGER;
  s->trigger.fire = onexpired;
  s->loop = lp;
  s->task = t;
  s->when = when;
  s->span = span;
  s->nodeadline = (uint8_t)nodeadline;
  s->base = las_cancelbase(t);
  s->reason.push = pushreason;
  las_setsite(L, level, &s->site);
  s->phase = CLOSED;
  las_pushanchored(L, lp, t->f.item.slot);
  lua_setiuservalue(L, -2, TASK);
  las_settype(L, LAS_TTIMEOUT);
  s->phase = IDLE;
  arm(L, s);
  return 1;
}


/* Opens the scope for the delay at 1 seconds; nil for no deadline. */
static int opentimeout (lua_State *L, int level) {
  las_Task *t = las_checktask(L, "timeout");
  int nodeadline = lua_isnil(L, 1);
  lua_Number when = 0, delay = 0;
  if (!nodeadline) {
    delay = las_checkseconds(L, 1);
    when = (lua_Number)las_now(t->f.loop) / 1e9 + (delay > 0 ? delay : 0);
  }
  return newtimeout(L, t, level, nodeadline, when, delay);
}


/* timeout(delay) */
static int asyncio_timeout (lua_State *L) {
  return opentimeout(L, 1);
}


/* limit(delay, level): the same for a function of the library, whose caller
   at 'level' sets the limit */
static int core_limit (lua_State *L) {
  return opentimeout(L, (int)luaL_checkinteger(L, 2));
}


/* Seconds from now until 'when', to the millisecond: reading the clock takes
   its time too. */
static lua_Number spanuntil (las_Loop *lp, lua_Number when) {
  lua_Number span = when - (lua_Number)las_now(lp) / 1e9;
  return floor(span * 1000 + 0.5) / 1000;
}


/* timeout_at(when): 'when' as of loop:time() */
static int asyncio_timeout_at (lua_State *L) {
  las_Task *t = las_checktask(L, "timeout_at");
  int nodeadline = lua_isnil(L, 1);
  lua_Number when = nodeadline ? 0 : las_checkseconds(L, 1);
  return newtimeout(L, t, 1, nodeadline, when, spanuntil(t->f.loop, when));
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


/* Raises the error of a limit that was no time at all. */
static int timedoutnow (lua_State *L) {
  las_Site site;
  las_setsite(L, 1, &site);
  las_pushtimedout(L, 0, &site);
  return las_error(L, "TimeoutError", "%s", lua_tostring(L, -1));
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
  return timedoutnow(L);
}


/* There is no time at all: only what is done already counts. */
static int waitnotime (lua_State *L, las_Future *f) {
  if (f == NULL)
    return timedoutnow(L);
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
    las_asbody(L, lua_gettop(L), AW);
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
  int nodeadline, n;
  lua_Number when = 0, limit = 0;
  luaL_checkany(L, AW);
  las_checkstartable(L, t->f.loop, AW, AW);
  if (lua_isthread(L, AW) || las_isawaitable(L, AW))
    las_checknoargs(L, LIMIT + 1, 0);
  if (lua_gettop(L) < LIMIT)
    lua_settop(L, LIMIT);
  nodeadline = lua_isnil(L, LIMIT);
  if (!nodeadline) {
    limit = las_checkseconds(L, LIMIT);
    if (limit <= 0)
      return waitnotime(L, las_tofuture(L, las_state(L), AW));
    when = (lua_Number)las_now(t->f.loop) / 1e9 + limit;
  }
  newtimeout(L, t, 1, nodeadline, when, limit);
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
  las_dropreason(s->loop, &s->reason);
  s->phase = expired ? LATE : CLOSED;
  if (expired && s->task->f.item.phase != LAS_DONE &&
      !las_uncancel(s->task, s->base) && las_iserror(L, 2, "CancelledError")) {
    las_pushtimedout(L, s->span, &s->site);
    las_newerror(L, "TimeoutError", "%s", lua_tostring(L, -1));
    las_copystack(L, 2);
    return lua_error(L);
  }
  return 0;
}


static int timeout_gc (lua_State *L) {
  Timeout *s = (Timeout *)lua_touserdata(L, 1);
  disarm(s);
  las_dropreason(s->loop, &s->reason);
  return 0;
}


static int timeout_when (lua_State *L) {
  Timeout *s = checkscope(L);
  if (s->nodeadline)
    lua_pushnil(L);
  else
    lua_pushnumber(L, s->when);
  return 1;
}


/* scope:reschedule(when): nil for never */
static int timeout_reschedule (lua_State *L) {
  Timeout *s = checkscope(L);
  int nodeadline = lua_isnil(L, 2);
  lua_Number when = nodeadline ? 0 : las_checkseconds(L, 2);
  if (s->loop->closed)
    return luaL_error(L, "the loop is closed");
  if (s->phase != IDLE && s->phase != ARMED)
    return luaL_error(L, "cannot change the deadline of %s scope",
                      s->phase == EXPIRED ? "an expired" : "a closed");
  disarm(s);
  s->nodeadline = (uint8_t)nodeadline;
  s->when = when;
  s->span = spanuntil(s->loop, when);
  las_setsite(L, 1, &s->site);
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
    {"limit", core_limit},
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
