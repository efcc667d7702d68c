/*
** pair.h
** A reader and a writer on one new transport.
*/

#ifndef las_pair_h
#define las_pair_h

#include "net/transport.h"


/* Pushes a reader and a writer of a new stream, which is not open yet.
   [-0, +2, m] */
LAS_API las_Stream *las_pushstream (lua_State *L, las_Loop *lp,
                                    uint32_t limit, int isunix);

#endif
