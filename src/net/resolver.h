/*
** resolver.h
** Names: looking up the addresses of a host.
*/

#ifndef las_resolver_h
#define las_resolver_h

#include "core/base.h"


LAS_API void las_openresolver (lua_State *L, int state);

#endif
