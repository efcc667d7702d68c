/*
** anchor.c
** Anchors: what the loop must keep alive, by slots of one table.
** A free slot holds the number of the next free one, so letting go and
** filling a reserved slot allocate nothing and cannot raise.
*/

#include "core/core.h"


#define MINSLOTS	64


/* Makes more free slots. The table grows on L, which may raise; until the
   last line the free list is as it was. */
static void grow (lua_State *L, las_Loop *lp) {
  uint32_t from = lp->nslots + 1;
  uint32_t to = (lp->nslots < MINSLOTS) ? MINSLOTS
                                        : lp->nslots + lp->nslots / 2;
  uint32_t i;
  luaL_checkstack(L, 4, NULL);
  lua_pushvalue(lp->anchor, LAS_ATABLE);
  lua_xmove(lp->anchor, L, 1);
  for (i = from; i <= to; i++) {
    lua_pushinteger(L, (i < to) ? (lua_Integer)i + 1 : 0);
    lua_rawseti(L, -2, i);
  }
  lua_pop(L, 1);
  lp->nslots = to;
  lp->freeslot = from;
}


/* Is most of a large table free? Then a new, smaller one pays; but the look
   costs too, so there is one only every so many anchors. */
static int issparse (las_Loop *lp) {
  if (lp->nslots <= 16 * MINSLOTS || lp->nanchored >= lp->nslots / 8)
    return 0;
  if (lp->patience > 0) {
    lp->patience--;
    return 0;
  }
  lp->patience = lp->nslots;
  return 1;
}


/* The slot field of an anchored value: all are userdata that start with an
   item, but for reserved and pinned ones, which may not move. */
static las_Item *itemof (lua_State *L, int i, uint32_t slot) {
  las_Item *it = (las_Item *)lua_touserdata(L, i);
  return (it != NULL && it->slot == slot) ? it : NULL;
}


/* Moves all to a new table just large enough. Any that may not move keeps
   the old table. Raises before it changes anything. */
static void compact (lua_State *L, las_Loop *lp) {
  uint32_t i, n = 0, size = lp->nanchored + MINSLOTS;
  int old, new;
  luaL_checkstack(L, 6, NULL);
  lua_pushvalue(lp->anchor, LAS_ATABLE);
  lua_xmove(lp->anchor, L, 1);
  old = lua_gettop(L);
  for (i = 1; i <= lp->nslots; i++) {
    int t = lua_rawgeti(L, old, i);
    int fixed = (t != LUA_TNUMBER && itemof(L, -1, i) == NULL);
    lua_pop(L, 1);
    if (fixed) {
      lua_pop(L, 1);
      return;
    }
  }
  lua_createtable(L, (int)size, 0);
  new = lua_gettop(L);
  for (i = 1; i <= lp->nslots; i++) {
    if (lua_rawgeti(L, old, i) == LUA_TNUMBER)
      lua_pop(L, 1);
    else {
      itemof(L, -1, i)->slot = ++n;
      lua_rawseti(L, new, n);  /* cannot raise: the room is there */
    }
  }
  las_assert(n == lp->nanchored);
  lp->freeslot = n + 1;
  lp->nslots = size;
  for (i = n + 1; i <= size; i++) {
    lua_pushinteger(L, (i < size) ? (lua_Integer)i + 1 : 0);
    lua_rawseti(L, new, i);
  }
  lua_xmove(L, lp->anchor, 1);
  lua_replace(lp->anchor, LAS_ATABLE);
  lua_pop(L, 1);  /* old table */
}


uint32_t las_reserve (lua_State *L, las_Loop *lp) {
  uint32_t slot;
  if (las_unlikely(issparse(lp)))
    compact(L, lp);
  if (las_unlikely(lp->freeslot == 0))
    grow(L, lp);
  slot = lp->freeslot;
  lua_rawgeti(lp->anchor, LAS_ATABLE, slot);
  lp->freeslot = (uint32_t)lua_tointeger(lp->anchor, -1);
  lua_pop(lp->anchor, 1);
  lua_pushboolean(lp->anchor, 0);
  lua_rawseti(lp->anchor, LAS_ATABLE, slot);
  lp->nanchored++;
  return slot;
}


void las_fill (lua_State *L, las_Loop *lp, uint32_t slot, int i) {
  lua_pushvalue(L, i);
  lua_xmove(L, lp->anchor, 1);
  lua_rawseti(lp->anchor, LAS_ATABLE, slot);
}


uint32_t las_anchor (lua_State *L, las_Loop *lp, int i) {
  uint32_t slot = las_reserve(L, lp);
  las_fill(L, lp, slot, i);
  return slot;
}


void las_release (las_Loop *lp, uint32_t slot) {
  las_assert(slot > 0 && slot <= lp->nslots);
  lua_pushinteger(lp->anchor, lp->freeslot);
  lua_rawseti(lp->anchor, LAS_ATABLE, slot);
  lp->freeslot = slot;
  lp->nanchored--;
}


uint32_t las_anchorweak (lua_State *L, las_Loop *lp, int i) {
  uint32_t slot;
  i = lua_absindex(L, i);
  luaL_checkstack(L, 3, NULL);
  slot = las_reserve(L, lp);
  lua_pushvalue(lp->anchor, LAS_AWEAK);
  lua_xmove(lp->anchor, L, 1);
  lua_pushvalue(L, i);
  lua_rawseti(L, -2, slot);  /* raising leaks a slot, which does no harm */
  lua_pop(L, 1);
  return slot;
}


void las_hold (las_Loop *lp, uint32_t slot) {
  lua_rawgeti(lp->anchor, LAS_AWEAK, slot);
  lua_rawseti(lp->anchor, LAS_ATABLE, slot);
}


void las_pushanchored (lua_State *L, las_Loop *lp, uint32_t slot) {
  lua_rawgeti(lp->anchor, LAS_ATABLE, slot);
  lua_xmove(lp->anchor, L, 1);
}


void las_pushloop (lua_State *L, las_Loop *lp) {
  lua_pushvalue(lp->anchor, LAS_ALOOP);
  lua_xmove(lp->anchor, L, 1);
}
