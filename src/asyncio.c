/*
** asyncio.c
** The front door: registers every room, nothing else.
*/

#include "core/core.h"
#include "net/connect.h"
#include "net/reader.h"
#include "net/resolver.h"
#include "net/server.h"
#include "net/writer.h"
#include "sync/lock.h"


/* The functions lie one level down, in 'api': so an error message names them
   as the user knows them ('asyncio.sleep'), not as part of this module. */
LUAMOD_API int luaopen_asyncio_core (lua_State *L) {
  int fresh, state = 1;
  las_checkversions(L);
  lua_settop(L, 0);
  las_newstate(L, &fresh);
  lua_newtable(L);
  lua_newtable(L);
  las_openstate(L, state);
  las_opencheck(L, state);
  las_openversion(L, state);
  las_openerror(L, state);
  las_openpark(L, state);
  las_openloop(L, state);
  las_opencurrent(L, state);
  las_openfork(L, state);
  las_openorigin(L, state);
  las_opendump(L, state);
  las_opengraph(L, state);
  las_openrun(L, state);
  las_opendeadlock(L, state);
  las_openwatchdog(L, state);
  las_opentask(L, state);
  las_openstep(L, state);
  las_openfuture(L, state);
  las_opencancel(L, state);
  las_openjob(L, state);
  las_opencallback(L, state);
  las_openawaitable(L, state);
  las_openawait(L, state);
  las_opentrace(L, state);
  las_opendriver(L, state);
  las_opengenerator(L, state);
  las_opencontext(L, state);
  las_opencontextvar(L, state);
  las_opensleep(L, state);
  las_opentimeout(L, state);
  las_opengather(L, state);
  las_openwait(L, state);
  las_opentaskgroup(L, state);
  las_opengroupend(L, state);
  las_openreport(L, state);
  las_openunretrieved(L, state);
  las_openlock(L, state);
  las_openevent(L, state);
  las_opencondition(L, state);
  las_opensemaphore(L, state);
  las_openbarrier(L, state);
  las_openqueue(L, state);
  las_openreader(L, state);
  las_openwriter(L, state);
  las_openconnect(L, state);
  las_openresolver(L, state);
  las_openserver(L, state);
  lua_setfield(L, -2, "api");
  return 1;
}
