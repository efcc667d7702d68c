/*
** deadlock.c
** The text of a DeadlockError: who waits for what, in a circle or not.
*/

#include "core/core.h"


/* Does the task wait? The main one does not any more when the error is made,
   but its wait is still known. */
static int iswaiting (const las_Task *t) {
  return t->co != NULL && (t->f.item.phase == LAS_PARKED ||
                           (&t->f == t->f.loop->main && t->wait != NULL));
}


/* A task on the circle that the chain from 't' runs into, or NULL. */
static las_Task *oncircle (lua_State *L, las_Task *t) {
  las_Task *slow = t, *fast = t;
  do {
    int i;
    for (i = 0; i < 2; i++) {
      if (fast == NULL || fast->f.item.state != LAS_PENDING)
        return NULL;
      fast = las_blocker(L, fast);
    }
    slow = las_blocker(L, slow);
  } while (slow != fast);
  return fast;
}


/* Adds the values on top to the text below them. */
static void addtext (lua_State *L, int n) {
  lua_concat(L, n + 1);
}


static void addname (lua_State *L, const las_Task *t) {
  las_pushanchored(L, t->f.loop, t->f.item.slot);
  luaL_tolstring(L, -1, NULL);
  lua_remove(L, -2);
  addtext(L, 1);
}


static void addcircle (lua_State *L, las_Task *first) {
  las_Task *t = first;
  lua_pushliteral(L, "\nin a circle:");
  addtext(L, 1);
  do {
    lua_pushliteral(L, "\n  ");
    addtext(L, 1);
    addname(L, t);
    lua_pushfstring(L, " waits for %s of ", t->wait->name);
    addtext(L, 1);
    t = las_blocker(L, t);
    addname(L, t);
  } while (t != first);
}


static void addtask (lua_State *L, las_Task *t) {
  las_Task *other = las_blocker(L, t);
  lua_pushliteral(L, "\n");
  addtext(L, 1);
  addname(L, t);
  lua_pushfstring(L, " waits for %s", t->wait ? t->wait->name : "its turn");
  addtext(L, 1);
  if (other != NULL && other->f.item.slot != 0) {
    lua_pushliteral(L, " of ");
    addtext(L, 1);
    addname(L, other);
  }
  lua_pushliteral(L, "\n");
  las_traceback(L, t->co, 0);
  addtext(L, 2);
}


void las_deadlockerror (lua_State *L, las_Loop *lp) {
  las_State *S = las_state(L);
  las_Task *circle = NULL;
  uint32_t slot;
  luaL_checkstack(L, 12, NULL);
  lua_pushstring(L, lp->overdue ? "the time is over"
                                : "nothing can ever wake the main task");
  for (slot = 1; slot <= lp->nslots; slot++) {
    las_Task *t;
    las_pushanchored(L, lp, slot);
    t = (las_Task *)las_test(L, S, -1, LAS_TTASK);
    lua_pop(L, 1);
    if (t != NULL && iswaiting(t)) {
      if (circle == NULL && (circle = oncircle(L, t)) != NULL)
        addcircle(L, circle);
    }
  }
  lua_pushliteral(L, "\nwaiting are:");
  addtext(L, 1);
  for (slot = 1; slot <= lp->nslots; slot++) {
    las_Task *t;
    las_pushanchored(L, lp, slot);
    t = (las_Task *)las_test(L, S, -1, LAS_TTASK);
    lua_pop(L, 1);
    if (t != NULL && iswaiting(t))
      addtask(L, t);
  }
  las_newerror(L, "DeadlockError", NULL);
  lua_insert(L, -2);
  lua_setfield(L, -2, "message");
}
