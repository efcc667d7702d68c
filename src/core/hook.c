/*
** hook.c
** Debug hooks: ours stand in the user's place for a moment, then put that
** back. They fire inside the coroutine that runs.
*/

#include "core/core.h"


/* Fires as the bare yield returns, or where a time slice had ended: puts the
   former hook back and raises. */
void las_hookyield (lua_State *L, lua_Debug *ar) {
  las_Loop *lp = las_pushstate(L)->loop;
  (void)ar;
  las_disarmhook(lp, L);
  if (lp == NULL) {
    lua_pop(L, 1);
    return;
  }
  lua_getiuservalue(L, -1, LAS_URAISE);
  lua_call(L, 0, 0);
}


static int isours (lua_Hook f) {
  return f == las_hookyield || f == las_hookraise || f == las_hookdump ||
         f == las_hookwatch || f == las_hooklate;
}


int las_armhook (las_Loop *lp, lua_State *co, lua_Hook f, int mask,
                 int force) {
  lua_Hook now = lua_gethook(co);
  if (!isours(now)) {
    lp->hook.f = now;
    lp->hook.mask = lua_gethookmask(co);
    lp->hook.count = lua_gethookcount(co);
  }
  else if (now != f && !force)
    return 0;
  lua_sethook(co, f, mask, 1);
  return 1;
}


void las_disarmhook (las_Loop *lp, lua_State *co) {
  if (lp == NULL)
    lua_sethook(co, NULL, 0, 0);
  else
    lua_sethook(co, lp->hook.f, lp->hook.mask, lp->hook.count);
}
