/*
** rooms.h
** Rooms: what the front door opens. Each adds its functions to the module table
** on top and its types to the state block at index 'state'. [-0, +0, m]
*/

#ifndef las_rooms_h
#define las_rooms_h

#include "base/base.h"


LAS_API void las_openawait (lua_State *L, int state);
LAS_API void las_openawaitable (lua_State *L, int state);
LAS_API void las_openbarrier (lua_State *L, int state);
LAS_API void las_opencallback (lua_State *L, int state);
LAS_API void las_opencancel (lua_State *L, int state);
LAS_API void las_opencheck (lua_State *L, int state);
LAS_API void las_opencondition (lua_State *L, int state);
LAS_API void las_openconnect (lua_State *L, int state);
LAS_API void las_opencontext (lua_State *L, int state);
LAS_API void las_opencontextvar (lua_State *L, int state);
LAS_API void las_opencoroutine (lua_State *L, int state);
LAS_API void las_opencurrent (lua_State *L, int state);
LAS_API void las_opendeadlock (lua_State *L, int state);
LAS_API void las_opendriver (lua_State *L, int state);
LAS_API void las_opendump (lua_State *L, int state);
LAS_API void las_openerror (lua_State *L, int state);
LAS_API void las_openevent (lua_State *L, int state);
LAS_API void las_openfork (lua_State *L, int state);
LAS_API void las_openfuture (lua_State *L, int state);
LAS_API void las_opengather (lua_State *L, int state);
LAS_API void las_opengenerator (lua_State *L, int state);
LAS_API void las_opengeneratorlist (lua_State *L, int state);
LAS_API void las_opengraph (lua_State *L, int state);
LAS_API void las_opengroupend (lua_State *L, int state);
LAS_API void las_openhandler (lua_State *L, int state);
LAS_API void las_openjob (lua_State *L, int state);
LAS_API void las_openlock (lua_State *L, int state);
LAS_API void las_openloop (lua_State *L, int state);
LAS_API void las_openorigin (lua_State *L, int state);
LAS_API void las_openpark (lua_State *L, int state);
LAS_API void las_openqueue (lua_State *L, int state);
LAS_API void las_openreader (lua_State *L, int state);
LAS_API void las_openreport (lua_State *L, int state);
LAS_API void las_openresolver (lua_State *L, int state);
LAS_API void las_openrun (lua_State *L, int state);
LAS_API void las_opensemaphore (lua_State *L, int state);
LAS_API void las_openhandlername (lua_State *L, int state);
LAS_API void las_openserver (lua_State *L, int state);
LAS_API void las_opensleep (lua_State *L, int state);
LAS_API void las_openstate (lua_State *L, int state);
LAS_API void las_openstep (lua_State *L, int state);
LAS_API void las_opentask (lua_State *L, int state);
LAS_API void las_opentaskgroup (lua_State *L, int state);
LAS_API void las_opentimeout (lua_State *L, int state);
LAS_API void las_opentrace (lua_State *L, int state);
LAS_API void las_openunretrieved (lua_State *L, int state);
LAS_API void las_openversion (lua_State *L, int state);
LAS_API void las_openwait (lua_State *L, int state);
LAS_API void las_openwatchdog (lua_State *L, int state);
LAS_API void las_openwriter (lua_State *L, int state);

#endif
