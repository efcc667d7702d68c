/*
** poll.h
** Waiting for the system.
*/

#ifndef las_poll_h
#define las_poll_h

#include "base/base.h"


/* Takes the events that are there. Waits for one, or until something is due,
   unless anything is ready or the run must end. Cannot raise. */
LAS_API void las_poll (las_Loop *lp);

#endif
