/*
** trace.h
** Traces: where a task is, through all the coroutines it drives.
*/

#ifndef las_trace_h
#define las_trace_h

#include "base/base.h"


/* Lua code in C sources is of this source. */
#define LAS_OWNSOURCE	"=asyncio"
/* Is a function of such a source the library's own? */
LAS_API int las_isown (const las_State *S, const char *source);

/* Is the coroutine suspended because its task waits? */
LAS_API int las_isparked (las_State *S, lua_State *co);
/* ... in a bare yield of the task's own coroutine? */
LAS_API int las_isbare (lua_State *co);
/* Marks it so, on its own stack. Cannot raise. [-0, +1, -] */
LAS_API void las_pushbare (lua_State *co);

/* The coroutine that this one drives, or NULL. */
LAS_API lua_State *las_inner (las_State *S, lua_State *co);
/* The last one of that chain, at least itself. Neither can raise. */
LAS_API lua_State *las_innermost (las_State *S, lua_State *co);
/* Pushes the traceback of a coroutine, what it drives first; without so many
   levels of L, if that is in it. [-0, +1, m] */
LAS_API void las_traceback (lua_State *L, lua_State *co, int level);
/* Pushes the frames of the same, without a title: the first ones of each
   coroutine, and without the search for names of global functions that takes
   most of a traceback's time. For stacks that are seldom shown. [-0, +1, m] */
LAS_API void las_quicktrace (lua_State *L, lua_State *co);
/* Such a number of levels: those of the library's own Lua code that asks, and
   of what is above it. */
LAS_API int las_asklevel (lua_State *L);
/* Pushes "file:line" of its innermost Lua function, or nil. [-0, +1, m] */
LAS_API void las_pushplace (lua_State *L, lua_State *co);

/* For message handlers. Pushes the traceback up to here, from inside a driven
   coroutine if the error is passed on from there, and the place where it was
   raised. [-0, +2, m] */
LAS_API void las_errortrace (lua_State *L);
/* Keeps both for whoever drives L, for as long as L is there. [-0, +0, m] */
LAS_API void las_noteerror (lua_State *L);
/* Pushes the traceback that was kept for L, or nil. [-0, +1, -] */
LAS_API void las_pushnoted (lua_State *L);
/* For a function that has a driven coroutine, or its generator, in slot 1: the
   error on top came out of it, and is the next thing to be raised here. Lays
   what was noted where message handlers find it; the error is still on top, and
   slot 1 what it was. [-?, +?, m] */
LAS_API void las_passerror (lua_State *L, lua_State *co);

#endif
