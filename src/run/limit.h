/*
** limit.h
** The time limit of a run: stopping a step that never ends.
*/

#ifndef las_limit_h
#define las_limit_h

#include "base/base.h"


/* A run begins or ends, whose 'limit' a thread then looks after. */
LAS_API void las_guardlimit (las_Loop *lp);
LAS_API void las_unguardlimit (las_Loop *lp);

#endif
