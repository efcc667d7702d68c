/*
** await.h
** await, shield and ensure_future.
*/

#ifndef las_await_h
#define las_await_h

#include "core/base.h"


LAS_API void las_openawait (lua_State *L, int state);

#endif
