/*
** writer.h
** StreamWriter: how a writer is made.
*/

#ifndef las_writer_h
#define las_writer_h

#include "net/transport.h"


/* Pushes a writer that has no stream yet, and returns its box. [-0, +1, m] */
LAS_API void *las_newwriter (lua_State *L);
/* Gives it a stream, which it then holds. Cannot raise. */
LAS_API void las_joinwriter (void *box, las_Stream *s);

#endif
