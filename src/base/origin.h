/*
** origin.h
** Where things were made: kept for tests, which say whose the things are that
** they find left over.
*/

#ifndef las_origin_h
#define las_origin_h

#include "base/loop.h"


/* "file:line" of the program that runs on the loop, allocated; NULL if it is a
   job of ours. C only. */
LAS_API char *las_duporigin (const las_Loop *lp);
/* The same as a string or nil; L runs. [-0, +1, m] */
LAS_API void las_pushorigin (lua_State *L, const las_Loop *lp);

/* Keeps the place that makes the value at 'i', if the loop keeps any.
   [-0, +0, m] */
#define las_noteorigin(L,lp,i) \
  (las_unlikely((lp)->origins) ? las_keeporigin(L, lp, i) : (void)0)
LAS_API void las_keeporigin (lua_State *L, las_Loop *lp, int i);

#endif
