/*
** context.h
** Contexts: what tasks and callbacks take along.
*/

#ifndef las_context_h
#define las_context_h

#include "base/item.h"


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

/* for variables: */

/* Pushes the current context or nil. Outside of tasks it is that of the
   callback that runs, or of the main program. [-0, +1, -] */
LAS_API void las_pushcontext (lua_State *L);
/* Pushes the current context, made now if there was none. */
LAS_API void las_needcontext (lua_State *L);
/* Pushes the value, as it stands there, of the variable at 'var' in the
   context at 'ctx' (may be nil). Is there one? [-0, +(1 if so), -] */
LAS_API int las_lookupvar (lua_State *L, int ctx, int var);
/* Pops a value (as it stands there; nil takes it out) and gives it to the
   variable at 'var' in the context at 'ctx'. Both positive. */
LAS_API void las_assignvar (lua_State *L, int ctx, int var);
/* Brings the value on top into the form it has in maps, and back. */
LAS_API void las_encodevar (lua_State *L);
LAS_API void las_decodevar (lua_State *L);

#endif
