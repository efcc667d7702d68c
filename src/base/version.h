/*
** version.h
** Versions of Lua and libuv, and whether they are recent enough.
*/

#ifndef las_version_h
#define las_version_h

#include "base/base.h"


/* Raises unless the Lua and the libuv that run are recent enough.
   [-0, +0, e] */
LAS_API void las_checkversions (lua_State *L);

#endif
