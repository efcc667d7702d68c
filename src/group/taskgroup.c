/*
** taskgroup.c
** Task groups: the children that one block waits for, however they end.
** Each has a trigger in its list of waiters, so that the group notices its end
** in C, where nothing can fail. The Lua layer decides what the group raises.
*/

#include <stdlib.h>
#include <string.h>

#include "group/taskgroup.h"
#include "base/anchor.h"
#include "base/check.h"
#include "base/current.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/resource.h"
#include "base/site.h"
#include "base/state.h"
#include "task/awaitable.h"
#include "task/cancel.h"
#include "task/future.h"
#include "task/park.h"
#include "task/reason.h"
#include "task/task.h"
#include "group/members.h"
#include "rooms.h"


/*
** {==================================================================
** How a group is released
** ===================================================================
*/

/* Keeps a member that is not needed any more for the next child. */
static void discard (las_Group *g, las_Member *m) {
  if (m->trigger.item.slot != 0 && !g->loop->closed)
    las_release(g->loop, m->trigger.item.slot);
  m->trigger.item.slot = 0;
  if (g->spare == NULL && !g->left)
    g->spare = m;
  else
    free(m);
}


void las_unanchorgroup (las_Group *g) {
  if (g->held && g->members.count == 0 && !g->queued) {
    g->held = 0;
    las_disown(g->loop, &g->resource);
    las_release(g->loop, g->abort.item.slot);
    g->abort.item.slot = 0;
  }
}


/* Drops all members; their children go on without the group. */
static void disband (las_Group *g) {
  las_Member *m = las_takemembers(&g->members), *next;
  for (; m != NULL; m = next) {
    next = m->next;
    las_unlink(&m->child->waiters, &m->trigger.item);
    discard(g, m);
  }
}


void las_forgetfailed (las_Group *g) {
  las_Member *m = las_takemembers(&g->failed), *next;
  for (; m != NULL; m = next) {
    next = m->next;
    discard(g, m);
  }
}


void las_finishgroup (las_Group *g) {
  g->leaving = g->left = 1;
  las_dropreason(g->loop, &g->reason);
  disband(g);
  if (g->spare != NULL) {
    las_Member *m = g->spare;
    g->spare = NULL;
    discard(g, m);
  }
}


/* The loop closes: its anchors, and the group's slots in them, are gone. */
static void dropgroup (las_Resource *r) {
  las_Group *g = las_owner(r, las_Group, resource);
  g->held = g->queued = 0;
  g->abort.item.slot = 0;
  g->waiter = NULL;
  las_finishgroup(g);
  las_forgetfailed(g);
}

static const las_ResourceKind groupkind = {.drop = dropgroup};


/* As for a Gather, no trigger may stay behind, and no task may wait on. */
static int group_gc (lua_State *L) {
  las_Group *g = (las_Group *)lua_touserdata(L, 1);
  las_Task *t = g->waiter;
  g->waiter = NULL;
  las_finishgroup(g);
  las_forgetfailed(g);
  if (!g->loop->closed) {
    las_unanchorgroup(g);
    if (g->abort.item.slot != 0 && !g->held)
      las_release(g->loop, g->abort.item.slot);
  }
  las_abandonwait(t);
  return 0;
}

/* }================================================================== */


/*
** {==================================================================
** How children end
** ===================================================================
*/

/* Pushes the message of the CancelledErrors. */
static void pushreason (lua_State *L, const las_Reason *r) {
  const las_Group *g = las_owner(r, const las_Group, reason);
  const char *site = las_pushsite(L, &g->site);
  const char *opened = (*site != '\0') ? " opened at " : "";
  if (!g->aborting)
    lua_pushfstring(L, "the children of the task group%s%s were cancelled",
                    opened, site);
  else if (g->failed.count > 0)
    lua_pushfstring(L, "a child of the task group%s%s failed", opened, site);
  else
    lua_pushfstring(L, "the task group%s%s was cancelled", opened, site);
  lua_remove(L, -2);
}


void las_cancelmembers (las_Group *g) {
  las_Member *m;
  las_dropreason(g->loop, &g->reason);
  las_firstmember(&g->members);
  while ((m = las_nextmember(&g->members)) != NULL)
    las_cancelfor(m->child, &g->reason);
}


void las_abortgroup (las_Group *g) {
  if (g->aborting)
    return;
  g->aborting = 1;
  las_cancelmembers(g);
  if (!g->leaving) {
    g->own = 1;
    las_cancelfor(&g->parent->f, &g->reason);
  }
}


static void onabort (las_Trigger *w, las_Future *f) {
  las_Group *g = (las_Group *)w;
  (void)f;
  g->queued = 0;
  if (!g->left)
    las_abortgroup(g);
  las_unanchorgroup(g);
}


/* Keeps a child that has failed. The first such child ends the group, though
   not before the group's turn. The anchor of a task that nothing else holds
   passes to the group. */
static void fail (las_Group *g, las_Member *m) {
  if (m->trigger.item.slot == 0) {
    m->trigger.item.slot = m->child->item.slot;
    m->child->item.slot = 0;
  }
  las_addmember(&g->failed, m);
  if (!g->aborting && !g->queued) {
    g->queued = 1;
    las_queue(g->loop, &g->abort.item);
  }
}


static void onchild (las_Trigger *w, las_Future *f) {
  las_Member *m = (las_Member *)w;
  las_Group *g = m->group;
  las_removemember(&g->members, m);
  if (f->item.state == LAS_FAILED && !m->starting)
    fail(g, m);
  else
    discard(g, m);
  if (g->members.count == 0) {
    if (g->waiter != NULL) {
      las_Task *t = g->waiter;
      g->waiter = NULL;
      las_wake(t);
    }
    las_unanchorgroup(g);
  }
}

/* }================================================================== */


/*
** {==================================================================
** Children
** ===================================================================
*/

/* Has the group everything that one more member needs? 'own': also a slot of
   its own. */
static int isprepared (const las_Group *g, int own) {
  return g->spare != NULL && g->abort.item.slot != 0 &&
         (!own || g->spare->trigger.item.slot != 0);
}


/* Makes that so. [-0, +0, m] */
static void prepare (lua_State *L, las_Group *g, int own) {
  if (g->spare == NULL) {
    g->spare = las_newmember(g, onchild);
    if (g->spare == NULL) {
      luaL_error(L, "not enough memory");
      return;
    }
  }
  if (g->abort.item.slot == 0)
    g->abort.item.slot = las_reserve(L, g->loop);
  if (own && g->spare->trigger.item.slot == 0)
    g->spare->trigger.item.slot = las_reserve(L, g->loop);
}


/* prepare(group, own): for a protected call */
static int protectedprepare (lua_State *L) {
  prepare(L, (las_Group *)lua_touserdata(L, 1), lua_toboolean(L, 2));
  return 0;
}


/* Makes the future 'f' on top a member of the group at 1, which is prepared.
   Cannot raise. */
static las_Member *takemember (lua_State *L, las_Group *g, las_Future *f,
                               int own) {
  las_Member *m = g->spare;
  g->spare = NULL;
  m->child = f;
  m->starting = 0;
  if (own)
    las_fill(L, g->loop, m->trigger.item.slot, -1);
  else if (m->trigger.item.slot != 0) {
    las_release(g->loop, m->trigger.item.slot);
    m->trigger.item.slot = 0;
  }
  if (!g->held) {
    las_fill(L, g->loop, g->abort.item.slot, 1);
    las_adopt(g->loop, &g->resource);
    g->held = 1;
  }
  return m;
}


/* Makes the child 'f' on top, which may have ended already, a member. 'own':
   the loop does not hold it until it ends. 'ready': see core_group_start. */
static void join (lua_State *L, las_Group *g, las_Future *f, int own,
                  const las_Future *ready) {
  las_Member *m = takemember(L, g, f, own);
  m->starting = (ready != NULL && ready->item.state == LAS_PENDING);
  if (f->item.state == LAS_PENDING) {
    las_addmember(&g->members, m);
    las_append(&f->waiters, &m->trigger.item);
    if (las_unlikely(g->aborting))  /* it started eagerly and ended the group */
      las_cancel(f);
    return;
  }
  if (f->item.state == LAS_FAILED && !m->starting)
    fail(g, m);
  else
    discard(g, m);
  las_unanchorgroup(g);
}


/* Pushes the error because of which a child that was made cannot become a
   member; others may have become members meanwhile. Returns 0, with nothing
   pushed, if it can. [-0, +(0|1), -] */
static int checkjoin (lua_State *L, las_Group *g, int own) {
  if (g->left) {
    lua_pushliteral(L, "the task group is finished");
    return 1;
  }
  if (isprepared(g, own))
    return 0;
  lua_pushcfunction(L, protectedprepare);
  lua_pushvalue(L, 1);
  lua_pushboolean(L, own);
  return lua_pcall(L, 2, 0, 0) != LUA_OK;
}


/* Makes a child from the arguments of las_createtask, which lie from 'first'
   on. */
static int newchild (lua_State *L, las_Group *g, int first,
                     const las_Future *ready) {
  las_Loop *lp = las_checkrunning(L);
  las_Task *t;
  las_Future *f;
  int own;
  if (las_unlikely(g->aborting || (g->leaving && g->members.count == 0))) {
    las_discardbody(L, first);
    return las_misuse(L, (g->leaving && g->members.count == 0)
                         ? "the task group is finished"
                         : "the task group is shutting down");
  }
  if (las_unlikely(lp != g->loop))
    return las_misuse(L, "the task group belongs to another loop");
  if (!isprepared(g, lp->factory))
    prepare(L, g, lp->factory);
  t = las_createtask(L, lp, first, 1);
  f = (t != NULL) ? &t->f : (las_Future *)lua_touserdata(L, -1);
  own = (t == NULL || f->item.state != LAS_PENDING);  /* not held? */
  if (las_unlikely((own || !isprepared(g, 0)) && checkjoin(L, g, own))) {
    las_cancel(f);
    return lua_error(L);
  }
  join(L, g, f, own, ready);
  return 1;
}


static las_Group *checkself (lua_State *L, const char *name) {
  las_Group *g = (las_Group *)las_test(L, las_state(L), 1, LAS_TGROUP);
  if (las_unlikely(g == NULL))
    luaL_error(L, "calling '%s' on bad self (asyncio.TaskGroup expected,"
                  " got %s)", name, luaL_typename(L, 1));
  return g;
}


/* group:create_task(f, ...): as asyncio.create_task */
static int group_create_task (lua_State *L) {
  return newchild(L, checkself(L, "create_task"), 2, NULL);
}

/* }================================================================== */


/*
** {==================================================================
** For the Lua layer
** ===================================================================
*/

las_Group *las_checkgroup (lua_State *L) {
  return (las_Group *)las_check(L, 1, LAS_TGROUP);
}


/* stack of group_start */
enum {READY = 2, BODY, STARTED};

/* Copies the list at BODY, with 'started' in front of the arguments. */
static void insertstarted (lua_State *L) {
  int k, n = las_listlen(L, BODY), copy = lua_gettop(L) + 1;
  las_argcheck(L, lua_checkstack(L, n + 8), BODY, "too many arguments");
  lua_createtable(L, las_listroom(L, BODY, n), 4);
  lua_pushnil(L);
  while (lua_next(L, BODY)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, copy);
  }
  for (k = 1; k <= n; k++) {
    lua_geti(L, BODY, k);
    lua_rawseti(L, copy, (k == 1) ? 1 : k + 1);
  }
  lua_pushvalue(L, STARTED);
  lua_rawseti(L, copy, 2);
  lua_pushinteger(L, n + 1);
  lua_setfield(L, copy, "n");
  lua_replace(L, BODY);
  lua_settop(L, BODY);
}


/* group_start(group, ready, f, started, ...): as create_task(f, started, ...);
   the error of a child that ends before the future 'ready' is done is not the
   group's */
static int core_group_start (lua_State *L) {
  las_Group *g = las_checkgroup(L);
  las_Future *ready = las_checkfuture(L, READY);
  int islist = lua_istable(L, BODY) && !las_isobject(L, BODY);
  if (islist) {
    las_argcheck(L, lua_gettop(L) == STARTED, BODY + 1, "no argument expected"
                    " beside a list");
    lua_geti(L, BODY, 1);
  }
  else
    lua_pushvalue(L, BODY);
  if (!las_iscallable(L, -1))
    las_typeerror(L, -1, BODY, "function");
  lua_pop(L, 1);
  if (islist)
    insertstarted(L);
  return newchild(L, g, BODY, ready);
}


/* Returns the member whose child the future is, or NULL. */
static las_Member *memberof (las_Group *g, const las_Future *f) {
  las_Item *it = f->waiters;
  if (it != NULL) {
    do {
      las_Member *m = (las_Member *)it;
      if (it->type == LAS_TRIGGER && m->trigger.fire == onchild &&
          m->group == g)
        return m;
      it = it->u.list.next;
    } while (it != f->waiters);
  }
  return NULL;
}


/* group_own(group, child): from now on the group raises the child's error, even
   if the child has failed already */
static int core_group_own (lua_State *L) {
  las_Group *g = las_checkgroup(L);
  las_Future *f = las_checkfuture(L, 2);
  las_Member *m = memberof(g, f);
  lua_settop(L, 2);
  if (m != NULL)
    m->starting = 0;
  else if (f->item.state == LAS_FAILED && !g->left) {
    prepare(L, g, 1);
    fail(g, takemember(L, g, f, 1));
  }
  return 0;
}


/* }================================================================== */


/* Opens a group for the function at 'level'. [-0, +1, e] */
static int newgroup (lua_State *L, las_Task *t, int level) {
  las_Group *g;
  g = (las_Group *)lua_newuserdatauv(L, sizeof(*g), LAS_NGROUP);
  memset(g, 0, sizeof(*g));
  g->abort.item.type = LAS_TRIGGER;
  g->abort.fire = onabort;
  g->resource.kind = &groupkind;
  g->loop = t->f.loop;
  g->parent = t;
  g->base = las_cancelbase(t);
  g->reason.push = pushreason;
  las_setsite(L, level, &g->site);
  las_pushloop(L, g->loop);
  lua_setiuservalue(L, -2, LAS_GLOOP);
  las_pushanchored(L, g->loop, t->f.item.slot);
  lua_setiuservalue(L, -2, LAS_GPARENT);
  las_settype(L, LAS_TGROUP);
  return 1;
}


/* TaskGroup() */
static int asyncio_TaskGroup (lua_State *L) {
  las_Task *t = las_checktask(L, "TaskGroup");
  las_checknone(L, 1);
  return newgroup(L, t, 1);
}


/* new_group(): the same for 'task_group', whose caller opens it */
static int core_new_group (lua_State *L) {
  return newgroup(L, las_checktask(L, "task_group"), 2);
}


/* group:cancel(): cancels children and body without making the group fail */
static int group_cancel (lua_State *L) {
  las_Group *g = checkself(L, "cancel");
  las_checknone(L, 2);
  if (!g->left)
    las_abortgroup(g);
  return 0;
}


/* group:cancel_children(): cancels the present children; the group goes on */
static int group_cancel_children (lua_State *L) {
  las_Group *g = checkself(L, "cancel_children");
  las_checknone(L, 2);
  if (!g->left)
    las_cancelmembers(g);
  return 0;
}


static int group_tostring (lua_State *L) {
  las_Group *g = las_checkgroup(L);
  lua_pushfstring(L, "TaskGroup<state=%s, tasks=%d>",
                  g->left ? "closed" : g->aborting ? "cancelling"
                          : g->leaving ? "closing" : "open",
                  (int)g->members.count);
  return 1;
}


void las_opentaskgroup (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"TaskGroup", asyncio_TaskGroup},
    {"new_group", core_new_group},
    {"group_own", core_group_own},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"create_task", group_create_task},
    {"cancel", group_cancel},
    {"cancel_children", group_cancel_children},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__gc", group_gc},
    {"__tostring", group_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TGROUP, "asyncio.TaskGroup", methods, meta);
  las_setfuncs(L, state, funcs);
  las_setinner(L, state, "group_start", core_group_start, "start", BODY - 1);
}
