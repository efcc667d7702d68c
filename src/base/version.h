/*
** version.h
** Versions: which ones there are, and whether they will do.
*/

#ifndef las_version_h
#define las_version_h

#include "base/base.h"


/* Raises unless the Lua and the libuv that run will do. [-0, +0, e] */
LAS_API void las_checkversions (lua_State *L);

#endif
