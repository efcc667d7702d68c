/*
** since.h
** When tasks began to wait, while their steps are watched.
*/

#ifndef las_since_h
#define las_since_h

#include "base/base.h"


/* Notes when a task began to wait, if it did so in the step that has ended.
   C only. */
LAS_API void las_notesince (las_Loop *lp, const las_Task *t);
/* Returns the moment of the loop's clock at which a parked task began to wait;
   0 if steps were not watched then. */
LAS_API uint64_t las_since (const las_Loop *lp, const las_Task *t);
/* Forgets everything, because steps are not watched any more. C only. */
LAS_API void las_dropsince (las_Loop *lp);

#endif
