/*
** turn.c
** Turns: run what is ready, poll, fire the deadlines that are due.
** Nothing here raises; Lua is entered by las_step and las_runjob alone.
*/

#include <stdatomic.h>

#include "run/turn.h"
#include "base/budget.h"
#include "base/clock.h"
#include "base/hook.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/state.h"
#include "task/cancel.h"
#include "task/future.h"
#include "task/job.h"
#include "task/step.h"
#include "run/deadlock.h"
#include "run/limit.h"
#include "run/poll.h"
#include "run/sigint.h"


/*
** {==================================================================
** Ready queue and deadlines
** ===================================================================
*/

static void runready (las_Loop *lp) {
  size_t n = lp->nready;  /* what comes meanwhile waits for the next turn */
  atomic_store_explicit(&lp->turns, lp->turns + 1, memory_order_relaxed);
  lp->ticks += (unsigned)n;
  for (; n > 0 && lp->ready != NULL; n--) {
    las_Item *it = lp->ready;
    lp->ready = it->u.list.next;
    lp->nready--;
    if (las_likely(it->type == LAS_TASK))
      las_step(lp, (las_Task *)it);
    else if (it->type == LAS_WATCH)
      las_tell(lp, it, NULL);
    else
      las_runjob(lp, (las_Job *)it);
  }
}


/* Callbacks come in the order of their deadlines, but only the next turn calls
   them: what is told at once and was due later comes after that turn. */
static void firedue (las_Loop *lp) {
  uint64_t now;
  int called = 0;
  if (lp->heap.n == 0)
    return;
  now = las_now(lp);
  while (lp->heap.n > 0 && lp->heap.v[0].when <= now) {
    las_Item *it = las_heaptop(&lp->heap);
    if (it->type == LAS_WATCH && called) {
      las_pollsoon(lp);
      return;
    }
    called |= (it->type == LAS_JOB);
    las_heapremove(&lp->heap, it);
    las_tell(lp, it, NULL);
  }
}

/* }================================================================== */


/*
** {==================================================================
** Turns
** ===================================================================
*/

/* Can nothing outside ever wake the loop? */
static int isdead (las_Loop *lp) {
  return lp->nready == 0 && lp->heap.n == 0 && lp->busy == 0 && !lp->stop &&
         !uv_loop_alive(&lp->uv);
}


/* Has the main task waited long enough for the others to end? */
static int isover (las_Loop *lp) {
  if (lp->grace == 0 || lp->main->item.phase != LAS_PARKED ||
      (las_now(lp) < lp->grace && uv_hrtime() < lp->realgrace))
    return 0;
  lp->grace = 0;
  return 1;
}


/* Is the run at its time limit, of the real clock whatever the loop's? */
static int islate (las_Loop *lp) {
  return las_unlikely(lp->limit != 0) && !lp->ending &&
         uv_hrtime() >= lp->limit;
}


/* The time limit was reached. The main task is told once, where it waits or
   will wait next; if it goes on after that, the run ends and leaves it. */
static void late (las_Loop *lp) {
  if (lp->overdue == LAS_TOLD)
    lp->stop = 1;
  else {
    lp->overdue = LAS_TOLD;
    if (lp->main->item.phase == LAS_PARKED)
      las_breakwait(lp, LAS_LIMITREACHED);
    else
      las_cancel(lp->main);
  }
}


static void turn (las_Loop *lp) {
  int hasmain;
  runready(lp);
  if (las_unlikely(lp->interrupted))
    las_takesigint(lp);
  if (lp->nready > 0 && !lp->stop && !las_mustpoll(lp, lp->turns % 8 == 0))
    return;
  hasmain = lp->main != NULL && lp->main->item.state == LAS_PENDING;
  if (hasmain && islate(lp))  /* before a deadlock, which may be caught */
    late(lp);
  else if (hasmain && isdead(lp))
    las_breakwait(lp, (lp->grace == 0) ? LAS_NOWAKER : LAS_GRACEOVER);
  else if (hasmain && isover(lp))
    las_breakwait(lp, LAS_GRACEOVER);
  else {
    las_poll(lp);
    firedue(lp);
  }
}


void las_runloop (las_Loop *lp, lua_State *L) {
  lp->S->loop = lp;
  lp->L = L;
  las_guardlimit(lp);
  if (lp->instrument != NULL)
    lp->instrument->run(lp, 1);
  do
    turn(lp);
  while (!lp->stop);
  if (lp->instrument != NULL)
    lp->instrument->run(lp, 0);
  las_unguardlimit(lp);
  las_movehook(lp, NULL);
  lp->stop = 0;
  lp->L = NULL;
  lp->S->loop = NULL;
}

/* }================================================================== */
