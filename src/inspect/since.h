/*
** since.h
** When tasks began to wait, while their steps are watched.
*/

#ifndef las_since_h
#define las_since_h

#include "base/base.h"


/* The step of a task has ended: did it begin to wait? C only. */
LAS_API void las_notesince (las_Loop *lp, const las_Task *t);
/* The moment of the loop's clock at which a parked task began to wait; 0: it
   was not watched then. */
LAS_API uint64_t las_since (const las_Loop *lp, const las_Task *t);
/* Forgets all: steps are not watched any more. */
LAS_API void las_dropsince (las_Loop *lp);

#endif
