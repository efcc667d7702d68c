/*
** state.h
** One block for each Lua state: upvalue 1 of every C function.
*/

#ifndef las_state_h
#define las_state_h

#include "core/base.h"


/* types of userdata; their metatables hang off the state block */
enum las_Type {
  LAS_TLOOP, LAS_TFUTURE, LAS_TTASK, LAS_THANDLE, LAS_TTIMERHANDLE,
  LAS_TCALLBACK, LAS_TREPORTER, LAS_TTIMEOUT, LAS_TGATHER, LAS_TWAITSET,
  LAS_TGROUP, LAS_TGENERATOR, LAS_TCONTEXT, LAS_TCONTEXTVAR, LAS_TTOKEN,
  LAS_TREADER, LAS_TWRITER, LAS_TSERVER, LAS_TLOOKUP,
  LAS_TLOCK, LAS_TEVENT, LAS_TCONDITION, LAS_TSEMAPHORE, LAS_TBARRIER,
  LAS_TQUEUE, LAS_TSENTINEL,
  LAS_NTYPES
};

/* values that the state block anchors (its user values) */
enum las_Anchored {
  LAS_UTYPES = 1,	/* table: type number -> metatable */
  LAS_UERRORS,		/* table: class name -> error class */
  LAS_UHANDLER,		/* the default exception handler, a function */
  LAS_UCURRENT,		/* loop set by 'set_event_loop', or nil */
  LAS_UTASK,		/* metatable of tasks, once more */
  LAS_UTASKMAIN,	/* function at the base of every task */
  LAS_UMSGH,		/* its message handler */
  LAS_UOUTSIDE,		/* error of a new task that outside code ran */
  LAS_URAISE,		/* raises the current task's cancel: for hooks */
  LAS_UDUMP,		/* calls the loop's LAS_LDUMP: for hooks */
  LAS_UWATCH,		/* reports the running step: for hooks */
  LAS_URUNJOB,		/* calls a ready job */
  LAS_UBODYMSGH,	/* message handler of what a task drives */
  LAS_UDETOUR,		/* function that starts bodies far down the C stack */
  LAS_UCLOSER,		/* closes a generator that was dropped */
  LAS_UCONTEXT,		/* context outside of tasks, or nil */
  LAS_UAWAIT,		/* the function 'await' */
  LAS_UCALL,		/* calls an exception handler */
  LAS_UDEADLOCK,	/* gives the text of a DeadlockError */
  LAS_USENTINEL,	/* is finalized only when the Lua state ends */
  LAS_NUSTATE = LAS_USENTINEL
};

struct las_State {
  las_Loop *loop;	/* the loop that runs in this Lua state, or NULL */
  const void *mt[LAS_NTYPES];	/* identity of each type's metatable */
  uint64_t ntasks;	/* tasks ever made: gives them their numbers */
  const void *sentinel;	/* the one that is anchored */
  uint8_t ending;	/* does the Lua state end? */
  int lost;		/* the process whose loop ran when this one was forked;
			0: none, or after_fork was called */
  char libdir[256];	/* what the source of our own Lua code starts with */
  int contexts;		/* was there ever a context? */
  const struct las_Instrument *slicer;	/* what time slices and debug mode are told */
};

#if LUA_VERSION_RELEASE_NUM >= 50406
#define las_closethread(L,from)	lua_closethread(L, from)
#else
#define las_closethread(L,from)	((void)(from), lua_resetthread(L))
#endif

#define las_state(L)	((las_State *)lua_touserdata(L, lua_upvalueindex(1)))

/* Makes the state block, or finds the one this Lua state already has.
   [-0, +1, m] pushes it; '*fresh' tells whether it was made now */
LAS_API las_State *las_newstate (lua_State *L, int *fresh);

/* The state block where there is no upvalue. [-0, +1, -] */
LAS_API las_State *las_pushstate (lua_State *L);

/* Pushes a user value of the state block. [-0, +1, -] */
#define las_getanchored(L,i)	lua_getiuservalue(L, lua_upvalueindex(1), i)

/* Makes type 't': its metatable with 'meta' (may be NULL), and 'methods'
   under '__index'. The state block lies at stack index 'state'. [-0, +0, m] */
LAS_API void las_newtype (lua_State *L, int state, enum las_Type t,
                          const char *name, const luaL_Reg *methods,
                          const luaL_Reg *meta);

/* Sets functions of 'l' (state block as upvalue) in the table on top. */
LAS_API void las_setfuncs (lua_State *L, int state, const luaL_Reg *l);

/* Sets function 'f', which the Lua layer calls for the public function 'name',
   under 'key' in the table on top. las_argerror and las_misuse raise its errors
   as those of the public one, where its caller called it; 'shift' arguments
   stand before those of the public one. [-0, +0, m] */
LAS_API void las_setinner (lua_State *L, int state, const char *key,
                           lua_CFunction f, const char *name, int shift);

/* As luaL_argerror and luaL_error, also in such a function. */
LAS_API int las_argerror (lua_State *L, int arg, const char *what)
  LAS_NORETURN;
LAS_API int las_misuse (lua_State *L, const char *text) LAS_NORETURN;
#define las_argcheck(L, cond, arg, what) \
  ((void)(las_likely(cond) || las_argerror(L, (arg), (what))))

/* Raises an argument error about the value at 'i', which need not be where
   the argument was. */
LAS_API int las_typeerror (lua_State *L, int i, int arg,
                           const char *expected) LAS_NORETURN;

/* Type of the value at 'i' as users know it. [-0, +1, m] pushes it, too */
LAS_API const char *las_typename (lua_State *L, int i);

/* Adds methods to type 't'. [-0, +0, m] */
LAS_API void las_addmethods (lua_State *L, int state, enum las_Type t,
                             const luaL_Reg *methods);

/* Gives the userdata on top its type's metatable. [-0, +0, -] */
LAS_API void las_settype (lua_State *L, enum las_Type t);

/* The userdata at 'i' if it is of type 't', else NULL. Never raises. */
LAS_API void *las_test (lua_State *L, las_State *S, int i, enum las_Type t);

/* As las_test, but raises an argument error. 'i' must be positive. */
LAS_API void *las_check (lua_State *L, int i, enum las_Type t);

/* A function, or a value with a '__call' metamethod? */
LAS_API int las_iscallable (lua_State *L, int i);

/* Length of a list argument: its field 'n', else what '#' gives. Raises an
   argument error unless it can be one. It may still lie: who goes by it
   stops where the list does, or reserves room by las_listroom. */
LAS_API int las_listlen (lua_State *L, int i);

/* How much room to reserve for 'n' values of the list at 'i': no more than
   it has elements of its own. */
LAS_API int las_listroom (lua_State *L, int i, int n);

/* Pushes the name of the object at 'i', which is the one string among its user
   values. Has it one? [-0, +(1 if so), -] */
LAS_API int las_pushobjectname (lua_State *L, int i);

/* Raises unless every string key of the table at 'i' stands in 'names'
   (ends with NULL). 'what' is the function's name. */
LAS_API void las_checkoptions (lua_State *L, int i,
                               const char *const names[]);

/* Option 'name' of the table at 'i', which was argument 'arg': is it on? A
   boolean or nil. Raises. */
LAS_API int las_optboolean (lua_State *L, int i, int arg, const char *name);

/* Raises an argument error if there is an argument 'i'. */
LAS_API void las_checknone (lua_State *L, int i);

/* Option 'name' of the table at 'i', which Lua takes for an integer: a number
   of bytes from 'least' to 'most'. -1 if it is nil. Raises. */
LAS_API lua_Integer las_optbytes (lua_State *L, int i, const char *name,
                                  lua_Integer least, lua_Integer most);

/* Argument 'i' as a duration in seconds, finite or huge, never NaN. */
LAS_API lua_Number las_checkseconds (lua_State *L, int i);

#endif
