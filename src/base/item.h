/*
** item.h
** Items: what can stand in the ready queue, a list of waiters or the heap.
** An item knows what its event does to it, so these need not know any kind.
*/

#ifndef las_item_h
#define las_item_h

#include "base/base.h"


enum las_ItemType {
  LAS_FUTURE,	/* a plain future: never queued itself */
  LAS_TASK,	/* made ready, the loop resumes it */
  LAS_JOB,	/* made ready, the loop calls a C function, protected */
  LAS_TRIGGER	/* its function is called at once, or in its turn if it
		was made ready; it may not call Lua or raise */
};

enum las_Phase {
  LAS_NEW,	/* never stepped; stands in the ready queue */
  LAS_READY,	/* woken; stands in the ready queue */
  LAS_RUNNING,	/* being stepped, or inside it steps another one */
  LAS_PARKED,	/* waits, as 'wait' says */
  LAS_DONE
};

struct las_Item {
  uint32_t slot;	/* its place among the loop's anchors; 0 for none */
  uint8_t type;		/* enum las_ItemType */
  uint8_t state;	/* of a future: enum las_Outcome */
  uint8_t phase;	/* of a task: enum las_Phase; else: is it queued? */
  uint8_t flags;	/* LAS_F... */
  union {
    struct { las_Item *next, *prev; } list;	/* while in a list */
    struct { uint64_t seq; size_t index; } heap;	/* while in the heap */
  } u;
};

typedef struct las_Trigger {
  las_Item item;	/* first */
  void (*fire) (struct las_Trigger *w, las_Future *f);	/* its event has
				come; 'f' is done, if not NULL; C only */
} las_Trigger;

typedef struct las_Job {
  las_Trigger trigger;	/* first; 'fire' may be NULL where no event can come */
  lua_CFunction run;	/* gets the job as a light userdata */
  int context;		/* the user value that holds its context; 0: none */
} las_Job;

/* a circular list of items: points to the first one */
typedef las_Item *las_List;

/* the ready queue: a list linked by u.list.next alone */
typedef struct las_Ready {
  las_Item *first, *last;
  size_t n;
} las_Ready;

/* Adds an item at the end of a list. Nothing in this file can raise. */
LAS_API void las_append (las_List *l, las_Item *it);
/* Takes it out again. */
LAS_API void las_unlink (las_List *l, las_Item *it);

/* Makes an item ready: it goes to the end of the loop's queue. */
LAS_API void las_queue (las_Loop *lp, las_Item *it);
/* The same, to the front of the queue. */
LAS_API void las_queuefirst (las_Loop *lp, las_Item *it);

/* Does what the item's type says, because its deadline has come or the future
   'f' is done (else NULL). */
LAS_API void las_fire (las_Loop *lp, las_Item *it, las_Future *f);

typedef struct las_Deadline {
  uint64_t when;	/* nanoseconds of the loop's clock */
  las_Item *item;
} las_Deadline;

typedef struct las_Heap {
  las_Deadline *v;	/* 1-based in las_Item.u.heap.index, 0-based here */
  size_t n, size;
  uint64_t seq;		/* items ever added: breaks ties, first in first out */
} las_Heap;

/* Makes room for one more deadline; false without memory. */
LAS_API int las_heapreserve (las_Heap *h);
/* Adds a deadline, for which there must be room; removes one. */
LAS_API void las_heapadd (las_Heap *h, las_Item *it, uint64_t when);
LAS_API void las_heapremove (las_Heap *h, las_Item *it);
#define las_heaptop(h)	((h)->v[0].item)

#endif
