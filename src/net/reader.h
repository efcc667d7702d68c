/*
** reader.h
** StreamReader.
*/

#ifndef las_reader_h
#define las_reader_h

#include "net/input.h"


#define LAS_LIMIT	(64 << 10)	/* default limit, bytes */

/* Pushes a reader that has no input yet; then gives it one. [-0, +1, m] */
LAS_API void *las_newreader (lua_State *L);
LAS_API void las_joinreader (void *box, las_Pair *pair);

#endif
