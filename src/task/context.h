/*
** context.h
** Contexts: values that tasks and callbacks inherit.
*/

#ifndef las_context_h
#define las_context_h

#include "base/item.h"


/* Gives the new task on top a copy of the current context, if there is one.
   Needed only once 'contexts' of the state is set. [-0, +0, m] */
LAS_API void las_inheritcontext (lua_State *L);
/* Pushes such a copy, if there is one. Returns whether it did.
   [-0, +(0|1), m] */
LAS_API int las_copycontext (lua_State *L);
/* Exchanges the context (or nil) on top and the one that holds outside of
   tasks. [-1, +1, -] */
LAS_API void las_swapcontext (lua_State *L);
/* Exchanges it and the current one: of the task that runs, if one does.
   [-1, +1, m] */
LAS_API void las_entercontext (lua_State *L);
/* Pushes the context of the task or the handle at 'i'; nil if it has none or is
   neither. [-0, +1, -] */
LAS_API void las_pushcontextof (lua_State *L, int i);
/* Pushes the context of a job whose userdata lies at 'i', or nil.
   [-0, +1, -] */
LAS_API void las_pushjobcontext (lua_State *L, int i, const las_Job *job);

/*
** For context variables
*/

/* Pushes the current context or nil. Outside of tasks it is that of the
   callback that runs, or of the main program. [-0, +1, -] */
LAS_API void las_pushcontext (lua_State *L);
/* Pushes the current context, which is made now if there was none.
   [-0, +1, m] */
LAS_API void las_needcontext (lua_State *L);
/* Pushes the value, in the form it has there, of the variable at 'var' in the
   context at 'ctx', which may be nil. Returns whether there is one.
   [-0, +(1 if so), -] */
LAS_API int las_lookupvar (lua_State *L, int ctx, int var);
/* Pops a value in that form and gives it to the variable at 'var' in the
   context at 'ctx'; nil removes the variable. Both indices are positive.
   [-1, +0, m] */
LAS_API void las_assignvar (lua_State *L, int ctx, int var);
/* Bring the value on top into the form that it has in contexts, and back.
   [-1, +1, -] */
LAS_API void las_encodevar (lua_State *L);
LAS_API void las_decodevar (lua_State *L);

#endif
