/*
** poll.h
** Waiting for the system.
*/

#ifndef las_poll_h
#define las_poll_h

#include "base/base.h"


/* Takes the events that are there; waits for one, or until something is due,
   unless anything is ready or the run is to end. Cannot raise. */
LAS_API void las_poll (las_Loop *lp);

#endif
