/*
** store.h
** Stores: where a queue keeps its items. The queue lies at stack index 1 in
** every call; a call that raises has changed nothing.
*/

#ifndef las_store_h
#define las_store_h

#include "base/base.h"


/* items in the order they came */
typedef struct las_Ring {
  lua_Integer first;	/* place of the first one, from 0 */
  lua_Integer n;	/* how many there are */
  lua_Integer size;	/* places in the table: 0 or a power of two */
  int uservalue;	/* number of the queue's one that holds the table; nil
			while size is 0 */
} las_Ring;

/* Makes room for 'n' more. [-0, +0, m] */
LAS_API void las_ringreserve (lua_State *L, las_Ring *r, int n);
/* Adds the value on top. [-1, +0, m] */
LAS_API void las_ringpush (lua_State *L, las_Ring *r);
/* Adds the value on top as the first one; there must be room. [-1, +0, -] */
LAS_API void las_ringunshift (lua_State *L, las_Ring *r);
/* Pushes the first item. [-0, +1, -] */
LAS_API void las_ringpeek (lua_State *L, const las_Ring *r);
/* Take the first item, or the last, out of the ring and push it.
   [-0, +1, -] */
LAS_API void las_ringshift (lua_State *L, las_Ring *r);
LAS_API void las_ringpop (lua_State *L, las_Ring *r);
/* Forgets all items. [-0, +0, -] */
LAS_API void las_ringclear (lua_State *L, las_Ring *r);

/* items by priority; equal ones in the order they came */
typedef struct las_ItemHeap {
  las_Ring ring;	/* first; two places for each item */
  lua_Integer order;	/* number of the next item */
  int less;		/* number of the user value with the comparison,
			which is nil for '<' */
} las_ItemHeap;

/* Adds the value on top. [-1, +0, e] */
LAS_API void las_itempush (lua_State *L, las_ItemHeap *h);
/* Takes the least item. [-0, +1, e] */
LAS_API void las_itempop (lua_State *L, las_ItemHeap *h);

#endif
