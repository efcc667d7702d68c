/*
** generator.h
** Generators, and the list of those that a loop has open.
*/

#ifndef las_generator_h
#define las_generator_h

#include "base/base.h"


enum las_GeneratorState {LAS_GFRESH, LAS_GOPEN, LAS_GBUSY, LAS_GOVER};

/* What a program iterates. While its body is open the loop holds that, so that
   all that it still has to close is there when this is collected. */
typedef struct las_Generator {
  lua_State *co;	/* first: las_inner reads it. User value LAS_GENTHREAD */
  uint8_t state;	/* LAS_GBUSY: its body runs, or waits */
} las_Generator;

/* user values of generators */
enum {LAS_GENTHREAD = 1, LAS_GENLOOP, LAS_NGENERATOR = LAS_GENLOOP};

#endif
