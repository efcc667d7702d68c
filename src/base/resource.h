/*
** resource.h
** Resources: what a loop has of the system.
*/

#ifndef las_resource_h
#define las_resource_h

#include "base/base.h"


/* Something outside the core that lives on a loop: streams, listeners. */
typedef struct las_Resource {
  struct las_Resource *next, *prev;
  const struct las_ResourceKind *kind;
  char *origin;	/* "file:line" that made it, or NULL */
} las_Resource;

typedef struct las_ResourceKind {
  const char *name;	/* what 'stats' counts it as; NULL: not at all */
  void (*drop) (las_Resource *r);	/* the loop closes: let go of uv and of
				the loop. C only */
  void (*tell) (lua_State *L, las_Loop *lp);	/* the loop closes: makes the
				reports that are due still; NULL: there are
				none. Of one resource of a loop at most */
} las_ResourceKind;

LAS_API void las_adopt (las_Loop *lp, las_Resource *r);
LAS_API void las_disown (las_Loop *lp, las_Resource *r);
/* Lets the resource that has reports to make do so. [-0, +0, m] */
LAS_API void las_tellresources (lua_State *L, las_Loop *lp);

#endif
