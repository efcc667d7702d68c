/*
** future.c
** Futures: an outcome that comes once, and those who wait for it.
** Tasks are futures too; the methods here serve both.
*/

#include <string.h>

#include "task/future.h"
#include "base/anchor.h"
#include "base/current.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/params.h"
#include "base/state.h"
#include "base/trace.h"
#include "task/reason.h"
#include "task/task.h"
#include "rooms.h"


las_Future *las_tofuture (lua_State *L, las_State *S, int i) {
  las_Future *f = (las_Future *)lua_touserdata(L, i);
  if (f != NULL && lua_getmetatable(L, i)) {
    const void *mt = lua_topointer(L, -1);
    lua_pop(L, 1);
    if (mt == S->mt[LAS_TTASK] || mt == S->mt[LAS_TFUTURE])
      return f;
  }
  return NULL;
}


las_Future *las_checkfuture (lua_State *L, int i) {
  las_Future *f = las_tofuture(L, las_state(L), i);
  if (las_unlikely(f == NULL))
    luaL_typeerror(L, i, "asyncio.Future");
  return f;
}


las_Future *las_newfuture (lua_State *L, las_Loop *lp) {
  las_Future *f =
      (las_Future *)lua_newuserdatauv(L, sizeof(*f), LAS_UEXTRA);
  memset(f, 0, sizeof(*f));
  f->item.type = LAS_FUTURE;
  f->loop = lp;
  las_pushloop(L, lp);
  lua_setiuservalue(L, -2, LAS_ULOOP);
  las_settype(L, LAS_TFUTURE);
  return f;
}


/*
** A plain future that tasks wait for is held by the loop. Their stacks hold
** it too, but outside code can close a coroutine, and the task stays linked.
*/

void las_await (lua_State *L, int i, las_Future *f, las_Task *t) {
  if (f->item.type == LAS_FUTURE && f->item.slot == 0)
    f->item.slot = las_anchor(L, f->loop, i);  /* may raise */
  las_append(&f->waiters, &t->f.item);
}


static void unanchor (las_Future *f) {
  if (f->item.type == LAS_FUTURE && f->item.slot != 0) {
    if (!f->loop->closed)  /* else its anchors are gone already */
      las_release(f->loop, f->item.slot);
    f->item.slot = 0;
  }
}


/* Tasks usually come before callbacks, so this stops early. */
int las_isawaited (const las_Future *f) {
  las_Item *it = f->waiters;
  if (it != NULL) {
    do {
      if (it->type == LAS_TASK)
        return 1;
      it = it->u.list.next;
    } while (it != f->waiters);
  }
  return 0;
}


void las_unawait (las_Future *f, las_Task *t) {
  las_unlink(&f->waiters, &t->f.item);
  if (!las_isawaited(f))
    unanchor(f);
}


void las_settle (las_Future *f, enum las_Outcome how) {
  las_assert(f->item.state == LAS_PENDING);
  f->item.state = how;
  unanchor(f);
  while (f->waiters != NULL) {
    las_Item *it = f->waiters;
    las_unlink(&f->waiters, it);
    las_fire(f->loop, it, f);
  }
}


int las_getextra (lua_State *L, int i, enum las_Extra x) {
  int type = lua_getiuservalue(L, i, LAS_UEXTRA);
  if (type == LUA_TTABLE) {
    type = lua_rawgeti(L, -1, x);
    lua_remove(L, -2);
  }
  else if (type != LUA_TNIL && x != LAS_XSUBJECT) {
    lua_pop(L, 1);
    lua_pushnil(L);
    type = LUA_TNIL;
  }
  return type;
}


/* Replaces what stands for the extra table of the future at 'i', and on top of
   the stack, by a table. */
static void maketable (lua_State *L, int i) {
  lua_newtable(L);
  if (!lua_isnil(L, -2)) {
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, LAS_XSUBJECT);
  }
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, i, LAS_UEXTRA);
  lua_remove(L, -2);
}


void las_setextra (lua_State *L, int i, enum las_Extra x) {
  int type;
  i = lua_absindex(L, i);
  luaL_checkstack(L, 5, NULL);
  type = lua_getiuservalue(L, i, LAS_UEXTRA);
  if (type == LUA_TNIL && x == LAS_XSUBJECT) {
    lua_pop(L, 1);
    lua_setiuservalue(L, i, LAS_UEXTRA);
    return;
  }
  if (type != LUA_TTABLE)
    maketable(L, i);
  lua_insert(L, -2);
  lua_rawseti(L, -2, x);
  lua_pop(L, 1);
}


/*
** {==================================================================
** Outcomes
** ===================================================================
*/

void las_setvalues (lua_State *L, int i, las_Future *f, int n) {
  i = lua_absindex(L, i);
  if (n == 0) {
    f->item.flags |= LAS_FVOID;
    lua_pushnil(L);
  }
  else if (n > 1) {
    int k;
    lua_createtable(L, n + 1, 0);
    lua_insert(L, -n - 1);
    for (k = n + 1; k > 1; k--)
      lua_rawseti(L, -k, k);
    lua_pushinteger(L, n);
    lua_rawseti(L, -2, 1);
    f->item.flags |= LAS_FMULTI;
  }
  lua_setiuservalue(L, i, LAS_UVALUE);
}


/* Pushes the results of the finished future at 'i'. [-0, +n, m] */
static int pushvalues (lua_State *L, int i, const las_Future *f) {
  int k, n;
  if (f->item.flags & LAS_FVOID)
    return 0;
  lua_getiuservalue(L, i, LAS_UVALUE);
  if (las_likely(!(f->item.flags & LAS_FMULTI)))
    return 1;
  lua_rawgeti(L, -1, 1);
  n = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  luaL_checkstack(L, n, "too many results");
  for (k = 2; k <= n + 1; k++)
    lua_rawgeti(L, -k + 1, k);
  return n;
}


void las_pusherror (lua_State *L, int i) {
  las_Future *f = (las_Future *)lua_touserdata(L, i);
  i = lua_absindex(L, i);
  if (f->item.state == LAS_CANCELLED && !(f->item.flags & LAS_FERROBJ)) {
    las_newerror(L, "CancelledError", NULL);
    if (las_getextra(L, i, LAS_XMESSAGE) == LUA_TNIL && f->loop->now.task) {
      lua_pop(L, 1);  /* one that came down the chain of awaits? */
      las_pushanchored(L, f->loop, f->loop->now.task->f.item.slot);
      las_getextra(L, -1, LAS_XMESSAGE);
      lua_remove(L, -2);
    }
    lua_setfield(L, -2, "message");
    if (f->loop->now.task)
      las_addreason(L, f->loop->now.task);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, i, LAS_UVALUE);
    f->item.flags |= LAS_FERROBJ;
  }
  else {
    lua_getiuservalue(L, i, LAS_UVALUE);
    if (f->item.state == LAS_CANCELLED && f->loop->now.task)
      las_addawaiter(L, f->loop->now.task);
  }
}


int las_outcome (lua_State *L, int i) {
  las_Future *f = (las_Future *)lua_touserdata(L, i);
  f->item.flags |= LAS_FSEEN;
  if (las_likely(f->item.state == LAS_FINISHED))
    return pushvalues(L, i, f);
  las_assert(f->item.state != LAS_PENDING);
  las_pusherror(L, i);
  las_passoutcome(L, i);
  return lua_error(L);
}

/* }================================================================== */


/*
** {==================================================================
** Methods of futures and tasks
** ===================================================================
*/

las_Future *las_checkpending (lua_State *L) {
  las_Future *f = las_checkfuture(L, 1);
  if (f->item.type == LAS_TASK)
    luaL_error(L, "a task's result is set by its body");
  if (f->item.state != LAS_PENDING)
    las_error(L, "InvalidStateError", "the future is already done");
  return f;
}


static int future_set_result (lua_State *L) {
  las_Future *f = las_checkpending(L);
  las_setvalues(L, 1, f, lua_gettop(L) - 1);
  las_settle(f, LAS_FINISHED);
  return 0;
}


static las_Future *checkdone (lua_State *L) {
  las_Future *f = las_checkfuture(L, 1);
  if (f->item.state == LAS_PENDING)
    las_error(L, "InvalidStateError", "the future is not done yet");
  lua_settop(L, 1);
  return f;
}


static int future_result (lua_State *L) {
  checkdone(L);
  return las_outcome(L, 1);
}


static int future_exception (lua_State *L) {
  las_Future *f = checkdone(L);
  if (f->item.state == LAS_CANCELLED)
    return las_outcome(L, 1);
  f->item.flags |= LAS_FSEEN;
  if (f->item.state == LAS_FAILED)
    lua_getiuservalue(L, 1, LAS_UVALUE);
  else
    lua_pushnil(L);
  lua_pushboolean(L, f->item.state == LAS_FAILED);
  return 2;
}


static int future_done (lua_State *L) {
  lua_pushboolean(L, las_checkfuture(L, 1)->item.state != LAS_PENDING);
  return 1;
}


static int future_cancelled (lua_State *L) {
  lua_pushboolean(L, las_checkfuture(L, 1)->item.state == LAS_CANCELLED);
  return 1;
}


static int future_get_loop (lua_State *L) {
  las_checkfuture(L, 1);
  lua_getiuservalue(L, 1, LAS_ULOOP);
  return 1;
}


static const char *const outcomes[] = {
  "pending", "finished", "failed", "cancelled"
};


static int future_tostring (lua_State *L) {
  las_Future *f = las_checkfuture(L, 1);
  if (las_getextra(L, 1, LAS_XNAME) != LUA_TNIL)
    lua_pushfstring(L, "Future<name=%s, state=%s>", lua_tostring(L, -1),
                    outcomes[f->item.state]);
  else
    lua_pushfstring(L, "Future<state=%s>", outcomes[f->item.state]);
  return 1;
}


/* Makes a future of the loop with the name at 'name', a string or nil. */
static int newfuture (lua_State *L, las_Loop *lp, int name) {
  las_newfuture(L, lp);
  if (!lua_isnil(L, name)) {
    lua_pushvalue(L, name);
    las_setextra(L, -2, LAS_XNAME);
  }
  return 1;
}


static int isloop (lua_State *L, int i) {
  return las_test(L, las_state(L), i, LAS_TLOOP) != NULL;
}


/* Future([loop]) or Future{loop=, name=} */
static int asyncio_Future (lua_State *L) {
  static const las_Param params[] = {
    {"loop", "be an asyncio.Loop", isloop}, {NULL, NULL, NULL}
  };
  las_params(L, 1, params);
  return newfuture(L, lua_isnil(L, 1) ? las_defaultloop(L)
                                      : las_checkloop(L, 1), 2);
}


/* loop:create_future() or loop:create_future{name=} */
static int loop_create_future (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  las_params(L, 2, las_noparams);
  return newfuture(L, lp, 2);
}


/* the type of tasks is there already: it gets the same methods */
void las_openfuture (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"Future", asyncio_Future},
    {NULL, NULL}
  };
  static const luaL_Reg loopmethods[] = {
    {"create_future", loop_create_future},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"set_result", future_set_result},
    {"result", future_result},
    {"exception", future_exception},
    {"done", future_done},
    {"cancelled", future_cancelled},
    {"get_loop", future_get_loop},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__tostring", future_tostring},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  las_addmethods(L, state, LAS_TLOOP, loopmethods);
  las_newtype(L, state, LAS_TFUTURE, "asyncio.Future", methods, meta);
  las_addmethods(L, state, LAS_TTASK, methods);
}

/* }================================================================== */
