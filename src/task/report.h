/*
** report.h
** Reports to the exception handler.
*/

#ifndef las_report_h
#define las_report_h

#include "base/base.h"


/* Calls the exception handler with the context table on top of L. Cannot
   raise. [-1, +0, -] */
LAS_API void las_callhandler (lua_State *L, las_Loop *lp);
/* Calls the default handler, which the Lua layer gives. [-1, +0, -] */
LAS_API void las_calldefault (lua_State *L, las_Loop *lp);

#endif
