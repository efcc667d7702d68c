/*
** taskgroup.h
** Task groups: what the files that start and end them share.
*/

#ifndef las_taskgroup_h
#define las_taskgroup_h

#include "base/item.h"
#include "base/resource.h"
#include "base/site.h"
#include "task/reason.h"
#include "group/members.h"


typedef struct las_Group {
  las_Trigger abort;	/* first; in the ready queue while 'queued'. Its slot
			anchors the group while 'held' */
  las_Resource resource;	/* on the loop while 'held' */
  las_Loop *loop;	/* alive: user value LOOP */
  las_Task *parent;	/* alive: user value PARENT */
  las_Task *waiter;	/* the parent, while it waits for the last child */
  las_Members members;		/* children that are not done */
  las_Members failed;	/* ... that failed, in the order they ended */
  las_Member *spare;	/* for the next child, or NULL */
  unsigned base;	/* of the parent's cancels, when the group opened */
  las_Reason reason;	/* of its cancels, until it is left */
  las_Site site;	/* where it was opened */
  uint8_t held;		/* by the loop: while it has members or is queued */
  uint8_t queued;	/* will it abort in its turn? */
  uint8_t aborting;	/* are all children cancelled? */
  uint8_t own;		/* was the parent cancelled by the group? */
  uint8_t leaving;	/* has the block ended? */
  uint8_t left;		/* ... and the wait for the children too? */
} las_Group;

/* user values */
enum las_GroupValue {LAS_GLOOP = 1, LAS_GPARENT, LAS_NGROUP = LAS_GPARENT};

/* Returns the group at 1, or raises an argument error. */
LAS_API las_Group *las_checkgroup (lua_State *L);

/* Cancels all children, the oldest first. C only, as all functions below. */
LAS_API void las_cancelmembers (las_Group *g);

/* Cancels the children, and the block if it still runs. Does so once. */
LAS_API void las_abortgroup (las_Group *g);

/* Ends a group that nobody can wait for any more: the remaining children go on
   without it. */
LAS_API void las_finishgroup (las_Group *g);

/* Forgets the children that failed: an error that was not retrieved is
   reported when its child is collected. */
LAS_API void las_forgetfailed (las_Group *g);

/* Releases the loop's anchor of a group once no child is left whose end would
   concern it. */
LAS_API void las_unanchorgroup (las_Group *g);

#endif
