/*
** pair.c
** A reader and a writer on one new transport.
*/

#include <stdlib.h>

#include "net/pair.h"
#include "net/input.h"
#include "net/reader.h"
#include "net/transport.h"
#include "net/writer.h"


las_Stream *las_pushstream (lua_State *L, las_Loop *lp, uint32_t limit,
                            int isunix) {
  void *reader = las_newreader(L), *writer = las_newwriter(L);
  las_Pair *pair =
      (las_Pair *)calloc(1, offsetof(las_Pair, stream) +
                            offsetof(las_Stream, uv) +
                            (isunix ? sizeof(uv_pipe_t) : sizeof(uv_tcp_t)));
  las_Stream *s;
  if (pair == NULL)
    luaL_error(L, "not enough memory");
  s = &pair->stream;
  las_joinreader(reader, pair);
  las_joinwriter(writer, s);
  pair->input.limit = limit;
  s->sink = &las_inputsink;
  s->loop = lp;
  s->high = LAS_HIGH;
  s->low = LAS_HIGH / 4;
  s->closed = 1;  /* until it is opened */
  return s;
}
