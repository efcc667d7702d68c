/*
** unretrieved.h
** Errors of futures that are never retrieved.
*/

#ifndef las_unretrieved_h
#define las_unretrieved_h

#include "base/base.h"


/* Makes a reporter for the failed task at 'i'. [-0, +0, m] */
LAS_API void las_newreporter (lua_State *L, int i);
/* Queues the report of a failed future of the loop now, unless somebody has
   looked at its error. 'message' is static. Cannot raise. */
LAS_API void las_reportnow (las_Loop *lp, las_Future *f, const char *message);
/* The loop closes: all reports that are due are made. */
LAS_API void las_reportall (lua_State *L, las_Loop *lp);
/* Leaves nothing in the ready queue but reports. C only. */
LAS_API void las_keepreports (las_Loop *lp);

#endif
