/*
** clock.h
** The loop's clock, and conversions of the times that users give.
*/

#ifndef las_clock_h
#define las_clock_h

#include "base/item.h"


/* a moment that never comes: 570 years */
#define LAS_FAR		UINT64_C(18000000000000000000)

typedef struct las_Clock {
  las_Heap heap;	/* deadlines */
  uint64_t now;		/* virtual time, nanoseconds */
  uint64_t autojump;	/* real nanoseconds a virtual clock waits */
  uint8_t isvirtual;
  uv_timer_t timer;	/* ends a poll at the first deadline */
} las_Clock;

/* Nanoseconds on the loop's clock. None of these can raise. */
LAS_API uint64_t las_now (las_Loop *lp);
/* The moment 'seconds' from now on the loop's clock. */
LAS_API uint64_t las_after (las_Loop *lp, lua_Number seconds);
/* A time of the loop in seconds as nanoseconds. */
LAS_API uint64_t las_moment (lua_Number when);

#endif
