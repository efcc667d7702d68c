/*
** writer.h
** StreamWriter.
*/

#ifndef las_writer_h
#define las_writer_h

#include "net/transport.h"


/* Pushes a writer that has no stream yet; then gives it one. [-0, +1, m] */
LAS_API void *las_newwriter (lua_State *L);
LAS_API void las_joinwriter (void *box, las_Stream *s);

#endif
