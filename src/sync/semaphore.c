/*
** semaphore.c
** Semaphores: a number of permits, for as many tasks at a time.
** A permit that comes back goes to the first task in line at once; permits are
** free only while nobody waits.
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


typedef struct Semaphore {
  las_Line line;	/* first */
  lua_Integer value;	/* permits that are free */
  lua_Integer bound;	/* no more than these are ever free */
  int bounded;		/* is it a BoundedSemaphore? */
} Semaphore;

static const las_Wait semwait = {.name = "semaphore",
                                 .leave = las_leavelist, .inslot1 = 1};


static Semaphore *checksem (lua_State *L) {
  Semaphore *s = (Semaphore *)las_check(L, 1, LAS_TSEMAPHORE);
  if (las_isorphaned(&s->line)) {
    s->value += s->line.given;
    s->line.given = 0;
  }
  return s;
}


static Semaphore *newsem (lua_State *L) {
  enum {VALUE = 1, NAME};
  static const las_Param params[] = {
    {"value", "be an integer", las_isinteger}, {NULL, NULL, NULL}
  };
  lua_Integer value;
  Semaphore *s;
  las_params(L, 1, params);
  value = luaL_optinteger(L, VALUE, 1);
  luaL_argcheck(L, value >= 0, 1, "value must not be negative");
  s = (Semaphore *)las_newobject(L, sizeof(*s), LAS_USLOOP, NAME);
  s->value = value;
  s->bound = LUA_MAXINTEGER;
  las_settype(L, LAS_TSEMAPHORE);
  return s;
}


/* Semaphore([n]) or Semaphore{value=, name=}: n permits, 1 by default */
static int asyncio_Semaphore (lua_State *L) {
  newsem(L);
  return 1;
}


/* BoundedSemaphore([n]): never has more than these n permits */
static int asyncio_BoundedSemaphore (lua_State *L) {
  Semaphore *s = newsem(L);
  s->bound = s->value;
  s->bounded = 1;
  return 1;
}


/* Continues when a permit was given to this task. */
static int acquirek (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  las_checkwake(L);
  ((Semaphore *)ctx)->line.given--;
  lua_settop(L, 1);
  return 1;
}


static int acquire (lua_State *L, las_Task *t, void *semaphore) {
  Semaphore *s = (Semaphore *)semaphore;
  if (s->value == 0) {
    las_waitin(L, t, &s->line.waiters, &semwait);
    return lua_yieldk(L, 0, (lua_KContext)s, acquirek);
  }
  if (las_unlikely(las_spent(t->f.loop)))
    return las_again(L, t, acquire, s);
  s->value--;
  lua_settop(L, 1);
  return 1;
}


/* semaphore:acquire(): the semaphore itself */
static int semaphore_acquire (lua_State *L) {
  las_Task *t = las_checktask(L, "Semaphore:acquire");
  Semaphore *s = checksem(L);
  las_useline(L, 1, &s->line, t);
  return acquire(L, t, s);
}


/* Gives a permit back. Returns false if all are back already. */
static int release (Semaphore *s) {
  if (s->value >= s->bound)
    return 0;
  if (s->line.waiters != NULL) {
    s->line.given++;
    las_wakefirst(&s->line.waiters);
  }
  else
    s->value++;
  return 1;
}


static int raisetoooften (lua_State *L) {
  return luaL_error(L, "the semaphore was released too often");
}


static int semaphore_release (lua_State *L) {
  if (!release(checksem(L)))
    return raisetoooften(L);
  return 0;
}


static int semaphore_locked (lua_State *L) {
  lua_pushboolean(L, checksem(L)->value == 0);
  return 1;
}


/* Ends 'local _ <close> = semaphore:acquire()'. An error that is being raised
   is more useful than one about the permits. */
static int semaphore_close (lua_State *L) {
  if (!release(checksem(L)) && lua_isnoneornil(L, 2))
    return raisetoooften(L);
  return 0;
}


static int semaphore_gc (lua_State *L) {
  Semaphore *s = (Semaphore *)lua_touserdata(L, 1);
  las_dropwaiters(s->line.loop, &s->line.waiters);
  return 0;
}


static int semaphore_tostring (lua_State *L) {
  Semaphore *s = checksem(L);
  lua_pushfstring(L, "%s<%svalue=%I, waiters=%d>",
                  s->bounded ? "BoundedSemaphore" : "Semaphore",
                  las_nametext(L, 1), (LUAI_UACINT)s->value,
                  las_listcount(&s->line.waiters));
  return 1;
}


void las_opensemaphore (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"Semaphore", asyncio_Semaphore},
    {"BoundedSemaphore", asyncio_BoundedSemaphore},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"acquire", semaphore_acquire},
    {"release", semaphore_release},
    {"locked", semaphore_locked},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__close", semaphore_close},
    {"__gc", semaphore_gc},
    {"__tostring", semaphore_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TSEMAPHORE, "asyncio.Semaphore", methods, meta);
  las_setfuncs(L, state, funcs);
}
