/*
** since.c
** When tasks began to wait. A task has no room for it, and its steps no time;
** so it is noted beside them, by those who watch steps anyway.
*/

#include <stdlib.h>

#include "core/core.h"
#include "core/since.h"


struct las_SinceEntry {
  const las_Task *t;	/* only compared */
  uint64_t when;
};


void las_notesince (las_Loop *lp, const las_Task *t) {
  las_Since *s = &lp->since;
  uint32_t slot = t->f.item.slot;
  if (t->f.item.phase != LAS_PARKED)
    return;
  if (slot >= s->n) {
    uint32_t k, n = lp->nslots + 1;
    struct las_SinceEntry *v =
        (struct las_SinceEntry *)realloc(s->v, n * sizeof(*v));
    if (v == NULL)
      return;  /* then it is not known */
    for (k = s->n; k < n; k++)
      v[k].t = NULL;
    s->v = v;
    s->n = n;
  }
  s->v[slot].t = t;
  s->v[slot].when = las_now(lp);
}


uint64_t las_since (const las_Loop *lp, const las_Task *t) {
  uint32_t slot = t->f.item.slot;
  if (t->f.item.phase != LAS_PARKED || slot >= lp->since.n ||
      lp->since.v[slot].t != t)
    return 0;
  return lp->since.v[slot].when;
}


void las_dropsince (las_Loop *lp) {
  free(lp->since.v);
  lp->since.v = NULL;
  lp->since.n = 0;
}
