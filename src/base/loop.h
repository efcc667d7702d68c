/*
** loop.h
** The loop, in parts: each is defined and explained where it is used.
*/

#ifndef las_loop_h
#define las_loop_h

#include "base/anchor.h"
#include "base/budget.h"
#include "base/clock.h"
#include "base/hook.h"
#include "base/instrument.h"
#include "base/item.h"
#include "base/mail.h"


/* las_Loop.closed */
enum {LAS_OPEN, LAS_CLOSED, LAS_FOREIGN};

/* user values of a loop */
enum las_LoopAnchored {
  LAS_LANCHOR = 1,	/* the scratch thread with the anchors, below */
  LAS_LHANDLER,		/* exception handler, or nil */
  LAS_LFACTORY,		/* task factory, or nil */
  LAS_LDUMP,		/* function that dumps all tasks, or nil */
  LAS_LGENERATORS,	/* list of the open generators, or nil */
  LAS_LBROKEN,		/* error that the main task is to raise, or nil */
  LAS_LLATE,		/* function that makes the one for 'limit', or nil */
  LAS_LORIGINS,		/* weak table: value -> where it was made, or nil */
  LAS_NULOOP = LAS_LORIGINS
};

/* stack of the scratch thread 'anchor' */
enum las_AnchorStack {
  LAS_ATABLE = 1,	/* table: slot -> what runs, or false */
  LAS_ALOOP,		/* the loop itself */
  LAS_AWEAK,		/* weak table: slot -> callback or reporter to come */
  LAS_ARUNJOB,		/* LAS_URUNJOB of the state */
  LAS_ATASKMAIN,	/* LAS_UTASKMAIN */
  LAS_AMSGH,		/* LAS_UMSGH */
  LAS_ARAISE,		/* error that a hook will raise */
  LAS_AWATCHED,		/* task whose step is to be reported */
  LAS_ALAST = LAS_AWATCHED
};

#define LAS_REASONLISTS	64	/* a power of two */

/* slots of las_Loop.room: net/shared.h, inspect/watchdog.c, inspect/since.c */
enum {LAS_RNET, LAS_RWATCH, LAS_RSINCE, LAS_NROOMS};

/* the state of a run, for the files of run/ */
typedef struct las_RunState {
  las_Future *main;	/* what the run waits for, or NULL */
  las_Trigger maindone;	/* ends the run once 'main' is done */
  uint64_t grace;	/* moment when the main task's wait is broken, or 0 */
  uint64_t realgrace;	/* the same by the real clock: a virtual one may
				stand still */
  _Atomic uint64_t limit;	/* real moment when the run should be done, or
				0; a thread reads it */
  struct las_Sentry *guard;	/* that thread, while it is there */
  _Atomic uint64_t lateturn;	/* the turn that 'late' was seen in */
  _Atomic int late;	/* does it want the step or callback stopped? */
  uint8_t overdue;	/* was 'limit' reached? LAS_LATE or LAS_TOLD */
  uint8_t spared;	/* does a job run that 'limit' may not stop? */
  uint8_t stop;		/* end of the run asked for */
  uint8_t ending;	/* does the main task only end the others? */
  uint8_t deadlocked;	/* the main task is to raise LAS_LBROKEN */
  uint8_t sigcancel;	/* does a first SIGINT only cancel? */
  volatile uint8_t interrupted;	/* what a SIGINT did: LAS_INTERRUPTED... */
  uint32_t cleanup;	/* events of the hook since a SIGINT stopped a step */
} las_RunState;

/* las_RunState.overdue: a busy step saw it; the main task was woken, too */
enum {LAS_LATE = 1, LAS_TOLD};

struct las_Loop {
  las_State *S;
  lua_State *L;		/* runs the loop, or NULL */
  struct {		/* step.c, driver.c */
    las_Task *task;	/* being stepped */
    las_Task *starting;	/* the same, until its body begins */
    lua_State *co;	/* innermost coroutine that the loop drives */
    uint8_t depth;	/* eager starts inside one another */
    uint8_t level;	/* driven coroutines inside one another */
    volatile uint8_t calling;	/* is it a callback that runs? */
  } now;
  las_Ready ready;	/* what runs next */
  las_Budget budget;
  las_Anchors anchors;
  const las_Instrument *instrument;	/* watches the steps, or NULL */
  las_Clock clock;
  las_Mail mail;
  las_Hook hook;
  struct las_Resource *resources;	/* what 'close' must close first */
  las_List unretrieved;	/* reporters of errors not retrieved yet */
  uint32_t ntasks;	/* tasks that are not done */
  uint8_t debug;
  uint8_t origins;	/* is it noted where things are made? */
  uint8_t factory;	/* is a task factory set? */
  uint8_t closing;	/* is 'close' at work? */
  uint8_t closed;	/* LAS_OPEN, LAS_CLOSED or LAS_FOREIGN */
  uint8_t polling;	/* is libuv at work? */
  las_RunState run;
  struct {		/* fork.c */
    int pid;		/* the process that made the loop */
    uint8_t dropped;	/* is nothing left of a LAS_FOREIGN one? */
    las_Loop *next, *prev;	/* open loops of the process */
  } process;
  struct {
    _Atomic uint64_t turns;	/* a thread reads it */
    uint64_t nread, nwritten;	/* bytes */
    uint64_t longest;	/* watched step, nanoseconds */
  } stats;
  struct {		/* cancel.c */
    uint32_t pass;	/* number of the cancel under way */
    struct las_Work *work;	/* what it still has to do */
    struct {		/* of open scopes that have cancelled: reason.c */
      uint32_t n;
      struct las_Reason *list[LAS_REASONLISTS];	/* by the cancel's number */
    } reasons;
  } cancel;
  uv_loop_t uv;
  void *room[LAS_NROOMS];	/* what rooms keep; NULL until first used */
};

#endif
