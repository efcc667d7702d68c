/*
** fork.c
** Forked processes. A child shares with its parent what the system keeps for
** loops, such as sets of watched descriptors, so a fork closes the child's
** loops at once without touching that. An error leaves the child's run.
*/

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "run/fork.h"
#include "base/current.h"
#include "base/instrument.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/mail.h"
#include "base/resource.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "rooms.h"
#include "run/limit.h"
#include "run/sigint.h"


/* all open loops of the process, in all Lua states and threads */
static las_Loop *loops = NULL;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;


/*
** {==================================================================
** In the child, as it begins
** ===================================================================
*/

/* libuv unwatches each descriptor that it closes. In the child that must not
   reach the parent's set, so another file that refuses takes its place. */
static void leaveset (las_Loop *lp) {
  int set = uv_backend_fd(&lp->uv);
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null >= 0 && dup2(null, set) == set)
    fcntl(set, F_SETFD, FD_CLOEXEC);
  else
    close(set);
  if (null >= 0)
    close(null);
}


static void ignore (las_Loop *lp, las_Task *t) {
  (void)lp;
  (void)t;
}


static void ignorerun (las_Loop *lp, int begins) {
  (void)lp;
  (void)begins;
}


static void onstepped (las_Loop *lp, las_Task *t) {
  (void)t;
  las_leaverun(lp);
}


/* Replaces the instrument in a child, to notice the end of the step or callback
   that forked. The frames that ran the loop are still on the child's stack,
   but are never returned to: an error leaves them then. */
static const las_Instrument foreign = {
  ignorerun, ignore, onstepped
};


static void makeforeign (las_Loop *lp) {
  lp->closed = LAS_FOREIGN;
  leaveset(lp);
  if (lp->L != NULL) {  /* a step or callback of it forked */
    lp->S->loop = NULL;
    lp->S->lost = lp->process.pid;
    lp->instrument = &foreign;
  }
}


static void onprepare (void) {
  pthread_mutex_lock(&lock);
}


static void onparent (void) {
  pthread_mutex_unlock(&lock);
}


static void onchild (void) {
  las_Loop *lp;
  for (lp = loops; lp != NULL; lp = lp->process.next)
    makeforeign(lp);
  pthread_mutex_unlock(&lock);
}

/* }================================================================== */


static void watchforks (void) {
  pthread_atfork(onprepare, onparent, onchild);
}


void las_enterprocess (las_Loop *lp) {
  pthread_once(&once, watchforks);
  lp->process.pid = (int)getpid();
  pthread_mutex_lock(&lock);
  lp->process.prev = NULL;
  lp->process.next = loops;
  if (loops != NULL)
    loops->process.prev = lp;
  loops = lp;
  pthread_mutex_unlock(&lock);
}


void las_leaveprocess (las_Loop *lp) {
  pthread_mutex_lock(&lock);
  if (lp->process.next != NULL)
    lp->process.next->process.prev = lp->process.prev;
  if (lp->process.prev != NULL)
    lp->process.prev->process.next = lp->process.next;
  else
    loops = lp->process.next;
  pthread_mutex_unlock(&lock);
}


void las_checkprocess (las_Loop *lp) {
  if (lp->closed == LAS_OPEN && lp->process.pid != (int)getpid())
    makeforeign(lp);  /* by a system call of its own */
}


/*
** {==================================================================
** Dropping what a child has of a loop
** ===================================================================
*/

static void closeall (las_Loop *lp) {
  while (lp->resources != NULL) {
    las_Resource *r = lp->resources;
    las_disown(lp, r);
    r->kind->drop(r);
  }
  uv_close((uv_handle_t *)&lp->mail.async, NULL);
  uv_close((uv_handle_t *)&lp->clock.timer, NULL);
}


/* After a fork in a callback of libuv, libuv is in the middle of a poll. Its
   memory is then not freed until the child ends. */
void las_dropforeign (las_Loop *lp) {
  int whole;
  if (lp->process.dropped)
    return;
  lp->process.dropped = 1;
  las_leavewaits(lp);
  whole = !lp->polling && uv_loop_fork(&lp->uv) == 0;
  las_leaveprocess(lp);
  las_leavesigint(lp);
  las_unguardlimit(lp);
  las_leavemailbox(lp);
  closeall(lp);
  if (whole) {
    uv_run(&lp->uv, UV_RUN_DEFAULT);
    uv_loop_close(&lp->uv);
  }
}


/* after_fork(): lets the child have loops of its own */
static int asyncio_after_fork (lua_State *L) {
  las_State *S = las_state(L);
  las_Loop *lp, *next;
  for (lp = loops; lp != NULL; lp = next) {
    next = lp->process.next;
    if (lp->S == S && lp->closed == LAS_FOREIGN)
      las_dropforeign(lp);
  }
  S->lost = 0;
  return 0;
}

/* }================================================================== */


void las_leaverun (las_Loop *lp) {
  lua_State *L = (lp->now.co != NULL) ? lp->now.co : lp->L;
  if (lp->now.co == NULL) {
    if (lp->run.main != NULL)
      las_unlink(&lp->run.main->waiters, &lp->run.maindone.item);
    lp->run.main = NULL;
    lp->L = NULL;
    las_dropforeign(lp);  /* while libuv's frames, if any, are still there */
  }
  las_raiseforeign(L, lp->process.pid);
}


void las_openfork (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"after_fork", asyncio_after_fork},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
}
