/*
** resource.h
** Resources: what a loop must close before it goes.
*/

#ifndef las_resource_h
#define las_resource_h

#include "base/base.h"


/* Embedded in what belongs to a loop: streams, listeners, memory of a room. */
typedef struct las_Resource {
  struct las_Resource *next, *prev;
  const struct las_ResourceKind *kind;
  char *origin;	/* "file:line" that made it, or NULL */
} las_Resource;

typedef struct las_ResourceKind {
  const char *name;	/* what 'stats' counts it as; NULL: it does not */
  void (*drop) (las_Resource *r);	/* closes its handles and leaves the
				loop, which goes. C only */
  void (*tell) (lua_State *L, las_Loop *lp);	/* makes the
				reports still due when the loop closes, or
				NULL; at most one resource of a loop has it */
} las_ResourceKind;

/* Adds a resource, whose 'kind' is set, to those of the loop. Its owner takes
   it out again before its memory goes. Cannot raise. */
LAS_API void las_adopt (las_Loop *lp, las_Resource *r);
LAS_API void las_disown (las_Loop *lp, las_Resource *r);
/* Calls 'tell' of the resource that has it. [-0, +0, m] */
LAS_API void las_tellresources (lua_State *L, las_Loop *lp);

#endif
