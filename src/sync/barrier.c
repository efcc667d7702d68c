/*
** barrier.c
** Barriers: a fixed number of tasks wait for each other, again and again.
** The last to arrive wakes the others, and the barrier is empty again at once;
** tasks that arrive then belong to the next round.
*/

#include "base/budget.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/params.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "rooms.h"
#include "sync/line.h"


typedef struct Barrier {
  las_Line line;	/* first */
  lua_Integer parties;
  lua_Integer waiting;	/* tasks in line */
  int broken;
} Barrier;


static void leavebarrier (las_Task *t) {
  Barrier *b = (Barrier *)t->what;
  las_unlink(&b->line.waiters, &t->f.item);
  b->waiting--;
}

static const las_Wait barrierwait = {.name = "barrier",
                                     .leave = leavebarrier, .inslot1 = 1};


static Barrier *checkbarrier (lua_State *L) {
  return (Barrier *)las_check(L, 1, LAS_TBARRIER);
}


/* Barrier(parties) or Barrier{parties=, name=} */
static int asyncio_Barrier (lua_State *L) {
  enum {PARTIES = 1, NAME};
  static const las_Param params[] = {
    {"parties", "be an integer", las_isinteger}, {NULL, NULL, NULL}
  };
  lua_Integer parties;
  Barrier *b;
  las_params(L, 1, params);
  parties = luaL_checkinteger(L, PARTIES);
  luaL_argcheck(L, parties >= 1, 1, "at least 1 expected");
  b = (Barrier *)las_newobject(L, sizeof(*b), LAS_USLOOP, NAME);
  b->parties = parties;
  las_settype(L, LAS_TBARRIER);
  return 1;
}


/* Wakes all tasks that wait: with their places in line, counted from 1, or to
   raise BrokenBarrierError. The place is stored in 'what', which a task does
   not need once it is woken. */
static void wakeline (Barrier *b, int broken) {
  intptr_t place = 0;
  while (b->line.waiters != NULL) {
    place++;
    ((las_Task *)b->line.waiters)->what = broken ? NULL : (void *)place;
    las_wakefirst(&b->line.waiters);
  }
  b->waiting = 0;
}


static int raisebroken (lua_State *L) {
  return las_error(L, "BrokenBarrierError", "the barrier is broken");
}


static int waitk (lua_State *L, int status, lua_KContext ctx) {
  las_Task *t = las_checkwake(L);
  (void)status;
  (void)ctx;
  if (t->what == NULL)
    return raisebroken(L);
  lua_pushinteger(L, (lua_Integer)(intptr_t)t->what);
  return 1;
}


static int wait (lua_State *L, las_Task *t, void *barrier) {
  Barrier *b = (Barrier *)barrier;
  if (b->broken)
    return raisebroken(L);
  if (b->waiting + 1 < b->parties) {
    las_checkcancel(L, t);
    las_append(&b->line.waiters, &t->f.item);
    b->waiting++;
    las_park(t, &barrierwait, b);
    return lua_yieldk(L, 0, 0, waitk);
  }
  if (las_unlikely(las_spent(t->f.loop)))
    return las_again(L, t, wait, b);
  wakeline(b, 0);
  lua_pushinteger(L, b->parties);
  return 1;
}


/* barrier:wait(): the number of this party in the round, from 1 on */
static int barrier_wait (lua_State *L) {
  las_Task *t = las_checktask(L, "Barrier:wait");
  Barrier *b = checkbarrier(L);
  las_useline(L, 1, &b->line, t);
  return wait(L, t, b);
}


/* Starts a new round; tasks that wait get an error. */
static int barrier_reset (lua_State *L) {
  Barrier *b = checkbarrier(L);
  b->broken = 0;
  wakeline(b, 1);
  return 0;
}


/* Breaks the barrier until it is reset. */
static int barrier_abort (lua_State *L) {
  Barrier *b = checkbarrier(L);
  b->broken = 1;
  wakeline(b, 1);
  return 0;
}


static int barrier_parties (lua_State *L) {
  lua_pushinteger(L, checkbarrier(L)->parties);
  return 1;
}


static int barrier_n_waiting (lua_State *L) {
  lua_pushinteger(L, checkbarrier(L)->waiting);
  return 1;
}


static int barrier_broken (lua_State *L) {
  lua_pushboolean(L, checkbarrier(L)->broken);
  return 1;
}


static int barrier_gc (lua_State *L) {
  Barrier *b = (Barrier *)lua_touserdata(L, 1);
  las_dropwaiters(b->line.loop, &b->line.waiters);
  return 0;
}


static int barrier_tostring (lua_State *L) {
  Barrier *b = checkbarrier(L);
  lua_pushfstring(L, "Barrier<%sstate=%s, waiters=%I, parties=%I>",
                  las_nametext(L, 1), b->broken ? "broken" : "filling",
                  (LUAI_UACINT)b->waiting, (LUAI_UACINT)b->parties);
  return 1;
}


void las_openbarrier (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"Barrier", asyncio_Barrier},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"wait", barrier_wait},
    {"reset", barrier_reset},
    {"abort", barrier_abort},
    {"parties", barrier_parties},
    {"n_waiting", barrier_n_waiting},
    {"broken", barrier_broken},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__gc", barrier_gc},
    {"__tostring", barrier_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TBARRIER, "asyncio.Barrier", methods, meta);
  las_setfuncs(L, state, funcs);
}
