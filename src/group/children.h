/*
** children.h
** Watching many futures at once, for functions that wait for several.
** Each child has a trigger in its future's list of waiters, and leaves it at
** the latest when the watching ends.
*/

#ifndef las_children_h
#define las_children_h

#include "base/item.h"
#include "task/future.h"


typedef struct las_Child {
  las_Trigger trigger;	/* first; in 'f's list of waiters while 'linked' */
  struct las_Children *all;
  las_Future *f;	/* alive: the list it came from */
  int linked;
} las_Child;

typedef struct las_Children {
  void (*done) (struct las_Children *all, las_Child *c);	/* C only */
  int n;		/* children; 'child' has as many */
  int left;		/* not done yet */
  las_Child child[1];
} las_Children;

/* what is left of a struct that ends in a las_Children of 'n' */
#define las_childrensize(type, n) \
  (sizeof(type) + (size_t)(n) * sizeof(las_Child))

/* stack of a call that takes children */
enum {LAS_CLIST = 1, LAS_COPTIONS};

/* Puts the arguments into a fresh table at LAS_CLIST; if they were one table,
   that stays at LAS_COPTIONS, else false. Its string keys must stand in
   'options' (ends with NULL). Returns how many; the last may be nil. */
LAS_API int las_listchildren (lua_State *L, const char *const options[]);

/* Number of the argument that the 'i'th child came from. */
LAS_API int las_childarg (lua_State *L, int i);

/* Raises unless task 't' can wait for each child, or start and wait. */
LAS_API void las_checkchildren (lua_State *L, las_Task *t, int n);

/* Makes futures of the children in the list. A function given twice runs
   twice; any other thing is one future in both places. */
LAS_API void las_startchildren (lua_State *L, las_Loop *lp, int n);

/* Takes repeated futures out of the list. Returns how many are left. */
LAS_API int las_dedupchildren (lua_State *L, int n);

/* Takes the 'n' futures of the list as children of 'all', which is zeroed but
   for 'done': that is called for those done already. Cannot raise. */
LAS_API void las_setchildren (lua_State *L, las_Children *all, int n);

/* Watches those that are not done. */
LAS_API void las_watchchildren (las_Children *all);

/* Leaves all that are still watched. Cannot raise. */
LAS_API void las_unwatchchildren (las_Children *all);

#define las_isbad(f) \
  ((f)->item.state == LAS_FAILED || (f)->item.state == LAS_CANCELLED)

#endif
