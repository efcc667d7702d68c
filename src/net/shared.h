/*
** shared.h
** Shared: the part of a loop that its streams, servers and look-ups share.
*/

#ifndef las_shared_h
#define las_shared_h

#include "base/item.h"
#include "base/loop.h"
#include "base/resource.h"


#define LAS_READSIZE	(256 << 10)	/* the loop's one read buffer, bytes */

typedef struct las_Shared {
  las_Resource res;	/* first; closes after all that share it */
  char *readbuf;	/* LAS_READSIZE bytes, NULL until first used */
  struct {		/* bytes just read into it, and not yet taken */
    const void *owner;	/* the input they belong to, or NULL */
    const char *p;
    size_t n;
  } fresh;
  struct {		/* dropped.c: connections nobody can close any more */
    las_Job job;	/* reports them; stands in the ready queue if any */
    struct las_Drop *first, *last;
  } drops;
  las_List freed;	/* triggers to fire when a descriptor was closed */
  struct {		/* name look-ups */
    struct las_Lookup *first, *last;	/* those that wait for a thread */
    uint32_t nthreads;	/* those that have one, left by their tasks too */
  } lookups;
} las_Shared;

/* NULL until las_openshared was called */
#define las_shared(lp)	((las_Shared *)(lp)->room[LAS_RNET])

/* Makes it, unless it is there. Call this before anything uses it on a loop; it
   lasts as long as the loop is open. UV_ENOMEM or 0; C only. */
LAS_API int las_openshared (las_Loop *lp);

/* Returns the loop's read buffer, or NULL without memory. C only. */
LAS_API char *las_readbuf (las_Loop *lp);

#endif
