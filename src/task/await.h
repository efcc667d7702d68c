/*
** await.h
** await, shield and ensure_future.
*/

#ifndef las_await_h
#define las_await_h

#include "rooms.h"



#endif
