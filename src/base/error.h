/*
** error.h
** Errors: objects of the library's classes.
*/

#ifndef las_error_h
#define las_error_h

#include "base/base.h"


/* Pushes a new error object of the class, with message 'fmt'. [-0, +1, m] */
LAS_API void las_newerror (lua_State *L, const char *cls,
                           const char *fmt, ...);
/* Raises such an error. */
LAS_API int las_error (lua_State *L, const char *cls, const char *fmt, ...);
/* Pushes an OSError for the libuv error code; 'address' may be NULL. */
LAS_API void las_pushoserror (lua_State *L, int err, const char *syscall,
                              const char *address);
LAS_API int las_oserror (lua_State *L, int err, const char *syscall,
                         const char *address);
/* Is the value at 'i' an error object of the class? */
LAS_API int las_iserror (lua_State *L, int i, const char *cls);

#endif
