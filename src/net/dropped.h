/*
** dropped.h
** Dropped connections: collected without a close, which debug mode reports.
*/

#ifndef las_dropped_h
#define las_dropped_h

#include "net/shared.h"
#include "net/transport.h"


/* Prepares for drops what the streams share, which is zeroed; frees those that
   were not reported. C only. */
LAS_API void las_initdrops (las_Shared *sh);
LAS_API void las_freedrops (las_Shared *sh);
/* Notes an open stream that can be closed by nobody any more. The loop's next
   turn reports it, unless the loop or the Lua state ends. C only. */
LAS_API void las_notedrop (las_Stream *s);
/* Makes the reports that wait for their turn. [-0, +0, m] */
LAS_API void las_telldrops (lua_State *L, las_Loop *lp);

#endif
