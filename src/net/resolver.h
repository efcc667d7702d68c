/*
** resolver.h
** Names: looking up the addresses of a host.
*/

#ifndef las_resolver_h
#define las_resolver_h

#include "base/base.h"



#endif
