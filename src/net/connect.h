/*
** connect.h
** Connecting to one address.
*/

#ifndef las_connect_h
#define las_connect_h

#include "core/base.h"


LAS_API void las_openconnect (lua_State *L, int state);

#endif
