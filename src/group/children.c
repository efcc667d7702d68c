/*
** children.c
** Watching many futures at once: what gather, wait and as_completed share.
** All triggers lie in one block; nothing is allocated for a single child.
*/

#include "group/children.h"
#include "base/check.h"
#include "base/item.h"
#include "task/await.h"
#include "task/awaitable.h"
#include "task/future.h"
#include "task/task.h"


/*
** {==================================================================
** Arguments
** ===================================================================
*/

int las_listchildren (lua_State *L, const char *const options[]) {
  int i, n = lua_gettop(L);
  if (n == 1 && lua_istable(L, 1) && !las_isobject(L, 1)) {
    las_checklistoptions(L, 1, options);
    n = las_listlen(L, 1);
    lua_createtable(L, las_listroom(L, 1, n), 0);
    for (i = 1; i <= n; i++) {
      int missing = (lua_geti(L, 1, i) == LUA_TNIL);
      lua_rawseti(L, -2, i);
      if (missing)  /* that is no child: its check raises */
        n = i;
    }
    lua_insert(L, LAS_CLIST);
  }
  else {
    lua_createtable(L, n, 0);
    lua_insert(L, LAS_CLIST);
    for (i = n; i >= 1; i--)
      lua_rawseti(L, LAS_CLIST, i);
    lua_pushboolean(L, 0);
  }
  return n;
}


int las_childarg (lua_State *L, int i) {
  return lua_istable(L, LAS_COPTIONS) ? 1 : i;
}


void las_checkchildren (lua_State *L, las_Task *t, int n) {
  int i;
  for (i = 1; i <= n; i++) {
    if (lua_rawgeti(L, LAS_CLIST, i) != LUA_TFUNCTION) {
      int arg = las_childarg(L, i);
      if (lua_touserdata(L, -1) == (void *)t)
        luaL_argerror(L, arg, "a task cannot wait for itself");
      las_checkstartable(L, t->f.loop, lua_gettop(L), arg);
    }
    lua_pop(L, 1);
  }
}


static void startall (lua_State *L, las_Loop *lp, int n) {
  int i, seen, top = lua_gettop(L);
  lua_newtable(L);
  seen = lua_gettop(L);
  for (i = 1; i <= n; i++) {
    int once = (lua_rawgeti(L, LAS_CLIST, i) != LUA_TFUNCTION);
    if (!once) {
      las_asbody(L, seen + 1, i);
      las_spawn(L, lp, 0);
    }
    else {
      lua_pushvalue(L, -1);
      if (lua_rawget(L, seen) != LUA_TNIL) {
        lua_rawseti(L, LAS_CLIST, i);
        lua_pop(L, 1);
        continue;
      }
      lua_pop(L, 1);
      lua_pushvalue(L, -1);
      las_ensurefuture(L, lp, lua_gettop(L), i);
      lua_pushvalue(L, -1);
      lua_insert(L, -3);
      lua_rawset(L, seen);
    }
    lua_rawseti(L, LAS_CLIST, i);
  }
  lua_settop(L, top);
}


/* Does the same as a Lua function, with the values that lay there as
   arguments. */
static int startfunction (lua_State *L) {
  enum {LOOP = LAS_COPTIONS + 1, COUNT};
  startall(L, (las_Loop *)lua_touserdata(L, LOOP),
           (int)lua_tointeger(L, COUNT));
  return 0;
}


/* Starts the children with the collector stopped. */
static void startquietly (lua_State *L, las_Loop *lp, int n) {
  int status;
  luaL_checkstack(L, 8, NULL);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcclosure(L, startfunction, 1);
  lua_pushvalue(L, LAS_CLIST);
  lua_pushvalue(L, LAS_COPTIONS);
  lua_pushlightuserdata(L, lp);
  lua_pushinteger(L, n);
  lua_gc(L, LUA_GCSTOP);
  status = lua_pcall(L, 4, 0, 0);
  lua_gc(L, LUA_GCRESTART);
  if (status != LUA_OK)
    lua_error(L);
}


/* Would 'n' new tasks make the collector run several times, only to find all of
   them alive? */
static int isbatch (lua_State *L, int n) {
  return n >= 64 && lua_gc(L, LUA_GCISRUNNING) &&
         n > lua_gc(L, LUA_GCCOUNT) / 5;  /* a task takes a little over a KB */
}


void las_startchildren (lua_State *L, las_Loop *lp, int n) {
  if (las_unlikely(isbatch(L, n)))
    startquietly(L, lp, n);
  else
    startall(L, lp, n);
}


int las_dedupchildren (lua_State *L, int n) {
  int i, kept = 0, top = lua_gettop(L);
  lua_createtable(L, n, 0);  /* the new list */
  lua_createtable(L, 0, n);  /* the set of its futures */
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, LAS_CLIST, i);
    if (lua_rawgetp(L, top + 2, lua_touserdata(L, -1)) == LUA_TNIL) {
      lua_pushboolean(L, 1);
      lua_rawsetp(L, top + 2, lua_touserdata(L, -3));
      lua_pop(L, 1);
      lua_rawseti(L, top + 1, ++kept);
    }
    else
      lua_pop(L, 2);
  }
  lua_settop(L, top + 1);
  lua_replace(L, LAS_CLIST);
  return kept;
}

/* }================================================================== */


/*
** {==================================================================
** Watching
** ===================================================================
*/

static void onchild (las_Trigger *w, las_Future *f) {
  las_Child *c = (las_Child *)w;
  (void)f;
  c->linked = 0;
  c->all->left--;
  c->all->done(c->all, c);
}


void las_setchildren (lua_State *L, las_Children *all, int n) {
  for (; all->n < n; all->n++) {
    las_Child *c = &all->child[all->n];
    lua_rawgeti(L, LAS_CLIST, all->n + 1);
    c->f = (las_Future *)lua_touserdata(L, -1);
    lua_pop(L, 1);
    c->all = all;
    c->trigger.item.type = LAS_TRIGGER;
    c->trigger.fire = onchild;
    if (c->f->item.state == LAS_PENDING)
      all->left++;
    else
      all->done(all, c);
  }
}


void las_watchchildren (las_Children *all) {
  int i;
  for (i = 0; i < all->n; i++) {
    las_Child *c = &all->child[i];
    if (c->f->item.state == LAS_PENDING) {
      c->linked = 1;
      las_append(&c->f->waiters, &c->trigger.item);
    }
  }
}


void las_unwatchchildren (las_Children *all) {
  int i;
  for (i = 0; i < all->n; i++) {
    las_Child *c = &all->child[i];
    if (c->linked) {
      c->linked = 0;
      las_unlink(&c->f->waiters, &c->trigger.item);
    }
  }
}

/* }================================================================== */
