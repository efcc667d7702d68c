/*
** trace.h
** Traces: where a task is, through all the coroutines it drives.
*/

#ifndef las_trace_h
#define las_trace_h

#include "base/base.h"


/* the source of Lua code that stands in C files */
#define LAS_OWNSOURCE	"=asyncio"
/* Is a function of such a source the library's own? */
LAS_API int las_isown (const las_State *S, const char *source);

/* Is the coroutine suspended because its task waits? */
LAS_API int las_isparked (las_State *S, lua_State *co);
/* Is it so in a bare yield of the task's own coroutine? */
LAS_API int las_isbare (lua_State *co);
/* Marks a coroutine as being in a bare yield, on its own stack.
   [-0, +1, -] */
LAS_API void las_pushbare (lua_State *co);

/* Returns the coroutine that this one drives, or NULL. Cannot raise. */
LAS_API lua_State *las_inner (las_State *S, lua_State *co);
/* Returns the last one of that chain, at least itself. Cannot raise. */
LAS_API lua_State *las_innermost (las_State *S, lua_State *co);
/* Pushes the traceback of a coroutine, beginning with what it drives. If L is
   part of that, its first 'level' levels are left out. [-0, +1, m] */
LAS_API void las_traceback (lua_State *L, lua_State *co, int level);
/* Pushes the first frames of each of these coroutines without a title. This
   does not search for names of global functions, which takes most of a
   traceback's time: for stacks that are seldom shown. [-0, +1, m] */
LAS_API void las_quicktrace (lua_State *L, lua_State *co);
/* Returns a 'level' for las_traceback that leaves out the library's own Lua
   code that asks, and what it has called. */
LAS_API int las_asklevel (lua_State *L);
/* Pushes "file:line" of its innermost Lua function, or nil. [-0, +1, m] */
LAS_API void las_pushplace (lua_State *L, lua_State *co);

/* For message handlers. Pushes the traceback of the error, which begins inside
   a driven coroutine if the error came out of that, and the place where it was
   raised. [-0, +2, m] */
LAS_API void las_errortrace (lua_State *L);
/* For message handlers. Pushes the future that the error came from, if the
   error is passed on from one, or nil. [-0, +1, -] */
LAS_API void las_pushcause (lua_State *L);
/* Keeps all three for the coroutine that drives L, as long as L is alive.
   [-0, +0, m] */
LAS_API void las_noteerror (lua_State *L);
/* Pushes the traceback that was kept for L, or nil. [-0, +1, -] */
LAS_API void las_pushnoted (lua_State *L);
/* For a function that has a driven coroutine, or its generator, in slot 1, and
   is about to raise the error on top, which came out of it. Puts what was
   noted where message handlers find it. Afterwards the error is still on top,
   and slot 1 is unchanged. [-?, +?, m] */
LAS_API void las_passerror (lua_State *L, lua_State *co);
/* For a function that is about to raise the error on top, the outcome of the
   future at 'i'. Puts the future where message handlers find it. Afterwards the
   error is still on top, and slot 1 is unchanged. [-0, +2, -] */
LAS_API void las_passoutcome (lua_State *L, int i);

#endif
