/*
** listener.h
** Listeners: the sockets and the state of a server, and accepting.
*/

#ifndef las_listener_h
#define las_listener_h

#include "base/item.h"
#include "base/resource.h"
#include "net/transport.h"


typedef struct las_Socket {
  uv_poll_t poll;
  struct las_Listener *server;
  struct las_Socket *next;
  int fd;
  int isunix;
  int listening;	/* does it listen, or is it only bound? */
  int ready;		/* did the poll see a connection? */
  dev_t dev;		/* of the file of a unix socket */
  ino_t ino;
  pid_t pid;		/* the process that made it; a child must not remove
			the file */
  char *path;		/* of a unix socket, else NULL */
} las_Socket;

typedef struct las_Listener {
  las_Job job;		/* accepts; stands in the ready queue if 'queued' */
  las_Trigger retry;	/* in the heap while 'starved' */
  las_Trigger freed;	/* in the loop's list while 'starved' */
  las_Resource res;
  const las_Keeper *keeper;	/* its connections point at it */
  las_Loop *loop;	/* NULL once the loop has closed */
  las_Socket *sockets;
  las_List waiters;	/* tasks in wait_closed */
  las_Task *forever;	/* the task in serve_forever */
  char *path;		/* of its unix socket, or NULL; for names of handlers */
  size_t nopen;		/* open connections */
  size_t max;		/* the most of them; 0: no limit */
  uint32_t limit;	/* of the readers, bytes */
  uint64_t logged;	/* when a failure to accept was last reported */
  struct {		/* for 'stats' */
    uint64_t accepted, refused, handlererrors, peererrors;
  } count;
  int backlog;
  int refs;		/* userdata, open polls, clients */
  uint8_t keepalive;
  uint8_t queued, starved, serving, closed;
} las_Listener;

/* The server that accepted the stream, which has a keeper. */
#define las_listenerof(st) \
  las_owner(((st)->keeper), las_Listener, keeper)

/* user values of a server: the handler; the loop, which may be closed; the
   context in which it was made, or nil */
enum {LAS_SHANDLER = 1, LAS_SLOOP, LAS_SCONTEXT, LAS_NSERVER = LAS_SCONTEXT};

/* Drops a reference and frees it with the last one. Nothing in this file can
   raise. */
LAS_API void las_unreflistener (las_Listener *s);

/* Prepares a listener, which is zeroed. */
LAS_API void las_initlistener (las_Listener *s);
/* Starts or stops all polls, as the state of the listener requires. */
LAS_API void las_updatepolls (las_Listener *s);
/* Goes on accepting, because descriptors may be free again. */
LAS_API void las_endstarving (las_Listener *s);
/* Wakes the tasks in wait_closed if the server is closed and has no client. */
LAS_API void las_wakeclosers (las_Listener *s);
/* Makes the loop not hold the server any more. */
LAS_API void las_letgolistener (las_Listener *s);

#endif
