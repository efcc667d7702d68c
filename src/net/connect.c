/*
** connect.c
** Connecting to one address. The Lua layer handles names and several
** addresses. A connection that no task waits for any more is closed.
*/

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "net/address.h"
#include "net/pair.h"
#include "net/reader.h"
#include "net/transport.h"
#include "rooms.h"


/* stack of a connecting call: address as text, port or nil, options, reader,
   writer */
enum {HOST = 1, PORT, OPTIONS, READER, WRITER};


static void leaveconnect (las_Task *t) {
  las_Stream *s = (las_Stream *)t->what;
  s->connecting = NULL;
  las_abortstream(s);
}

static const las_Wait connectwait = {.name = "connect", .leave = leaveconnect};


static void onconnect (uv_connect_t *req, int status) {
  las_Stream *s = (las_Stream *)req->handle->data;
  free(req);
  s->connected = (status == 0);
  s->werr = status;
  if (s->connecting != NULL) {
    las_Task *t = s->connecting;
    s->connecting = NULL;
    las_wake(t);
  }
}


static las_Stream *streamof (lua_State *L) {
  return *(las_Stream **)lua_touserdata(L, WRITER);
}


static int failed (lua_State *L, las_Stream *s, int err, const char *call) {
  char text[LAS_ADDRESS];
  const char *address = lua_tostring(L, HOST);
  struct sockaddr_storage sa;
  las_abortstream(s);
  if (!lua_isnil(L, PORT) &&
      las_parseaddress(address, (int)lua_tointeger(L, PORT), &sa) == 0) {
    las_addresstext((struct sockaddr *)&sa, text);
    address = text;
  }
  return las_oserror(L, err, call, address);
}


static int connectk (lua_State *L, int status, lua_KContext ctx) {
  las_Stream *s;
  (void)status;
  (void)ctx;
  las_checkwake(L);
  s = streamof(L);
  if (s->werr != 0)
    return failed(L, s, s->werr, "connect");
  las_startreading(s);
  return 2;
}


/*
** {==================================================================
** Options
** ===================================================================
*/

typedef struct Options {
  uint32_t limit;	/* of the reader, bytes */
  int nodelay, keepalive;
  int islocal;		/* is there a local address? */
  struct sockaddr_storage local;
} Options;


static lua_Integer intoption (lua_State *L, const char *name,
                              lua_Integer def) {
  lua_Integer n = def;
  if (lua_getfield(L, OPTIONS, name) != LUA_TNIL)
    n = lua_tointeger(L, -1);
  lua_pop(L, 1);
  return n;
}


static int booloption (lua_State *L, const char *name, int def) {
  int b = def;
  if (lua_getfield(L, OPTIONS, name) != LUA_TNIL)
    b = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return b;
}


static Options options (lua_State *L) {
  Options o;
  memset(&o, 0, sizeof(o));
  o.limit = (uint32_t)intoption(L, "limit", LAS_LIMIT);
  o.nodelay = booloption(L, "nodelay", 1);
  o.keepalive = booloption(L, "keepalive", 0);
  if (lua_getfield(L, OPTIONS, "local_host") != LUA_TNIL) {
    const char *host = lua_tostring(L, -1);
    int err = las_parseaddress(host, (int)intoption(L, "local_port", 0),
                               &o.local);
    if (err != 0)
      las_oserror(L, err, "bind", host);
    o.islocal = 1;
  }
  lua_pop(L, 1);
  return o;
}

/* }================================================================== */


/*
** {==================================================================
** Starting
** ===================================================================
*/

/* Begins to connect. libuv's error or 0; '*call' is the call that failed. */
static int starttcp (las_Stream *s, uv_connect_t *req, const Options *o,
                     const struct sockaddr *sa, const char **call) {
  int err = las_initstream(s, 0);
  if (err != 0)
    return err;
  if (o->islocal) {
    *call = "bind";
    err = uv_tcp_bind(&s->uv.tcp, (const struct sockaddr *)&o->local, 0);
    if (err != 0)
      return err;
  }
  las_setpeer(&s->peer, sa);
  *call = "connect";
  err = uv_tcp_connect(req, &s->uv.tcp, sa, onconnect);
  if (err == 0 && o->nodelay)
    uv_tcp_nodelay(&s->uv.tcp, 1);
  if (err == 0 && o->keepalive)
    uv_tcp_keepalive(&s->uv.tcp, 1, 60);
  return err;
}


static int startunix (las_Stream *s, uv_connect_t *req, const char *path) {
  int err = las_initstream(s, 1);
  if (err == 0)
    uv_pipe_connect(req, &s->uv.pipe, path, onconnect);
  return err;
}


/* Starts to connect. C only; after an error nothing is under way. */
static int start (las_Stream *s, const Options *o, const char *path,
                  const struct sockaddr *sa, const char **call) {
  uv_connect_t *req = (uv_connect_t *)malloc(sizeof(*req));
  int err;
  if (req == NULL)
    return UV_ENOMEM;
  err = (sa == NULL) ? startunix(s, req, path)
                     : starttcp(s, req, o, sa, call);
  if (err != 0)
    free(req);
  return err;
}


/* connect(address, port | nil, options): reader, writer. Only the Lua layer
   calls this, with checked arguments */
static int core_connect (lua_State *L) {
  las_Task *t = las_checktask(L, "open_connection");
  las_Stream *s;
  struct sockaddr_storage sa;
  int isunix, err = 0;
  const char *call = "connect", *host = lua_tostring(L, HOST);
  Options o;
  lua_settop(L, OPTIONS);
  las_checkcancel(L, t);
  o = options(L);
  isunix = lua_isnil(L, PORT);
  if (!isunix)
    err = las_parseaddress(host, (int)lua_tointeger(L, PORT), &sa);
  else if (lua_rawlen(L, HOST) >= sizeof(((struct sockaddr_un *)0)->sun_path))
    err = UV_ENAMETOOLONG;
  if (err != 0)
    return las_oserror(L, err, "connect", host);
  s = las_pushstream(L, t->f.loop, o.limit, isunix);
  err = start(s, &o, host, isunix ? NULL : (struct sockaddr *)&sa, &call);
  if (err != 0)
    return failed(L, s, err, call);
  s->connecting = t;
  las_park(t, &connectwait, s);
  return lua_yieldk(L, 0, 0, connectk);
}

/* }================================================================== */


void las_openconnect (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"connect", core_connect},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
