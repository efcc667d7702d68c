/*
** store.c
** Stores: where a queue keeps its items, a ring or a heap in a Lua table.
** Everything that may raise comes before the first change. The table is a user
** value of the queue, so that the collector sees the items.
*/

#include <limits.h>

#include "sync/store.h"


#define MINSIZE	8
#define BIG	1024	/* a larger table is dropped when it is empty */


/*
** {==================================================================
** Ring
** ===================================================================
*/

#define at(r,i)		((((r)->first + (i)) & ((r)->size - 1)) + 1)


/* Moves the ring to a new table of twice the size. */
static void grow (lua_State *L, las_Ring *r) {
  lua_Integer i, size = (r->size > 0) ? r->size * 2 : MINSIZE;
  if (size > INT_MAX / 2)
    luaL_error(L, "too many items");
  lua_createtable(L, (int)size, 0);
  if (r->n > 0) {
    lua_getiuservalue(L, 1, r->uservalue);
    for (i = 0; i < r->n; i++) {
      lua_rawgeti(L, -1, at(r, i));
      lua_rawseti(L, -3, i + 1);
    }
    lua_pop(L, 1);
  }
  lua_setiuservalue(L, 1, r->uservalue);
  r->first = 0;
  r->size = size;
}


void las_ringreserve (lua_State *L, las_Ring *r, int n) {
  while (las_unlikely(r->n + n > r->size))
    grow(L, r);
}


void las_ringpush (lua_State *L, las_Ring *r) {
  las_ringreserve(L, r, 1);
  lua_getiuservalue(L, 1, r->uservalue);
  lua_insert(L, -2);
  lua_rawseti(L, -2, at(r, r->n));
  lua_pop(L, 1);
  r->n++;
}


void las_ringunshift (lua_State *L, las_Ring *r) {
  las_assert(r->n < r->size);
  lua_getiuservalue(L, 1, r->uservalue);
  lua_insert(L, -2);
  r->first = (r->first - 1) & (r->size - 1);
  lua_rawseti(L, -2, at(r, 0));
  lua_pop(L, 1);
  r->n++;
}


void las_ringpeek (lua_State *L, const las_Ring *r) {
  lua_getiuservalue(L, 1, r->uservalue);
  lua_rawgeti(L, -1, at(r, 0));
  lua_remove(L, -2);
}


void las_ringclear (lua_State *L, las_Ring *r) {
  lua_pushnil(L);
  lua_setiuservalue(L, 1, r->uservalue);
  r->first = r->n = r->size = 0;
}


/* Pushes item 'i', which is the first or the last one, and takes it out of the
   table. */
static void takeat (lua_State *L, las_Ring *r, lua_Integer i) {
  lua_Integer k = at(r, i);
  las_assert(r->n > 0);
  lua_getiuservalue(L, 1, r->uservalue);
  lua_rawgeti(L, -1, k);
  if (las_unlikely(r->n == 1 && r->size > BIG))
    las_ringclear(L, r);
  else {
    lua_pushnil(L);
    lua_rawseti(L, -3, k);
    r->n--;
  }
  lua_remove(L, -2);
}


void las_ringshift (lua_State *L, las_Ring *r) {
  takeat(L, r, 0);
  if (r->size > 0)
    r->first = (r->first + 1) & (r->size - 1);
}


void las_ringpop (lua_State *L, las_Ring *r) {
  takeat(L, r, r->n - 1);
}

/* }================================================================== */


/*
** {==================================================================
** Heap: in a ring whose first place never moves. Each entry is an item and a
** number, which shows which of two equal items came first.
** ===================================================================
*/

#define itemat(i)	((i) * 2 - 1)
#define orderat(i)	((i) * 2)


/* Are the values at 'a' and 'b' in this order? 'less' is nil for '<'. */
static int compare (lua_State *L, int less, int a, int b) {
  int yes;
  if (lua_isnil(L, less))
    return lua_compare(L, a, b, LUA_OPLT);
  lua_pushvalue(L, less);
  lua_pushvalue(L, a);
  lua_pushvalue(L, b);
  lua_call(L, 2, 1);
  yes = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return yes;
}


/* Does the same for values of a heap. It may run any code, even code that
   changes this very queue and its table. */
static int isless (lua_State *L, const las_ItemHeap *h, int less, int a,
                   int b) {
  const las_ItemHeap before = *h;
  int yes = compare(L, less, a, b);
  if (las_unlikely(h->order != before.order ||
                   h->ring.n != before.ring.n ||
                   h->ring.size != before.ring.size))
    luaL_error(L, "the queue was changed by its own comparison");
  return yes;
}


/* Does entry 'i' of the table at 't' come before entry 'k'? */
static int comesfirst (lua_State *L, const las_ItemHeap *h, int t,
                       lua_Integer i, lua_Integer k) {
  int yes, less = t + 1, top = lua_gettop(L);
  lua_rawgeti(L, t, itemat(i));
  lua_rawgeti(L, t, itemat(k));
  yes = isless(L, h, less, top + 1, top + 2);
  if (!yes && !isless(L, h, less, top + 2, top + 1)) {
    lua_rawgeti(L, t, orderat(i));
    lua_rawgeti(L, t, orderat(k));
    yes = lua_tointeger(L, -2) < lua_tointeger(L, -1);
  }
  lua_settop(L, top);
  return yes;
}


static void moveentry (lua_State *L, int t, lua_Integer from,
                       lua_Integer to) {
  lua_rawgeti(L, t, itemat(from));
  lua_rawseti(L, t, itemat(to));
  lua_rawgeti(L, t, orderat(from));
  lua_rawseti(L, t, orderat(to));
}


/* Pushes table and comparison; returns the index of the table. */
static int pushparts (lua_State *L, const las_ItemHeap *h) {
  lua_getiuservalue(L, 1, h->ring.uservalue);
  lua_getiuservalue(L, 1, h->less);
  return lua_gettop(L) - 1;
}


/* Finds the place before it moves anything. */
void las_itempush (lua_State *L, las_ItemHeap *h) {
  int value = lua_gettop(L), t;
  lua_Integer n, i, k;
  las_ringreserve(L, &h->ring, 2);
  n = h->ring.n;
  t = pushparts(L, h);
  for (i = n / 2 + 1; i > 1; i /= 2) {
    int yes;
    lua_rawgeti(L, t, itemat(i / 2));
    yes = isless(L, h, t + 1, value, lua_gettop(L));
    lua_pop(L, 1);
    if (!yes)
      break;
  }
  for (k = n / 2 + 1; k > i; k /= 2)
    moveentry(L, t, k / 2, k);
  lua_pushvalue(L, value);
  lua_rawseti(L, t, itemat(i));
  lua_pushinteger(L, h->order++);
  lua_rawseti(L, t, orderat(i));
  h->ring.n = n + 2;
  lua_settop(L, value - 1);
}


/* Finds the place to which the last entry goes, while all entries above it move
   up. The bits of the place's number show the way there. */
static lua_Integer findplace (lua_State *L, const las_ItemHeap *h, int t,
                              lua_Integer last) {
  lua_Integer i = 1, child;
  while ((child = i * 2) < last) {
    if (child + 1 < last && comesfirst(L, h, t, child + 1, child))
      child++;
    if (!comesfirst(L, h, t, child, last))
      break;
    i = child;
  }
  return i;
}


void las_itempop (lua_State *L, las_ItemHeap *h) {
  int depth = 0, t = pushparts(L, h);
  lua_Integer n = h->ring.n, last = n / 2, i;
  i = findplace(L, h, t, last);
  h->order++;  /* shows the change to a comparison under way */
  lua_rawgeti(L, t, itemat(1));
  while (i >> (depth + 1) > 0)
    depth++;
  for (; depth > 0; depth--)
    moveentry(L, t, i >> (depth - 1), i >> depth);
  if (last > 1)
    moveentry(L, t, last, i);
  if (last == 1 && h->ring.size > BIG)
    las_ringclear(L, &h->ring);
  else {
    lua_pushnil(L);
    lua_rawseti(L, t, itemat(last));
    lua_pushnil(L);
    lua_rawseti(L, t, orderat(last));
    h->ring.n = n - 2;
  }
  lua_replace(L, t);
  lua_settop(L, t);
}

/* }================================================================== */
