/*
** sentry.h
** Sentries: threads that watch the thread of a loop.
*/

#ifndef las_sentry_h
#define las_sentry_h

#include "base/base.h"


typedef struct las_Sentry las_Sentry;

typedef struct las_SentryKind {
  size_t size;	/* of the sentry; it starts with a las_Sentry */
  uint64_t (*rest) (las_Sentry *s);	/* how long to sleep, nanoseconds */
  int (*look) (las_Sentry *s);	/* after that: should it be signalled? */
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

/* Starts a sentry of the loop that this thread runs. NULL if there is no memory
   or thread for it, or if this thread runs another loop that has a sentry.
   Cannot raise. */
LAS_API las_Sentry *las_startsentry (las_Loop *lp, const las_SentryKind *kind);
/* Stops and frees it; does nothing for NULL. Cannot raise. */
LAS_API void las_stopsentry (las_Sentry *s);

/* Returns the coroutine in which a hook would run now, or NULL. For
   'notice'. */
LAS_API lua_State *las_busythread (const las_Loop *lp);

#endif
