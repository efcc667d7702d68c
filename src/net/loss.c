/*
** loss.c
** Losses: errors that know which connection was lost, and its peer.
*/

#include "net/loss.h"
#include "base/error.h"
#include "net/address.h"
#include "net/transport.h"


/* key of the stream whose loss an error is about, in the error */
static const char lossof = 0;


static int isloss (int err) {
  return err == UV_ECONNRESET || err == UV_EPIPE || err == UV_ETIMEDOUT ||
         err == UV_EHOSTUNREACH;
}


/* Writes and returns the peer's address, or NULL if it is not known. */
static const char *peertext (const las_Stream *s, char *text) {
  if (s->peer.family == AF_UNSPEC)
    return NULL;
  las_peertext(&s->peer, text);
  return text;
}


void las_pushloss (lua_State *L, las_Stream *s, int err,
                   const char *syscall) {
  char text[LAS_ADDRESS];
  las_pushoserror(L, err, syscall, peertext(s, text));
  if (isloss(err)) {
    lua_pushlightuserdata(L, s);
    lua_rawsetp(L, -2, &lossof);
  }
}


int las_raiseloss (lua_State *L, las_Stream *s, int err,
                   const char *syscall) {
  if (err == UV_ENOMEM)
    return luaL_error(L, "not enough memory");
  las_pushloss(L, s, err, syscall);
  return lua_error(L);
}


int las_islossof (lua_State *L, int i, const las_Stream *s) {
  int yes;
  if (!lua_istable(L, i))
    return 0;
  yes = lua_rawgetp(L, i, &lossof) == LUA_TLIGHTUSERDATA &&
        lua_touserdata(L, -1) == (const void *)s;
  lua_pop(L, 1);
  return yes;
}
