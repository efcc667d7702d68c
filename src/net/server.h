/*
** server.h
** Server: what a program holds of a listener.
*/

#ifndef las_server_h
#define las_server_h

#include "base/base.h"



#endif
