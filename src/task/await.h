/*
** await.h
** await, shield and ensure_future.
*/

#ifndef las_await_h
#define las_await_h

#include "base/base.h"

/* The future at 'i'; other awaitables there are made a task of 'lp' and
   replaced by it. Raises an argument error for 'arg'. */
LAS_API las_Future *las_ensurefuture (lua_State *L, las_Loop *lp, int i,
                                      int arg);

#endif
