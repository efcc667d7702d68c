/*
** bind.h
** The listening sockets of a server: bound, listening and closed. C only.
*/

#ifndef las_bind_h
#define las_bind_h

#include "net/listener.h"


/* Binds one socket more, first in the server's list; libuv's error on
   failure. */
LAS_API int las_bind (las_Listener *s, const struct sockaddr *sa,
                      int reuseaddress, int reuseport);
/* The same at a path. A socket file of a server that is gone is replaced. */
LAS_API int las_bindunix (las_Listener *s, const char *path, size_t n);
/* Makes all sockets listen that are only bound. Returns libuv's error, and
   the socket that it is about. */
LAS_API int las_listen (las_Listener *s, las_Socket **failed);
LAS_API void las_closesockets (las_Listener *s);

#endif
