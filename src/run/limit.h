/*
** limit.h
** The time limit of a run: stopping a step that never ends.
*/

#ifndef las_limit_h
#define las_limit_h

#include "base/base.h"


/* Starts a thread that guards the 'limit' of the run that begins, if it has
   one, and ends it with the run. Cannot raise. */
LAS_API void las_guardlimit (las_Loop *lp);
LAS_API void las_unguardlimit (las_Loop *lp);

#endif
