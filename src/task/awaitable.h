/*
** awaitable.h
** What can be awaited or made a task.
*/

#ifndef las_awaitable_h
#define las_awaitable_h

#include "base/base.h"


/* Can what stands at stack index 'i' be a task's body? A function or a fresh
   coroutine can; a coroutine function is replaced by its own body. Raises an
   argument error for 'arg' if the coroutine is not fresh. */
LAS_API int las_asbody (lua_State *L, int i, int arg);
/* Closes a coroutine object at 'i', or the first thing in a list there, that
   will never run. */
LAS_API void las_discardbody (lua_State *L, int i);
LAS_API int las_isawaitable (lua_State *L, int i);
/* Raises an argument error for 'arg' unless las_ensurefuture can take what
   lies at 'i'. */
LAS_API void las_checkstartable (lua_State *L, las_Loop *lp, int i, int arg);
/* Raises an argument error for the first of the values from 'first' on that
   is not nil; the awaitable before them takes no arguments. 'arg': number of
   the table that they come from, or 0. */
LAS_API void las_checknoargs (lua_State *L, int first, int arg);
/* Is the table at 'i' an awaitable or callable one, and so not a list? */
LAS_API int las_isobject (lua_State *L, int i);

/* Is the coroutine a coroutine object: a function with its arguments on the
   stack, nothing run, and not the coroutine of a task? */
LAS_API int las_isfresh (lua_State *co);
/* Pushes the '__await' metamethod of the value at 'i', if it has one.
   [-0, +(1 if so), -] */
LAS_API int las_getawait (lua_State *L, int i);

#endif
