/*
** current.h
** Which loop is meant, and whether it may be used.
*/

#ifndef las_current_h
#define las_current_h

#include "base/base.h"


/* Returns the running loop, or raises 'no running event loop'. */
LAS_API las_Loop *las_checkrunning (lua_State *L);
/* Returns the loop at 'i'. Raises unless it is one of this process and not
   closed. */
LAS_API las_Loop *las_checkloop (lua_State *L, int i);
/* Returns the running loop, else the one set by set_event_loop, else
   raises. */
LAS_API las_Loop *las_defaultloop (lua_State *L);

/* Raises 'the loop belongs to process N'. */
LAS_API int las_raiseforeign (lua_State *L, int pid);

#endif
