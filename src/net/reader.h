/*
** reader.h
** StreamReader: how a reader is made.
*/

#ifndef las_reader_h
#define las_reader_h

#include "net/input.h"


#define LAS_LIMIT	(64 << 10)	/* default limit, bytes */

/* Pushes a reader that has no input yet, and returns its box. [-0, +1, m] */
LAS_API void *las_newreader (lua_State *L);
/* Gives it the input of a pair, which it then holds. Cannot raise. */
LAS_API void las_joinreader (void *box, las_Pair *pair);

#endif
