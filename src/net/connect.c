/*
** connect.c
** Connecting to one address. Names and several addresses are the Lua
** layer's; a connection that nobody waits for any more is closed.
*/

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "net/net.h"


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


/* Binds to the option 'local_host', 'local_port', if there. */
static int bindlocal (lua_State *L, las_Stream *s) {
  struct sockaddr_storage sa;
  int err = 0;
  if (lua_getfield(L, OPTIONS, "local_host") != LUA_TNIL) {
    int port = (int)intoption(L, "local_port", 0);
    err = las_parseaddress(lua_tostring(L, -1), port, &sa);
    if (err == 0)
      err = uv_tcp_bind(&s->uv.tcp, (struct sockaddr *)&sa, 0);
  }
  lua_pop(L, 1);
  return err;
}


/* '*call' names what failed, if it does. */
static int starttcp (lua_State *L, las_Stream *s, uv_connect_t *req,
                     const char **call) {
  struct sockaddr_storage sa;
  int err = las_parseaddress(lua_tostring(L, HOST),
                             (int)lua_tointeger(L, PORT), &sa);
  if (err == 0)
    err = las_initstream(s, 0);
  if (err != 0)
    return err;
  *call = "bind";
  err = bindlocal(L, s);
  if (err != 0)
    return err;
  *call = "connect";
  err = uv_tcp_connect(req, &s->uv.tcp, (struct sockaddr *)&sa, onconnect);
  if (err == 0) {
    if (booloption(L, "nodelay", 1))
      uv_tcp_nodelay(&s->uv.tcp, 1);
    if (booloption(L, "keepalive", 0))
      uv_tcp_keepalive(&s->uv.tcp, 1, 60);
  }
  return err;
}


static int startunix (lua_State *L, las_Stream *s, uv_connect_t *req) {
  int err = las_initstream(s, 1);
  if (err == 0)
    uv_pipe_connect(req, &s->uv.pipe, lua_tostring(L, HOST), onconnect);
  return err;
}


/* connect(address, port | nil, options): reader, writer. Only the Lua layer
   calls it; the arguments are checked. */
static int core_connect (lua_State *L) {
  las_Task *t = las_checktask(L, "open_connection");
  las_Stream *s;
  uv_connect_t *req;
  const char *call = "connect";
  int err;
  lua_settop(L, OPTIONS);
  las_checkcancel(L, t);
  s = las_pushstream(L, t->f.loop,
                     (uint32_t)intoption(L, "limit", LAS_LIMIT),
                     lua_isnil(L, PORT));
  if (lua_isnil(L, PORT) &&
      lua_rawlen(L, HOST) >= sizeof(((struct sockaddr_un *)0)->sun_path))
    return las_oserror(L, UV_ENAMETOOLONG, "connect", lua_tostring(L, HOST));
  req = (uv_connect_t *)malloc(sizeof(*req));
  if (req == NULL)
    return luaL_error(L, "not enough memory");
  err = lua_isnil(L, PORT) ? startunix(L, s, req)
                              : starttcp(L, s, req, &call);
  if (err != 0) {
    free(req);
    return failed(L, s, err, call);
  }
  s->connecting = t;
  las_park(t, &connectwait, s);
  return lua_yieldk(L, 0, 0, connectk);
}


void las_openconnect (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"connect", core_connect},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
