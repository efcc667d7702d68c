/*
** input.c
** Inputs: the bytes at hand of a reader.
** A task that waits for bytes is stepped as soon as they come, and takes them
** from the read buffer directly.
*/

#include <stdlib.h>

#include "net/input.h"
#include "base/anchor.h"
#include "task/park.h"
#include "task/step.h"
#include "net/buffer.h"
#include "net/shared.h"
#include "net/transport.h"


/* Returns what the streams of the loop share, if its buffer holds bytes just
   read for this reader, else NULL. */
static las_Shared *freshof (const las_Input *r) {
  las_Loop *lp = r->bare ? NULL : las_streamof(r)->loop;
  las_Shared *sh = (lp != NULL) ? las_shared(lp) : NULL;
  return (sh != NULL && sh->fresh.owner == r) ? sh : NULL;
}


/* Moves the fresh bytes into the buffer. UV_ENOMEM or 0. */
static int keepfresh (las_Shared *sh, las_Input *r) {
  if (las_bufappend(&r->in, sh->fresh.p, sh->fresh.n) != 0)
    return UV_ENOMEM;
  sh->fresh.owner = NULL;
  return 0;
}


/* Fresh bytes are appended to the buffer if that is not empty. */
const char *las_view (lua_State *L, las_Input *r, size_t *n) {
  las_Shared *sh = freshof(r);
  if (sh != NULL) {
    if (r->in.n == 0) {
      *n = sh->fresh.n;
      return sh->fresh.p;
    }
    if (keepfresh(sh, r) != 0)
      luaL_error(L, "not enough memory");
  }
  *n = r->in.n;
  return las_bufdata(&r->in);
}


/* The rest is moved to the buffer before the program's code runs. */
void las_take (las_Input *r, size_t n) {
  las_Shared *sh = freshof(r);
  if (sh != NULL) {
    sh->fresh.p += n;
    sh->fresh.n -= n;
    keepfresh(sh, r);  /* if that fails, 'feed' tries again */
  }
  else
    las_bufdrop(&r->in, n);
  r->scanned = 0;
  if (!r->bare && r->in.n <= r->limit && !las_streamof(r)->reading)
    las_startreading(las_streamof(r));
}


/* Takes the task that waits out of its wait, as it may never run again: outside
   code may have closed its coroutine. [-0, +0, -] */
static las_Task *takewaiter (las_Input *r) {
  las_Task *t = r->waiter;
  r->waiter = NULL;
  return t;
}


void las_wakereader (las_Input *r) {
  las_Task *t = takewaiter(r);
  if (t != NULL)
    las_wake(t);
}


int las_needmore (lua_State *L, las_Input *r) {
  las_Shared *sh = freshof(r);
  if (sh != NULL && keepfresh(sh, r) != 0)
    return luaL_error(L, "not enough memory");
  return -1;
}


int las_isempty (const las_Input *r) {
  return r->in.n == 0 && freshof(r) == NULL;
}


/*
** {==================================================================
** The sink of a transport
** ===================================================================
*/

#define inputof(s)	(&las_owner(s, las_Pair, stream)->input)


static void feed (las_Stream *s, const char *p, size_t n) {
  las_Input *r = inputof(s);
  las_Loop *lp = s->loop;
  las_Shared *sh = las_shared(lp);
  las_Task *t = takewaiter(r);
  sh->fresh.owner = r;
  sh->fresh.p = p;
  sh->fresh.n = n;
  if (t != NULL)
    las_stepnow(lp, t);
  if (sh->fresh.owner == r && keepfresh(sh, r) != 0) {
    sh->fresh.owner = NULL;
    r->err = UV_ENOMEM;
  }
  if (s->reading && r->waiter == NULL && r->in.n > 2 * (size_t)r->limit)
    las_stopreading(s);
}


static void end (las_Stream *s, int err) {
  las_Input *r = inputof(s);
  if (err == 0)
    r->eof = 1;
  else
    r->err = err;
  las_wakereader(r);
}


static void gone (las_Stream *s) {
  las_Input *r = inputof(s);
  if (s->loop == NULL) {
    r->eof = 1;
    r->waiter = NULL;
    return;
  }
  if (r->excepted)
    las_release(s->loop, r->exception);
  r->excepted = 0;
}


static void freepair (las_Stream *s) {
  las_Pair *pair = las_owner(s, las_Pair, stream);
  las_buffree(&pair->input.in);
  free(pair);
}


const las_Sink las_inputsink = {feed, end, gone, freepair};

/* }================================================================== */
