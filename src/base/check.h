/*
** check.h
** Checks of arguments, and the errors they raise.
*/

#ifndef las_check_h
#define las_check_h

#include "base/base.h"


/* Sets function 'f', which the Lua layer calls for the public function 'name',
   under 'key' in the table on top. las_argerror and las_misuse raise its errors
   as those of the public one, where its caller called it; 'shift' arguments
   stand before those of the public one. [-0, +0, m] */
LAS_API void las_setinner (lua_State *L, int state, const char *key,
                           lua_CFunction f, const char *name, int shift);

/* Do the same as luaL_argerror and luaL_error, also in such a function. */
LAS_API int las_argerror (lua_State *L, int arg, const char *what)
  LAS_NORETURN;
LAS_API int las_misuse (lua_State *L, const char *text) LAS_NORETURN;
#define las_argcheck(L, cond, arg, what) \
  ((void)(las_likely(cond) || las_argerror(L, (arg), (what))))

/* Raises an argument error about the value at 'i', which need not be where
   the argument was. */
LAS_API int las_typeerror (lua_State *L, int i, int arg,
                           const char *expected) LAS_NORETURN;

/* Pushes and returns the type of the value at 'i' as users know it.
   [-0, +1, m] */
LAS_API const char *las_typename (lua_State *L, int i);

/* Is the value at 'i' a function, or has it a '__call' metamethod? */
LAS_API int las_iscallable (lua_State *L, int i);

/* Returns the length of a list argument: its field 'n', else what '#' gives.
   Raises an argument error if that cannot be a length. It may still be wrong:
   a caller stops where the list does, or reserves room by las_listroom. */
LAS_API int las_listlen (lua_State *L, int i);

/* Returns for how many of the 'n' values of the list at 'i' to reserve room:
   no more than it has elements of its own. */
LAS_API int las_listroom (lua_State *L, int i, int n);

/* Raises unless every key of the table at 'i' stands in 'names', which ends with
   NULL. [-0, +0, e] */
LAS_API void las_checkoptions (lua_State *L, int i,
                               const char *const names[]);

/* The same for a table that is a list as well: it has positive integers as keys,
   too. [-0, +0, e] */
LAS_API void las_checklistoptions (lua_State *L, int i,
                                   const char *const names[]);

/* Is option 'name' of the table at 'i' on? The table was argument 'arg'.
   Raises unless the option is a boolean or nil. */
LAS_API int las_optboolean (lua_State *L, int i, int arg, const char *name);

/* Raises an argument error if there is an argument 'i'. */
LAS_API void las_checknone (lua_State *L, int i);

/* Returns option 'name' of the table at 'i': an integer, or what Lua converts
   to one, from 'least' to 'most' bytes. -1 if it is nil. Raises. */
LAS_API lua_Integer las_optbytes (lua_State *L, int i, const char *name,
                                  lua_Integer least, lua_Integer most);

/* Returns argument 'i' as a duration in seconds: finite or huge, never NaN.
   Raises. */
LAS_API lua_Number las_checkseconds (lua_State *L, int i);

#endif
