/*
** store.h
** Where a queue keeps its items. The queue's userdata lies at stack index 1
** in every call; what raises has changed nothing.
*/

#ifndef las_store_h
#define las_store_h

#include "base/base.h"


/* items in the order they came */
typedef struct las_Ring {
  lua_Integer first;	/* place of the first one, from 0 */
  lua_Integer n;	/* how many there are */
  lua_Integer size;	/* places in the table: 0 or a power of two */
  int uservalue;	/* of the queue: the table; nil while size is 0 */
} las_Ring;

/* Makes room for 'n' more. [-0, +0, m] */
LAS_API void las_ringreserve (lua_State *L, las_Ring *r, int n);
/* Adds the value on top. [-1, +0, m] */
LAS_API void las_ringpush (lua_State *L, las_Ring *r);
/* The same, as the first; there is room. Cannot raise. [-1, +0, -] */
LAS_API void las_ringunshift (lua_State *L, las_Ring *r);
/* Pushes the first item. Cannot raise. [-0, +1, -] */
LAS_API void las_ringpeek (lua_State *L, const las_Ring *r);
/* Takes the first item, or the last. Cannot raise. [-0, +1, -] */
LAS_API void las_ringshift (lua_State *L, las_Ring *r);
LAS_API void las_ringpop (lua_State *L, las_Ring *r);
/* Forgets all. Cannot raise. [-0, +0, -] */
LAS_API void las_ringclear (lua_State *L, las_Ring *r);

/* items by priority; equal ones in the order they came */
typedef struct las_ItemHeap {
  las_Ring ring;	/* first; two places for each item */
  lua_Integer order;	/* number for the next item */
  int less;		/* user value: comparison, or nil for '<' */
} las_ItemHeap;

/* Adds the value on top. [-1, +0, e] */
LAS_API void las_itempush (lua_State *L, las_ItemHeap *h);
/* Takes the least item. [-0, +1, e] */
LAS_API void las_itempop (lua_State *L, las_ItemHeap *h);

#endif
