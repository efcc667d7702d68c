/*
** turn.h
** Turns: run what is ready, poll, fire the deadlines that are due.
*/

#ifndef las_turn_h
#define las_turn_h

#include "base/base.h"


/* Runs turns until told to stop, one at least. Cannot raise. */
LAS_API void las_runloop (las_Loop *lp, lua_State *L);

#endif
