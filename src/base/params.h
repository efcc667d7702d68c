/*
** params.h
** Arguments that may come in a table, by name or by position.
*/

#ifndef las_params_h
#define las_params_h

#include "base/base.h"


typedef struct las_Param {
  const char *name;
  const char *must;	/* what it must be, after the word "must" */
  int (*test) (lua_State *L, int i);	/* does the value at 'i' fit? */
} las_Param;

/* Brings the arguments of a constructor, from 'first' on, into the order of
   'params' (which ends with a name of NULL), nil for those not given, and the
   option 'name' behind them: a string or nil. They may all come in one table,
   under their names or in order. Only what comes from a table is tested.
   [-?, +?, e] */
LAS_API void las_params (lua_State *L, int first, const las_Param *params);

/* for constructors that take nothing but a name */
LAS_API const las_Param las_noparams[];

/* Is the value at 'i' an integer? For 'test'. */
LAS_API int las_isinteger (lua_State *L, int i);

#endif
