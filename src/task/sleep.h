/*
** sleep.h
** Sleeping.
*/

#ifndef las_sleep_h
#define las_sleep_h

#include "rooms.h"



#endif
