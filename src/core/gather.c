/*
** gather.c
** gather: waits for many at once; their results come in order.
** The first error is raised at once and the others run on; cancelling the
** gathering task cancels them all.
*/

#include <string.h>

#include "core/core.h"


typedef struct Child {
  las_Watch watch;	/* first; in 'f's list of waiters while 'linked' */
  struct Gather *gather;
  las_Future *f;	/* alive: the list of children */
  int linked;
} Child;

typedef struct Gather {
  las_Work work;	/* passes a cancel on to the children */
  las_Task *task;	/* who waits here, while it does */
  int n;		/* children; 'child' has as many */
  int left;		/* not done yet */
  int bad;		/* index of the first that failed, or -1 */
  uint8_t keep;		/* 'return_exceptions'? */
  uint8_t cancelled;	/* was a cancel passed on? */
  Child child[1];
} Gather;

/* stack of a gathering call: futures, is a table wanted, the Gather */
enum {LIST = 1, ASTABLE, GATHER};


static void unwatchall (Gather *g) {
  int i;
  g->task = NULL;
  for (i = 0; i < g->n; i++) {
    Child *c = &g->child[i];
    if (c->linked) {
      c->linked = 0;
      las_unlink(&c->f->waiters, &c->watch.item);
    }
  }
}


static int isbad (const las_Future *f) {
  return f->item.state == LAS_FAILED || f->item.state == LAS_CANCELLED;
}


/* Notes the outcome of a child. */
static void note (Gather *g, int i) {
  if (g->bad < 0 && isbad(g->child[i].f))
    g->bad = i;
}


/* Is there nothing more to wait for? */
static int isover (const Gather *g) {
  return g->left == 0 || (!g->keep && g->bad >= 0);
}


static void onchild (las_Watch *w, las_Future *f) {
  Child *c = (Child *)w;
  Gather *g = c->gather;
  (void)f;
  c->linked = 0;
  g->left--;
  note(g, (int)(c - g->child));
  if (g->task != NULL && isover(g)) {
    las_Task *t = g->task;
    g->task = NULL;
    las_wake(t);
  }
}


/* The wait is left by force: a deadlock or a closing loop. */
static void leavegather (las_Task *t) {
  unwatchall((Gather *)t->what);
}


static void cancelall (las_Work *w) {
  Gather *g = las_owner(w, Gather, work);
  int i;
  for (i = 0; i < g->n; i++) {
    if (g->child[i].linked)
      las_cancelinner(g->child[i].f);
  }
}


/* A cancel goes to the children; the wait goes on until they are done. */
static las_Work *passcancel (las_Task *t) {
  Gather *g = (Gather *)t->what;
  g->cancelled = 1;
  return &g->work;
}

static const las_Wait gatherwait = {
  .name = "gather", .leave = leavegather, .many = passcancel
};


/* A coroutine that a stranger closed leaves its gather to the collector: no
   watch of it may stay behind, and its task must not wait on. So does a Lua
   state that closes; a finalizer may run the loop once more even then. */
static int gather_gc (lua_State *L) {
  Gather *g = (Gather *)lua_touserdata(L, 1);
  las_Task *t = g->task;
  unwatchall(g);
  if (t != NULL && t->f.item.phase == LAS_PARKED && !t->f.loop->closed) {
    t->f.item.flags |= LAS_FTHROW;
    las_wake(t);
  }
  return 0;
}


/*
** {==================================================================
** Results
** ===================================================================
*/

/* Replaces the done future on top by its first result, or by its error.
   Returns whether it was an error. [-1, +1, m] */
static int firstvalue (lua_State *L) {
  int top = lua_gettop(L);
  las_Future *f = (las_Future *)lua_touserdata(L, top);
  if (isbad(f)) {
    f->item.flags |= LAS_FSEEN;
    las_pusherror(L, top);
  }
  else {
    int n = las_outcome(L, top);
    lua_pop(L, (n > 0) ? n - 1 : 0);
    if (n == 0)
      lua_pushnil(L);
  }
  lua_replace(L, top);
  lua_settop(L, top);
  return isbad(f);
}


static int asarguments (lua_State *L, int n) {
  int i;
  luaL_checkstack(L, n + 4, "too many results");
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, LIST, i);
    firstvalue(L);
  }
  return n;
}


static int astable (lua_State *L, int n) {
  enum {RESULT = GATHER + 1, FAILED};
  int i;
  lua_createtable(L, n, 2);
  lua_newtable(L);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, LIST, i);
    if (firstvalue(L)) {
      lua_pushboolean(L, 1);
      lua_rawseti(L, FAILED, i);
    }
    lua_rawseti(L, RESULT, i);
  }
  lua_setfield(L, RESULT, "failed");
  lua_pushinteger(L, n);
  lua_setfield(L, RESULT, "n");
  return 1;
}


static int gatherk (lua_State *L, int status, lua_KContext ctx) {
  Gather *g = (Gather *)lua_touserdata(L, GATHER);
  (void)ctx;
  unwatchall(g);
  if (status == LUA_YIELD)
    las_checkwake(L);
  lua_settop(L, GATHER);
  if (!g->keep && g->bad >= 0) {
    lua_rawgeti(L, LIST, g->bad + 1);
    return las_outcome(L, GATHER + 1);
  }
  if (g->cancelled)
    return las_raisecancel(L);
  return lua_toboolean(L, ASTABLE) ? astable(L, g->n)
                                   : asarguments(L, g->n);
}

/* }================================================================== */


/*
** {==================================================================
** Starting
** ===================================================================
*/

/* Raises unless every child can be waited for or started. */
static void checkchildren (lua_State *L, las_Task *t, int n) {
  int i;
  for (i = 1; i <= n; i++) {
    int arg = lua_toboolean(L, ASTABLE) ? 1 : i;
    lua_rawgeti(L, LIST, i);
    if (lua_touserdata(L, -1) == (void *)t)
      luaL_argerror(L, arg, "a task cannot gather itself");
    las_checkstartable(L, t->f.loop, lua_gettop(L), arg);
    lua_pop(L, 1);
  }
}


/* Makes futures of the children. A function given twice runs twice; any
   other thing is one future in both places ('seen' maps it). */
static void startchildren (lua_State *L, las_Loop *lp, int n) {
  int i, seen, top = lua_gettop(L);
  lua_newtable(L);
  seen = lua_gettop(L);
  for (i = 1; i <= n; i++) {
    int once = (lua_rawgeti(L, LIST, i) != LUA_TFUNCTION);
    if (once) {
      lua_pushvalue(L, -1);
      if (lua_rawget(L, seen) != LUA_TNIL) {
        lua_rawseti(L, LIST, i);
        lua_pop(L, 1);
        continue;
      }
      lua_pop(L, 1);
      lua_pushvalue(L, -1);
    }
    las_ensurefuture(L, lp, lua_gettop(L), i);
    if (once) {
      lua_pushvalue(L, -1);
      lua_rawseti(L, LIST, i);
      lua_rawset(L, seen);
    }
    else
      lua_rawseti(L, LIST, i);
  }
  lua_settop(L, top);
}


static Gather *newgather (lua_State *L, int n, int keep) {
  size_t size = sizeof(Gather) + (size_t)n * sizeof(Child);
  Gather *g = (Gather *)lua_newuserdatauv(L, size, 1);
  memset(g, 0, size);
  g->work.run = cancelall;
  g->keep = (uint8_t)keep;
  g->bad = -1;
  lua_pushvalue(L, LIST);
  lua_setiuservalue(L, -2, 1);
  las_settype(L, LAS_TGATHER);
  return g;
}


static void watchall (lua_State *L, Gather *g, int n) {
  for (; g->n < n; g->n++) {
    Child *c = &g->child[g->n];
    lua_rawgeti(L, LIST, g->n + 1);
    c->f = (las_Future *)lua_touserdata(L, -1);
    lua_pop(L, 1);
    c->gather = g;
    c->watch.item.type = LAS_WATCH;
    c->watch.told = onchild;
    if (c->f->item.state == LAS_PENDING) {
      c->linked = 1;
      g->left++;
      las_append(&c->f->waiters, &c->watch.item);
    }
    else
      note(g, g->n);
  }
}


/* Puts the children into a fresh table at LIST. Returns their number. */
static int tolist (lua_State *L, int *keep) {
  static const char *const names[] = {"return_exceptions", "n", NULL};
  int i, n = lua_gettop(L);
  int table = (n == 1 && lua_istable(L, 1) && !las_isthing(L, 1));
  *keep = 0;
  if (table) {
    las_checkoptions(L, 1, names);
    n = las_listlen(L, 1);
    lua_getfield(L, 1, "return_exceptions");
    *keep = lua_toboolean(L, -1);
    lua_createtable(L, n, 0);
    for (i = 1; i <= n; i++) {
      lua_geti(L, 1, i);
      lua_rawseti(L, -2, i);
    }
    lua_replace(L, LIST);
  }
  else {
    lua_createtable(L, n, 0);
    lua_insert(L, LIST);
    for (i = n; i >= 1; i--)
      lua_rawseti(L, LIST, i);
  }
  lua_settop(L, LIST);
  lua_pushboolean(L, table);
  return n;
}


/* gather(...) or gather{..., return_exceptions =} */
static int asyncio_gather (lua_State *L) {
  las_Task *t = las_checktask(L, "gather");
  Gather *g;
  int keep, n = tolist(L, &keep);
  checkchildren(L, t, n);
  las_checkcancel(L, t);
  g = newgather(L, n, keep);
  startchildren(L, t->f.loop, n);
  watchall(L, g, n);
  if (isover(g))
    return gatherk(L, LUA_OK, 0);
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

/* }================================================================== */
