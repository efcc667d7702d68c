/*
** generator.h
** Generators, and the list of those that a loop has open.
*/

#ifndef las_generator_h
#define las_generator_h

#include "core/base.h"


enum las_GeneratorState {LAS_GFRESH, LAS_GOPEN, LAS_GBUSY, LAS_GOVER};

/* What a program iterates. While its body is open the loop holds that, so that
   all that it still has to close is there when this is collected. */
typedef struct las_Generator {
  lua_State *co;	/* first: las_inner reads it. User value LAS_GTHREAD */
  uint8_t state;	/* LAS_GBUSY: its body runs, or waits */
} las_Generator;

/* user values of generators */
enum {LAS_GTHREAD = 1, LAS_GLOOP, LAS_GNUSER = LAS_GLOOP};

/* The body of the generator at 1 begins on the loop, or has ended.
   [-0, +0, m] */
LAS_API void las_listgenerator (lua_State *L, las_Loop *lp);
LAS_API void las_unlistgenerator (lua_State *L);
/* The generator at 1 was collected while open: its body will be closed. */
LAS_API void las_dropgenerator (lua_State *L);

LAS_API void las_opengeneratorlist (lua_State *L, int state);

#endif
