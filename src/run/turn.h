/*
** turn.h
** Turns: run what is ready, poll, fire the deadlines that are due.
*/

#ifndef las_turn_h
#define las_turn_h

#include "base/base.h"


/* Runs turns until the run is stopped, at least one. Raises only in a process
   that was forked meanwhile. */
LAS_API void las_runloop (las_Loop *lp, lua_State *L);

#endif
