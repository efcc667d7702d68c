/*
** reason.h
** Reasons: why a scope cancelled its own task.
*/

#ifndef las_reason_h
#define las_reason_h

#include "base/base.h"


/* Embedded in a scope: a time limit, a group. The tasks that its cancel
   reaches know the number of that cancel, and find the reason by it. */
typedef struct las_Reason {
  struct las_Reason *next;	/* of those with the same hash */
  uint32_t pass;	/* number of its cancel; 0: it is not listed */
  void (*push) (lua_State *L, const struct las_Reason *r);	/* pushes the
			message of the CancelledErrors. [-0, +1, m] */
} las_Reason;

/* Lists a reason for the cancel under way, and takes it off again. The scope
   must drop it before its memory goes. C only. */
LAS_API void las_listreason (las_Loop *lp, las_Reason *r);
LAS_API void las_dropreason (las_Loop *lp, las_Reason *r);

/* Completes the CancelledError on top, which task 't' is about to raise in L.
   It gets the message of the scope that cancelled the task, if one did, and
   the task's present stack. [-0, +0, m] */
LAS_API void las_addreason (lua_State *L, las_Task *t);

/* Does the same for an error that came out of another task, which was cancelled
   first and has given the error its stack. [-0, +0, m] */
LAS_API void las_addawaiter (lua_State *L, las_Task *t);

/* Gives the error on top the stack of the error at 'i'. [-0, +0, m] */
LAS_API void las_copystack (lua_State *L, int i);

/* Pushes the stack and the place that the error at 'i' carries, if it does.
   Returns whether it did. [-0, +(0|2), m] */
LAS_API int las_pushstack (lua_State *L, int i);

#endif
