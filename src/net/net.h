/*
** net.h
** The net floor: byte streams over sockets, servers, names.
*/

#ifndef las_net_h
#define las_net_h

#include "core/core.h"


/*
** {==================================================================
** Buffer: bytes that came and that nobody took yet
** ===================================================================
*/

typedef struct las_Buffer {
  char *mem;		/* NULL while it is empty: idle streams hold none */
  size_t start, n, size;
} las_Buffer;

#define las_bufdata(b)	((b)->mem + (b)->start)

LAS_API int las_bufappend (las_Buffer *b, const char *s, size_t n);
LAS_API void las_bufdrop (las_Buffer *b, size_t n);
LAS_API void las_buffree (las_Buffer *b);

/* }================================================================== */


/*
** {==================================================================
** Reader: the buffer, who waits for its bytes, and how they end
** ===================================================================
*/

#define LAS_LIMIT	(64 << 10)	/* default limit, bytes */

typedef struct las_Stream las_Stream;

typedef struct las_Reader {
  las_Buffer in;	/* what is just read may still be the loop's 'fresh' */
  las_Task *waiter;	/* the one task that reads, or NULL */
  size_t scanned;	/* bytes where the searcher's separator is not */
  uint64_t searcher;	/* number of the task that searched last */
  uint32_t limit;	/* longest line; twice of it stops the reading */
  int err;		/* libuv's, once reading failed */
  uint32_t exception;	/* of set_exception: slot of the anchored error */
  uint8_t eof;
  uint8_t bare;		/* not part of a stream */
  uint8_t excepted;	/* set_exception was called */
} las_Reader;

/* Bytes, an end or an error came: the waiter is stepped now ('now': called
   by libuv) or made ready. 's' may be NULL with n 0. */
LAS_API void las_feed (las_Loop *lp, las_Reader *r, const char *s, size_t n);
/* Makes the waiter ready, if any: the end or an error is there. */
LAS_API void las_wakereader (las_Reader *r);
/* Pushes a reader that has no stream yet; then gives it one. [-0, +1, m] */
LAS_API void *las_newreader (lua_State *L);
LAS_API void las_joinreader (void *box, las_Stream *s);
LAS_API void las_openreader (lua_State *L, int state);

/* }================================================================== */


/* The address of an IP peer in little room; family 0: none. */
typedef struct las_Peer {
  unsigned char bytes[16];	/* of the address */
  uint32_t zone;
  uint16_t port;	/* both in the order of the network */
  uint16_t family;
} las_Peer;

/*
** {==================================================================
** Stream: a libuv stream handle with a reader and a writer
** ===================================================================
*/

#define LAS_HIGH	(64 << 10)	/* default high-water mark, bytes */

/* One malloc each, and there may be a hundred thousand: fields are as small
   as they can be, and the handle is last and only as large as its type. */
struct las_Stream {
  las_Loop *loop;	/* NULL once it or its loop is closed */
  las_Resource res;	/* the loop's list of what is open */
  las_Reader r;
  las_List drains;	/* tasks that wait until 'unsent' is low */
  las_List closers;	/* tasks that wait until it is closed */
  las_Task *connecting;	/* the task that waits for the connection */
  size_t unsent;	/* accepted and not yet the kernel's, bytes */
  uint32_t high, low;	/* water marks of 'unsent' */
  las_Watch done;	/* of a server's: tells the end of the handler; its
			function is NULL when none runs */
  struct las_Listener *server;	/* whose connection it is, or NULL */
  int werr;		/* libuv's, once writing failed */
  uint8_t refs;		/* reader, writer, open handle, handler's task */
  uint8_t closing;	/* close was called */
  uint8_t closed;	/* the handle is closed */
  uint8_t reading;	/* does libuv read? */
  uint8_t eofsent;	/* write_eof was called */
  uint8_t connected;
  uint8_t aborted;	/* by us: that the rest is lost is no error */
  las_Peer peer;	/* known also when the system has forgotten it */
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv;			/* last */
};

/* Pushes a reader and a writer of a new stream, which is not open yet.
   [-0, +2, m] */
LAS_API las_Stream *las_pushstream (lua_State *L, las_Loop *lp,
                                    uint32_t limit, int isunix);
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
/* Closes it: after what is unsent, or at once. Again does nothing. */
LAS_API void las_closestream (las_Stream *s);
LAS_API void las_abortstream (las_Stream *s);
/* Pushes a writer that has no stream yet; then gives it one. [-0, +1, m] */
LAS_API void *las_newwriter (lua_State *L);
LAS_API void las_joinwriter (void *box, las_Stream *s);
LAS_API void las_openwriter (lua_State *L, int state);
LAS_API void las_openconnect (lua_State *L, int state);

/* Pushes, or raises, the error of a connection that is lost; it knows the
   peer's address. */
LAS_API void las_pushloss (lua_State *L, las_Stream *s, int err,
                           const char *syscall);	/* [-0, +1, m] */
LAS_API int las_raiseloss (lua_State *L, las_Stream *s, int err,
                           const char *syscall);
/* Is the value at 'i' such an error: was this stream lost at its peer, or on
   the way? Cannot raise. */
LAS_API int las_islossof (lua_State *L, int i, const las_Stream *s);

/* The stream is not the server's any more. */
LAS_API void las_leaveserver (las_Stream *s);
/* The stream of a server's connection is closed. */
LAS_API void las_disconnected (las_Stream *s);
/* The handler of a server's connection is over. */
LAS_API void las_handled (las_Loop *lp, las_Stream *s);
LAS_API void las_openbind (lua_State *L, int state);
LAS_API void las_openserver (lua_State *L, int state);

/* }================================================================== */


/*
** {==================================================================
** Addresses
** ===================================================================
*/

#define LAS_ADDRESS	128	/* bytes that the text of an address takes */

/* "127.0.0.1:80", "[::1]:80" */
LAS_API void las_addresstext (const struct sockaddr *sa, char *text);
/* Remembers an address of IP; any other is none. */
LAS_API void las_setpeer (las_Peer *peer, const struct sockaddr *sa);
LAS_API void las_peertext (const las_Peer *peer, char *text);
/* Pushes host and port of an address, or a path. Returns how many. */
LAS_API int las_pushaddress (lua_State *L, const struct sockaddr_storage *sa,
                             socklen_t len);
/* Reads a numeric address, with a zone if it has one. */
LAS_API int las_parseaddress (const char *host, int port,
                              struct sockaddr_storage *sa);
LAS_API void las_openresolver (lua_State *L, int state);

/* }================================================================== */

#endif
