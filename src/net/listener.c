/*
** listener.c
** Accepting: makes a task for each connection to a server.
** libuv's listener would hide that descriptors have run out. Ours stops and
** reports that, and starts again when one may be free.
*/

#define _GNU_SOURCE  /* accept4 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listener.h"
#include "base/anchor.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/cancel.h"
#include "task/context.h"
#include "task/future.h"
#include "task/park.h"
#include "task/report.h"
#include "task/task.h"
#include "task/unretrieved.h"
#include "net/address.h"
#include "net/loss.h"
#include "net/pair.h"
#include "net/shared.h"
#include "net/transport.h"


#define BATCH	64		/* connections accepted in a row */
#define STARVED	1000000000	/* nanoseconds until the next try */


void las_unreflistener (las_Listener *s) {
  if (--s->refs == 0) {
    free(s->path);
    free(s);
  }
}


/*
** {==================================================================
** Polling
** ===================================================================
*/

static void onpoll (uv_poll_t *poll, int status, int events) {
  las_Socket *k = (las_Socket *)poll->data;
  las_Listener *s = k->server;
  (void)status;
  (void)events;
  k->ready = 1;
  if (!s->queued) {
    s->queued = 1;
    las_queue(s->loop, &s->job.trigger.item);
  }
}


static int isfull (const las_Listener *s) {
  return s->max != 0 && s->nopen >= s->max;
}


void las_updatepolls (las_Listener *s) {
  int on = s->serving && !s->closed && !s->starved && !isfull(s);
  las_Socket *k;
  for (k = s->sockets; k != NULL; k = k->next) {
    if (on)
      uv_poll_start(&k->poll, UV_READABLE, onpoll);
    else {
      uv_poll_stop(&k->poll);
      k->ready = 0;
    }
  }
}


void las_endstarving (las_Listener *s) {
  if (s->starved) {
    s->starved = 0;
    las_unlink(&las_shared(s->loop)->freed, &s->freed.item);
    if (s->retry.item.phase)
      las_heapremove(&s->loop->clock.heap, &s->retry.item);
    s->retry.item.phase = 0;
    las_updatepolls(s);
  }
}


static void onretry (las_Trigger *w, las_Future *f) {
  (void)f;
  w->item.phase = 0;
  las_endstarving(las_owner(w, las_Listener, retry));
}


/* Firing has unlinked the trigger; it returns to the list while it starves. */
static void onroom (las_Trigger *w, las_Future *f) {
  las_Listener *s = las_owner(w, las_Listener, freed);
  (void)f;
  las_append(&las_shared(s->loop)->freed, &w->item);
  las_endstarving(s);
}


/* Stops accepting until a descriptor may be free again. */
static void starve (las_Listener *s) {
  las_Loop *lp = s->loop;
  if (s->starved)
    return;
  s->starved = 1;
  las_append(&las_shared(lp)->freed, &s->freed.item);
  if (las_heapreserve(&lp->clock.heap)) {
    las_heapadd(&lp->clock.heap, &s->retry.item, las_now(lp) + STARVED);
    s->retry.item.phase = 1;
  }
  las_updatepolls(s);
}

/* }================================================================== */


/*
** {==================================================================
** Connections
** ===================================================================
*/

void las_wakeclosers (las_Listener *s) {
  if (s->closed && s->nopen == 0)
    las_wakeall(&s->waiters);
}


static void onclosed (las_Stream *st) {
  las_Listener *s = las_listenerof(st);
  s->nopen--;
  if (s->loop != NULL) {
    if (s->serving && s->nopen + 1 == s->max)
      las_updatepolls(s);
    las_wakeclosers(s);
  }
}


static void onfreed (las_Stream *st) {
  las_unreflistener(las_listenerof(st));
}


static const las_Keeper keeper = {onclosed, onfreed};


/* Counts a handler that failed, because its own connection was lost ('lost') or
   for another reason. */
static void onfailed (las_Listener *s, las_Future *f, int lost) {
  if (!lost) {
    s->count.handlererrors++;
    las_reportnow(f->loop, f, "the handler of a connection failed");
    return;
  }
  s->count.peererrors++;
  if (f->loop->debug)
    las_reportnow(f->loop, f, "the connection of a handler was lost");
  else
    f->item.flags |= LAS_FSEEN;
}


/* The handler has ended. What it wrote is still sent, unless it failed. */
static void handled (las_Stream *st, las_Future *f, int lost) {
  if (f->item.state == LAS_FAILED)
    onfailed(las_listenerof(st), f, lost);
  if (f->item.state == LAS_FINISHED)
    las_closestream(st);
  else
    las_abortstream(st);
  las_handled(f->loop, st);
}


/* Did the future at 'i' fail because the stream was lost? [-0, +0, -] */
static int waslost (lua_State *L, int i, const las_Stream *st) {
  int lost;
  if (lua_type(L, i) != LUA_TUSERDATA)
    return 0;
  lua_getiuservalue(L, i, LAS_UVALUE);
  lost = las_islossof(L, -1, st);
  lua_pop(L, 1);
  return lost;
}


static void onhandled (las_Trigger *w, las_Future *f) {
  las_Stream *st = las_owner(w, las_Stream, done);
  lua_State *A = f->loop->anchors.thread;
  int lost;
  lua_rawgeti(A, LAS_ATABLE, f->item.slot);
  lost = waslost(A, -1, st);
  lua_pop(A, 1);
  handled(st, f, lost);
}


/* Is this an error of one connection only, which failed before it could be
   accepted? */
static int isaborted (int err) {
  switch (err) {
    case EINTR: case ECONNABORTED: case EPROTO: case ENOPROTOOPT:
    case ENETDOWN: case ENETUNREACH: case EHOSTUNREACH: case EOPNOTSUPP:
#if defined(__linux__)
    case EHOSTDOWN: case ENONET:
#endif
      return 1;
    default:
      return 0;
  }
}


static int acceptfd (int fd, struct sockaddr_storage *sa) {
  socklen_t len;
  int conn;
  do {
    len = sizeof(*sa);
#if defined(__linux__)
    conn = accept4(fd, (struct sockaddr *)sa, &len,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    conn = accept(fd, (struct sockaddr *)sa, &len);
    if (conn >= 0) {
      fcntl(conn, F_SETFL, O_NONBLOCK);
      fcntl(conn, F_SETFD, FD_CLOEXEC);
    }
#endif
  } while (conn < 0 && isaborted(errno));
  return conn;
}


/* Ties the stream to the server until it is closed and its handler has ended.
   C only. */
static void join (las_Listener *s, las_Stream *st) {
  st->keeper = &s->keeper;
  s->refs++;
  s->nopen++;
  st->refs++;
  st->done.item.type = LAS_TRIGGER;
  st->done.fire = onhandled;
}


/* Watches the handler, whose future is on top. Cannot raise. */
static void watchhandler (lua_State *L, las_Stream *st, las_Future *f) {
  if (f->item.state == LAS_PENDING)
    las_append(&f->waiters, &st->done.item);
  else  /* a future of a task factory */
    handled(st, f, waslost(L, -1, st));
}


/* an accepted connection */
typedef struct Accepted {
  las_Socket *from;
  const struct sockaddr *peer;
  int fd;		/* -1 once the stream owns it */
  las_Stream *st;	/* set while it is joined and has no handler yet */
} Accepted;


/* connection(handler, accepted): makes a stream, and a task that handles it.
   Everything that can raise comes before the stream is open, except for a task
   factory. */
static int connection (lua_State *L) {
  enum {SUBJECT = 3};  /* the writer: below the body and its arguments */
  Accepted *a = (Accepted *)lua_touserdata(L, 2);
  las_Listener *s = a->from->server;
  las_Loop *lp = s->loop;
  las_Task *t = NULL;
  las_Stream *st;
  lua_pushvalue(L, 1);
  st = las_pushstream(L, lp, s->limit, a->from->isunix);
  if (!lp->factory) {
    lua_pushvalue(L, -1);
    lua_insert(L, SUBJECT);
    t = las_newtaskfor(L, lp, 2, SUBJECT);
  }
  if (las_openstream(st, a->fd, a->from->isunix) != 0) {
    if (t != NULL) {
      las_cancel(&t->f);  /* it must not run */
      las_start(t, 0);
    }
    return 0;
  }
  a->fd = -1;
  if (!a->from->isunix) {
    las_setpeer(&st->peer, a->peer);
    uv_tcp_nodelay(&st->uv.tcp, 1);
    if (s->keepalive)
      uv_tcp_keepalive(&st->uv.tcp, 1, 60);
  }
  join(s, st);
  las_startreading(st);
  if (t != NULL) {
    watchhandler(L, st, &t->f);
    las_start(t, 0);
  }
  else {
    a->st = st;
    watchhandler(L, st, las_spawn(L, lp, 2));
    a->st = NULL;
  }
  return 0;
}


/* Closes what nothing has taken over, because there was no memory or the task
   factory failed. */
static void giveup (Accepted *a) {
  if (a->fd >= 0 || a->st != NULL)
    a->from->server->count.refused++;
  if (a->fd >= 0)
    close(a->fd);
  if (a->st != NULL) {
    las_Loop *lp = a->from->server->loop;
    las_abortstream(a->st);
    las_handled(lp, a->st);
  }
}


static void pushfailure (lua_State *L, las_Loop *lp, const char *message) {
  lua_newtable(L);
  lua_insert(L, -2);
  lua_setfield(L, -2, "exception");
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  las_callhandler(L, lp);
}


/* Reports that accepting fails, at most once a second. */
static void logfailure (lua_State *L, las_Listener *s, int err) {
  uint64_t now = uv_hrtime();
  if (s->logged != 0 && now - s->logged < STARVED)
    return;
  s->logged = now;
  las_pushoserror(L, err, "accept", NULL);
  pushfailure(L, s->loop, "a server cannot accept connections");
}


/* stack of the job that accepts */
enum {JOB = 1, SERVER, FUNCTION, CONNECTION};


/* Calls 'connection' in the context of the server. */
static int callconnection (lua_State *L, Accepted *a) {
  int contexts = a->from->server->loop->S->contexts;
  int status, top = lua_gettop(L);
  if (las_unlikely(contexts)) {
    lua_getiuservalue(L, SERVER, LAS_SCONTEXT);
    las_swapcontext(L);
  }
  lua_pushvalue(L, CONNECTION);
  lua_pushvalue(L, FUNCTION);
  lua_pushlightuserdata(L, a);
  status = lua_pcall(L, 2, 0, 0);
  if (las_unlikely(contexts)) {
    lua_pushvalue(L, top + 1);
    las_swapcontext(L);
    lua_settop(L, (status == LUA_OK) ? top : top + 2);
    if (status != LUA_OK)
      lua_remove(L, top + 1);
  }
  return status;
}


/* Accepts a batch from one socket. */
static void acceptbatch (lua_State *L, las_Listener *s, las_Socket *k) {
  int i;
  for (i = 0; i < BATCH && !isfull(s) && !s->closed; i++) {
    struct sockaddr_storage sa;
    Accepted a = {k, (struct sockaddr *)&sa, acceptfd(k->fd, &sa), NULL};
    if (a.fd < 0) {
      k->ready = 0;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        int err = -errno;
        starve(s);
        logfailure(L, s, err);
      }
      return;
    }
    s->count.accepted++;
    if (callconnection(L, &a) != LUA_OK)
      pushfailure(L, s->loop, "a connection could not be served");
    giveup(&a);
  }
}


void las_letgolistener (las_Listener *s) {
  if (s->job.trigger.item.slot != 0)
    las_release(s->loop, s->job.trigger.item.slot);
  s->job.trigger.item.slot = 0;
}


/* the job: accept(job) */
static int runaccept (lua_State *L) {
  las_Listener *s = las_owner(lua_touserdata(L, 1), las_Listener, job);
  las_Socket *k;
  s->queued = 0;
  las_pushanchored(L, s->loop, s->job.trigger.item.slot);
  if (s->closed)
    las_letgolistener(s);
  if (!s->serving)
    return 0;
  lua_getiuservalue(L, SERVER, LAS_SHANDLER);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcclosure(L, connection, 1);
  for (k = s->sockets; k != NULL; k = k->next) {
    if (k->ready && !s->starved)
      acceptbatch(L, s, k);
  }
  if (isfull(s))
    las_updatepolls(s);
  return 0;
}

/* }================================================================== */


void las_initlistener (las_Listener *s) {
  s->keeper = &keeper;
  s->refs = 1;
  s->job.trigger.item.type = LAS_JOB;
  s->job.run = runaccept;
  s->retry.item.type = s->freed.item.type = LAS_TRIGGER;
  s->retry.fire = onretry;
  s->freed.fire = onroom;
}
