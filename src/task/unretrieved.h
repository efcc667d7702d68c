/*
** unretrieved.h
** Errors of futures that are never retrieved.
*/

#ifndef las_unretrieved_h
#define las_unretrieved_h

#include "base/base.h"


/* Makes a reporter for the failed task at 'i'. [-0, +0, m] */
LAS_API void las_newreporter (lua_State *L, int i);
/* Queues the report of a failed future of the loop now, unless its error was
   retrieved. 'message' is a static string. Cannot raise. */
LAS_API void las_reportnow (las_Loop *lp, las_Future *f, const char *message);
/* Makes all reports that are due, because the loop closes. [-0, +0, m] */
LAS_API void las_reportall (lua_State *L, las_Loop *lp);
/* Takes everything but reports out of the ready queue. C only. */
LAS_API void las_keepreports (las_Loop *lp);

#endif
