/*
** core.h
** The core: loop, items, futures, tasks and the one way to park and wake.
** It knows Lua and uv_loop_t only; every other floor is built on it.
*/

#ifndef las_core_h
#define las_core_h

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "lua.h"
#include "lauxlib.h"

#if LUA_VERSION_NUM < 504 || LUA_VERSION_RELEASE_NUM < 50403
#error "lua-asyncio needs Lua 5.4.3 or later"
#endif
#define LAS_UVMIN	0x012a00
#if UV_VERSION_HEX < LAS_UVMIN
#error "lua-asyncio needs libuv 1.42 or later"
#endif

#if defined(LUAI_ASSERT)
#include <assert.h>
#define las_assert(c)	assert(c)
#else
#define las_assert(c)	((void)0)
#endif

#if defined(__GNUC__)
#define LAS_API		__attribute__((visibility("hidden"))) extern
#define las_likely(x)	__builtin_expect(((x) != 0), 1)
#define las_unlikely(x)	__builtin_expect(((x) != 0), 0)
#else
#define LAS_API		extern
#define las_likely(x)	(x)
#define las_unlikely(x)	(x)
#endif

/* These never return, says the manual; compilers should know it too. */
#if defined(__GNUC__)
LUA_API int lua_error (lua_State *L) __attribute__((noreturn));
LUALIB_API int luaL_error (lua_State *L, const char *fmt, ...)
  __attribute__((noreturn));
LUALIB_API int luaL_argerror (lua_State *L, int arg, const char *extramsg)
  __attribute__((noreturn));
LUALIB_API int luaL_typeerror (lua_State *L, int arg, const char *tname)
  __attribute__((noreturn));
#endif

/* what a field embedded in a struct belongs to */
#define las_owner(p, type, field) \
  ((type *)(void *)((char *)(p) - offsetof(type, field)))

typedef struct las_State las_State;
typedef struct las_Loop las_Loop;
typedef struct las_Item las_Item;
typedef struct las_Future las_Future;
typedef struct las_Task las_Task;


/*
** {==================================================================
** State: one block for each Lua state, upvalue 1 of every C function
** ===================================================================
*/

/* types of userdata; their metatables hang off the state block */
enum las_Type {
  LAS_TLOOP, LAS_TFUTURE, LAS_TTASK, LAS_THANDLE, LAS_TTIMERHANDLE,
  LAS_TCALLBACK, LAS_TREPORTER, LAS_TTIMEOUT, LAS_TGATHER, LAS_TCROWD,
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
  LAS_USTRANGER,	/* error of a new task that a stranger ran */
  LAS_URAISE,		/* raises the current task's cancel: for hooks */
  LAS_UDUMP,		/* calls the loop's LAS_LDUMP: for hooks */
  LAS_UWATCH,		/* reports the running step: for hooks */
  LAS_UDOOR,		/* runs a ready handle or job, protected */
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
  char libdir[256];	/* what the source of our own Lua code starts with */
  int contexts;		/* was there ever a context? */
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

/* Adds methods to type 't'. [-0, +0, m] */
LAS_API void las_addmethods (lua_State *L, int state, enum las_Type t,
                             const luaL_Reg *methods);

/* Gives the userdata on top its type's metatable. [-0, +0, -] */
LAS_API void las_settype (lua_State *L, enum las_Type t);

/* The userdata at 'i' if it is of type 't', else NULL. Never raises. */
LAS_API void *las_test (lua_State *L, las_State *S, int i, enum las_Type t);

/* As las_test, but raises an argument error. 'i' must be positive. */
LAS_API void *las_check (lua_State *L, int i, enum las_Type t);

/* Raises unless every string key of the table at 'i' stands in 'names'
   (ends with NULL). 'what' is the function's name. */
LAS_API void las_checkoptions (lua_State *L, int i,
                               const char *const names[]);

/* Argument 'i' as a duration in seconds, finite or huge, never NaN. */
LAS_API lua_Number las_checkseconds (lua_State *L, int i);

/* }================================================================== */


/*
** {==================================================================
** Items: what can stand in the ready queue, a list of waiters or the heap
** ===================================================================
*/

enum las_ItemType {
  LAS_FUTURE,	/* a plain future: never queued itself */
  LAS_TASK,	/* made ready, the loop resumes it */
  LAS_HANDLE,	/* made ready, the loop calls its function */
  LAS_JOB,	/* made ready, the loop calls a C function, protected */
  LAS_WATCH	/* told at once, in C: no Lua, no raise; made ready, in its
		turn */
};

struct las_Item {
  uint32_t slot;	/* its place among the loop's anchors; 0 for none */
  uint8_t type;		/* enum las_ItemType */
  uint8_t state;	/* of a future: enum las_Outcome */
  uint8_t phase;	/* of a task: enum las_Phase; of others: is queued? */
  uint8_t flags;	/* LAS_F... */
  union {
    struct { las_Item *next, *prev; } list;	/* while in a list */
    struct { uint64_t seq; size_t index; } heap;	/* while in the heap */
  } u;
};

typedef struct las_Watch {
  las_Item item;	/* first */
  void (*told) (struct las_Watch *w, las_Future *f);	/* its event came, of
				the future 'f' if of one; C only */
} las_Watch;

typedef struct las_Job {
  las_Item item;	/* first */
  lua_CFunction run;	/* gets the job as a light userdata, then the loop */
} las_Job;

/* a circular list of items, by its first one */
typedef las_Item *las_List;

LAS_API void las_append (las_List *l, las_Item *it);
LAS_API void las_unlink (las_List *l, las_Item *it);

typedef struct las_Deadline {
  uint64_t when;	/* nanoseconds of the loop's clock */
  las_Item *item;
} las_Deadline;

typedef struct las_Heap {
  las_Deadline *v;	/* 1-based in las_Item.u.heap.index, 0-based here */
  size_t n, size;
  uint64_t seq;		/* items ever added: breaks ties, first in first out */
} las_Heap;

LAS_API int las_heapreserve (las_Heap *h);	/* room for one more? */
LAS_API void las_heapadd (las_Heap *h, las_Item *it, uint64_t when);
LAS_API void las_heapremove (las_Heap *h, las_Item *it);
#define las_heaptop(h)	((h)->v[0].item)

/* }================================================================== */


/*
** {==================================================================
** Futures and tasks
** ===================================================================
*/

enum las_Outcome {
  LAS_PENDING, LAS_FINISHED, LAS_FAILED, LAS_CANCELLED
};

enum las_Phase {
  LAS_NEW,	/* never stepped; stands in the ready queue */
  LAS_READY,	/* woken; stands in the ready queue */
  LAS_RUNNING,	/* being stepped, or it has stepped another into being */
  LAS_PARKED,	/* waits, as 'wait' says */
  LAS_DONE
};

#define LAS_DOOM	101	/* las_Task.doom at first */
#define LAS_FORCED	255	/* ... and once its coroutine was closed */

#define LAS_FMUST	0x01	/* a cancel waits for the next suspension */
#define LAS_FTHROW	0x02	/* the wait was cancelled: raise on resuming */
#define LAS_FYIELD	0x04	/* is ready because it gave way */
#define LAS_FBARE	0x08	/* ... by a bare 'coroutine.yield' */
#define LAS_FSEEN	0x10	/* somebody looked at the outcome */
#define LAS_FMULTI	0x20	/* the value is a table: count, then results */
#define LAS_FVOID	0x40	/* there is no result at all */
#define LAS_FERROBJ	0x80	/* cancelled: the value is the error itself */

struct las_Future {
  las_Item item;	/* first */
  las_Loop *loop;	/* alive: user value LAS_ULOOP */
  las_List waiters;	/* tasks, handles (callbacks) and watches, in order */
};

/* user values of futures and tasks */
#define LAS_UVALUE	1	/* a task's thread, then the outcome */
#define LAS_ULOOP	2
#define LAS_UEXTRA	3	/* nil or a table, by the numbers below */

/* what is seldom there: fields of the extra table */
enum las_Extra {
  LAS_XNAME = 1, LAS_XCONTEXT, LAS_XCREATED, LAS_XTRACEBACK, LAS_XCAUSE,
  LAS_XREPORTER, LAS_XCALLBACKS, LAS_XMESSAGE, LAS_XPLACE
};

/* A way of waiting. Nothing here may raise or call Lua. */
typedef struct las_Wait {
  const char *name;	/* what reports call it */
  void (*leave) (las_Task *t);	/* unlink; NULL: in a future's list */
  las_Future *(*inner) (las_Task *t);	/* a cancel goes to this one first;
					   NULL: to nobody */
  struct las_Work *(*many) (las_Task *t);	/* or to many: the work of
					   passing it on, embedded somewhere */
  /* for reports only: */
  uint64_t (*holder) (las_Task *t);	/* number of the task that has what it
					   waits for; 0: not known */
  las_Future *(*child) (las_Task *t, int i);	/* i-th of the many, from 0;
					   NULL past the last */
} las_Wait;

typedef struct las_Work {
  struct las_Work *next;
  void (*run) (struct las_Work *w);	/* calls las_cancelinner for each */
} las_Work;

struct las_Task {
  las_Future f;		/* first */
  lua_State *co;	/* anchored by LAS_UVALUE until done */
  const las_Wait *wait;	/* how it waits, while LAS_PARKED */
  void *what;		/* what it waits for: read by 'wait'; the height of
			   the coroutine's stack, while LAS_NEW */
  unsigned ncancels : 15;	/* cancels asked for and not taken back */
  unsigned sliced : 1;	/* may be made to yield, whatever the loop says */
  unsigned holdoff : 4;	/* ... but not now: calls of uninterrupted */
  unsigned doom : 8;	/* suspensions until it is closed by force; 0: it
			is not doomed; 1: now; LAS_FORCED: it was */
  unsigned outcome : 4;	/* how its body ended, before it is settled */
  uint32_t mark;	/* pass of the cancel that came by last */
  uint64_t hascontext : 1;	/* is there one among its extras? */
  uint64_t id : 63;	/* number for its default name */
};

/* Makes a plain future of the loop. [-0, +1, m] */
LAS_API las_Future *las_newfuture (lua_State *L, las_Loop *lp);

LAS_API las_Future *las_tofuture (lua_State *L, las_State *S, int i);
LAS_API las_Future *las_checkfuture (lua_State *L, int i);

/* Ends a future whose value and flags are in place: tells all waiters.
   Cannot raise. */
LAS_API void las_settle (las_Future *f, enum las_Outcome how);

/* Links the task as a waiter of the future 'f' at 'i', which the loop then
   holds; park it next. [-0, +0, m] */
LAS_API void las_await (lua_State *L, int i, las_Future *f, las_Task *t);
/* Takes it out again. Cannot raise. */
LAS_API void las_unawait (las_Future *f, las_Task *t);
/* Does any task wait for it? */
LAS_API int las_isawaited (const las_Future *f);

/* Asks the future (or task) to cancel: true unless it was done. */
LAS_API int las_cancel (las_Future *f);

/* The same for a las_Work: part of the cancel under way. */
LAS_API void las_cancelinner (las_Future *f);

/* A scope that cancels its own task asks for the base when it opens: how many
   cancels the task was told of before. When it closes it takes its own back;
   the result says whether any that came since is left. If none is, a throw
   not yet delivered was its own, and is dropped. */
LAS_API unsigned las_cancelbase (const las_Task *t);
LAS_API int las_uncancel (las_Task *t, unsigned base);

/* Results of the done future at 'i', or raises its error. [-0, +n, e] */
LAS_API int las_outcome (lua_State *L, int i);

/* Pushes the error of a failed or cancelled future at 'i'. [-0, +1, m] */
LAS_API void las_pusherror (lua_State *L, int i);

/* Stores the 'n' values on top as the results of the future 'f' at 'i'.
   [-n, +0, m] */
LAS_API void las_setvalues (lua_State *L, int i, las_Future *f, int n);

/* Pushes field 'x' of the extra table of the future at 'i'. [-0, +1, -] */
LAS_API int las_getextra (lua_State *L, int i, enum las_Extra x);
/* Pops a value into it. [-1, +0, m] */
LAS_API void las_setextra (lua_State *L, int i, enum las_Extra x);

/* Makes a task of the loop from the body (see las_tobody) and the 'n'
   arguments on top. It must be started. [-(n+1), +1, m] */
LAS_API las_Task *las_newtask (lua_State *L, las_Loop *lp, int n);
/* Starts it next turn; 'eager': now, unless too deep. Cannot raise. */
LAS_API void las_start (las_Task *t, int eager);
/* Makes a task as create_task does, by the loop's factory if it has one, and
   starts it next turn. [-(n+1), +1, e] */
LAS_API las_Future *las_spawn (lua_State *L, las_Loop *lp, int n);
/* What create_task does with its arguments, which lie from 'first' on: a body
   and its arguments, or one table of them with options. Leaves the task on
   top; NULL: the task factory gave that future, if 'factory' lets it.
   [-?, +1, e] */
LAS_API las_Task *las_createtask (lua_State *L, las_Loop *lp, int first,
                                  int factory);
/* Is it the coroutine of a task? */
LAS_API int las_istaskthread (lua_State *co);

/* Can what stands at stack index 'i' be a task's body? A function or a fresh
   coroutine can; a coroutine function is replaced by its own body. Raises an
   argument error for 'arg' if the coroutine is not fresh. */
LAS_API int las_tobody (lua_State *L, int i, int arg);
LAS_API int las_iscallable (lua_State *L, int i);
LAS_API int las_isawaitable (lua_State *L, int i);
/* Raises an argument error for 'arg' unless las_ensurefuture can take what
   lies at 'i'. */
LAS_API void las_checkstartable (lua_State *L, las_Loop *lp, int i, int arg);
/* Raises an argument error for the first of the values from 'first' on that
   is not nil; the awaitable before them takes no arguments. 'arg': number of
   the table that they come from, or 0. */
LAS_API void las_checknoargs (lua_State *L, int first, int arg);
/* Is the table at 'i' an awaitable or callable one, and so not a list? */
LAS_API int las_isthing (lua_State *L, int i);

/* Length of a list argument: its field 'n', else its border. */
LAS_API int las_listlen (lua_State *L, int i);

/* The future at 'i'; other awaitables there are made a task of 'lp' and
   replaced by it. Raises an argument error for 'arg'. */
LAS_API las_Future *las_ensurefuture (lua_State *L, las_Loop *lp, int i,
                                      int arg);

/* The protected resume. Cannot raise. */
LAS_API void las_step (las_Loop *lp, las_Task *t);
/* The same for a parked task that is unlinked but stands in no queue. */
LAS_API void las_stepnow (las_Loop *lp, las_Task *t);
/* Steps 'child' at once if it is new and alone in the ready queue. The parked
   task 't' waits for it and is still inside its own step, in L. Returns
   whether it is the next to run: then it must go on without a yield. */
LAS_API int las_stepawaited (lua_State *L, las_Task *t, las_Task *child);
/* The body of a task was ended by another resume than the loop's. */
LAS_API void las_endstray (las_Task *t);

/* }================================================================== */


/*
** {==================================================================
** Parking and waking: the one way to suspend
** ===================================================================
*/

/* The current task; raises unless L is a task's own running coroutine that
   can yield. 'fname' names the function in the message. Comes first in
   every function that may suspend, before any fast path. */
LAS_API las_Task *las_checktask (lua_State *L, const char *fname);

/* The quiet form: NULL where las_checktask would raise. */
LAS_API las_Task *las_currenttask (lua_State *L, las_State *S);

/* Marks the task as waiting. The caller has linked it (las_append, or the
   heap), and yields next. A pending cancel must have been raised before by
   las_checkcancel. Cannot fail. */
LAS_API void las_park (las_Task *t, const las_Wait *wait, void *what);

/* Raises the cancel that waits for this suspension, if any. Call it just
   before linking and parking. */
LAS_API void las_checkcancel (lua_State *L, las_Task *t);

/* Raises the current task's CancelledError. */
LAS_API int las_raisecancel (lua_State *L);

/* Is there one to raise? Then it counts as raised. */
LAS_API int las_takecancel (las_Task *t);

/* First thing in a continuation after a yield: raises if the wait was
   cancelled, or if a stranger resumed the coroutine. Returns the task. */
LAS_API las_Task *las_checkwake (lua_State *L);

/* Makes a waiting task ready; it must be unlinked already. */
LAS_API void las_wake (las_Task *t);

/* Wakes a task of a list of tasks only; unlinks it. */
LAS_API void las_wakefirst (las_List *l);

/* Unlinks a waiting task from what it waits for. */
LAS_API void las_leave (las_Task *t);

/* Makes the waiting task ready to raise CancelledError; it leaves first. */
LAS_API void las_throw (las_Task *t);

/* Counts an operation that did not suspend. True when the task has had its
   share: it should las_giveway and yield before it takes anything. */
#define las_spent(lp)	((lp)->budget-- <= 0)

/* Puts the running task at the end of the ready queue; then yield. A cancel
   meanwhile is raised by las_checkwake. */
LAS_API void las_giveway (lua_State *L, las_Task *t);

LAS_API void las_queue (las_Loop *lp, las_Item *it);	/* makes ready */

/* The deadline or the event of an item has come; 'f' is the future whose
   event it is, or NULL. */
LAS_API void las_tell (las_Loop *lp, las_Item *it, las_Future *f);

/* }================================================================== */


/*
** {==================================================================
** Coroutines that a task drives: generators, asyncio.coroutine
** ===================================================================
*/

#define LAS_OUTWARD	(-1)	/* of las_drive: the body waits */

/* Puts a protected call under the function in a fresh coroutine: its <close>
   variables run when it fails, and may suspend. Needs three stack slots
   there; las_drivefirst wants another. [-0, +0, -] */
LAS_API void las_addbase (lua_State *L, lua_State *co);

/* Resumes the coroutine with the 'n' values on its stack, as a part of the
   task's step: only where las_currenttask gives a task. The coroutine, or
   the generator that has it, must lie in slot 1 of the caller. Returns the
   status, with 'nres' values on its stack (or an error), or LAS_OUTWARD: then
   the caller yields, and its continuation calls las_driveagain.
   las_drivefirst is for a fresh coroutine with its base and arguments. */
LAS_API int las_drive (lua_State *L, lua_State *co, int n, int *nres);
LAS_API int las_drivefirst (lua_State *L, lua_State *co, int *nres);
LAS_API int las_driveagain (lua_State *L, lua_State *co, int *nres);
/* The same, but raises the value on top of L where the coroutine yielded. */
LAS_API int las_drivethrow (lua_State *L, lua_State *co, int *nres);

/* Is the coroutine suspended because its task waits? */
LAS_API int las_isparked (las_State *S, lua_State *co);
/* ... in a bare yield of the task's own coroutine? */
LAS_API int las_isbare (lua_State *co);

/* The coroutine that this one drives, or NULL. */
LAS_API lua_State *las_inner (las_State *S, lua_State *co);
/* The last one of that chain, at least itself. Neither can raise. */
LAS_API lua_State *las_innermost (las_State *S, lua_State *co);
/* Pushes the traceback of a coroutine, what it drives first; without so many
   levels of L, if that is in it. [-0, +1, m] */
LAS_API void las_traceback (lua_State *L, lua_State *co, int level);
/* Such a number of levels: those of the library's own Lua code that asks, and
   of what is above it. */
LAS_API int las_asklevel (lua_State *L);
/* Pushes "file:line" of its innermost Lua function, or nil. [-0, +1, m] */
LAS_API void las_pushplace (lua_State *L, lua_State *co);

/* For message handlers, whose error lies at 1. Pushes the traceback up to
   here, from inside a driven coroutine if it came out of one, and the place
   where the error was raised. [-0, +2, m] */
LAS_API void las_errortrace (lua_State *L, las_Loop *lp);
/* Keeps both for the handler of whoever resumed L. [-0, +0, m] */
LAS_API void las_noteerror (lua_State *L, las_Loop *lp);
LAS_API void las_forgeterror (lua_State *L, las_Loop *lp);
/* The error below the top goes on as the value on top. [-2, +1, -] */
LAS_API void las_renameerror (lua_State *L, las_Loop *lp);

/* }================================================================== */


/*
** {==================================================================
** Contexts
** ===================================================================
*/

/* Gives the new task on top a copy of the current context, if there is one.
   Needed only once 'contexts' of the state is set. [-0, +0, m] */
LAS_API void las_inheritcontext (lua_State *L);
/* Pushes such a copy, if there is one. [-0, +(0|1), m] */
LAS_API int las_copycontext (lua_State *L);
/* Replaces the context (or nil) on top by that outside of tasks, whose place
   it takes. [-1, +1, -] */
LAS_API void las_swapcontext (lua_State *L);
/* The same for the current one, of the task that runs if one does.
   [-1, +1, m] */
LAS_API void las_entercontext (lua_State *L);
/* Pushes the context of the task or the handle at 'i'; nil if it has none or
   is no such thing. [-0, +1, -] */
LAS_API void las_pushcontextof (lua_State *L, int i);
LAS_API void las_pushhandlecontext (lua_State *L, int i);

/* }================================================================== */


/*
** {==================================================================
** Loop
** ===================================================================
*/

#define LAS_BUDGET	128	/* operations that need not suspend, in a row */
#define LAS_POLLEVERY	61	/* steps between polls while the queue is full */
#define LAS_READSIZE	(256 << 10)	/* the loop's one read buffer, bytes */

/* user values of a loop */
enum las_LoopAnchored {
  LAS_LANCHOR = 1,	/* the scratch thread with the anchors, below */
  LAS_LHANDLER,		/* exception handler, or nil */
  LAS_LFACTORY,		/* task factory, or nil */
  LAS_LDUMP,		/* function that dumps all tasks, or nil */
  LAS_LKEEPER,		/* keeper of the open generators, or nil */
  LAS_LDEADLOCK,	/* error that the main task is to raise, or nil */
  LAS_NULOOP = LAS_LDEADLOCK
};

/* stack of the scratch thread 'anchor' */
enum las_AnchorStack {
  LAS_ATABLE = 1,	/* table: slot -> what runs, or false */
  LAS_ALOOP,		/* the loop itself */
  LAS_AWEAK,		/* weak table: slot -> callback or reporter to come */
  LAS_ADOOR,		/* LAS_UDOOR of the state */
  LAS_ATASKMAIN,	/* LAS_UTASKMAIN */
  LAS_AMSGH,		/* LAS_UMSGH */
  LAS_ACAUSE,		/* future whose error was raised last */
  LAS_ARAISE,		/* what a hook is about to raise */
  LAS_ATRACED,		/* error that last left a driven coroutine, */
  LAS_ATRACE,		/* its traceback */
  LAS_APLACE		/* and where it was raised */
};

struct las_Loop {
  las_State *S;
  lua_State *anchor;	/* never runs; only non-raising calls on it */
  lua_State *L;		/* runs the loop, or NULL */
  las_Item *ready, *readytail;	/* queue, by u.list.next */
  size_t nready;
  las_Heap heap;	/* deadlines */
  las_Task *current;	/* being stepped */
  lua_State *driven;	/* innermost coroutine that the loop drives */
  int budget;		/* operations left before the task gives way */
  unsigned ticks;	/* items run since the last poll */
  uint64_t clock;	/* virtual time, nanoseconds */
  uint64_t autojump;	/* real nanoseconds a virtual clock waits */
  uint32_t *freeslots;	/* stack of the anchors' free slots */
  uint32_t nfree;	/* its height */
  uint32_t nslots;	/* slots of the table, free ones too */
  uint32_t patience;	/* anchors to make before the next try to compact */
  uint32_t ntasks;	/* tasks that are not done */
  uint32_t cancelpass;	/* number of the cancel under way */
  las_Work *work;	/* what the cancel under way still has to do */
  uint32_t busy;	/* look-ups and the like: they keep it waiting */
  uint8_t virtual;	/* is the clock virtual? */
  uint8_t stop;		/* end of the run asked for */
  uint8_t closing;	/* is 'close' at work? */
  uint8_t closed;
  uint8_t debug;
  uint8_t factory;	/* is a task factory set? */
  uint8_t sigcancel;	/* does a first SIGINT only cancel? */
  volatile uint8_t interrupted;	/* by SIGINT: LAS_INTERRUPTED and so on */
  uint8_t overdue;	/* the real time for a test ran out */
  uint64_t grace;	/* moment when the main task's wait is broken, or 0 */
  uint64_t realgrace;	/* the same by the real clock: a virtual one may
				stand still */
  volatile uint64_t limit;	/* real moment when the main task is cancelled,
				or 0; a thread reads it */
  las_List reporters;	/* of failures nobody has looked at yet */
  uint8_t deadlocked;	/* the main task is to raise DeadlockError */
  uint8_t depth;	/* eager starts inside one another */
  uint8_t level;	/* driven coroutines inside one another, now */
  struct { lua_Hook f; int mask, count; } hook;	/* the user's, while ours is in
				its place */
  las_Future *main;	/* what the run waits for, or NULL */
  int pid;		/* the process that made it */
  struct {		/* dumps on a signal */
    las_Job job;
    volatile int asked;
    int sig;
  } dump;
  struct {		/* long steps: written for another thread and signals */
    struct las_Watchdog *dog;	/* the thread, while it is there */
    struct las_Watchdog *clock;	/* ... the one for 'limit' of the loop */
    volatile int late;	/* does it want the step or callback stopped? */
    uint64_t limit;	/* a longer step is reported, nanoseconds; 0: none */
    uint64_t own;	/* the limit that the program set, without debug mode */
    uint64_t slice;	/* a longer step is made to yield; 0: none */
    volatile uint64_t since;	/* when the reported step was first seen */
    volatile uint32_t step, seen;	/* number of the step under way, and of
				the one the thread wants stopped */
    uint64_t began;	/* when the last step began */
    volatile int asked, alarm;	/* of the signal handler, of the hook */
    uint8_t sliceall;	/* are all tasks sliced? */
    volatile uint8_t calling;	/* is it a callback that runs? */
    char name[64];	/* of the task that is stepped */
  } watch;
  uv_loop_t uv;
  uv_timer_t timer;	/* serves the heap */
  uv_async_t async;	/* wakes the loop from threads and signals */
  struct las_Mailbox *mailbox;	/* results of other threads */
  char *readbuf;	/* LAS_READSIZE bytes, NULL until first used */
  struct {		/* bytes just read into it, and not yet taken */
    const void *owner;	/* whose they are, or NULL */
    const char *p;
    size_t n;
  } fresh;
  las_List freed;	/* watches to be told when a descriptor was closed */
  struct {		/* name look-ups */
    struct las_Lookup *first, *last;	/* those that wait for a thread */
    uint32_t nthreads;	/* those that have one, left by their tasks too */
  } lookups;
  struct las_Resource *resources;	/* what 'close' must close first */
  uint64_t turns, nread, nwritten;	/* for stats */
  uint64_t longest;	/* longest watched step, nanoseconds */
  double slow;		/* a step longer than this is reported, seconds */
};

/* Something outside the core that lives on a loop: streams, listeners. */
typedef struct las_Resource {
  struct las_Resource *next, *prev;
  const struct las_ResourceKind *kind;
} las_Resource;

typedef struct las_ResourceKind {
  const char *name;	/* what 'stats' counts it as; NULL: not at all */
  void (*drop) (las_Resource *r);	/* the loop closes: let go of uv and of
				the loop. C only */
} las_ResourceKind;

LAS_API void las_adopt (las_Loop *lp, las_Resource *r);
LAS_API void las_disown (las_Loop *lp, las_Resource *r);

/* Runs turns until told to stop, one at least. Cannot raise. */
LAS_API void las_runloop (las_Loop *lp, lua_State *L);
/* Breaks the wait of the main task: nothing can ever wake it. 'tell': with an
   error that says why. */
LAS_API void las_deadlock (las_Loop *lp, int tell);

/* Long steps: watchdog.c. */
LAS_API void las_startwatch (las_Loop *lp);
LAS_API void las_stopwatch (las_Loop *lp);
/* Option 'time_slice' of the table at 'i', nanoseconds; 0: none. */
LAS_API uint64_t las_optslice (lua_State *L, int i);
/* This task is made to yield by steps longer than that. */
LAS_API void las_slicetask (las_Task *t, uint64_t slice);
/* Debug mode is on or off: slow steps are reported or not. */
LAS_API void las_debugwatch (las_Loop *lp);
LAS_API void las_notestep (las_Loop *lp, las_Task *t);
/* A callback begins, or what else is called that is no task. */
LAS_API void las_notecall (las_Loop *lp);
LAS_API void las_noteend (las_Loop *lp);
LAS_API int las_watchreport (lua_State *L);

/* Dumps on a signal: dump.c. */
LAS_API void las_takedump (las_Loop *lp);
LAS_API void las_leavedump (las_Loop *lp);
LAS_API void las_opendump (lua_State *L, int state);

/* What has become of a SIGINT. LAS_MISSED: the main task had ended. */
enum {LAS_INTERRUPTED = 1, LAS_CANCELLING, LAS_MISSED, LAS_STOPPED};
/* What a SIGINT does in a run: it stops at once, or the first cancels the main
   task; while a run ends, one that came before counts too. */
enum las_SigintMode {LAS_SIGSTOP, LAS_SIGCANCEL, LAS_SIGENDING};
LAS_API void las_catchsigint (las_Loop *lp, enum las_SigintMode mode);
LAS_API void las_leavesigint (las_Loop *lp, lua_State *L);
LAS_API void las_takesigint (las_Loop *lp);

/* Puts one of our hooks in the place of the user's, which is kept. Where
   another of ours is already it goes first, unless 'force'. From signal
   handlers too. */
LAS_API int las_armhook (las_Loop *lp, lua_State *co, lua_Hook f, int mask,
                         int force);
/* In a hook of ours: puts the user's back. 'lp' may be NULL. */
LAS_API void las_disarmhook (las_Loop *lp, lua_State *co);
LAS_API void las_hookyield (lua_State *L, lua_Debug *ar);
LAS_API void las_hookraise (lua_State *L, lua_Debug *ar);
LAS_API void las_hookdump (lua_State *L, lua_Debug *ar);
LAS_API void las_hookwatch (lua_State *L, lua_Debug *ar);
LAS_API void las_hooklate (lua_State *L, lua_Debug *ar);

/* The running loop; raises 'no running event loop'. */
LAS_API las_Loop *las_checkrunning (lua_State *L);
/* The loop at 'i', not closed, of this process. */
LAS_API las_Loop *las_checkloop (lua_State *L, int i);
/* The running loop, else the one set by set_event_loop, else raises. */
LAS_API las_Loop *las_defaultloop (lua_State *L);
LAS_API void las_pushloop (lua_State *L, las_Loop *lp);	/* [-0, +1, -] */

/* a moment that never comes: 570 years */
#define LAS_FAR		UINT64_C(18000000000000000000)

LAS_API uint64_t las_now (las_Loop *lp);	/* nanoseconds */
/* the moment 'seconds' from now on the loop's clock */
LAS_API uint64_t las_after (las_Loop *lp, lua_Number seconds);
/* loop time in seconds as nanoseconds */
LAS_API uint64_t las_moment (lua_Number when);

/* The loop's read buffer, or NULL without memory. */
LAS_API char *las_readbuf (las_Loop *lp);

/* Anchors. las_anchor makes the loop hold the value at 'i' and returns its
   slot [-0, +0, m]; the others cannot raise. las_reserve takes a slot that
   holds nothing yet. */
LAS_API uint32_t las_anchor (lua_State *L, las_Loop *lp, int i);
LAS_API uint32_t las_reserve (lua_State *L, las_Loop *lp);
LAS_API void las_fill (lua_State *L, las_Loop *lp, uint32_t slot, int i);
LAS_API void las_release (las_Loop *lp, uint32_t slot);
/* A reserved slot for the value at 'i', which the loop does not hold until
   las_hold says so (it must be alive then). [-0, +0, m] */
LAS_API uint32_t las_anchorweak (lua_State *L, las_Loop *lp, int i);
LAS_API void las_hold (las_Loop *lp, uint32_t slot);
LAS_API void las_pushanchored (lua_State *L, las_Loop *lp, uint32_t slot);

/* Other threads hand in a message; the loop takes it on its own thread. */
typedef struct las_Message {
  struct las_Message *next;
  void (*deliver) (struct las_Message *m, las_Loop *lp);	/* lp NULL: the
				loop is gone: only free it. C only */
} las_Message;
typedef struct las_Mailbox las_Mailbox;
LAS_API int las_openmailbox (las_Loop *lp);
LAS_API void las_closemailbox (las_Loop *lp);
LAS_API void las_takemail (las_Loop *lp);
LAS_API las_Mailbox *las_holdmailbox (las_Loop *lp);
LAS_API void las_unholdmailbox (las_Mailbox *m);
LAS_API void las_post (las_Mailbox *m, las_Message *msg);	/* lets go of m */

/* }================================================================== */


/*
** {==================================================================
** Errors and reports
** ===================================================================
*/

/* Pushes a new error object of the class, with message 'fmt'. [-0, +1, m] */
LAS_API void las_newerror (lua_State *L, const char *cls,
                           const char *fmt, ...);
/* Raises one. */
LAS_API int las_error (lua_State *L, const char *cls, const char *fmt, ...);
/* Pushes an OSError for the libuv error code; 'address' may be NULL. */
LAS_API void las_pushoserror (lua_State *L, int err, const char *syscall,
                              const char *address);
LAS_API int las_oserror (lua_State *L, int err, const char *syscall,
                         const char *address);
/* Is the value at 'i' an error object of the class? */
LAS_API int las_iserror (lua_State *L, int i, const char *cls);

/* Has the DeadlockError made that lists every waiting task. Cannot raise. */
LAS_API void las_makedeadlock (las_Loop *lp);
/* Raises it, or a plain one. */
LAS_API int las_raisedeadlock (lua_State *L, las_Loop *lp);

/* Calls the exception handler with the context table on top of L. Cannot
   raise. [-1, +0, -] */
LAS_API void las_callhandler (lua_State *L, las_Loop *lp);

/* Makes a reporter for the failed task at 'i'. [-0, +0, m] */
LAS_API void las_newreporter (lua_State *L, int i);
/* Queues the report of a failed task now. 'message' is static. */
LAS_API void las_reportnow (las_Loop *lp, las_Task *t, const char *message);
/* The loop closes: all reports that are due are made. */
LAS_API void las_reportall (lua_State *L, las_Loop *lp);
/* Leaves nothing in the ready queue but reports. C only. */
LAS_API void las_keepreports (las_Loop *lp);

/* }================================================================== */


/* Raises unless the Lua and the libuv that run will do. [-0, +0, e] */
LAS_API void las_checkversions (lua_State *L);

/* what the front door registers: [-0, +0, m]; module table on top, the state
   block at index 'state' */
LAS_API void las_openstate (lua_State *L, int state);
LAS_API void las_openversion (lua_State *L, int state);
LAS_API void las_openloop (lua_State *L, int state);
LAS_API void las_openwatchdog (lua_State *L, int state);
LAS_API void las_opengraph (lua_State *L, int state);
LAS_API void las_openrun (lua_State *L, int state);
LAS_API void las_openpark (lua_State *L, int state);
LAS_API void las_openhandle (lua_State *L, int state);
LAS_API void las_openfuture (lua_State *L, int state);
LAS_API void las_opentask (lua_State *L, int state);
LAS_API void las_opencoroutine (lua_State *L, int state);
LAS_API void las_opentrace (lua_State *L, int state);
LAS_API void las_opendriver (lua_State *L, int state);
LAS_API void las_opengenerator (lua_State *L, int state);
LAS_API void las_opentimer (lua_State *L, int state);
LAS_API void las_opentimeout (lua_State *L, int state);
LAS_API void las_opengather (lua_State *L, int state);
LAS_API void las_openwait (lua_State *L, int state);
LAS_API void las_opentaskgroup (lua_State *L, int state);
LAS_API void las_openerror (lua_State *L, int state);
LAS_API void las_opencontext (lua_State *L, int state);
LAS_API void las_openreport (lua_State *L, int state);

/* Calls a ready handle or job, protected. Cannot raise. */
LAS_API void las_tellhandle (las_Loop *lp, las_Item *it);
LAS_API void las_runhandle (las_Loop *lp, las_Item *it);

#endif
