/*
** anchor.c
** Anchors: Lua values that a loop keeps alive, in slots of one table.
** The free slots stand in a C array with room for all of them, so releasing a
** slot and filling a reserved one allocate nothing and cannot raise.
*/

#include <stdlib.h>

#include "base/anchor.h"
#include "base/item.h"
#include "base/loop.h"


#define MINSLOTS	64


/* Pushes the table of anchors. [-0, +1, -] */
static void pushtable (lua_State *L, las_Loop *lp) {
  lua_pushvalue(lp->anchors.thread, LAS_ATABLE);
  lua_xmove(lp->anchors.thread, L, 1);
}


/* Makes slots 'from' to 'to' of the table at 'i' free. May raise before the
   list is changed: the table has grown then, which does no harm. */
static void addfree (lua_State *L, las_Loop *lp, int i, uint32_t from,
                     uint32_t to) {
  uint32_t k;
  uint32_t *list = (uint32_t *)realloc(lp->anchors.free, to * sizeof(*list));
  if (list == NULL) {
    luaL_error(L, "not enough memory");
    return;
  }
  lp->anchors.free = list;
  for (k = to; k >= from; k--) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, i, k);
  }
  for (k = to; k >= from; k--)
    list[lp->anchors.nfree++] = k;
  lp->anchors.nslots = to;
}


static void grow (lua_State *L, las_Loop *lp) {
  uint32_t n = lp->anchors.nslots;
  luaL_checkstack(L, 4, NULL);
  pushtable(L, lp);
  addfree(L, lp, lua_gettop(L), n + 1, (n < MINSLOTS) ? MINSLOTS : n + n / 2);
  lua_pop(L, 1);
}


/* Is most of a large table free? Then a smaller one is worth making. Finding
   out has its cost, too, so this looks only once in so many anchors. */
static int issparse (las_Loop *lp) {
  if (lp->anchors.nslots <= 16 * MINSLOTS ||
      lp->anchors.nfree < lp->anchors.nslots / 8 * 7)
    return 0;
  if (lp->anchors.patience > 0) {
    lp->anchors.patience--;
    return 0;
  }
  lp->anchors.patience = lp->anchors.nslots;
  return 1;
}


/* Returns the item that an anchored userdata starts with; NULL for a slot that
   may not move, because it is reserved or holds a pinned string. */
static las_Item *itemof (lua_State *L, int i, uint32_t slot) {
  las_Item *it = (las_Item *)lua_touserdata(L, i);
  return (it != NULL && it->slot == slot) ? it : NULL;
}


/* Which slots are free? Marks them in a scratch string of bytes on L. */
static char *markfree (lua_State *L, const las_Loop *lp) {
  char *isfree = (char *)lua_newuserdatauv(L, lp->anchors.nslots + 1, 0);
  uint32_t k;
  for (k = 0; k <= lp->anchors.nslots; k++)
    isfree[k] = 0;
  for (k = 0; k < lp->anchors.nfree; k++)
    isfree[lp->anchors.free[k]] = 1;
  return isfree;
}


/* Moves all anchors to a new table that is just large enough. If one of them
   may not move, the old table stays. Raises before it changes anything. */
static void compact (lua_State *L, las_Loop *lp) {
  uint32_t k, n = 0, used = lp->anchors.nslots - lp->anchors.nfree;
  uint32_t size = used + MINSLOTS;
  int top = lua_gettop(L), old = top + 2, new = top + 3;
  const char *isfree;
  luaL_checkstack(L, 8, NULL);
  isfree = markfree(L, lp);
  pushtable(L, lp);
  for (k = 1; k <= lp->anchors.nslots; k++) {
    int fixed;
    if (isfree[k])
      continue;
    lua_rawgeti(L, old, k);
    fixed = (itemof(L, -1, k) == NULL);
    lua_pop(L, 1);
    if (fixed) {
      lua_settop(L, top);
      return;
    }
  }
  lua_createtable(L, (int)size, 0);
  for (k = 1; k <= lp->anchors.nslots; k++) {
    if (!isfree[k]) {
      lua_rawgeti(L, old, k);
      itemof(L, -1, k)->slot = ++n;
      lua_rawseti(L, new, n);  /* cannot raise: the room is there */
    }
  }
  las_assert(n == used);
  for (k = size; k > n; k--) {
    lua_pushboolean(L, 0);
    lua_rawseti(L, new, k);
  }
  lp->anchors.nfree = 0;
  for (k = size; k > n; k--)
    lp->anchors.free[lp->anchors.nfree++] = k;
  lp->anchors.nslots = size;
  lua_xmove(L, lp->anchors.thread, 1);
  lua_replace(lp->anchors.thread, LAS_ATABLE);
  lua_settop(L, top);
}


uint32_t las_reserve (lua_State *L, las_Loop *lp) {
  if (las_unlikely(issparse(lp)))
    compact(L, lp);
  if (las_unlikely(lp->anchors.nfree == 0))
    grow(L, lp);
  return lp->anchors.free[--lp->anchors.nfree];
}


void las_fill (lua_State *L, las_Loop *lp, uint32_t slot, int i) {
  lua_pushvalue(L, i);
  lua_xmove(L, lp->anchors.thread, 1);
  lua_rawseti(lp->anchors.thread, LAS_ATABLE, slot);
}


uint32_t las_anchor (lua_State *L, las_Loop *lp, int i) {
  uint32_t slot = las_reserve(L, lp);
  las_fill(L, lp, slot, i);
  return slot;
}


void las_release (las_Loop *lp, uint32_t slot) {
  las_assert(slot > 0 && slot <= lp->anchors.nslots &&
             lp->anchors.nfree < lp->anchors.nslots);
  lua_pushboolean(lp->anchors.thread, 0);
  lua_rawseti(lp->anchors.thread, LAS_ATABLE, slot);
  lp->anchors.free[lp->anchors.nfree++] = slot;
}


void las_fillweak (lua_State *L, las_Loop *lp, uint32_t slot, int i) {
  i = lua_absindex(L, i);
  lua_pushvalue(lp->anchors.thread, LAS_AWEAK);
  lua_xmove(lp->anchors.thread, L, 1);
  lua_pushvalue(L, i);
  lua_rawseti(L, -2, slot);
  lua_pop(L, 1);
}


uint32_t las_anchorweak (lua_State *L, las_Loop *lp, int i) {
  uint32_t slot;
  luaL_checkstack(L, 3, NULL);
  slot = las_reserve(L, lp);
  las_fillweak(L, lp, slot, i);  /* raising leaks it, which does no harm */
  return slot;
}


int las_hold (las_Loop *lp, uint32_t slot) {
  if (lua_rawgeti(lp->anchors.thread, LAS_AWEAK, slot) == LUA_TNIL) {
    lua_pop(lp->anchors.thread, 1);
    return 0;
  }
  lua_rawseti(lp->anchors.thread, LAS_ATABLE, slot);
  return 1;
}


void las_pushanchored (lua_State *L, las_Loop *lp, uint32_t slot) {
  lua_rawgeti(lp->anchors.thread, LAS_ATABLE, slot);
  lua_xmove(lp->anchors.thread, L, 1);
}


void las_pushloop (lua_State *L, las_Loop *lp) {
  lua_pushvalue(lp->anchors.thread, LAS_ALOOP);
  lua_xmove(lp->anchors.thread, L, 1);
}
