/*
** loss.h
** Errors of a connection: they know the peer, and the loss of which one they
** are.
*/

#ifndef las_loss_h
#define las_loss_h

#include "net/transport.h"


/* Pushes, or raises, libuv's error of a read or write. */
LAS_API void las_pushloss (lua_State *L, las_Stream *s, int err,
                           const char *syscall);	/* [-0, +1, m] */
LAS_API int las_raiseloss (lua_State *L, las_Stream *s, int err,
                           const char *syscall);
/* Is the value at 'i' such an error: was this connection lost at its peer, or
   on the way? Cannot raise. [-0, +0, -] */
LAS_API int las_islossof (lua_State *L, int i, const las_Stream *s);

#endif
