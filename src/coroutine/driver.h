/*
** driver.h
** Coroutines that a task drives: generators, asyncio.coroutine.
*/

#ifndef las_driver_h
#define las_driver_h

#include "base/base.h"


#define LAS_OUTWARD	(-1)	/* of las_drive: the body waits */

/* Puts a protected call under the function in a fresh coroutine: its <close>
   variables run when it fails, and may suspend. Needs three stack slots
   there; las_drivefirst wants another. [-0, +0, -] */
LAS_API void las_addbase (lua_State *L, lua_State *co);

/* Is there such a call at the base of the started coroutine? */
LAS_API int las_hasbase (lua_State *co);
/* If the coroutine has its base but could not be started: empties its stack, as
   its arguments are lost. */
LAS_API void las_dropunstarted (lua_State *co);

/* Resumes the coroutine with the 'n' values on its stack, as a part of the
   task's step: only where las_currenttask gives a task. The coroutine, or
   the generator that has it, must lie in slot 1 of the caller. Returns the
   status, with 'nres' values on its stack (or an error), or LAS_OUTWARD: then
   the caller yields, and its continuation calls las_driveagain.
   las_drivefirst is for a fresh coroutine with its base and arguments. */
LAS_API int las_drive (lua_State *L, lua_State *co, int n, int *nres);
LAS_API int las_drivefirst (lua_State *L, lua_State *co, int *nres);
LAS_API int las_driveagain (lua_State *L, lua_State *co, int *nres);
/* The same, but raises the value on top of L where the coroutine yielded. */
LAS_API int las_drivethrow (lua_State *L, lua_State *co, int *nres);

#endif
