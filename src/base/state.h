/*
** state.h
** One block for each Lua state: upvalue 1 of every C function.
*/

#ifndef las_state_h
#define las_state_h

#include "base/base.h"


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

/* user values of the state block, which it keeps alive */
enum las_Anchored {
  LAS_UTYPES = 1,	/* table: type number -> metatable */
  LAS_UERRORS,		/* table: class name -> error class */
  LAS_UHANDLER,		/* the default exception handler, a function */
  LAS_UCURRENT,		/* loop set by 'set_event_loop', or nil */
  LAS_UTASKMAIN,	/* function at the base of every task */
  LAS_UMSGH,		/* its message handler */
  LAS_UOUTSIDE,		/* error of a new task that outside code ran */
  LAS_URAISE,		/* raises the current task's cancel: for hooks */
  LAS_UDUMP,		/* calls the loop's LAS_LDUMP: for hooks */
  LAS_UWATCH,		/* reports the running step: for hooks */
  LAS_URUNJOB,		/* calls a ready job */
  LAS_UBODYMSGH,	/* message handler of what a task drives */
  LAS_UDEEPSTART,	/* function that starts bodies far down the C stack */
  LAS_UNOTES,		/* weak table: coroutine -> {traceback, place} of the
			error that left it */
  LAS_UCLOSER,		/* closes a generator that was dropped */
  LAS_UCONTEXT,		/* context outside of tasks, or nil */
  LAS_UAWAIT,		/* the function 'await' */
  LAS_UCALL,		/* calls an exception handler */
  LAS_UDEADLOCK,	/* gives the text of a DeadlockError */
  LAS_USENTINEL,	/* is finalized only when the Lua state ends */
  LAS_UMETATABLES,	/* metatable of type 0, once more; the others follow */
  LAS_NUSTATE = LAS_UMETATABLES + LAS_NTYPES - 1
};

struct las_State {
  las_Loop *loop;	/* the loop that runs in this Lua state, or NULL */
  const void *mt[LAS_NTYPES];	/* identity of each type's metatable */
  uint64_t ntasks;	/* tasks ever made: gives them their numbers */
  const void *sentinel;	/* the one that is anchored */
  uint8_t ending;	/* is the Lua state being closed? */
  int lost;		/* the process whose loop ran when this one was forked
			from it; 0: none, or after_fork was called */
  char libdir[256];	/* what the source of our own Lua code starts with */
  int contexts;		/* was there ever a context? */
  int (*nametask) (void *subject, char *text);	/* writes the default name of
				a task that was made for it; 0: it has none */
  const struct las_Watcher *watcher;	/* starts the watchdog */
};

#if LUA_VERSION_RELEASE_NUM >= 50406
#define las_closethread(L,from)	lua_closethread(L, from)
#else
#define las_closethread(L,from)	((void)(from), lua_resetthread(L))
#endif

#define las_state(L)	((las_State *)lua_touserdata(L, lua_upvalueindex(1)))

/* Makes the state block, or finds the one this Lua state already has.
   Pushes it; '*fresh' is whether it was made now. [-0, +1, m] */
LAS_API las_State *las_newstate (lua_State *L, int *fresh);

/* Pushes and returns the state block; for code without upvalues.
   [-0, +1, -] */
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

/* Adds methods to type 't'. [-0, +0, m] */
LAS_API void las_addmethods (lua_State *L, int state, enum las_Type t,
                             const luaL_Reg *methods);

/* Gives the userdata on top its type's metatable. [-0, +0, -] */
#define las_settype(L,t) \
  (las_getanchored(L, LAS_UMETATABLES + (int)(t)), lua_setmetatable(L, -2))

/* The userdata at 'i' if it is of type 't', else NULL. Never raises. */
LAS_API void *las_test (lua_State *L, las_State *S, int i, enum las_Type t);

/* Like las_test, but raises an argument error. 'i' must be positive. */
LAS_API void *las_check (lua_State *L, int i, enum las_Type t);

/* Is the Lua state being closed? What is made then is never finalized, so
   nothing may be made that holds more than Lua's memory. [-0, +0, m] */
LAS_API int las_isending (lua_State *L);
/* Raises if it is. */
LAS_API void las_checkending (lua_State *L);

/* Pushes the name of the object at 'i', if it has one: the one string among its
   user values. Returns whether it did. [-0, +(1 if so), -] */
LAS_API int las_pushobjectname (lua_State *L, int i);

#endif
