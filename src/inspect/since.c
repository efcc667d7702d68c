/*
** since.c
** When tasks began to wait. Tasks have no room for that, and steps no time, so
** the watchdog, which watches steps anyway, notes it elsewhere.
*/

#include <stdlib.h>

#include "inspect/since.h"
#include "base/clock.h"
#include "base/item.h"
#include "base/loop.h"
#include "task/future.h"
#include "task/task.h"


typedef struct Entry {
  const las_Task *t;	/* only compared */
  uint64_t when;
} Entry;

/* by anchor slots of tasks; an entry counts only for the task it names */
typedef struct Since {
  uint32_t n;
  Entry v[];
} Since;

#define sinceof(lp)	((Since *)(lp)->room[LAS_RSINCE])


/* Makes room for all slots of the loop. Returns NULL without memory. */
static Since *grow (las_Loop *lp) {
  uint32_t k, had = (sinceof(lp) != NULL) ? sinceof(lp)->n : 0;
  uint32_t n = lp->anchors.nslots + 1;
  Since *s = (Since *)realloc(sinceof(lp), sizeof(*s) + n * sizeof(Entry));
  if (s == NULL)
    return NULL;
  for (k = had; k < n; k++)
    s->v[k].t = NULL;
  s->n = n;
  lp->room[LAS_RSINCE] = s;
  return s;
}


void las_notesince (las_Loop *lp, const las_Task *t) {
  Since *s = sinceof(lp);
  uint32_t slot = t->f.item.slot;
  if (t->f.item.phase != LAS_PARKED)
    return;
  if ((s == NULL || slot >= s->n) && (s = grow(lp)) == NULL)
    return;  /* the moment stays unknown */
  s->v[slot].t = t;
  s->v[slot].when = las_now(lp);
}


uint64_t las_since (const las_Loop *lp, const las_Task *t) {
  const Since *s = sinceof(lp);
  uint32_t slot = t->f.item.slot;
  if (t->f.item.phase != LAS_PARKED || s == NULL || slot >= s->n ||
      s->v[slot].t != t)
    return 0;
  return s->v[slot].when;
}


void las_dropsince (las_Loop *lp) {
  free(lp->room[LAS_RSINCE]);
  lp->room[LAS_RSINCE] = NULL;
}
