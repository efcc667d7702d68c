/*
** sigint.c
** SIGINT while a loop runs. Under 'run' the first one cancels the main task and
** the second stops the run, even in a busy step; without 'run' the first does.
** One more has its default effect. The handler may interrupt any instruction.
*/

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "run/sigint.h"
#include "base/hook.h"
#include "base/loop.h"
#include "task/cancel.h"
#include "task/future.h"


/* the loop that a SIGINT goes to: only one run of a process at a time */
static las_Loop *volatile sigloop = NULL;

static struct sigaction former;


#define CLEANUP	1000000	/* events of the hook until the error comes again */


static void raiseinterrupt (lua_State *L, las_Loop *lp, lua_Debug *ar);


static const las_Deed interrupt = {
  LAS_DINTERRUPT, LUA_MASKCOUNT | LUA_MASKCALL | LUA_MASKRET, raiseinterrupt
};


/* Raises in the running step, which may be deep in a busy loop. Scopes have some
   time to close; if the step then still runs, it has caught the error, and is
   stopped at each instruction until it ends. */
static void raiseinterrupt (lua_State *L, las_Loop *lp, lua_Debug *ar) {
  uint32_t *n = &lp->run.cleanup;
  (void)ar;
  if (lp->run.interrupted != LAS_STOPPED)
    return;
  las_armhook(lp, L, &interrupt);
  if (*n == 0 || *n > CLEANUP) {
    *n += (*n == 0);
    luaL_error(L, "interrupted!");
  }
  (*n)++;
}


static void onsigint (int sig) {
  las_Loop *lp = sigloop;
  int saved = errno;  /* the interrupted code may need it */
  if (lp == NULL || lp->closed || lp->run.interrupted >= LAS_STOPPED) {
    signal(sig, SIG_DFL);
    raise(sig);
    return;
  }
  if (lp->run.interrupted == 0 && lp->run.sigcancel)
    lp->run.interrupted = LAS_INTERRUPTED;
  else {
    lp->run.interrupted = LAS_STOPPED;
    lp->run.cleanup = 0;
    if (lp->now.co != NULL)
      las_armhook(lp, lp->now.co, &interrupt);
    else if (lp->run.sigcancel && lp->L != NULL)
      las_armhook(lp, lp->L, &interrupt);  /* a callback may be busy */
  }
  uv_async_send(&lp->mail.async);
  errno = saved;
}


/* Does nothing in a process that ignores SIGINT, as one in the background. */
void las_catchsigint (las_Loop *lp, enum las_SigintMode mode) {
  struct sigaction sa;
  if (mode != LAS_SIGENDING)
    lp->run.interrupted = 0;
  lp->run.sigcancel = (mode != LAS_SIGSTOP);
  if (sigloop != NULL)
    return;  /* a loop of another Lua state has it */
  if (sigaction(SIGINT, NULL, &former) != 0 || former.sa_handler == SIG_IGN)
    return;
  memset(&sa, 0, sizeof(sa));
  sa.sa_handler = onsigint;
  sa.sa_flags = SA_RESTART;
  sigemptyset(&sa.sa_mask);
  sigloop = lp;
  sigaction(SIGINT, &sa, &former);
}


void las_leavesigint (las_Loop *lp) {
  if (sigloop == lp) {
    sigaction(SIGINT, &former, NULL);
    sigloop = NULL;
  }
}


/* Does what the signal asked for, on the loop's side. */
void las_takesigint (las_Loop *lp) {
  if (lp->run.interrupted == LAS_INTERRUPTED) {
    lp->run.interrupted = LAS_CANCELLING;
    if (!las_cancel(lp->run.main) && lp->run.interrupted == LAS_CANCELLING)
      lp->run.interrupted = LAS_MISSED;
  }
  else if (lp->run.interrupted == LAS_STOPPED)
    lp->run.stop = 1;
}
