/*
** anchor.h
** Anchors: what the loop must keep alive, by slots of one table.
*/

#ifndef las_anchor_h
#define las_anchor_h

#include "base/base.h"


typedef struct las_Anchors {
  lua_State *thread;	/* a scratch thread with the table on its stack; it
			never runs, and only non-raising calls are on it */
  uint32_t *free;	/* stack of the free slots */
  uint32_t nfree;	/* its height */
  uint32_t nslots;	/* slots of the table, free ones too */
  uint32_t patience;	/* anchors to make before the next try to compact */
} las_Anchors;

LAS_API void las_pushloop (lua_State *L, las_Loop *lp);	/* [-0, +1, -] */

/* Anchors. las_anchor makes the loop hold the value at 'i' and returns its
   slot [-0, +0, m]; the others cannot raise. las_reserve takes a slot that
   holds nothing yet. */
LAS_API uint32_t las_anchor (lua_State *L, las_Loop *lp, int i);
LAS_API uint32_t las_reserve (lua_State *L, las_Loop *lp);
LAS_API void las_fill (lua_State *L, las_Loop *lp, uint32_t slot, int i);
LAS_API void las_release (las_Loop *lp, uint32_t slot);
/* A reserved slot for the value at 'i', which the loop does not hold until
   las_hold says so. [-0, +0, m] */
LAS_API uint32_t las_anchorweak (lua_State *L, las_Loop *lp, int i);
/* The same in a slot that is reserved already. [-0, +0, m] */
LAS_API void las_fillweak (lua_State *L, las_Loop *lp, uint32_t slot, int i);
/* False if the value is being collected, and its finalizer still to come. */
LAS_API int las_hold (las_Loop *lp, uint32_t slot);
LAS_API void las_pushanchored (lua_State *L, las_Loop *lp, uint32_t slot);

#endif
