/*
** connect.h
** Connecting to one address.
*/

#ifndef las_connect_h
#define las_connect_h

#include "base/base.h"



#endif
