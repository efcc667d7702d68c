/*
** context.h
** Contexts: what tasks and callbacks take along.
*/

#ifndef las_context_h
#define las_context_h

#include "core/item.h"


/* Gives the new task on top a copy of the current context, if there is one.
   Needed only once 'contexts' of the state is set. [-0, +0, m] */
LAS_API void las_inheritcontext (lua_State *L);
/* Pushes such a copy, if there is one. [-0, +(0|1), m] */
LAS_API int las_copycontext (lua_State *L);
/* Replaces the context (or nil) on top by that outside of tasks, whose place
   it takes. [-1, +1, -] */
LAS_API void las_swapcontext (lua_State *L);
/* The same for the current one, of the task that runs if one does.
   [-1, +1, m] */
LAS_API void las_entercontext (lua_State *L);
/* Pushes the context of the task or the handle at 'i'; nil if it has none or
   is no such thing. [-0, +1, -] */
LAS_API void las_pushcontextof (lua_State *L, int i);
/* The same for a job whose userdata lies at 'i'. */
LAS_API void las_pushjobcontext (lua_State *L, int i, const las_Job *job);

#endif
