/*
** origin.h
** Origins: the lines where things were made, kept for tests, which show them
** for whatever is left over.
*/

#ifndef las_origin_h
#define las_origin_h

#include "base/loop.h"


/* Returns the "file:line" where the program on the loop runs, in memory that
   the caller frees; NULL if a job of ours runs. C only. */
LAS_API char *las_duporigin (const las_Loop *lp);
/* Pushes the same as a string or nil, for the running L. [-0, +1, m] */
LAS_API void las_pushorigin (lua_State *L, const las_Loop *lp);

/* Notes the place that makes the value at 'i', if the loop keeps origins.
   [-0, +0, m] */
#define las_noteorigin(L,lp,i) \
  (las_unlikely((lp)->origins) ? las_keeporigin(L, lp, i) : (void)0)
LAS_API void las_keeporigin (lua_State *L, las_Loop *lp, int i);

#endif
