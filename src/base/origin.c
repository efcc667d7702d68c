/*
** origin.c
** Where things were made, and a list of what there is of each kind.
** Tasks keep their origin themselves, resources a string of C.
*/

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/origin.h"
#include "base/anchor.h"
#include "base/current.h"
#include "base/loop.h"
#include "base/resource.h"
#include "base/state.h"
#include "base/trace.h"
#include "rooms.h"


/* Does the program's code run in L? Under a job of ours there is only the line
   that runs the loop. */
static int isprogram (const las_Loop *lp, lua_State *L) {
  lua_Debug ar;
  int level;
  for (level = 0; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "S", &ar);
    if (ar.what[0] != 'C')
      return 1;
    if (level > 0 && lp->now.co == NULL)
      return 0;
  }
  return 0;
}


char *las_duporigin (const las_Loop *lp) {
  lua_State *L = (lp->now.co != NULL) ? lp->now.co : lp->L;
  const char *lib = lp->S->libdir;
  lua_Debug ar;
  int level;
  if (L == NULL || !isprogram(lp, L))
    return NULL;
  for (level = 0; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline > 0 &&
        (lib[0] == '\0' || strncmp(ar.source, lib, strlen(lib)) != 0)) {
      size_t n = strlen(ar.short_src) + 16;
      char *place = (char *)malloc(n);
      if (place != NULL)
        snprintf(place, n, "%s:%d", ar.short_src, ar.currentline);
      return place;
    }
  }
  return NULL;
}


void las_pushorigin (lua_State *L, const las_Loop *lp) {
  if (isprogram(lp, L))
    las_pushplace(L, L);
  else
    lua_pushnil(L);
}


void las_keeporigin (lua_State *L, las_Loop *lp, int i) {
  i = lua_absindex(L, i);
  luaL_checkstack(L, 6, NULL);
  las_pushloop(L, lp);
  if (lua_getiuservalue(L, -1, LAS_LORIGINS) == LUA_TTABLE) {
    lua_pushvalue(L, i);
    las_pushorigin(L, lp);
    lua_rawset(L, -3);
  }
  lua_pop(L, 2);
}


/* keep_origins(loop): keeps those of tasks, timed calls and resources from now
   on */
static int core_keep_origins (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  lua_settop(L, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_setiuservalue(L, 1, LAS_LORIGINS);
  lp->origins = 1;
  return 0;
}


/* resources(loop): what is open, in one list of pairs: the kind; the line that
   made it, or false */
static int core_resources (lua_State *L) {
  las_Loop *lp = (las_Loop *)las_check(L, 1, LAS_TLOOP);
  las_Resource *r;
  lua_Integer n = 0;
  lua_newtable(L);
  for (r = lp->resources; r != NULL; r = r->next) {
    if (r->kind->name == NULL)
      continue;
    lua_pushstring(L, r->kind->name);
    lua_rawseti(L, -2, ++n);
    if (r->origin != NULL)
      lua_pushstring(L, r->origin);
    else
      lua_pushboolean(L, 0);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}


/* Puts the value on top and its origin at 'n' - 1 and 'n' of the list below
   it. [-1, +0, m] */
static void addpair (lua_State *L, las_Loop *lp, lua_Integer n) {
  las_pushloop(L, lp);
  lua_getiuservalue(L, -1, LAS_LORIGINS);
  lua_pushvalue(L, -3);
  if (!lua_istable(L, -2) || lua_rawget(L, -2) != LUA_TSTRING)
    lua_pushboolean(L, 0);
  lua_rawseti(L, 2, n);
  lua_pushvalue(L, 3);
  lua_rawseti(L, 2, n - 1);
  lua_settop(L, 2);
}


/* timers(loop): the timed calls to come, in one list of pairs: the handle; the
   line that made it, or false */
static int core_timers (lua_State *L) {
  las_Loop *lp = (las_Loop *)las_check(L, 1, LAS_TLOOP);
  lua_Integer n = 0;
  uint32_t slot;
  lua_settop(L, 1);
  lua_newtable(L);
  for (slot = 1; slot <= lp->anchors.nslots; slot++) {
    las_pushanchored(L, lp, slot);
    if (las_test(L, lp->S, -1, LAS_TTIMERHANDLE) != NULL)
      addpair(L, lp, n += 2);
    else
      lua_pop(L, 1);
  }
  return 1;
}


void las_openorigin (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"keep_origins", core_keep_origins},
    {"resources", core_resources},
    {"timers", core_timers},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
