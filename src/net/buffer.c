/*
** buffer.c
** Buffers: received bytes that have not been read yet. There is no Lua here.
*/

#include <stdlib.h>
#include <string.h>

#include "net/buffer.h"


#define MINSIZE	1024


/* Moves the bytes to the start of a block with room for 'n' more. */
static int makeroom (las_Buffer *b, size_t n) {
  size_t size;
  char *mem;
  if (n > (size_t)-1 / 4 - b->n)
    return UV_ENOMEM;
  if (b->n + n <= b->size / 2 || (b->n + n <= b->size && b->start >= b->n)) {
    memmove(b->mem, las_bufdata(b), b->n);  /* each byte rarely moves */
    b->start = 0;
    return 0;
  }
  size = (b->size < MINSIZE) ? MINSIZE : b->size;
  while (size < b->n + n)
    size *= 2;
  mem = (char *)malloc(size);
  if (mem == NULL)
    return UV_ENOMEM;
  if (b->n > 0)
    memcpy(mem, las_bufdata(b), b->n);
  free(b->mem);
  b->mem = mem;
  b->size = size;
  b->start = 0;
  return 0;
}


int las_bufappend (las_Buffer *b, const char *s, size_t n) {
  if (n == 0)
    return 0;
  if (b->start + b->n + n > b->size) {
    int err = makeroom(b, n);
    if (err != 0)
      return err;
  }
  memcpy(las_bufdata(b) + b->n, s, n);
  b->n += n;
  return 0;
}


void las_buffree (las_Buffer *b) {
  free(b->mem);
  memset(b, 0, sizeof(*b));
}


void las_bufdrop (las_Buffer *b, size_t n) {
  las_assert(n <= b->n);
  b->start += n;
  b->n -= n;
  if (b->n == 0)
    las_buffree(b);
}
