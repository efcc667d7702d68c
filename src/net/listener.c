/*
** listener.c
** Server: listening sockets of our own, a task for each connection.
** libuv's listener would hide that descriptors have run out; ours stops,
** says so, and starts again when there may be some.
*/

#define _GNU_SOURCE  /* accept4 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/net.h"


#define BATCH	64		/* connections accepted in a row */
#define STARVED	1000000000	/* nanoseconds until the next try */

typedef struct Socket {
  uv_poll_t poll;
  struct las_Listener *server;
  struct Socket *next;
  int fd;
  int isunix;
  int ready;		/* did the poll see a connection? */
  dev_t dev;		/* of the file of a unix socket */
  ino_t ino;
  char *path;		/* of a unix socket, else NULL */
} Socket;

typedef struct las_Listener {
  las_Job job;		/* accepts; stands in the ready queue if 'queued' */
  las_Watch retry;	/* in the heap while 'starved' */
  las_Watch freed;	/* in the loop's list while 'starved' */
  las_Resource res;
  las_Loop *loop;	/* NULL once the loop has closed */
  Socket *sockets;
  las_List waiters;	/* tasks in wait_closed */
  las_Task *forever;	/* the task in serve_forever */
  size_t nopen;		/* open connections */
  size_t max;		/* as many at most; 0: any number */
  uint32_t limit;	/* of the readers, bytes */
  uint64_t logged;	/* when running out was last reported */
  int backlog;
  int refs;		/* userdata, open polls, clients */
  uint8_t keepalive;
  uint8_t queued, starved, serving, closed;
} las_Listener;

typedef struct Box {
  las_Listener *server;
} Box;

/* user values: the handler; the loop, which may be closed; the context that
   the server was made in, or nil */
enum {HANDLER = 1, LOOP, CONTEXT, NSERVER = CONTEXT};


static void unref (las_Listener *s) {
  if (--s->refs == 0)
    free(s);
}


/*
** {==================================================================
** Polling
** ===================================================================
*/

static void onpoll (uv_poll_t *poll, int status, int events) {
  Socket *k = (Socket *)poll->data;
  las_Listener *s = k->server;
  (void)status;
  (void)events;
  k->ready = 1;
  if (!s->queued) {
    s->queued = 1;
    las_queue(s->loop, &s->job.item);
  }
}


static int isfull (const las_Listener *s) {
  return s->max != 0 && s->nopen >= s->max;
}


/* Starts or stops all polls, as the state asks. */
static void update (las_Listener *s) {
  int on = s->serving && !s->closed && !s->starved && !isfull(s);
  Socket *k;
  for (k = s->sockets; k != NULL; k = k->next) {
    if (on)
      uv_poll_start(&k->poll, UV_READABLE, onpoll);
    else {
      uv_poll_stop(&k->poll);
      k->ready = 0;
    }
  }
}


static void recover (las_Listener *s) {
  if (s->starved) {
    s->starved = 0;
    las_unlink(&s->loop->freed, &s->freed.item);
    if (s->retry.item.phase)
      las_heapremove(&s->loop->heap, &s->retry.item);
    s->retry.item.phase = 0;
    update(s);
  }
}


static void onretry (las_Watch *w, las_Future *f) {
  (void)f;
  w->item.phase = 0;
  recover(las_owner(w, las_Listener, retry));
}


/* recover unlinks: stand in the list again while this is told */
static void onfreed (las_Watch *w, las_Future *f) {
  las_Listener *s = las_owner(w, las_Listener, freed);
  (void)f;
  las_append(&s->loop->freed, &w->item);
  recover(s);
}


/* Descriptors have run out: no more tries until one may be free. */
static void starve (las_Listener *s) {
  las_Loop *lp = s->loop;
  if (s->starved)
    return;
  s->starved = 1;
  las_append(&lp->freed, &s->freed.item);
  if (las_heapreserve(&lp->heap)) {
    las_heapadd(&lp->heap, &s->retry.item, las_now(lp) + STARVED);
    s->retry.item.phase = 1;
  }
  update(s);
}

/* }================================================================== */


/*
** {==================================================================
** Connections
** ===================================================================
*/

static void wakewaiters (las_Listener *s) {
  if (s->closed && s->nopen == 0) {
    while (s->waiters != NULL)
      las_wakefirst(&s->waiters);
  }
}


void las_disconnected (las_Stream *st) {
  las_Listener *s = st->server;
  st->server = NULL;
  s->nopen--;
  if (s->loop != NULL) {
    if (s->serving && s->nopen + 1 == s->max)
      update(s);
    wakewaiters(s);
  }
  unref(s);
}


/* The handler is over: what it wrote goes out, unless it failed. */
static void onhandled (las_Watch *w, las_Future *f) {
  las_Stream *st = las_owner(w, las_Stream, done);
  if (f->item.state == LAS_FAILED)
    las_reportnow(f->loop, (las_Task *)f, "the handler of a connection failed");
  if (f->item.state == LAS_FINISHED)
    las_closestream(st);
  else
    las_abortstream(st);
  las_handled(f->loop, st);
}


/* Did only this one connection fail, before it could be accepted? */
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


static int acceptfd (int fd) {
  int conn;
  do {
#if defined(__linux__)
    conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    conn = accept(fd, NULL, NULL);
    if (conn >= 0) {
      fcntl(conn, F_SETFL, O_NONBLOCK);
      fcntl(conn, F_SETFD, FD_CLOEXEC);
    }
#endif
  } while (conn < 0 && isaborted(errno));
  return conn;
}


/* Ties stream and task to the server. C only. */
static void join (las_Listener *s, las_Stream *st, las_Task *t) {
  st->server = s;
  s->refs++;
  s->nopen++;
  st->refs++;
  st->done.item.type = LAS_WATCH;
  st->done.told = onhandled;
  las_append(&t->f.waiters, &st->done.item);
}


/* connection(handler, socket, &fd): makes the stream and the task of an
   accepted descriptor; sets fd to -1 once something owns it. */
static int connection (lua_State *L) {
  Socket *k = (Socket *)lua_touserdata(L, 2);
  int *fd = (int *)lua_touserdata(L, 3);
  las_Listener *s = k->server;
  las_Stream *st;
  las_Task *t;
  lua_pushvalue(L, 1);
  st = las_pushstream(L, s->loop, s->limit, k->isunix);
  t = las_newtask(L, s->loop, 2);
  if (las_openstream(st, *fd, k->isunix) != 0)
    las_cancel(&t->f);  /* it never runs */
  else {
    *fd = -1;
    if (!k->isunix) {
      uv_tcp_nodelay(&st->uv.tcp, 1);
      if (s->keepalive)
        uv_tcp_keepalive(&st->uv.tcp, 1, 60);
    }
    join(s, st, t);
    las_startreading(st);
  }
  las_start(t, 0);
  return 0;
}


static void pushfailure (lua_State *L, las_Loop *lp, const char *message) {
  lua_newtable(L);
  lua_insert(L, -2);
  lua_setfield(L, -2, "exception");
  lua_pushstring(L, message);
  lua_setfield(L, -2, "message");
  las_callhandler(L, lp);
}


/* Reports a failing accept, at most once a second. */
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
static int callconnection (lua_State *L, Socket *k, int *fd) {
  int status, top = lua_gettop(L), contexts = k->server->loop->S->contexts;
  if (las_unlikely(contexts)) {
    lua_getiuservalue(L, SERVER, CONTEXT);
    las_swapcontext(L);
  }
  lua_pushvalue(L, CONNECTION);
  lua_pushvalue(L, FUNCTION);
  lua_pushlightuserdata(L, k);
  lua_pushlightuserdata(L, fd);
  status = lua_pcall(L, 3, 0, 0);
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
static void acceptbatch (lua_State *L, las_Listener *s, Socket *k) {
  int i;
  for (i = 0; i < BATCH && !isfull(s) && !s->closed; i++) {
    int fd = acceptfd(k->fd);
    if (fd < 0) {
      k->ready = 0;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        int err = -errno;
        starve(s);
        logfailure(L, s, err);
      }
      return;
    }
    if (callconnection(L, k, &fd) != LUA_OK)
      pushfailure(L, s->loop, "a connection could not be served");
    if (fd >= 0)
      close(fd);
  }
}


/* The loop does not hold the server any more. */
static void letgo (las_Listener *s) {
  if (s->job.item.slot != 0)
    las_release(s->loop, s->job.item.slot);
  s->job.item.slot = 0;
}


/* the job: door(job) */
static int runaccept (lua_State *L) {
  las_Listener *s = las_owner(lua_touserdata(L, 1), las_Listener, job);
  Socket *k;
  s->queued = 0;
  las_pushanchored(L, s->loop, s->job.item.slot);
  if (s->closed)
    letgo(s);
  if (!s->serving)
    return 0;
  lua_getiuservalue(L, SERVER, HANDLER);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushcclosure(L, connection, 1);
  for (k = s->sockets; k != NULL; k = k->next) {
    if (k->ready && !s->starved)
      acceptbatch(L, s, k);
  }
  if (isfull(s))
    update(s);
  return 0;
}

/* }================================================================== */


/*
** {==================================================================
** Sockets
** ===================================================================
*/

static void onpollclosed (uv_handle_t *h) {
  Socket *k = (Socket *)h->data;
  las_Listener *s = k->server;
  free(k->path);
  free(k);
  unref(s);
}


/* Removes the file of a unix socket, if it is still ours. */
static void unlinkfile (const Socket *k) {
  struct stat st;
  if (k->path != NULL && stat(k->path, &st) == 0 && st.st_dev == k->dev &&
      st.st_ino == k->ino)
    unlink(k->path);
}


static void closesockets (las_Listener *s) {
  while (s->sockets != NULL) {
    Socket *k = s->sockets;
    s->sockets = k->next;
    unlinkfile(k);
    uv_poll_stop(&k->poll);
    uv_close((uv_handle_t *)&k->poll, onpollclosed);
    close(k->fd);  /* at once: the address is free for the next server */
  }
}


/* A listening socket on the address; -errno on failure. */
static int opensocket (const struct sockaddr *sa, socklen_t len,
                       int reuseaddress, int reuseport, int backlog) {
  int on = 1, err;
  int fd = socket(sa->sa_family, SOCK_STREAM, 0);
  if (fd < 0)
    return -errno;
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
      fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
    goto fail;
  if (reuseaddress &&
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
    goto fail;
#if defined(SO_REUSEPORT)
  if (reuseport &&
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
    goto fail;
#endif
  if (sa->sa_family == AF_INET6 &&
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
    goto fail;
  if (bind(fd, sa, len) != 0 || listen(fd, backlog) != 0)
    goto fail;
  return fd;
 fail:
  err = -errno;
  close(fd);
  return err;
}


/* Hands the descriptor to a poll of the server; the descriptor is closed on
   failure. */
static int addsocket (las_Listener *s, int fd, const char *path) {
  Socket *k = (Socket *)calloc(1, sizeof(*k));
  int err = UV_ENOMEM;
  if (k == NULL)
    goto nosocket;
  if (path != NULL) {
    struct stat st;
    k->path = strdup(path);
    if (k->path == NULL)
      goto nopath;
    if (stat(path, &st) == 0) {
      k->dev = st.st_dev;
      k->ino = st.st_ino;
    }
    k->isunix = 1;
  }
  err = uv_poll_init(&s->loop->uv, &k->poll, fd);
  if (err != 0)
    goto nopoll;
  k->poll.data = k;
  k->fd = fd;
  k->server = s;
  k->next = s->sockets;
  s->sockets = k;
  s->refs++;
  return 0;
 nopoll:
  free(k->path);
 nopath:
  free(k);
 nosocket:
  close(fd);
  return err;
}

/* }================================================================== */


/*
** {==================================================================
** Making and closing
** ===================================================================
*/

static void wakeforever (las_Listener *s) {
  if (s->forever != NULL) {
    las_Task *t = s->forever;
    s->forever = NULL;
    las_wake(t);
  }
}


/* Stops listening; clients stay. Again does nothing. */
static void closeserver (las_Listener *s) {
  if (s->closed)
    return;
  if (s->starved) {
    s->serving = 0;
    recover(s);
  }
  s->closed = 1;
  s->serving = 0;
  closesockets(s);
  las_disown(s->loop, &s->res);
  if (!s->queued)
    letgo(s);
  wakeforever(s);
  wakewaiters(s);
}


/* The loop closes. Streams are dropped as resources of their own. */
static void dropserver (las_Resource *res) {
  las_Listener *s = las_owner(res, las_Listener, res);
  s->closed = 1;
  s->serving = s->starved = 0;
  s->waiters = NULL;
  s->forever = NULL;
  closesockets(s);
  s->loop = NULL;
}


static const las_ResourceKind serverkind = {"server", dropserver};


static las_Listener *checkserver (lua_State *L) {
  return ((Box *)las_check(L, 1, LAS_TSERVER))->server;
}


static void opened (lua_State *L, const las_Listener *s) {
  if (s->closed)
    luaL_error(L, "the server is closed");
}


static int server_gc (lua_State *L) {
  Box *box = (Box *)lua_touserdata(L, 1);
  las_Listener *s = box->server;
  box->server = NULL;
  if (s != NULL)
    unref(s);
  return 0;
}


/* new_server(handler, limit, backlog, max_connections, keepalive): one that
   listens nowhere yet. Only the Lua layer calls it. */
static int core_new_server (lua_State *L) {
  las_Loop *lp = las_checkrunning(L);
  las_Listener *s;
  Box *box;
  lua_settop(L, 5);
  if (!las_tobody(L, 1, 1) || lua_isthread(L, 1))
    return luaL_typeerror(L, 1, "function");
  box = (Box *)lua_newuserdatauv(L, sizeof(*box), NSERVER);
  box->server = NULL;
  las_settype(L, LAS_TSERVER);
  if (las_unlikely(lp->S->contexts) && las_copycontext(L))
    lua_setiuservalue(L, -2, CONTEXT);
  las_pushloop(L, lp);
  lua_setiuservalue(L, -2, LOOP);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, HANDLER);
  s = (las_Listener *)calloc(1, sizeof(*s));
  if (s == NULL)
    return luaL_error(L, "not enough memory");
  s->refs = 1;
  box->server = s;
  s->job.item.type = LAS_JOB;
  s->job.run = runaccept;
  s->retry.item.type = s->freed.item.type = LAS_WATCH;
  s->retry.told = onretry;
  s->freed.told = onfreed;
  s->limit = (uint32_t)lua_tointeger(L, 2);
  s->backlog = (int)lua_tointeger(L, 3);
  s->max = (size_t)lua_tointeger(L, 4);
  s->keepalive = (uint8_t)lua_toboolean(L, 5);
  s->closed = 1;
  s->job.item.slot = las_anchor(L, lp, -1);
  s->loop = lp;
  s->closed = 0;
  s->res.kind = &serverkind;
  las_adopt(lp, &s->res);
  return 1;
}


/* bind(server, host, port, reuse_address, reuse_port): listens there too;
   returns the port. Only the Lua layer calls it. */
static int core_bind (lua_State *L) {
  las_Listener *s = checkserver(L);
  struct sockaddr_storage sa;
  socklen_t len = sizeof(sa);
  char text[LAS_ADDRESS];
  int fd, err = las_parseaddress(luaL_checkstring(L, 2),
                                 (int)luaL_checkinteger(L, 3), &sa);
  opened(L, s);
  if (err != 0)
    return las_oserror(L, err, "bind", lua_tostring(L, 2));
  fd = opensocket((struct sockaddr *)&sa,
                  (sa.ss_family == AF_INET6) ? sizeof(struct sockaddr_in6)
                                             : sizeof(struct sockaddr_in),
                  lua_toboolean(L, 4), lua_toboolean(L, 5), s->backlog);
  if (fd < 0) {
    las_addresstext((struct sockaddr *)&sa, text);
    return las_oserror(L, fd, "bind", text);
  }
  getsockname(fd, (struct sockaddr *)&sa, &len);
  err = addsocket(s, fd, NULL);
  if (err != 0)
    return las_oserror(L, err, "listen", NULL);
  if (las_pushaddress(L, &sa, len) != 2)
    lua_pushnil(L);
  return 1;
}


/* Is the file of a unix socket left from a server that is gone? */
static int isstale (const struct sockaddr_un *sa) {
  struct stat st;
  int stale, fd;
  if (stat(sa->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
    return 0;
  fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0)
    return 0;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  stale = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) != 0 &&
          errno == ECONNREFUSED;
  close(fd);
  return stale;
}


/* bind_unix(server, path). Only the Lua layer calls it. */
static int core_bind_unix (lua_State *L) {
  las_Listener *s = checkserver(L);
  size_t n;
  const char *path = luaL_checklstring(L, 2, &n);
  struct sockaddr_un sa;
  int fd, err;
  opened(L, s);
  if (n >= sizeof(sa.sun_path))
    return las_oserror(L, UV_ENAMETOOLONG, "bind", path);
  memset(&sa, 0, sizeof(sa));
  sa.sun_family = AF_UNIX;
  memcpy(sa.sun_path, path, n);
  fd = opensocket((struct sockaddr *)&sa, sizeof(sa), 0, 0, s->backlog);
  if (fd == UV_EADDRINUSE && isstale(&sa)) {
    unlink(path);
    fd = opensocket((struct sockaddr *)&sa, sizeof(sa), 0, 0, s->backlog);
  }
  if (fd < 0)
    return las_oserror(L, fd, "bind", path);
  err = addsocket(s, fd, path);
  return (err == 0) ? 0 : las_oserror(L, err, "listen", path);
}

/* }================================================================== */


/*
** {==================================================================
** Methods
** ===================================================================
*/

static void leaveforever (las_Task *t) {
  las_Listener *s = (las_Listener *)t->what;
  s->forever = NULL;
  closeserver(s);
}

static void leavewaiter (las_Task *t) {
  las_unlink(&((las_Listener *)t->what)->waiters, &t->f.item);
}

static const las_Wait foreverwait = {
  .name = "serve_forever", .leave = leaveforever
};
static const las_Wait closedwait = {
  .name = "wait_closed", .leave = leavewaiter
};


static int wakenk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  las_checkwake(L);
  return 0;
}


static las_Task *checkwaiter (lua_State *L, const las_Listener *s,
                              const char *fname) {
  las_Task *t = las_checktask(L, fname);
  if (s->loop != NULL && !s->loop->closed && t->f.loop != s->loop)
    luaL_error(L, "cannot wait for a server of another loop");
  return t;
}


/* start_serving(): does not suspend */
static int server_start_serving (lua_State *L) {
  las_Listener *s = checkserver(L);
  opened(L, s);
  if (!s->serving) {
    s->serving = 1;
    update(s);
  }
  return 0;
}


/* serve_forever(): until the server is closed, or closes it if cancelled */
static int server_serve_forever (lua_State *L) {
  las_Listener *s = checkserver(L);
  las_Task *t = checkwaiter(L, s, "serve_forever");
  opened(L, s);
  if (s->forever != NULL)
    return luaL_error(L, "another task is in serve_forever already");
  if (t->f.item.flags & LAS_FMUST)
    closeserver(s);
  las_checkcancel(L, t);
  server_start_serving(L);
  s->forever = t;
  las_park(t, &foreverwait, s);
  return lua_yieldk(L, 0, 0, wakenk);
}


static int server_close (lua_State *L) {
  closeserver(checkserver(L));
  return 0;
}


static int waitserver (lua_State *L, las_Listener *s, las_Task *t) {
  if ((s->closed && s->nopen == 0) || s->loop == NULL)
    return 0;
  las_checkcancel(L, t);
  las_append(&s->waiters, &t->f.item);
  las_park(t, &closedwait, s);
  return lua_yieldk(L, 0, 0, wakenk);
}


/* wait_closed(): closed, and no connection is left */
static int server_wait_closed (lua_State *L) {
  las_Listener *s = checkserver(L);
  return waitserver(L, s, checkwaiter(L, s, "wait_closed"));
}


/* __close(server, err): waits for the clients unless an error is on its way,
   or nothing can wait */
static int server_scopeclose (lua_State *L) {
  las_Listener *s = ((Box *)lua_touserdata(L, 1))->server;
  las_Task *t = las_currenttask(L, las_state(L));
  closeserver(s);
  if (t == NULL || !lua_isnil(L, 2) || t->f.loop != s->loop)
    return 0;
  return waitserver(L, s, t);
}


static int server_is_serving (lua_State *L) {
  lua_pushboolean(L, checkserver(L)->serving);
  return 1;
}


/* sockets(): list of {host =, port =, family =} or {path =} */
static int server_sockets (lua_State *L) {
  las_Listener *s = checkserver(L);
  lua_Integer n = 0;
  Socket *k;
  lua_newtable(L);
  for (k = s->sockets; k != NULL; k = k->next)
    n++;
  lua_pushinteger(L, n);
  lua_setfield(L, -2, "n");
  for (k = s->sockets; k != NULL; k = k->next) {  /* the newest is first */
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    memset(&sa, 0, sizeof(sa));
    getsockname(k->fd, (struct sockaddr *)&sa, &len);
    lua_createtable(L, 0, 3);
    if (las_pushaddress(L, &sa, len) == 2) {
      lua_setfield(L, -3, "port");
      lua_setfield(L, -2, "host");
      lua_pushstring(L, (sa.ss_family == AF_INET6) ? "inet6" : "inet");
      lua_setfield(L, -2, "family");
    }
    else
      lua_setfield(L, -2, "path");
    lua_rawseti(L, -2, n--);
  }
  return 1;
}


/* Ends all connections by 'end', which only marks them: they leave the
   loop's list later, when their handles are closed. */
static int endclients (lua_State *L, void (*end) (las_Stream *st)) {
  las_Listener *s = checkserver(L);
  las_Resource *r = (s->loop != NULL) ? s->loop->resources : NULL;
  for (; r != NULL; r = r->next) {
    if (las_isstream(r) && las_owner(r, las_Stream, res)->server == s)
      end(las_owner(r, las_Stream, res));
  }
  return 0;
}


static int server_close_clients (lua_State *L) {
  return endclients(L, las_closestream);
}


static int server_abort_clients (lua_State *L) {
  return endclients(L, las_abortstream);
}


static int server_get_loop (lua_State *L) {
  checkserver(L);
  lua_getiuservalue(L, 1, LOOP);
  return 1;
}


static int server_tostring (lua_State *L) {
  las_Listener *s = checkserver(L);
  lua_pushfstring(L, "Server<state=%s, connections=%d>",
                  s->closed ? "closed" : s->serving ? "serving" : "idle",
                  (int)s->nopen);
  return 1;
}

/* }================================================================== */


void las_openlistener (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"new_server", core_new_server},
    {"bind", core_bind},
    {"bind_unix", core_bind_unix},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"start_serving", server_start_serving},
    {"serve_forever", server_serve_forever},
    {"close", server_close},
    {"wait_closed", server_wait_closed},
    {"is_serving", server_is_serving},
    {"sockets", server_sockets},
    {"close_clients", server_close_clients},
    {"abort_clients", server_abort_clients},
    {"get_loop", server_get_loop},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__close", server_scopeclose},
    {"__gc", server_gc},
    {"__tostring", server_tostring},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TSERVER, "asyncio.Server", methods, meta);
  las_setfuncs(L, state, funcs);
}
