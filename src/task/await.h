/*
** await.h
** await, shield and ensure_future.
*/

#ifndef las_await_h
#define las_await_h

#include "base/base.h"

/* Returns the future at 'i'. Any other awaitable is made a task of 'lp', which
   replaces it at 'i'. Raises an argument error for 'arg'. [-0, +0, e] */
LAS_API las_Future *las_ensurefuture (lua_State *L, las_Loop *lp, int i,
                                      int arg);

#endif
