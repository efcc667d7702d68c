/*
** handlername.c
** Names of a server's handlers, which show whose connection a task handles.
** They are made when they are asked for, from what the stream keeps anyway.
*/

#include <stdio.h>

#include "base/state.h"
#include "task/task.h"
#include "net/address.h"
#include "net/listener.h"
#include "net/transport.h"
#include "rooms.h"


/* Writes a name with the peer's address, or with the server's path, as all
   clients of a unix socket look the same. There is no name for a writer that
   is finalized or was never connected. */
static int namehandler (void *writer, char *text) {
  const las_Stream *s = *(las_Stream **)writer;
  const las_Listener *server;
  char peer[LAS_ADDRESS];
  if (s == NULL || s->keeper == NULL)
    return 0;
  server = las_listenerof(s);
  if (server->path == NULL)
    las_peertext(&s->peer, peer);
  snprintf(text, LAS_TASKNAME, "handler of %s",
           (server->path != NULL) ? server->path : peer);
  return 1;
}


void las_openhandlername (lua_State *L, int state) {
  ((las_State *)lua_touserdata(L, state))->nametask = namehandler;
}
