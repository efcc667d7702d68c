/*
** event.c
** Events: flags that many tasks may wait for.
** Setting one wakes all tasks that wait, even if it is cleared before they run;
** while it is set nobody waits.
*/

#include "base/budget.h"
#include "base/loop.h"
#include "base/params.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "rooms.h"
#include "sync/line.h"


typedef struct Event {
  las_Line line;	/* first */
  int isset;
} Event;

static const las_Wait eventwait = {.name = "event", .leave = las_leavelist,
                                   .inslot1 = 1};


static Event *checkevent (lua_State *L) {
  return (Event *)las_check(L, 1, LAS_TEVENT);
}


/* Event() or Event{name=} */
static int asyncio_Event (lua_State *L) {
  las_params(L, 1, las_noparams);
  las_newobject(L, sizeof(Event), LAS_USLOOP, 1);
  las_settype(L, LAS_TEVENT);
  return 1;
}


/* The event was set, even if it no longer is. */
static int waitk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  las_checkwake(L);
  lua_pushboolean(L, 1);
  return 1;
}


static int waitevent (lua_State *L, las_Task *t, void *event) {
  Event *e = (Event *)event;
  if (!e->isset) {
    las_waitin(L, t, &e->line.waiters, &eventwait);
    return lua_yieldk(L, 0, 0, waitk);
  }
  if (las_unlikely(las_spent(t->f.loop)))
    return las_again(L, t, waitevent, e);
  lua_pushboolean(L, 1);
  return 1;
}


/* event:wait(): true */
static int event_wait (lua_State *L) {
  las_Task *t = las_checktask(L, "Event:wait");
  Event *e = checkevent(L);
  las_useline(L, 1, &e->line, t);
  return waitevent(L, t, e);
}


static int event_set (lua_State *L) {
  Event *e = checkevent(L);
  e->isset = 1;
  las_wakeall(&e->line.waiters);
  return 0;
}


static int event_clear (lua_State *L) {
  checkevent(L)->isset = 0;
  return 0;
}


static int event_is_set (lua_State *L) {
  lua_pushboolean(L, checkevent(L)->isset);
  return 1;
}


static int event_gc (lua_State *L) {
  Event *e = (Event *)lua_touserdata(L, 1);
  las_dropwaiters(e->line.loop, &e->line.waiters);
  return 0;
}


static int event_tostring (lua_State *L) {
  Event *e = checkevent(L);
  lua_pushfstring(L, "Event<%sstate=%s, waiters=%d>", las_nametext(L, 1),
                  e->isset ? "set" : "unset",
                  las_listcount(&e->line.waiters));
  return 1;
}


void las_openevent (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"Event", asyncio_Event},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"set", event_set},
    {"clear", event_clear},
    {"is_set", event_is_set},
    {"wait", event_wait},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__gc", event_gc},
    {"__tostring", event_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TEVENT, "asyncio.Event", methods, meta);
  las_setfuncs(L, state, funcs);
}
