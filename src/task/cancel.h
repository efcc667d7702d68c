/*
** cancel.h
** Cancelling futures and tasks.
*/

#ifndef las_cancel_h
#define las_cancel_h

#include "task/reason.h"


typedef struct las_Work {
  struct las_Work *next;
  void (*run) (struct las_Work *w);	/* calls las_cancelinner for each */
} las_Work;

/* Makes the waiting task ready to raise CancelledError; it leaves first. */
LAS_API void las_throw (las_Task *t);

/* Asks the future (or task) to cancel: true unless it was done. */
LAS_API int las_cancel (las_Future *f);

/* The same as a part of the last cancel, which it follows at once: a task that
   both reach is cancelled once. */
LAS_API int las_cancelalso (las_Future *f);

/* The same for a las_Work: part of the cancel under way. */
LAS_API void las_cancelinner (las_Future *f);

/* A scope that cancels its own task asks for the base when it opens: how many
   cancels the task was told of before. When it closes it takes its own back;
   the result says whether any that came since is left. If none is, a throw
   not yet delivered was its own, and is dropped. */
LAS_API unsigned las_cancelbase (const las_Task *t);
LAS_API int las_uncancel (las_Task *t, unsigned base);

/* As las_cancel, for a reason. It is listed by the first of a series of such
   cancels, which all count as one. The scope must drop it before its memory
   goes, and before the next series. C only. */
LAS_API int las_cancelfor (las_Future *f, las_Reason *r);

#endif
