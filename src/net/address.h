/*
** address.h
** Addresses as text, as values of Lua, and back.
*/

#ifndef las_address_h
#define las_address_h

#include "base/base.h"


#define LAS_ADDRESS	128	/* bytes that the text of an address takes */

/* the address of an IP peer, in little memory */
typedef struct las_Peer {
  unsigned char bytes[16];	/* of the address */
  uint32_t zone;
  uint16_t port;	/* in the order of the network */
  uint16_t family;	/* AF_UNSPEC: there is none */
} las_Peer;

/* Stores an IP address; any other counts as none. C only. */
LAS_API void las_setpeer (las_Peer *peer, const struct sockaddr *sa);
/* Writes it as text, as las_addresstext does. C only. */
LAS_API void las_peertext (const las_Peer *peer, char *text);
/* Writes an address as "127.0.0.1:80" or "[::1]:80" to LAS_ADDRESS bytes.
   C only. */
LAS_API void las_addresstext (const struct sockaddr *sa, char *text);
/* Pushes host and port of an address, or a path. Returns how many values.
   [-0, +(0..2), m] */
LAS_API int las_pushaddress (lua_State *L, const struct sockaddr_storage *sa,
                             socklen_t len);
/* Pushes {host =, port =, family =} or {path =}. [-0, +1, m] */
LAS_API void las_pushendpoint (lua_State *L,
                               const struct sockaddr_storage *sa,
                               socklen_t len);
/* Reads a numeric address, with its zone if it has one. libuv's error or 0;
   C only. */
LAS_API int las_parseaddress (const char *host, int port,
                              struct sockaddr_storage *sa);

#endif
