/*
** dropped.c
** Dropped connections: collected without a close, which debug mode reports.
** A finalizer must not allocate in Lua, so it leaves a note in C.
*/

#include <stdlib.h>
#include <string.h>

#include "net/dropped.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/report.h"
#include "net/address.h"
#include "net/shared.h"
#include "net/transport.h"


typedef struct las_Drop {
  struct las_Drop *next;
  char *origin;			/* "file:line" that made it, or NULL */
  char peer[LAS_ADDRESS];	/* "" if it is not known */
} las_Drop;


static void writepeer (const las_Stream *s, char *text) {
  size_t n = LAS_ADDRESS - 1;
  text[0] = '\0';
  if (s->peer.family != AF_UNSPEC)
    las_peertext(&s->peer, text);
  else if (s->uv.handle.type == UV_NAMED_PIPE)
    text[uv_pipe_getpeername(&s->uv.pipe, text, &n) == 0 ? n : 0] = '\0';
}


/* The note takes over the stream's 'origin'. Without memory there is none. */
void las_notedrop (las_Stream *s) {
  las_Loop *lp = s->loop;
  las_Shared *sh = las_shared(lp);
  las_Drop *d;
  if (lp->closing || lp->S->ending)
    return;
  d = (las_Drop *)malloc(sizeof(*d));
  if (d == NULL)
    return;
  d->next = NULL;
  d->origin = s->res.origin;
  s->res.origin = NULL;
  writepeer(s, d->peer);
  if (sh->drops.first != NULL)
    sh->drops.last->next = d;
  else
    sh->drops.first = d;
  sh->drops.last = d;
  if (!sh->drops.job.trigger.item.phase) {
    sh->drops.job.trigger.item.phase = 1;
    las_queue(lp, &sh->drops.job.trigger.item);
  }
}


static void freefirst (las_Shared *sh) {
  las_Drop *d = sh->drops.first;
  sh->drops.first = d->next;
  free(d->origin);
  free(d);
}


void las_freedrops (las_Shared *sh) {
  while (sh->drops.first != NULL)
    freefirst(sh);
}


/* Pushes the context of the report. [-0, +1, m] */
static void pushreport (lua_State *L, const las_Drop *d) {
  lua_createtable(L, 0, 3);
  lua_pushliteral(L, "a connection was dropped without close");
  lua_setfield(L, -2, "message");
  if (d->peer[0] != '\0') {
    lua_pushstring(L, d->peer);
    lua_setfield(L, -2, "peer");
  }
  if (d->origin != NULL) {
    lua_pushstring(L, d->origin);
    lua_setfield(L, -2, "origin");
  }
}


/* Exception handlers may drop more streams meanwhile. */
void las_telldrops (lua_State *L, las_Loop *lp) {
  las_Shared *sh = las_shared(lp);
  luaL_checkstack(L, 8, NULL);
  while (sh->drops.first != NULL) {
    pushreport(L, sh->drops.first);
    freefirst(sh);
    las_callhandler(L, lp);
  }
}


/* the job */
static int rundrops (lua_State *L) {
  las_Shared *sh = las_owner(lua_touserdata(L, 1), las_Shared, drops.job);
  sh->drops.job.trigger.item.phase = 0;
  las_telldrops(L, las_state(L)->loop);
  return 0;
}


void las_initdrops (las_Shared *sh) {
  sh->drops.job.trigger.item.type = LAS_JOB;
  sh->drops.job.run = rundrops;
}
