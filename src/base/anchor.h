/*
** anchor.h
** Anchors: Lua values that a loop keeps alive, in slots of one table.
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

/* Pushes the loop itself. [-0, +1, -] */
LAS_API void las_pushloop (lua_State *L, las_Loop *lp);

/* Makes the loop hold the value at 'i' and returns its slot. [-0, +0, m] */
LAS_API uint32_t las_anchor (lua_State *L, las_Loop *lp, int i);
/* Takes a slot that holds nothing yet and returns it. [-0, +0, m] */
LAS_API uint32_t las_reserve (lua_State *L, las_Loop *lp);
/* Makes the loop hold the value at 'i' in a reserved slot. [-0, +0, -] */
LAS_API void las_fill (lua_State *L, las_Loop *lp, uint32_t slot, int i);
/* Frees the slot; the loop no longer holds its value. Cannot raise. */
LAS_API void las_release (las_Loop *lp, uint32_t slot);

/* Reserves a slot for the value at 'i', which the loop does not keep alive
   until las_hold is called. [-0, +0, m] */
LAS_API uint32_t las_anchorweak (lua_State *L, las_Loop *lp, int i);
/* Does the same with a slot that is reserved already. [-0, +0, m] */
LAS_API void las_fillweak (lua_State *L, las_Loop *lp, uint32_t slot, int i);
/* Makes the loop hold the value of a weak slot. Returns false if the value is
   being collected and its finalizer has not run yet. Cannot raise. */
LAS_API int las_hold (las_Loop *lp, uint32_t slot);

/* Pushes the value in the slot. [-0, +1, -] */
LAS_API void las_pushanchored (lua_State *L, las_Loop *lp, uint32_t slot);

#endif
