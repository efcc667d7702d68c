/*
** loss.h
** Losses: errors that know which connection was lost, and its peer.
*/

#ifndef las_loss_h
#define las_loss_h

#include "net/transport.h"


/* Pushes libuv's error of a read or write. [-0, +1, m] */
LAS_API void las_pushloss (lua_State *L, las_Stream *s, int err,
                           const char *syscall);
/* Raises such an error. */
LAS_API int las_raiseloss (lua_State *L, las_Stream *s, int err,
                           const char *syscall);
/* Is the value at 'i' such an error of this connection, lost at its peer or on
   the way? [-0, +0, -] */
LAS_API int las_islossof (lua_State *L, int i, const las_Stream *s);

#endif
