/*
** shared.c
** Shared: the part of a loop that its streams, servers and look-ups share.
** An idle stream holds no buffer, because libuv reads into one of the loop.
*/

#include <stdlib.h>

#include "net/shared.h"
#include "base/loop.h"
#include "base/resource.h"
#include "net/dropped.h"


static void drop (las_Resource *r) {
  las_Shared *sh = (las_Shared *)r;
  las_freedrops(sh);
  free(sh->readbuf);
  free(sh);
}


static const las_ResourceKind sharedkind = {
  .drop = drop, .tell = las_telldrops
};


int las_openshared (las_Loop *lp) {
  las_Shared *sh;
  if (las_likely(las_shared(lp) != NULL))
    return 0;
  sh = (las_Shared *)calloc(1, sizeof(*sh));
  if (sh == NULL)
    return UV_ENOMEM;
  sh->res.kind = &sharedkind;
  las_initdrops(sh);
  las_adopt(lp, &sh->res);
  lp->room[LAS_RNET] = sh;
  return 0;
}


char *las_readbuf (las_Loop *lp) {
  las_Shared *sh = las_shared(lp);
  if (sh->readbuf == NULL)
    sh->readbuf = (char *)malloc(LAS_READSIZE);
  return sh->readbuf;
}
