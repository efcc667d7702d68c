/*
** asyncio.c
** The front door: opens every room, floor by floor, nothing else.
*/

#include "base/state.h"
#include "base/version.h"
#include "rooms.h"


/*
** The order matters: a room adds methods to types that were made before, and
** those of loops, futures and tasks come from several rooms.
*/
static void (*const rooms[]) (lua_State *L, int state) = {
  /* base */
  las_openstate, las_opencheck, las_openversion, las_openerror, las_opentrace,
  /* the types that others add to */
  las_openloop, las_opentask, las_openfuture,
  /* base, of loops */
  las_opencurrent, las_openorigin,
  /* task */
  las_openpark, las_opencancel, las_openstep, las_openjob, las_opencallback,
  las_openawaitable, las_openawait, las_opensleep, las_opencontext,
  las_opencontextvar, las_openreport, las_openunretrieved,
  /* run */
  las_openhandler, las_openfork, las_openrun, las_opendeadlock,
  /* inspect */
  las_opendump, las_opengraph, las_openwatchdog,
  /* coroutine */
  las_opendriver, las_opencoroutine, las_opengenerator,
  /* group */
  las_opentimeout, las_opengather, las_openwait, las_opentaskgroup,
  las_opengroupend,
  /* sync */
  las_openlock, las_openevent, las_opencondition, las_opensemaphore,
  las_openbarrier, las_openqueue,
  /* net */
  las_openreader, las_openwriter, las_openconnect, las_openresolver,
  las_openserver, las_openhandlername,
  NULL
};


/* The functions lie one level down, in 'api': so an error message names them
   as the user knows them ('asyncio.sleep'), not as part of this module. */
LUAMOD_API int luaopen_asyncio_core (lua_State *L) {
  int fresh, k, state = 1;
  las_checkversions(L);
  lua_settop(L, 0);
  las_newstate(L, &fresh);
  lua_newtable(L);
  lua_newtable(L);
  for (k = 0; rooms[k] != NULL; k++)
    rooms[k](L, state);
  lua_setfield(L, -2, "api");
  return 1;
}
