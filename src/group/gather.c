/*
** gather.c
** gather: waits for many futures at once and returns their results in order.
** The first error is raised at once and the others run on; cancelling the
** gathering task cancels all of them.
*/

#include <string.h>

#include "base/check.h"
#include "base/item.h"
#include "base/state.h"
#include "task/cancel.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "group/children.h"
#include "rooms.h"


typedef struct Gather {
  las_Work work;	/* passes a cancel on to the children */
  las_Task *task;	/* the task that gathers, while it waits */
  las_Child *bad;	/* the first that failed, or NULL */
  uint8_t keep;		/* 'return_exceptions'? */
  uint8_t cancelled;	/* was a cancel passed on? */
  las_Children all;	/* last */
} Gather;

/* stack of a gathering call: list of futures, options, the Gather */
enum {LIST = LAS_CLIST, OPTIONS = LAS_COPTIONS, GATHER};


/* Is there nothing more to wait for? */
static int isenough (const Gather *g) {
  return g->all.left == 0 || (!g->keep && g->bad != NULL);
}


static void onchild (las_Children *all, las_Child *c) {
  Gather *g = las_owner(all, Gather, all);
  if (g->bad == NULL && las_isbad(c->f))
    g->bad = c;
  if (g->task != NULL && isenough(g)) {
    las_Task *t = g->task;
    g->task = NULL;
    las_wake(t);
  }
}


static void unwatchall (Gather *g) {
  g->task = NULL;
  las_unwatchchildren(&g->all);
}


/* Leaves the wait by force, because of a deadlock or a closing loop. */
static void leavegather (las_Task *t) {
  unwatchall((Gather *)t->what);
}


static void cancelall (las_Work *w) {
  Gather *g = las_owner(w, Gather, work);
  int i;
  for (i = 0; i < g->all.n; i++) {
    if (g->all.child[i].linked)
      las_cancelinner(g->all.child[i].f);
  }
}


/* Passes a cancel to the children; the wait goes on until they are done. */
static las_Work *passcancel (las_Task *t) {
  Gather *g = (Gather *)t->what;
  g->cancelled = 1;
  return &g->work;
}

static las_Future *childof (las_Task *t, int i) {
  Gather *g = (Gather *)t->what;
  return (i < g->all.n) ? g->all.child[i].f : NULL;
}

static const las_Wait gatherwait = {
  .name = "gather", .leave = leavegather, .many = passcancel,
  .child = childof
};


/* If outside code closed the coroutine, the collector finds the gather. None of
   its triggers may stay behind, and its task must not wait any longer. The
   same holds when the Lua state is closed: finalizers may run the loop once
   more even then. */
static int gather_gc (lua_State *L) {
  Gather *g = (Gather *)lua_touserdata(L, 1);
  las_Task *t = g->task;
  unwatchall(g);
  las_abandonwait(t);
  return 0;
}


/*
** {==================================================================
** Results
** ===================================================================
*/

/* Pushes the first result of the i-th child, which is done, or its error.
   Returns whether it was an error. [-0, +1, m] */
static int firstvalue (lua_State *L, const las_Children *all, int i) {
  las_Future *f = all->child[i - 1].f;
  int n, top = lua_gettop(L) + 1;
  f->item.flags |= LAS_FSEEN;
  if (f->item.state == LAS_FINISHED && (f->item.flags & LAS_FVOID)) {
    lua_pushnil(L);  /* in the place of no result */
    return 0;
  }
  lua_rawgeti(L, LIST, i);  /* push the child, at 'top' */
  if (las_isbad(f))
    las_pusherror(L, top);
  else {
    n = las_outcome(L, top);  /* push all its results */
    lua_pop(L, n - 1);  /* keep the first one */
  }
  lua_replace(L, top);  /* value in the place of the child */
  lua_settop(L, top);
  return las_isbad(f);
}


static int asarguments (lua_State *L, const las_Children *all) {
  int i;
  luaL_checkstack(L, all->n + 4, "too many results");
  for (i = 1; i <= all->n; i++)
    firstvalue(L, all, i);
  return all->n;  /* return one value for each child */
}


static int astable (lua_State *L, const las_Children *all) {
  enum {RESULT = GATHER + 1, FAILED};
  int i;
  lua_createtable(L, all->n, 2);  /* RESULT */
  lua_newtable(L);  /* FAILED */
  for (i = 1; i <= all->n; i++) {
    if (firstvalue(L, all, i)) {
      lua_pushboolean(L, 1);
      lua_rawseti(L, FAILED, i);
    }
    lua_rawseti(L, RESULT, i);  /* pop the value */
  }
  lua_setfield(L, RESULT, "failed");  /* pop FAILED; RESULT is on top */
  lua_pushinteger(L, all->n);
  lua_setfield(L, RESULT, "n");
  return 1;
}


static int gatherk (lua_State *L, int status, lua_KContext ctx) {
  Gather *g = (Gather *)lua_touserdata(L, GATHER);
  (void)ctx;
  unwatchall(g);
  if (status == LUA_YIELD) {
    las_Task *t = las_checkwake(L);
    if (g->cancelled)
      las_absorbcancel(t);
  }
  lua_settop(L, GATHER);  /* without what the step passed in */
  if (!g->keep && g->bad != NULL) {
    lua_rawgeti(L, LIST, (g->bad - g->all.child) + 1);  /* the failed child */
    return las_outcome(L, GATHER + 1);
  }
  if (g->cancelled)
    return las_raisecancel(L);
  return lua_istable(L, OPTIONS) ? astable(L, &g->all)
                                 : asarguments(L, &g->all);
}

/* }================================================================== */


static Gather *newgather (lua_State *L, int n, int keep) {
  size_t size = las_childrensize(Gather, n);
  Gather *g = (Gather *)lua_newuserdatauv(L, size, 1);
  memset(g, 0, size);
  g->work.run = cancelall;
  g->keep = (uint8_t)keep;
  g->all.done = onchild;
  lua_pushvalue(L, LIST);
  lua_setiuservalue(L, -2, 1);  /* the children live as long as it does */
  las_settype(L, LAS_TGATHER);
  return g;
}


/* gather(...) or gather{..., return_exceptions =} */
static int asyncio_gather (lua_State *L) {
  static const char *const options[] = {"return_exceptions", "n", NULL};
  las_Task *t = las_checktask(L, "gather");
  Gather *g;
  int keep = 0, n = las_listchildren(L, options);
  if (lua_istable(L, OPTIONS))
    keep = las_optboolean(L, OPTIONS, 1, "return_exceptions");
  las_checkchildren(L, t, n);
  las_checkcancel(L, t);
  g = newgather(L, n, keep);
  las_startchildren(L, t->f.loop, n);
  las_setchildren(L, &g->all, n);
  if (isenough(g))
    return gatherk(L, LUA_OK, 0);
  las_watchchildren(&g->all);
  g->task = t;
  las_park(t, &gatherwait, g);
  return lua_yieldk(L, 0, 0, gatherk);
}


void las_opengather (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"gather", asyncio_gather},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__gc", gather_gc},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TGATHER, "asyncio.Gather", NULL, meta);
  las_setfuncs(L, state, funcs);
}
