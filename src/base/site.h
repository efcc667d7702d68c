/*
** site.h
** Sites: the line of the program that set something, for later reports.
*/

#ifndef las_site_h
#define las_site_h

#include "base/base.h"


typedef struct las_Site {
  int line;		/* 0: there is no Lua function */
  char source[LUA_IDSIZE];
} las_Site;

/* Notes the line of the innermost Lua function from 'level' on; 1 is the
   caller of the C function that runs. [-0, +0, -] */
LAS_API void las_setsite (lua_State *L, int level, las_Site *s);

/* Pushes "app.lua:14", or an empty string. [-0, +1, m] */
LAS_API const char *las_pushsite (lua_State *L, const las_Site *s);

/* Pushes the message of a TimeoutError for a limit that was set there, as in
   "timed out after 0.1 s (limit set at app.lua:14)". [-0, +1, m] */
LAS_API void las_pushtimedout (lua_State *L, lua_Number seconds,
                               const las_Site *s);
/* Pushes a duration, as in "0.1 s". [-0, +1, m] */
LAS_API const char *las_pushspan (lua_State *L, lua_Number seconds);

#endif
