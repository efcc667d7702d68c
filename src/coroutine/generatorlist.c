/*
** generatorlist.c
** The list of the generators that are open on a loop, so that none is
** forgotten. It holds their bodies: the finalizers of what a body still has to
** close must not run before the body is closed.
*/

#include <string.h>

#include "coroutine/generatorlist.h"
#include "base/anchor.h"
#include "base/current.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "coroutine/generator.h"
#include "rooms.h"


/* user value LAS_LGENERATORS of a loop */
typedef struct GeneratorList {
  las_Job job;		/* first: closes what was dropped */
  las_Loop *loop;	/* alive: it has this */
  int queued;
} GeneratorList;

/* user values: the coroutines of open bodies (a set), coroutine -> generator
   (weak), and the coroutines of those that were dropped (a set) */
enum {BODIES = 1, HANDLES, DROPPED, NLIST = DROPPED};


static int list_run (lua_State *L);


/* Pushes the list of the loop on top, in whose place it comes, or nil.
   [-1, +1, -] */
static int getlist (lua_State *L) {
  int t = lua_getiuservalue(L, -1, LAS_LGENERATORS);
  lua_remove(L, -2);
  return t;
}


static void newlist (lua_State *L, las_Loop *lp) {
  GeneratorList *g;
  g = (GeneratorList *)lua_newuserdatauv(L, sizeof(*g), NLIST);
  memset(g, 0, sizeof(*g));
  g->job.trigger.item.type = LAS_JOB;
  g->job.run = list_run;
  g->loop = lp;
  lua_newtable(L);
  lua_setiuservalue(L, -2, BODIES);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_setiuservalue(L, -2, HANDLES);
  lua_newtable(L);
  lua_setiuservalue(L, -2, DROPPED);
  las_pushloop(L, lp);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, LAS_LGENERATORS);
  lua_pop(L, 1);
}


/* In a table of the list at 'list', the coroutine of the generator at 1 gets
   the value on top. [-1, +0, m] */
static void set (lua_State *L, int list, int table) {
  lua_getiuservalue(L, list, table);
  lua_getiuservalue(L, 1, LAS_GENTHREAD);
  lua_pushvalue(L, -3);
  lua_rawset(L, -3);
  lua_pop(L, 2);
}


void las_listgenerator (lua_State *L, las_Loop *lp) {
  int list;
  las_pushloop(L, lp);
  if (getlist(L) == LUA_TNIL) {
    lua_pop(L, 1);
    newlist(L, lp);
  }
  list = lua_gettop(L);
  las_pushloop(L, lp);
  lua_setiuservalue(L, 1, LAS_GENLOOP);
  lua_pushvalue(L, 1);
  set(L, list, HANDLES);
  lua_pushboolean(L, 1);
  set(L, list, BODIES);
  lua_pop(L, 1);
}


void las_unlistgenerator (lua_State *L) {
  int list;
  if (lua_getiuservalue(L, 1, LAS_GENLOOP) == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  if (getlist(L) != LUA_TNIL) {
    list = lua_gettop(L);
    lua_pushnil(L);
    set(L, list, BODIES);
    lua_pushnil(L);
    set(L, list, HANDLES);
  }
  lua_pop(L, 1);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, LAS_GENLOOP);
}


void las_dropgenerator (lua_State *L) {
  las_Loop *lp;
  GeneratorList *list;
  lua_getiuservalue(L, 1, LAS_GENLOOP);
  lp = (las_Loop *)lua_touserdata(L, -1);
  if (lp == NULL || lp->closed || getlist(L) == LUA_TNIL)
    return;
  list = (GeneratorList *)lua_touserdata(L, -1);
  lua_pushboolean(L, 1);
  set(L, lua_gettop(L) - 1, DROPPED);
  if (!list->queued) {
    list->queued = 1;
    las_queue(lp, &list->job.trigger.item);
  }
}


/* Pushes the generator of an open body, whose coroutine is at 'co': one that
   was dropped gets a new one. NULL: the body is not open. [-0, +1, m] */
static las_Generator *pushgenerator (lua_State *L, las_Loop *lp, int list,
                                     int co) {
  las_Generator *g;
  lua_getiuservalue(L, list, HANDLES);
  lua_pushvalue(L, co);
  if (lua_rawget(L, -2) == LUA_TUSERDATA) {
    lua_remove(L, -2);
    return (las_Generator *)lua_touserdata(L, -1);
  }
  lua_pop(L, 1);
  g = (las_Generator *)lua_newuserdatauv(L, sizeof(*g), LAS_NGENERATOR);
  g->co = NULL;
  g->state = LAS_GOVER;
  las_settype(L, LAS_TGENERATOR);
  lua_pushvalue(L, co);
  lua_setiuservalue(L, -2, LAS_GENTHREAD);
  las_pushloop(L, lp);
  lua_setiuservalue(L, -2, LAS_GENLOOP);
  lua_pushvalue(L, co);
  lua_pushvalue(L, -2);
  lua_rawset(L, -4);  /* into the handles */
  g->co = lua_tothread(L, co);
  g->state = LAS_GOPEN;
  lua_remove(L, -2);
  return g;
}


/* Has each body whose generator was dropped closed: closer(loop, generator) */
static int list_run (lua_State *L) {
  GeneratorList *list = (GeneratorList *)lua_touserdata(L, 1);
  las_Loop *lp = list->loop;
  enum {LIST = 2, TAKEN, BODYSET, CO};
  list->queued = 0;
  lua_settop(L, 1);
  las_pushloop(L, lp);
  if (getlist(L) == LUA_TNIL)
    return 0;
  lua_newtable(L);  /* finalizers go on dropping */
  lua_getiuservalue(L, LIST, DROPPED);
  lua_insert(L, TAKEN);
  lua_setiuservalue(L, LIST, DROPPED);
  lua_getiuservalue(L, LIST, BODIES);
  lua_pushnil(L);
  while (lua_next(L, TAKEN)) {
    lua_pop(L, 1);
    lua_pushvalue(L, CO);
    if (lua_rawget(L, BODYSET) != LUA_TNIL) {
      las_getanchored(L, LAS_UCLOSER);
      las_pushloop(L, lp);
      pushgenerator(L, lp, LIST, CO);
      lua_call(L, 2, 0);
    }
    lua_settop(L, CO);
  }
  return 0;
}


/* set_closer(f): what the Lua layer does with a dropped generator */
static int core_set_closer (lua_State *L) {
  lua_settop(L, 1);
  lua_setiuservalue(L, lua_upvalueindex(1), LAS_UCLOSER);
  return 0;
}


/* open_generators(loop): list of those that are neither over nor busy */
static int core_open_generators (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  lua_Integer n = 0;
  enum {RESULT = 2, LIST, BODYSET, CO};
  lua_settop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, 1);
  if (getlist(L) != LUA_TNIL) {
    lua_getiuservalue(L, LIST, BODIES);
    lua_pushnil(L);
    while (lua_next(L, BODYSET)) {
      lua_pop(L, 1);
      if (pushgenerator(L, lp, LIST, CO)->state == LAS_GOPEN)
        lua_rawseti(L, RESULT, ++n);
      lua_settop(L, CO);
    }
  }
  lua_settop(L, RESULT);
  lua_pushinteger(L, n);
  lua_setfield(L, -2, "n");
  return 1;
}


void las_opengeneratorlist (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"open_generators", core_open_generators},
    {"set_closer", core_set_closer},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
