/*
** buffer.h
** Received bytes that have not been read yet. No Lua here.
*/

#ifndef las_buffer_h
#define las_buffer_h

#include "base/base.h"


typedef struct las_Buffer {
  char *mem;		/* NULL while it is empty: idle streams hold none */
  size_t start, n, size;
} las_Buffer;

#define las_bufdata(b)	((b)->mem + (b)->start)

LAS_API int las_bufappend (las_Buffer *b, const char *s, size_t n);
LAS_API void las_bufdrop (las_Buffer *b, size_t n);
LAS_API void las_buffree (las_Buffer *b);

#endif
