/*
** generatorlist.h
** The list of the generators that are open on a loop, so that none is
** forgotten.
*/

#ifndef las_generatorlist_h
#define las_generatorlist_h

#include "base/base.h"


/* The body of the generator at 1 begins on the loop, or has ended.
   [-0, +0, m] */
LAS_API void las_listgenerator (lua_State *L, las_Loop *lp);
LAS_API void las_unlistgenerator (lua_State *L);
/* The generator at 1 was collected while open: its body will be closed. */
LAS_API void las_dropgenerator (lua_State *L);

#endif
