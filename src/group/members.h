/*
** members.h
** Members: what a task group keeps for each of its children.
** They stand in lists, in the order they came; no Lua, and nothing can fail.
*/

#ifndef las_members_h
#define las_members_h

#include "base/item.h"


typedef struct las_Member {
  las_Trigger trigger;	/* first; in the child's waiters while it is pending.
			Its slot anchors a child that failed, and any that a
			task factory gave; 0: the child has its own */
  struct las_Group *group;	/* alive: it is held while it has members */
  las_Future *child;	/* alive: anchored, as above */
  struct las_Member *next, *prev;
  int starting;		/* is its error raised by 'start' alone? */
} las_Member;

/* a list of members */
typedef struct las_Members {
  las_Member *first, *last;
  las_Member *cursor;	/* the next one that a walk comes to */
  unsigned count;
} las_Members;

/* A member of the group, whose trigger calls 'fire'; NULL without memory. */
LAS_API las_Member *las_newmember (struct las_Group *g,
                                   void (*fire) (las_Trigger *, las_Future *));

/* Adds a member at the end of the list. */
LAS_API void las_addmember (las_Members *ms, las_Member *m);

/* Takes one out of its list; a walk continues after it. */
LAS_API void las_removemember (las_Members *ms, las_Member *m);

/* Takes all out of the list. Returns the first; they are still linked by
   'next'. */
LAS_API las_Member *las_takemembers (las_Members *ms);

/* Begins a walk over the list: las_nextmember returns one after the other, and
   NULL at the end. Any of them may be removed meanwhile. */
LAS_API void las_firstmember (las_Members *ms);
LAS_API las_Member *las_nextmember (las_Members *ms);

#endif
