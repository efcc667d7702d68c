/*
** address.c
** Addresses as text, and back.
*/

#include <netdb.h>
#include <string.h>
#include <sys/un.h>

#include "net/address.h"


static int porto (const struct sockaddr *sa) {
  if (sa->sa_family == AF_INET6)
    return ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port);
  return ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port);
}


/* Writes the host with its zone as text, without a port. */
static void hosttext (const struct sockaddr *sa, char *text, size_t size) {
  socklen_t len = (sa->sa_family == AF_INET6) ? sizeof(struct sockaddr_in6)
                                              : sizeof(struct sockaddr_in);
  if (getnameinfo(sa, len, text, (socklen_t)size, NULL, 0,
                  NI_NUMERICHOST) != 0)
    memcpy(text, "?", 2);
}


void las_addresstext (const struct sockaddr *sa, char *text) {
  char host[LAS_ADDRESS - 10];
  hosttext(sa, host, sizeof(host));
  snprintf(text, LAS_ADDRESS,
           (sa->sa_family == AF_INET6) ? "[%s]:%d" : "%s:%d", host,
           porto(sa));
}


void las_setpeer (las_Peer *peer, const struct sockaddr *sa) {
  if (sa->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
    memcpy(peer->bytes, &in->sin_addr, sizeof(in->sin_addr));
    peer->port = in->sin_port;
  }
  else if (sa->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in =
        (const struct sockaddr_in6 *)(const void *)sa;
    memcpy(peer->bytes, &in->sin6_addr, sizeof(in->sin6_addr));
    peer->port = in->sin6_port;
    peer->zone = in->sin6_scope_id;
  }
  else {
    peer->family = AF_UNSPEC;
    return;
  }
  peer->family = sa->sa_family;
}


void las_peertext (const las_Peer *peer, char *text) {
  struct sockaddr_storage sa;
  memset(&sa, 0, sizeof(sa));
  sa.ss_family = peer->family;
  if (peer->family == AF_INET) {
    struct sockaddr_in *in = (struct sockaddr_in *)&sa;
    memcpy(&in->sin_addr, peer->bytes, sizeof(in->sin_addr));
    in->sin_port = peer->port;
  }
  else {
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&sa;
    memcpy(&in->sin6_addr, peer->bytes, sizeof(in->sin6_addr));
    in->sin6_port = peer->port;
    in->sin6_scope_id = peer->zone;
  }
  las_addresstext((struct sockaddr *)&sa, text);
}


int las_pushaddress (lua_State *L, const struct sockaddr_storage *sa,
                     socklen_t len) {
  const struct sockaddr *any = (const struct sockaddr *)sa;
  if (sa->ss_family == AF_UNIX) {
    const struct sockaddr_un *un = (const struct sockaddr_un *)sa;
    size_t head = offsetof(struct sockaddr_un, sun_path);
    size_t n = (len > head) ? len - head : 0;
    lua_pushlstring(L, un->sun_path, (n > 0 && un->sun_path[0] != '\0')
                                         ? strnlen(un->sun_path, n) : n);
    return 1;
  }
  if (sa->ss_family == AF_INET || sa->ss_family == AF_INET6) {
    char host[LAS_ADDRESS];
    hosttext(any, host, sizeof(host));
    lua_pushstring(L, host);
    lua_pushinteger(L, porto(any));
    return 2;
  }
  return 0;
}


void las_pushendpoint (lua_State *L, const struct sockaddr_storage *sa,
                       socklen_t len) {
  lua_createtable(L, 0, 3);
  if (las_pushaddress(L, sa, len) == 2) {
    lua_setfield(L, -3, "port");
    lua_setfield(L, -2, "host");
    lua_pushstring(L, (sa->ss_family == AF_INET6) ? "inet6" : "inet");
    lua_setfield(L, -2, "family");
  }
  else
    lua_setfield(L, -2, "path");
}


/* Reads an address with a zone. The system does that, and does not block. */
static int parsezone (const char *host, int port,
                      struct sockaddr_storage *sa) {
  struct addrinfo hints, *info;
  memset(&hints, 0, sizeof(hints));
  hints.ai_family = AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST;
  if (getaddrinfo(host, NULL, &hints, &info) != 0)
    return UV_EINVAL;
  memcpy(sa, info->ai_addr, info->ai_addrlen);
  freeaddrinfo(info);
  ((struct sockaddr_in6 *)sa)->sin6_port = htons((uint16_t)port);
  return 0;
}


int las_parseaddress (const char *host, int port,
                      struct sockaddr_storage *sa) {
  memset(sa, 0, sizeof(*sa));
  if (uv_ip4_addr(host, port, (struct sockaddr_in *)sa) == 0)
    return 0;
  if (strchr(host, '%') != NULL)
    return parsezone(host, port, sa);
  return uv_ip6_addr(host, port, (struct sockaddr_in6 *)sa);
}
