/*
** graph.c
** Who waits for whom: what reports and the call graph are made of.
*/

#include "core/core.h"


/* The task with that number, or NULL: the table of anchors is searched, as
   only reports ask. */
static las_Task *taskbynumber (lua_State *L, las_Loop *lp, uint64_t id) {
  las_State *S = lp->S;
  uint32_t slot;
  for (slot = 1; slot <= lp->nslots; slot++) {
    las_Task *t;
    las_pushanchored(L, lp, slot);
    t = (las_Task *)las_test(L, S, -1, LAS_TTASK);
    lua_pop(L, 1);
    if (t != NULL && t->id == id)
      return t;
  }
  return NULL;
}


las_Task *las_blocker (lua_State *L, las_Task *t) {
  las_Future *f = NULL;
  if (t->wait == NULL)
    return NULL;
  if (t->wait->holder != NULL)
    return taskbynumber(L, t->f.loop, t->wait->holder(t));
  if (t->wait->inner != NULL)
    f = t->wait->inner(t);
  else if (t->wait->child != NULL && t->wait->child(t, 1) == NULL)
    f = t->wait->child(t, 0);  /* one alone, which it does not cancel */
  return (f != NULL && f->item.type == LAS_TASK) ? (las_Task *)f : NULL;
}


/* Appends a future to the list on top, if it is still pending. */
static void append (lua_State *L, las_Future *f) {
  if (f->item.state == LAS_PENDING && f->item.slot != 0) {
    las_pushanchored(L, f->loop, f->item.slot);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  }
}


/* awaited(task): what kind of wait it is in, or nil; a list of the futures
   and tasks it awaits there, if any */
static int core_awaited (lua_State *L) {
  las_Task *t = (las_Task *)las_check(L, 1, LAS_TTASK);
  las_Future *f;
  int i;
  if (t->f.item.phase != LAS_PARKED) {
    lua_pushnil(L);
    lua_newtable(L);
    return 2;
  }
  lua_pushstring(L, t->wait->name);
  lua_newtable(L);
  if (t->wait->inner != NULL)
    append(L, t->wait->inner(t));
  if (t->wait->child != NULL) {
    for (i = 0; (f = t->wait->child(t, i)) != NULL; i++)
      append(L, f);
  }
  return 2;
}


/* holder(task): the task that has what this one waits for, or nil */
static int core_holder (lua_State *L) {
  las_Task *t = (las_Task *)las_check(L, 1, LAS_TTASK);
  las_Task *other = NULL;
  if (t->f.item.phase == LAS_PARKED && t->wait->holder != NULL)
    other = taskbynumber(L, t->f.loop, t->wait->holder(t));
  if (other != NULL)
    las_pushanchored(L, other->f.loop, other->f.item.slot);
  else
    lua_pushnil(L);
  return 1;
}


void las_opengraph (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"awaited", core_awaited},
    {"holder", core_holder},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
