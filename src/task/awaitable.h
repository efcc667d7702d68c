/*
** awaitable.h
** What can be awaited or made a task.
*/

#ifndef las_awaitable_h
#define las_awaitable_h

#include "base/base.h"


/* Can the value at 'i' be a task's body? A function or a fresh coroutine can; a
   coroutine function is replaced by its own body. Raises an argument error
   for 'arg' if the coroutine is not fresh. [-0, +0, e] */
LAS_API int las_asbody (lua_State *L, int i, int arg);
/* Closes a coroutine object that will never run: the value at 'i', or the first
   one in a list there. */
LAS_API void las_discardbody (lua_State *L, int i);
/* Can the value at 'i' be awaited? [-0, +0, -] */
LAS_API int las_isawaitable (lua_State *L, int i);
/* Raises an argument error for 'arg' unless las_ensurefuture can take the value
   at 'i'. [-0, +0, e] */
LAS_API void las_checkstartable (lua_State *L, las_Loop *lp, int i, int arg);
/* Raises an argument error for the first value from 'first' on that is not nil,
   because the awaitable before them takes no arguments. 'arg' is the number of
   the table that they come from, or 0. [-0, +0, e] */
LAS_API void las_checknoargs (lua_State *L, int first, int arg);
/* Can the table at 'i' be awaited or called, so that it is not a list? */
LAS_API int las_isobject (lua_State *L, int i);

/* Is the coroutine a coroutine object: a function with its arguments on the
   stack, nothing run, and not the coroutine of a task? */
LAS_API int las_isfresh (lua_State *co);
/* Pushes the '__await' metamethod of the value at 'i', if it has one.
   [-0, +(1 if so), -] */
LAS_API int las_getawait (lua_State *L, int i);

#endif
