/*
** sigint.c
** SIGINT while a loop runs. Under 'run' the first cancels the main task, the
** second stops at once, even in a busy step; without it the first stops. One
** more takes the system's way.
** The handlers run on the loop's own thread, between any two instructions.
*/

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "run/sigint.h"
#include "base/hook.h"
#include "base/loop.h"
#include "task/cancel.h"
#include "task/future.h"


/* The loop that a SIGINT goes to: one run at a time in a process has it. */
static las_Loop *volatile sigloop = NULL;

static struct sigaction former;


/* Raises in the running step, which may be deep in a busy loop. */
static void raiseinterrupt (lua_State *L, las_Loop *lp, lua_Debug *ar) {
  (void)ar;
  if (lp->run.interrupted == LAS_STOPPED)
    luaL_error(L, "interrupted!");
}


static const las_Deed interrupt = {
  LAS_DINTERRUPT, LUA_MASKCOUNT | LUA_MASKCALL | LUA_MASKRET, raiseinterrupt
};


static void onsigint (int sig) {
  las_Loop *lp = sigloop;
  int saved = errno;  /* of what was interrupted */
  if (lp == NULL || lp->closed || lp->run.interrupted >= LAS_STOPPED) {
    signal(sig, SIG_DFL);
    raise(sig);
    return;
  }
  if (lp->run.interrupted == 0 && lp->run.sigcancel)
    lp->run.interrupted = LAS_INTERRUPTED;
  else {
    lp->run.interrupted = LAS_STOPPED;
    if (lp->now.co != NULL)
      las_armhook(lp, lp->now.co, &interrupt);
    else if (lp->run.sigcancel && lp->L != NULL)
      las_armhook(lp, lp->L, &interrupt);  /* a callback may be busy */
  }
  uv_async_send(&lp->mail.async);
  errno = saved;
}


/* Nothing is done where a SIGINT is ignored, as in the background. */
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


/* On the loop: what the signal asked for. */
void las_takesigint (las_Loop *lp) {
  if (lp->run.interrupted == LAS_INTERRUPTED) {
    lp->run.interrupted = LAS_CANCELLING;
    if (!las_cancel(lp->run.main) && lp->run.interrupted == LAS_CANCELLING)
      lp->run.interrupted = LAS_MISSED;
  }
  else if (lp->run.interrupted == LAS_STOPPED)
    lp->run.stop = 1;
}
