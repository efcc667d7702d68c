/*
** framing.h
** Framing: how much of the bytes at hand one read takes.
*/

#ifndef las_framing_h
#define las_framing_h

#include "net/input.h"


/* stack of a reading call: reader, argument, options or what a 'for' passes */
enum las_ReadStack {LAS_RSELF = 1, LAS_RARG, LAS_ROPTIONS};

/* ways to read */
enum las_Framing {
  LAS_SOME,	/* up to ARG bytes */
  LAS_NOTHING,	/* "" */
  LAS_PEEK,	/* up to ARG bytes, which stay */
  LAS_ALL,	/* up to the end; if there is nothing: nil if ARG is nil */
  LAS_EXACTLY,	/* ARG bytes */
  LAS_UNTIL,	/* up to a separator: ARG is one or a list of them; the
		limit is at OPTIONS or that of the reader */
  LAS_KEPTLINE,	/* the same; at the end also what is left */
  LAS_BARELINE	/* ... without the separator */
};

/* Tries to read in the way 'how'. Returns the number of results pushed, or -1
   if more bytes are needed. Raises if reading has failed. [-0, +?, e] */
LAS_API int las_tryread (lua_State *L, las_Input *r, int how);

/* Pushes the error given to set_exception; the reader lies at LAS_RSELF.
   [-0, +1, -] */
LAS_API void las_pushexception (lua_State *L, const las_Input *r);

#endif
