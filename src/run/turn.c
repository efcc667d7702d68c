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
  size_t n = lp->ready.n;  /* items added meanwhile wait for the next turn */
  atomic_store_explicit(&lp->stats.turns, lp->stats.turns + 1,
                        memory_order_relaxed);
  lp->budget.ticks += (unsigned)n;
  for (; n > 0 && lp->ready.first != NULL; n--) {
    las_Item *it = lp->ready.first;
    lp->ready.first = it->u.list.next;
    lp->ready.n--;
    if (las_likely(it->type == LAS_TASK))
      las_step(lp, (las_Task *)it);
    else if (it->type == LAS_TRIGGER)
      las_fire(lp, it, NULL);
    else
      las_runjob(lp, (las_Job *)it);
  }
}


/* Callbacks run in the order of their deadlines, but only in the next turn. So
   items that fire at once but were due later must wait for that turn. */
static void firedue (las_Loop *lp) {
  uint64_t now;
  int called = 0;
  if (lp->clock.heap.n == 0)
    return;
  now = las_now(lp);
  while (lp->clock.heap.n > 0 && lp->clock.heap.v[0].when <= now) {
    las_Item *it = las_heaptop(&lp->clock.heap);
    if (it->type == LAS_TRIGGER && called) {
      las_pollsoon(lp);
      return;
    }
    called |= (it->type == LAS_JOB);
    las_heapremove(&lp->clock.heap, it);
    las_fire(lp, it, NULL);
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
  return lp->ready.n == 0 && lp->clock.heap.n == 0 &&
         lp->budget.busy == 0 && !lp->run.stop &&
         !uv_loop_alive(&lp->uv);
}


/* Has the main task waited long enough for the others to end? */
static int isover (las_Loop *lp) {
  if (lp->run.grace == 0 || lp->run.main->item.phase != LAS_PARKED ||
      (las_now(lp) < lp->run.grace && uv_hrtime() < lp->run.realgrace))
    return 0;
  lp->run.grace = 0;
  return 1;
}


/* Has the run reached its time limit? That is on the real clock, even if the
   loop's is virtual. */
static int islate (las_Loop *lp) {
  return las_unlikely(lp->run.limit != 0) && !lp->run.ending &&
         uv_hrtime() >= lp->run.limit;
}


/* Ends a run at its time limit. The main task gets an error once, where it
   waits or will wait next. If it goes on after that, the run ends without
   it. */
static void late (las_Loop *lp) {
  if (lp->run.overdue == LAS_TOLD)
    lp->run.stop = 1;
  else {
    lp->run.overdue = LAS_TOLD;
    if (lp->run.main->item.phase == LAS_PARKED)
      las_breakwait(lp, LAS_LIMITREACHED);
    else
      las_cancel(lp->run.main);
  }
}


static void turn (las_Loop *lp) {
  int hasmain;
  runready(lp);
  if (las_unlikely(lp->run.interrupted))
    las_takesigint(lp);
  if (lp->ready.n > 0 && !lp->run.stop &&
      !las_mustpoll(lp, lp->stats.turns % 8 == 0))
    return;
  hasmain = lp->run.main != NULL && lp->run.main->item.state == LAS_PENDING;
  if (hasmain && islate(lp))  /* before a deadlock, which may be caught */
    late(lp);
  else if (hasmain && isdead(lp))
    las_breakwait(lp, (lp->run.grace == 0) ? LAS_NOWAKER : LAS_GRACEOVER);
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
  while (!lp->run.stop);
  if (lp->instrument != NULL)
    lp->instrument->run(lp, 0);
  las_unguardlimit(lp);
  las_movehook(lp, NULL);
  lp->run.stop = 0;
  lp->L = NULL;
  lp->S->loop = NULL;
}

/* }================================================================== */
