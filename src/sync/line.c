/*
** line.c
** Lines: tasks of one loop that wait for the same thing.
** A line keeps its loop alive, and so all of its tasks.
*/

#include "sync/sync.h"


void las_bindline (lua_State *L, int i, las_Line *line, las_Loop *lp,
                   int busy) {
  if (busy)
    luaL_error(L, "%s is in use by tasks of another loop",
               luaL_tolstring(L, i, NULL));
  las_pushloop(L, lp);
  lua_setiuservalue(L, i, LAS_USLOOP);
  line->loop = lp;
}


void las_leavelist (las_Task *t) {
  las_unlink((las_List *)t->what, &t->f.item);
}


void las_waitin (lua_State *L, las_Task *t, las_List *l,
                 const las_Wait *how) {
  las_checkcancel(L, t);
  las_append(l, &t->f.item);
  las_park(t, how, l);
}


void las_wakeall (las_List *l) {
  while (*l != NULL)
    las_wakefirst(l);
}


int las_listcount (const las_List *l) {
  const las_Item *it = *l;
  int n = 0;
  if (it != NULL) {
    do {
      n++;
      it = it->u.list.next;
    } while (it != *l);
  }
  return n;
}


void las_dropwaiters (las_Loop *lp, las_List *l) {
  if (lp == NULL || lp->closed)
    return;
  while (*l != NULL)
    las_throw((las_Task *)*l);
}
