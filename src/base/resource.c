/*
** resource.c
** Resources: what a loop must close before it goes.
*/

#include <stdlib.h>

#include "base/resource.h"
#include "base/loop.h"
#include "base/origin.h"


void las_adopt (las_Loop *lp, las_Resource *r) {
  r->prev = NULL;
  r->next = lp->resources;
  if (r->next != NULL)
    r->next->prev = r;
  lp->resources = r;
  r->origin = las_unlikely(lp->origins) ? las_duporigin(lp) : NULL;
}


void las_disown (las_Loop *lp, las_Resource *r) {
  if (r->next != NULL)
    r->next->prev = r->prev;
  if (r->prev != NULL)
    r->prev->next = r->next;
  else
    lp->resources = r->next;
  r->next = r->prev = NULL;
  free(r->origin);
  r->origin = NULL;
}


void las_tellresources (lua_State *L, las_Loop *lp) {
  const las_Resource *r;
  for (r = lp->resources; r != NULL; r = r->next) {
    if (r->kind->tell != NULL) {
      r->kind->tell(L, lp);
      return;
    }
  }
}
