/*
** sentry.h
** Threads that keep an eye on the thread of a loop.
*/

#ifndef las_sentry_h
#define las_sentry_h

#include "base/base.h"


typedef struct las_Sentry las_Sentry;

typedef struct las_SentryKind {
  size_t size;	/* of the sentry; it starts with a las_Sentry */
  uint64_t (*rest) (las_Sentry *s);	/* how long to sleep, nanoseconds */
  int (*look) (las_Sentry *s);	/* after that: is the loop to be signalled? */
  void (*notice) (las_Loop *lp);	/* the signal, on the loop's thread */
} las_SentryKind;

struct las_Sentry {
  las_Loop *loop;
  const las_SentryKind *kind;
  las_Sentry *next;	/* of the same loop */
  pthread_t thread, target;	/* its own; the one that runs the loop */
  uv_mutex_t lock;
  uv_cond_t wake;
  int stop;		/* guarded by 'lock' */
};

/* Starts a sentry of the loop that this thread runs; NULL without memory or
   threads, or where the thread runs another one under a sentry. Cannot
   raise. */
LAS_API las_Sentry *las_startsentry (las_Loop *lp, const las_SentryKind *kind);
/* Stops and frees it; NULL is no sentry. */
LAS_API void las_stopsentry (las_Sentry *s);

/* For 'notice': the coroutine that a hook would stop now, or NULL. */
LAS_API lua_State *las_busythread (const las_Loop *lp);

#endif
