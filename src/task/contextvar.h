/*
** contextvar.h
** Context variables.
*/

#ifndef las_contextvar_h
#define las_contextvar_h

#include "rooms.h"



#endif
