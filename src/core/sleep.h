/*
** sleep.h
** Sleeping.
*/

#ifndef las_sleep_h
#define las_sleep_h

#include "core/base.h"


LAS_API void las_opensleep (lua_State *L, int state);

#endif
