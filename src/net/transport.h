/*
** transport.h
** Transports: a libuv stream, what it has not sent yet, and its end.
** What comes goes to a sink; the memory lives until the handle is closed and
** all who hold it have let it go.
*/

#ifndef las_transport_h
#define las_transport_h

#include "base/item.h"
#include "base/resource.h"
#include "net/address.h"


#define LAS_HIGH	(64 << 10)	/* default high-water mark, bytes */

typedef struct las_Stream las_Stream;

/* Where received bytes go. C only, but that 'feed' may step a task. */
typedef struct las_Sink {
  void (*feed) (las_Stream *s, const char *p, size_t n);
  void (*end) (las_Stream *s, int err);	/* nothing will come any more; 0, or
				libuv's error. May be called again */
  void (*gone) (las_Stream *s);	/* the handle is closed; or its loop is, and
				's->loop' NULL: no task may be woken */
  void (*free) (las_Stream *s);	/* frees the transport's memory */
} las_Sink;

/* Whose connection it is, where somebody counts them. C only. */
typedef struct las_Keeper {
  void (*closed) (las_Stream *s);	/* the handle is closed */
  void (*freed) (las_Stream *s);	/* its memory goes next */
} las_Keeper;

/* One malloc each, and there may be a hundred thousand: fields are as small
   as they can be, and the handle is last and only as large as its type. */
struct las_Stream {
  las_Loop *loop;	/* NULL once it or its loop is closed */
  las_Resource res;	/* the loop's list of what is open */
  const las_Sink *sink;
  const las_Keeper *keeper;	/* NULL: none */
  void *owner;		/* of the keeper: the server that accepted it */
  las_List drains;	/* tasks that wait until 'unsent' is low */
  las_List closers;	/* tasks that wait until it is closed */
  las_Task *connecting;	/* the task that waits for the connection */
  size_t unsent;	/* accepted and not yet the kernel's, bytes */
  uint32_t high, low;	/* water marks of 'unsent' */
  las_Trigger done;	/* of a server's: fires at the end of the handler; its
			function is NULL when none runs */
  las_Peer peer;	/* known also when the system has forgotten it */
  int werr;		/* libuv's, once writing failed */
  uint8_t refs;		/* reader, writer, open handle, handler's task */
  uint8_t closing;	/* close was called */
  uint8_t closed;	/* the handle is closed */
  uint8_t reading;	/* does libuv read? */
  uint8_t ended;	/* is there nothing more to read? */
  uint8_t eofsent;	/* write_eof was called */
  uint8_t connected;
  uint8_t aborted;	/* by us: that the rest is lost is no error */
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv;			/* last */
};

/* A holder has let it go. With none left nobody can close it: it closes
   itself, once all is sent. */
LAS_API void las_unref (las_Stream *s);
LAS_API int las_isstream (const las_Resource *r);
/* Takes a socket: C only; on error the caller keeps it. */
LAS_API int las_openstream (las_Stream *s, int fd, int isunix);
/* Only the handle, for a connection to come. */
LAS_API int las_initstream (las_Stream *s, int isunix);
/* Accepts bytes: the kernel takes what it can at once, the rest is kept: a
   copy, or by reference where 'slot' anchors the string; '*kept' tells
   whether the slot is still needed then. C only. */
LAS_API int las_writebytes (las_Stream *s, const char *p, size_t n,
                            uint32_t slot, int *kept);
LAS_API void las_startreading (las_Stream *s);
LAS_API void las_stopreading (las_Stream *s);
/* Closes it: after what is unsent, or at once. Again does nothing. */
LAS_API void las_closestream (las_Stream *s);
LAS_API void las_abortstream (las_Stream *s);
/* The handler of a server's connection has ended. */
LAS_API void las_handled (las_Loop *lp, las_Stream *s);

#endif
