/*
** line.c
** Lines: tasks of one loop that wait for the same thing.
** A line keeps its loop alive, and thereby all of its tasks.
*/

#include <string.h>

#include "sync/line.h"
#include "base/anchor.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/cancel.h"


void *las_newobject (lua_State *L, size_t size, int nuser, int name) {
  int named = (name != 0 && lua_isstring(L, name));
  void *p = lua_newuserdatauv(L, size, nuser + named);
  memset(p, 0, size);
  if (las_unlikely(named)) {
    lua_pushvalue(L, name);
    lua_setiuservalue(L, -2, nuser + 1);
  }
  return p;
}


const char *las_nametext (lua_State *L, int i) {
  if (las_pushobjectname(L, i))
    lua_pushfstring(L, "name=%s, ", lua_tostring(L, -1));
  else
    lua_pushliteral(L, "");
  return lua_tostring(L, -1);
}


void las_bindline (lua_State *L, int i, las_Line *line, las_Loop *lp,
                   int busy) {
  if (busy)
    luaL_error(L, "%s is in use by tasks of another loop",
               luaL_tolstring(L, i, NULL));
  las_pushloop(L, lp);
  lua_setiuservalue(L, i, LAS_USLOOP);
  line->loop = lp;
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
