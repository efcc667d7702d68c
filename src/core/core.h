/*
** core.h
** The core: loop, items, futures, tasks and the one way to park and wake.
** It knows Lua and uv_loop_t only; every other floor is built on it.
*/

#ifndef las_core_h
#define las_core_h

#include "core/base.h"
#include "core/state.h"
#include "core/check.h"
#include "core/error.h"
#include "core/item.h"
#include "core/future.h"
#include "core/awaitable.h"
#include "core/park.h"
#include "core/cancel.h"
#include "core/driver.h"
#include "core/loop.h"
#include "core/resource.h"
#include "core/current.h"
#include "core/hook.h"
#include "core/instrument.h"
#include "core/budget.h"
#include "core/deadlock.h"
#include "core/poll.h"
#include "core/fork.h"
#include "core/origin.h"
#include "core/report.h"
#include "core/unretrieved.h"
#include "core/context.h"
#include "core/contextvar.h"
#include "core/reason.h"
#include "core/site.h"
#include "core/await.h"
#include "core/job.h"
#include "core/sleep.h"


/* Raises unless the Lua and the libuv that run will do. [-0, +0, e] */
LAS_API void las_checkversions (lua_State *L);

/* what the front door registers: [-0, +0, m]; module table on top, the state
   block at index 'state' */
LAS_API void las_openstate (lua_State *L, int state);
LAS_API void las_openversion (lua_State *L, int state);
LAS_API void las_openloop (lua_State *L, int state);
LAS_API void las_openwatchdog (lua_State *L, int state);
LAS_API void las_opengraph (lua_State *L, int state);
LAS_API void las_openrun (lua_State *L, int state);
LAS_API void las_opendeadlock (lua_State *L, int state);
LAS_API void las_openpark (lua_State *L, int state);
LAS_API void las_opencallback (lua_State *L, int state);
LAS_API void las_openfuture (lua_State *L, int state);
LAS_API void las_opentask (lua_State *L, int state);
LAS_API void las_openstep (lua_State *L, int state);
LAS_API void las_opentrace (lua_State *L, int state);
LAS_API void las_opendriver (lua_State *L, int state);
LAS_API void las_opengenerator (lua_State *L, int state);
LAS_API void las_opentimeout (lua_State *L, int state);
LAS_API void las_opengather (lua_State *L, int state);
LAS_API void las_openwait (lua_State *L, int state);
LAS_API void las_opentaskgroup (lua_State *L, int state);
LAS_API void las_opengroupend (lua_State *L, int state);
LAS_API void las_opencontext (lua_State *L, int state);
LAS_API void las_openreport (lua_State *L, int state);

#endif
