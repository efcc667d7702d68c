/*
** transport.h
** Transports: a libuv stream, what it has not sent yet, and its end.
** Received bytes go to a sink. The memory is freed when the handle is closed
** and no reference is left.
*/

#ifndef las_transport_h
#define las_transport_h

#include "base/item.h"
#include "base/resource.h"
#include "net/address.h"


#define LAS_HIGH	(64 << 10)	/* default high-water mark, bytes */

typedef struct las_Stream las_Stream;

/* Where received bytes go. C only, except that 'feed' may step a task. */
typedef struct las_Sink {
  void (*feed) (las_Stream *s, const char *p, size_t n);
  void (*end) (las_Stream *s, int err);	/* nothing will come any more: err is
				0 or libuv's. May be called again */
  void (*gone) (las_Stream *s);	/* the handle is closed, or its loop:
				then s->loop is NULL, and wakes nobody */
  void (*free) (las_Stream *s);	/* frees the transport's memory */
} las_Sink;

/* What keeps account of a connection, if anything does. C only. */
typedef struct las_Keeper {
  void (*closed) (las_Stream *s);	/* the handle is closed */
  void (*freed) (las_Stream *s);	/* its memory goes next */
} las_Keeper;

/* There may be a hundred thousand of these, each with one malloc. So its fields
   are small, and the handle is the last one, only as large as its type. */
struct las_Stream {
  las_Loop *loop;	/* NULL once it or its loop is closed */
  las_Resource res;	/* the loop's list of what is open */
  const las_Sink *sink;
  const las_Keeper *const *keeper;	/* field of the server that accepted it,
			or NULL */
  las_List drains;	/* tasks that wait until 'unsent' is low */
  las_List closers;	/* tasks that wait until it is closed */
  las_Task *connecting;	/* the task that waits for the connection */
  size_t unsent;	/* bytes accepted that the kernel does not have yet */
  uint32_t high, low;	/* water marks of 'unsent' */
  las_Trigger done;	/* of a server's stream: fires when the handler ends;
			its function is NULL if none runs */
  las_Peer peer;	/* known also when the system has forgotten it */
  int werr;		/* libuv's, once writing failed */
  uint8_t refs;		/* reader, writer, open handle, handler's task */
  uint8_t closing;	/* close was called */
  uint8_t closed;	/* the handle is closed */
  uint8_t reading;	/* does libuv read? */
  uint8_t ended;	/* is there nothing more to read? */
  uint8_t eofsent;	/* write_eof was called */
  uint8_t connected;
  uint8_t aborted;	/* by us: losing the rest is no error */
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv;			/* last */
};

/* Drops a reference. If nothing that could close it is left, it closes itself
   once everything is sent. All functions here are C only. */
LAS_API void las_unref (las_Stream *s);
/* Is the resource a stream? */
LAS_API int las_isstream (const las_Resource *r);

/* Opens it with a socket, which the caller keeps on error. libuv's error or
   0. */
LAS_API int las_openstream (las_Stream *s, int fd, int isunix);
/* Opens only the handle, for a connection to come. libuv's error or 0. */
LAS_API int las_initstream (las_Stream *s, int isunix);

/* Accepts bytes. The kernel takes what it can at once. The rest is kept: by
   reference if 'slot' anchors the string, else as a copy. '*kept' is whether
   the slot is still needed. libuv's error or 0. */
LAS_API int las_writebytes (las_Stream *s, const char *p, size_t n,
                            uint32_t slot, int *kept);

/* Starts and stops reading; each does nothing if that is so already. */
LAS_API void las_startreading (las_Stream *s);
LAS_API void las_stopreading (las_Stream *s);

/* Closes it, once everything is sent or at once. Does nothing if it is
   closed. */
LAS_API void las_closestream (las_Stream *s);
LAS_API void las_abortstream (las_Stream *s);
/* Notes that the handler of a server's connection has ended. */
LAS_API void las_handled (las_Loop *lp, las_Stream *s);

#endif
