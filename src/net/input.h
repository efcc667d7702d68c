/*
** input.h
** Inputs: the bytes at hand of a reader, the task that waits for more, the end.
** Bytes just read stay in the loop's read buffer ('fresh') until the task that
** they wake has taken what it wants; the rest is kept.
*/

#ifndef las_input_h
#define las_input_h

#include "net/buffer.h"
#include "net/transport.h"


typedef struct las_Input {
  las_Buffer in;	/* bytes just read may still be the loop's 'fresh' */
  las_Task *waiter;	/* the one task that reads, or NULL */
  size_t scanned;	/* bytes known not to hold the searcher's separator */
  uint64_t searcher;	/* number of the task that searched last */
  uint32_t limit;	/* longest line; twice as many bytes stop reading */
  int err;		/* libuv's, once reading failed */
  uint32_t exception;	/* of set_exception: slot of the anchored error */
  uint8_t eof;
  uint8_t bare;		/* not part of a stream */
  uint8_t excepted;	/* set_exception was called */
} las_Input;

/* a connection, in one piece of memory */
typedef struct las_Pair {
  las_Input input;
  las_Stream stream;	/* last: its size is that of its handle */
} las_Pair;

/* The transport of an input that is not bare. */
#define las_streamof(r)	(&las_owner(r, las_Pair, input)->stream)

/* user values of a bare reader: the error of set_exception; the task that
   waits, which nothing else may keep alive */
enum {LAS_REXCEPTION = 1, LAS_RWAITER, LAS_NREADER = LAS_RWAITER};

/* the sink of a pair */
LAS_API const las_Sink las_inputsink;

/* Returns all bytes at hand, in one piece. If it raises, nothing is lost.
   [-0, +0, m] */
LAS_API const char *las_view (lua_State *L, las_Input *r, size_t *n);
/* Takes bytes off the view. Cannot raise. */
LAS_API void las_take (las_Input *r, size_t n);
/* Keeps the fresh bytes, because more are needed than are at hand. Returns -1.
   [-0, +0, m] */
LAS_API int las_needmore (lua_State *L, las_Input *r);
/* Is no byte at hand? */
LAS_API int las_isempty (const las_Input *r);
/* Makes the waiter, if any, ready, because bytes, the end or an error have
   come. Cannot raise. */
LAS_API void las_wakereader (las_Input *r);

#endif
