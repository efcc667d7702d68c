/*
** buffer.h
** Buffers: received bytes that have not been read yet. C only.
*/

#ifndef las_buffer_h
#define las_buffer_h

#include "base/base.h"


typedef struct las_Buffer {
  char *mem;		/* NULL while it is empty: idle streams hold none */
  size_t start, n, size;
} las_Buffer;

#define las_bufdata(b)	((b)->mem + (b)->start)

/* Appends bytes. UV_ENOMEM, with nothing changed, or 0. */
LAS_API int las_bufappend (las_Buffer *b, const char *s, size_t n);
/* Drops the first 'n' bytes; an empty buffer gives its memory back. */
LAS_API void las_bufdrop (las_Buffer *b, size_t n);
/* Empties it. */
LAS_API void las_buffree (las_Buffer *b);

#endif
