/*
** cancel.h
** Cancelling futures and tasks.
*/

#ifndef las_cancel_h
#define las_cancel_h

#include "task/reason.h"


/* a cancel that goes on to many futures: embedded in what waits for them */
typedef struct las_Work {
  struct las_Work *next;
  void (*run) (struct las_Work *w);	/* calls las_cancelinner for each */
} las_Work;

/* Takes the waiting task out of its wait and makes it ready to raise
   CancelledError. Nothing in this file can raise. */
LAS_API void las_throw (las_Task *t);

/* Asks the future or task to cancel. Returns false if it was done. */
LAS_API int las_cancel (las_Future *f);

/* Does the same as a part of the last cancel, which it must follow at once: a
   task that both reach is cancelled once. */
LAS_API int las_cancelalso (las_Future *f);

/* Does the same as a part of the cancel under way. For 'run' of a las_Work. */
LAS_API void las_cancelinner (las_Future *f);

/* A scope that may cancel its own task keeps, when it opens, how many cancels
   had been asked for before: its base. */
LAS_API unsigned las_cancelbase (const las_Task *t);
/* When it closes, after it did cancel, it takes its own cancel back. Returns
   whether any other that came since is left. If none is, an error not raised
   yet was the scope's own, and is dropped. */
LAS_API int las_uncancel (las_Task *t, unsigned base);

/* Does the same as las_cancel, for a reason. The first of a series of such
   cancels, which all count as one, lists the reason. The scope must drop it
   before its memory goes, and before the next series. */
LAS_API int las_cancelfor (las_Future *f, las_Reason *r);

#endif
