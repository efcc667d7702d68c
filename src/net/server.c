/*
** server.c
** Server: the object with which a program controls a listener.
*/

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/anchor.h"
#include "base/budget.h"
#include "base/current.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/resource.h"
#include "base/state.h"
#include "task/awaitable.h"
#include "task/context.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "net/address.h"
#include "net/bind.h"
#include "net/listener.h"
#include "net/shared.h"
#include "net/transport.h"
#include "rooms.h"


typedef struct Box {
  las_Listener *server;
} Box;


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


/* Stops listening; clients stay connected. Does nothing if it did so before. */
static void closeserver (las_Listener *s) {
  if (s->closed)
    return;
  if (s->starved) {
    s->serving = 0;
    las_endstarving(s);
  }
  s->closed = 1;
  s->serving = 0;
  las_closesockets(s);
  las_disown(s->loop, &s->res);
  if (!s->queued)
    las_letgolistener(s);
  wakeforever(s);
  las_wakeclosers(s);
}


/* Closes the server with its loop. Streams are resources of their own. */
static void dropserver (las_Resource *res) {
  las_Listener *s = las_owner(res, las_Listener, res);
  s->closed = 1;
  s->serving = s->starved = 0;
  s->waiters = NULL;
  s->forever = NULL;
  las_closesockets(s);
  s->loop = NULL;
}


static const las_ResourceKind serverkind = {
  .name = "server", .drop = dropserver
};


/* Returns the listener, NULL after the finalizer of the server: those of older
   objects may still use it. */
static las_Listener *toserver (lua_State *L) {
  return ((Box *)las_check(L, 1, LAS_TSERVER))->server;
}


static las_Listener *checkserver (lua_State *L) {
  las_Listener *s = toserver(L);
  if (las_unlikely(s == NULL))
    luaL_error(L, "the server is closed");
  return s;
}


/* Raises if the server's loop belongs to the process that this one was forked
   from, with which it shares the listening sockets. */
static void checkowned (lua_State *L, const las_Listener *s) {
  if (s->loop != NULL && s->loop->closed == LAS_FOREIGN)
    las_raiseforeign(L, s->loop->process.pid);
}


static void checkopen (lua_State *L, const las_Listener *s) {
  checkowned(L, s);
  if (s->closed)
    luaL_error(L, "the server is closed");
}


static int server_gc (lua_State *L) {
  Box *box = (Box *)lua_touserdata(L, 1);
  las_Listener *s = box->server;
  box->server = NULL;
  if (s != NULL)
    las_unreflistener(s);
  return 0;
}


/* new_server(handler, limit, backlog, max_connections, keepalive): a server
   that listens nowhere yet. Only the Lua layer calls this */
static int core_new_server (lua_State *L) {
  las_Loop *lp = las_checkrunning(L);
  las_Listener *s;
  Box *box;
  lua_settop(L, 5);
  if (!las_asbody(L, 1, 1) || lua_isthread(L, 1))
    return luaL_typeerror(L, 1, "function");
  box = (Box *)lua_newuserdatauv(L, sizeof(*box), LAS_NSERVER);
  box->server = NULL;
  las_settype(L, LAS_TSERVER);
  if (las_unlikely(lp->S->contexts) && las_copycontext(L))
    lua_setiuservalue(L, -2, LAS_SCONTEXT);
  las_pushloop(L, lp);
  lua_setiuservalue(L, -2, LAS_SLOOP);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, LAS_SHANDLER);
  s = (las_Listener *)calloc(1, sizeof(*s));
  if (s == NULL)
    return luaL_error(L, "not enough memory");
  las_initlistener(s);
  box->server = s;
  s->limit = (uint32_t)lua_tointeger(L, 2);
  s->backlog = (int)lua_tointeger(L, 3);
  s->max = (size_t)lua_tointeger(L, 4);
  s->keepalive = (uint8_t)lua_toboolean(L, 5);
  s->closed = 1;
  s->job.trigger.item.slot = las_anchor(L, lp, -1);
  if (las_openshared(lp) != 0)
    return luaL_error(L, "not enough memory");
  s->loop = lp;
  s->closed = 0;
  s->res.kind = &serverkind;
  las_adopt(lp, &s->res);
  return 1;
}


/* bind(server, host, port, reuse_address, reuse_port): binds one more socket
   and returns its port. Only the Lua layer calls this */
static int core_bind (lua_State *L) {
  las_Listener *s = checkserver(L);
  const char *host = luaL_checkstring(L, 2);
  struct sockaddr_storage sa;
  socklen_t len = sizeof(sa);
  char text[LAS_ADDRESS];
  int err = las_parseaddress(host, (int)luaL_checkinteger(L, 3), &sa);
  checkopen(L, s);
  if (err != 0)
    return las_oserror(L, err, "bind", host);
  err = las_bind(s, (struct sockaddr *)&sa, lua_toboolean(L, 4),
                 lua_toboolean(L, 5));
  if (err != 0) {
    las_addresstext((struct sockaddr *)&sa, text);
    return las_oserror(L, err, "bind", text);
  }
  getsockname(s->sockets->fd, (struct sockaddr *)&sa, &len);
  if (las_pushaddress(L, &sa, len) != 2)
    lua_pushnil(L);
  return 1;
}


/* bind_unix(server, path): only the Lua layer calls this */
static int core_bind_unix (lua_State *L) {
  las_Listener *s = checkserver(L);
  size_t n;
  const char *path = luaL_checklstring(L, 2, &n);
  int err;
  checkopen(L, s);
  err = las_bindunix(s, path, n);
  return (err == 0) ? 0 : las_oserror(L, err, "bind", path);
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

static const las_Wait foreverwait = {
  .name = "serve_forever", .leave = leaveforever
};
static const las_Wait closedwait = {
  .name = "wait_closed", .leave = las_leavelist
};


static int wakenk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  las_checkwake(L);
  return 0;
}


static las_Task *checkwaiter (lua_State *L, const las_Listener *s,
                              const char *fname) {
  las_Task *t;
  checkowned(L, s);
  t = las_checktask(L, fname);
  if (s->loop != NULL && !s->loop->closed && t->f.loop != s->loop)
    luaL_error(L, "cannot wait for a server that belongs to another loop");
  return t;
}


static int raiselisten (lua_State *L, int err, const las_Socket *k) {
  struct sockaddr_storage sa;
  socklen_t len = sizeof(sa);
  char text[LAS_ADDRESS];
  if (k->isunix)
    return las_oserror(L, err, "listen", k->path);
  memset(&sa, 0, sizeof(sa));
  getsockname(k->fd, (struct sockaddr *)&sa, &len);
  las_addresstext((struct sockaddr *)&sa, text);
  return las_oserror(L, err, "listen", text);
}


/* start_serving(): does not suspend */
static int server_start_serving (lua_State *L) {
  las_Listener *s = checkserver(L);
  las_Socket *failed;
  int err;
  checkopen(L, s);
  err = las_listen(s, &failed);
  if (err != 0)
    return raiselisten(L, err, failed);
  if (!s->serving) {
    s->serving = 1;
    las_updatepolls(s);
  }
  return 0;
}


/* stop_accepting(): new connections wait until start_serving */
static int server_stop_accepting (lua_State *L) {
  las_Listener *s = checkserver(L);
  checkowned(L, s);
  if (s->serving) {
    las_endstarving(s);
    s->serving = 0;
    las_updatepolls(s);
  }
  return 0;
}


/* serve_forever(): waits until the server is closed; closes it if cancelled */
static int server_serve_forever (lua_State *L) {
  las_Listener *s = checkserver(L);
  las_Task *t = checkwaiter(L, s, "serve_forever");
  checkopen(L, s);
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
  las_Listener *s = toserver(L);
  if (s != NULL)
    closeserver(s);
  return 0;
}


static int waitserver (lua_State *L, las_Listener *s, las_Task *t) {
  if ((s->closed && s->nopen == 0) || s->loop == NULL)
    return 0;
  las_waitin(L, t, &s->waiters, &closedwait);
  return lua_yieldk(L, 0, 0, wakenk);
}


static int waitserverk (lua_State *L, int status, lua_KContext ctx) {
  las_Task *t = las_checkwake(L);
  (void)status;
  (void)ctx;
  return waitserver(L, checkserver(L), t);
}


/* wait_closed(): waits until it is closed and no connection is left */
static int server_wait_closed (lua_State *L) {
  las_Listener *s = checkserver(L);
  las_Task *t = checkwaiter(L, s, "wait_closed");
  if (las_spent(t->f.loop)) {
    las_giveway(L, t);
    return lua_yieldk(L, 0, 0, waitserverk);
  }
  return waitserver(L, s, t);
}


/* __close(server, err): waits for the clients, unless an error is being raised
   or this is no place where a task can wait */
static int server_scopeclose (lua_State *L) {
  las_Listener *s = toserver(L);
  las_Task *t = las_currenttask(L, las_state(L));
  if (s == NULL)
    return 0;
  closeserver(s);
  if (t == NULL || !lua_isnoneornil(L, 2) || t->f.loop != s->loop)
    return 0;
  return waitserver(L, s, t);
}


static int server_is_serving (lua_State *L) {
  const las_Listener *s = toserver(L);
  lua_pushboolean(L, s != NULL && s->serving);
  return 1;
}


/* sockets(): list of {host =, port =, family =} or {path =} */
static int server_sockets (lua_State *L) {
  las_Listener *s = checkserver(L);
  lua_Integer n = 0;
  las_Socket *k;
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
    las_pushendpoint(L, &sa, len);
    lua_rawseti(L, -2, n--);
  }
  return 1;
}


/* Ends all connections by 'end'. They leave the loop's list only later, when
   their handles are closed, so the walk is safe. */
static int endclients (lua_State *L, void (*end) (las_Stream *st)) {
  las_Listener *s = checkserver(L);
  las_Resource *r = (s->loop != NULL) ? s->loop->resources : NULL;
  for (; r != NULL; r = r->next) {
    if (las_isstream(r) && las_owner(r, las_Stream, res)->keeper == &s->keeper)
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


/* stats(): how many connections came, and how they ended */
static int server_stats (lua_State *L) {
  const las_Listener *s = checkserver(L);
  const struct { const char *name; uint64_t n; } fields[] = {
    {"accepted", s->count.accepted}, {"active", s->nopen},
    {"refused", s->count.refused}, {"handshake_errors", 0},
    {"handler_errors", s->count.handlererrors},
    {"peer_errors", s->count.peererrors}
  };
  size_t i, n = sizeof(fields) / sizeof(fields[0]);
  lua_createtable(L, 0, (int)n);
  for (i = 0; i < n; i++) {
    lua_pushinteger(L, (lua_Integer)fields[i].n);
    lua_setfield(L, -2, fields[i].name);
  }
  return 1;
}


static int server_get_loop (lua_State *L) {
  toserver(L);
  lua_getiuservalue(L, 1, LAS_SLOOP);
  return 1;
}


static int server_tostring (lua_State *L) {
  const las_Listener *s = toserver(L);
  if (s == NULL) {
    lua_pushliteral(L, "Server<state=closed>");
    return 1;
  }
  lua_pushfstring(L, "Server<state=%s, connections=%d>",
                  s->closed ? "closed" : s->serving ? "serving" : "idle",
                  (int)s->nopen);
  return 1;
}

/* }================================================================== */


void las_openserver (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"new_server", core_new_server},
    {"bind", core_bind},
    {"bind_unix", core_bind_unix},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"start_serving", server_start_serving},
    {"stop_accepting", server_stop_accepting},
    {"serve_forever", server_serve_forever},
    {"close", server_close},
    {"wait_closed", server_wait_closed},
    {"is_serving", server_is_serving},
    {"sockets", server_sockets},
    {"close_clients", server_close_clients},
    {"abort_clients", server_abort_clients},
    {"stats", server_stats},
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
