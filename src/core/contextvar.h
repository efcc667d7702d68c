/*
** contextvar.h
** Context variables.
*/

#ifndef las_contextvar_h
#define las_contextvar_h

#include "core/base.h"


LAS_API void las_opencontextvar (lua_State *L, int state);

#endif
