/*
** bind.h
** Binding: the listening sockets of a server, bound, listening and closed.
** C only.
*/

#ifndef las_bind_h
#define las_bind_h

#include "net/listener.h"


/* Binds one more socket and puts it first in the server's list. libuv's error
   or 0. */
LAS_API int las_bind (las_Listener *s, const struct sockaddr *sa,
                      int reuseaddress, int reuseport);
/* Binds one at a path. The socket file of a server that is gone is replaced. */
LAS_API int las_bindunix (las_Listener *s, const char *path, size_t n);
/* Makes all sockets listen that are only bound. libuv's error or 0; '*failed'
   is the socket that an error is about. */
LAS_API int las_listen (las_Listener *s, las_Socket **failed);
/* Closes all sockets of the server, and removes their files. */
LAS_API void las_closesockets (las_Listener *s);

#endif
