/*
** server.h
** Server: what a program holds of a listener.
*/

#ifndef las_server_h
#define las_server_h

#include "core/base.h"


LAS_API void las_openserver (lua_State *L, int state);

#endif
