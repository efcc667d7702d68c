/*
** hook.h
** The one debug hook of the library, and the deeds it does.
*/

#ifndef las_hook_h
#define las_hook_h

#include "base/base.h"


/* The deeds in the order in which the hook does them, if several are due. */
enum las_DeedOrder {
  LAS_DRAISE,	/* raise an error where a coroutine yielded */
  LAS_DCANCEL,	/* raise a task's cancel there */
  LAS_DDUMP,
  LAS_DWATCH,
  LAS_DLATE,
  LAS_DINTERRUPT,
  LAS_NDEEDS
};

typedef struct las_Deed {
  enum las_DeedOrder order;
  int mask;	/* events at which it can be done: LUA_MASK... */
  void (*act) (lua_State *L, las_Loop *lp, lua_Debug *ar);	/* in the hook;
		may raise; yields as a hook may */
} las_Deed;

/* The hook of a loop. A signal handler may change it at any moment. */
typedef struct las_Hook {
  lua_State *volatile co;	/* the coroutine that has it, or NULL */
  const las_Deed *volatile due[LAS_NDEEDS];
  volatile uint8_t busy;	/* is the thread itself changing it? */
  lua_Hook f;		/* what 'co' had before: the user's */
  int mask, count;
} las_Hook;

/* Makes a deed due: the hook replaces the user's until the deed is done.
   LAS_DRAISE and LAS_DCANCEL are done where 'co' yielded, so 'co' must be
   resumed next. The others are done wherever the loop's thread gets first,
   even if 'co' ends or drives another coroutine before. May be called from
   signal handlers. Cannot raise. */
LAS_API void las_armhook (las_Loop *lp, lua_State *co, const las_Deed *d);

/* Says that the loop's thread goes on in 'co', or outside of Lua if that is
   NULL. Deeds that are due move to 'co'; outside of Lua they are dropped.
   Cannot raise. */
LAS_API void las_movehook (las_Loop *lp, lua_State *co);

/* Makes a coroutine that has the user's hook of L, including the function of a
   hook that was set by 'debug.sethook'. [-0, +1, m] */
LAS_API lua_State *las_newthread (lua_State *L);

#endif
