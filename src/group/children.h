/*
** children.h
** Watching many futures at once, for functions that wait for several.
** Each child has a trigger in its future's list of waiters until the future is
** done or the watching ends.
*/

#ifndef las_children_h
#define las_children_h

#include "base/item.h"
#include "task/future.h"


typedef struct las_Child {
  las_Trigger trigger;	/* first; in 'f's list of waiters while 'linked' */
  struct las_Children *all;
  las_Future *f;	/* kept alive by the list it came from */
  int linked;
} las_Child;

typedef struct las_Children {
  void (*done) (struct las_Children *all, las_Child *c);	/* C only */
  int n;		/* children; 'child' has as many */
  int left;		/* not done yet */
  las_Child child[1];
} las_Children;

/* size of a struct that ends in a las_Children of 'n' */
#define las_childrensize(type, n) \
  (sizeof(type) + (size_t)(n) * sizeof(las_Child))

/* stack of a call that takes children */
enum {LAS_CLIST = 1, LAS_COPTIONS};

/* Puts the arguments into a new table at LAS_CLIST. If they were one table, it
   stays at LAS_COPTIONS, and its string keys must stand in 'options', which
   ends with NULL; else LAS_COPTIONS is false. Returns how many there are; the
   last may be nil. Raises. */
LAS_API int las_listchildren (lua_State *L, const char *const options[]);

/* Returns the number of the argument that the 'i'th child came from. */
LAS_API int las_childarg (lua_State *L, int i);

/* Raises unless task 't' can wait for each child, starting it if need be. */
LAS_API void las_checkchildren (lua_State *L, las_Task *t, int n);

/* Replaces the children in the list by futures. A function given twice runs
   twice; any other value is one future in both places. [-0, +0, e] */
LAS_API void las_startchildren (lua_State *L, las_Loop *lp, int n);

/* Takes repeated futures out of the list. Returns how many are left.
   [-0, +0, m] */
LAS_API int las_dedupchildren (lua_State *L, int n);

/* Makes the 'n' futures of the list the children of 'all', which is zeroed
   except for 'done'. That is called for those that are done already. Cannot
   raise. */
LAS_API void las_setchildren (lua_State *L, las_Children *all, int n);

/* Watches those that are not done. Cannot raise. */
LAS_API void las_watchchildren (las_Children *all);

/* Stops watching all that are still watched. Cannot raise. */
LAS_API void las_unwatchchildren (las_Children *all);

/* Has the future failed, or was it cancelled? */
#define las_isbad(f) \
  ((f)->item.state == LAS_FAILED || (f)->item.state == LAS_CANCELLED)

#endif
