/*
** groupend.c
** The end of a task group, in the steps that the Lua layer takes: waiting for
** the children, cancelling them, and collecting their errors.
*/

#include "base/anchor.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/cancel.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "group/members.h"
#include "group/taskgroup.h"
#include "rooms.h"


static void leaveend (las_Task *t) {
  ((las_Group *)t->what)->waiter = NULL;
}

static las_Future *childof (las_Task *t, int i) {
  las_Group *g = (las_Group *)t->what;
  las_Member *m;
  if (i == 0)
    las_firstmember(&g->members);
  m = las_nextmember(&g->members);
  return (m != NULL) ? m->child : NULL;
}

static const las_Wait endwait = {
  .name = "end", .leave = leaveend, .child = childof
};


static int waitk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  las_checkwake(L);
  return 0;
}


/* group_wait(group): waits until no child is left. A cancel of the wait is not
   passed on. */
static int core_group_wait (lua_State *L) {
  las_Group *g = las_checkgroup(L);
  las_Task *t = las_checktask(L, "group_wait");
  las_assert(t == g->parent);
  lua_settop(L, 1);
  if (g->members.count == 0)
    return 0;
  las_checkcancel(L, t);
  g->waiter = t;
  las_park(t, &endwait, g);
  return lua_yieldk(L, 0, 0, waitk);
}


/* group_count(group): the number of children that are not done */
static int core_group_count (lua_State *L) {
  lua_pushinteger(L, las_checkgroup(L)->members.count);
  return 1;
}


static int core_group_parent (lua_State *L) {
  las_checkgroup(L);
  lua_getiuservalue(L, 1, LAS_GPARENT);
  return 1;
}


/* group_leave(group): the block has ended. Returns whether it had before. */
static int core_group_leave (lua_State *L) {
  las_Group *g = las_checkgroup(L);
  lua_pushboolean(L, g->leaving);
  g->leaving = 1;
  return 1;
}


/* group_abort(group): cancels children and body, once. Returns true if that was
   done before. */
static int core_group_abort (lua_State *L) {
  las_Group *g = las_checkgroup(L);
  lua_pushboolean(L, g->aborting);
  las_abortgroup(g);
  return 1;
}


/* group_abort_children(group): cancels them, once more if need be */
static int core_group_abort_children (lua_State *L) {
  las_Group *g = las_checkgroup(L);
  g->aborting = 1;
  las_cancelmembers(g);
  return 0;
}


/* group_finish(group): the wait has ended; children that are not done run on by
   themselves. Takes the group's own cancel of the parent back. Returns whether
   there was one, whether the parent has others, and the base from which they
   count. */
static int core_group_finish (lua_State *L) {
  las_Group *g = las_checkgroup(L);
  int others = (g->parent->ncancels > g->base);
  las_finishgroup(g);
  las_unanchorgroup(g);
  lua_pushboolean(L, g->own);
  if (g->own) {
    others = las_uncancel(g->parent, g->base);
    g->own = 0;
  }
  lua_pushboolean(L, others);
  lua_pushinteger(L, g->base);
  return 3;
}


/* group_errors(group): takes the children that failed out of the group. Returns
   a list of their errors, and a list of the children */
static int core_group_errors (lua_State *L) {
  enum {ERRORS = 2, CHILDREN};
  las_Group *g = las_checkgroup(L);
  las_Member *m;
  lua_Integer n = 0;
  if (g->loop->closed)
    las_forgetfailed(g);  /* their anchors are gone */
  lua_settop(L, 1);
  lua_createtable(L, (int)g->failed.count, 1);
  lua_createtable(L, (int)g->failed.count, 0);
  lua_pushinteger(L, g->failed.count);
  lua_setfield(L, ERRORS, "n");  /* last thing that can raise */
  for (m = g->failed.first; m != NULL; m = m->next) {
    n++;
    m->child->item.flags |= LAS_FSEEN;
    las_pushanchored(L, g->loop, m->trigger.item.slot);
    lua_getiuservalue(L, -1, LAS_UVALUE);
    lua_rawseti(L, ERRORS, n);
    lua_rawseti(L, CHILDREN, n);
  }
  las_forgetfailed(g);
  return 2;
}


void las_opengroupend (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"group_wait", core_group_wait},
    {"group_count", core_group_count},
    {"group_parent", core_group_parent},
    {"group_leave", core_group_leave},
    {"group_abort", core_group_abort},
    {"group_abort_children", core_group_abort_children},
    {"group_finish", core_group_finish},
    {"group_errors", core_group_errors},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
