/*
** turn.c
** Turns: run what is ready, poll libuv, fire the deadlines that are due.
** Nothing here raises; Lua is entered by las_step and las_runjob alone.
*/

#include "core/core.h"
#include "core/job.h"


#define NEVER	UINT64_MAX

#define SOCKETJUMP	10000000  /* ns a virtual clock waits for sockets */


/*
** {==================================================================
** Ready queue and deadlines
** ===================================================================
*/

static void runready (las_Loop *lp) {
  size_t n = lp->nready;  /* what comes meanwhile waits for the next turn */
  lp->turns++;
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
      lp->ticks += LAS_POLLEVERY;
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
** Polling
** ===================================================================
*/

/* It only ends the poll: firedue does the rest. Older versions of libuv run
   timers before they poll, and would then sleep on without the stop. */
static void ontimer (uv_timer_t *timer) {
  uv_stop(timer->loop);
}


/* Makes the poll end at a moment of the real clock, in whole milliseconds of
   libuv's and never early. */
static void settimer (las_Loop *lp, uint64_t when) {
  uint64_t target = (when + 999999) / 1000000;
  uint64_t now;
  uv_update_time(&lp->uv);
  now = uv_now(&lp->uv);
  uv_timer_start(&lp->timer, ontimer, (target > now) ? target - now : 0, 0);
}


/* Waits for an event, which mail from elsewhere is too, until a moment of
   the real clock. */
static void waituntil (las_Loop *lp, uint64_t when) {
  if (when != NEVER)
    settimer(lp, when);
  uv_ref((uv_handle_t *)&lp->async);
  uv_run(&lp->uv, UV_RUN_ONCE);
  uv_unref((uv_handle_t *)&lp->async);
  uv_timer_stop(&lp->timer);
}


/* The first moment at which something is due. */
static uint64_t nextdue (const las_Loop *lp) {
  uint64_t when = (lp->heap.n > 0 && lp->heap.v[0].when < LAS_FAR)
                  ? lp->heap.v[0].when : NEVER;
  if (lp->grace != 0 && lp->grace < when)
    when = lp->grace;
  if (lp->limit != 0 && !lp->virtual && lp->limit < when)
    when = lp->limit;
  return when;
}


/* In virtual time what is real may come first; then time jumps. */
static void waitvirtual (las_Loop *lp) {
  uint64_t due = nextdue(lp), jump = lp->autojump;
  if (due == NEVER || lp->busy > 0) {
    waituntil(lp, (lp->limit != 0) ? lp->limit : NEVER);
    return;
  }
  if (jump == 0 && lp->resources != NULL)
    jump = SOCKETJUMP;
  if (jump > 0 && uv_loop_alive(&lp->uv))
    waituntil(lp, uv_hrtime() + jump);
  else
    uv_run(&lp->uv, UV_RUN_NOWAIT);
  if (lp->nready == 0 && lp->busy == 0 && !lp->stop && due > lp->clock)
    lp->clock = due;
}


/* Steps that take their time are fewer between polls. libuv's own clock stood
   still since it last polled. On a virtual clock all is by count, so that the
   order is the same every time. */
static void adapt (las_Loop *lp, uint64_t before) {
  uint64_t took = uv_now(&lp->uv) - before;  /* milliseconds */
  if (lp->virtual)
    return;
  if (took >= LAS_POLLAFTER)
    lp->pollevery = (took < lp->pollevery) ? lp->pollevery / (unsigned)took : 1;
  else if (lp->pollevery < LAS_POLLEVERY)
    lp->pollevery *= 2;
  if (lp->pollevery > LAS_POLLEVERY)
    lp->pollevery = LAS_POLLEVERY;
}


int las_mustpoll (las_Loop *lp, int look) {
  if (look && !lp->virtual &&
      uv_hrtime() / 1000000 >= uv_now(&lp->uv) + LAS_POLLAFTER)
    lp->ticks += LAS_POLLEVERY;
  return lp->ticks >= lp->pollevery;
}


static void poll (las_Loop *lp) {
  lp->ticks = 0;
  if (lp->nready > 0 || lp->stop) {
    uint64_t before = uv_now(&lp->uv);
    uv_run(&lp->uv, UV_RUN_NOWAIT);
    adapt(lp, before);
  }
  else if (lp->virtual)
    waitvirtual(lp);
  else
    waituntil(lp, nextdue(lp));
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


/* Is the time over that the main task may wait for the others to end? */
static int isover (las_Loop *lp) {
  if (lp->grace == 0 || lp->main->item.phase != LAS_PARKED ||
      (las_now(lp) < lp->grace && uv_hrtime() < lp->realgrace))
    return 0;
  lp->grace = 0;
  return 1;
}


/* The real time that a test may take, whatever its clock. */
static void checklimit (las_Loop *lp) {
  if (lp->limit != 0 && uv_hrtime() >= lp->limit) {
    lp->limit = 0;
    lp->overdue = 1;
    if (lp->main->item.phase == LAS_PARKED)
      las_deadlock(lp, 1);
    else
      las_cancel(lp->main);
  }
}


static void turn (las_Loop *lp) {
  int ending = lp->main != NULL && lp->main->item.state == LAS_PENDING;
  runready(lp);
  if (las_unlikely(lp->interrupted))
    las_takesigint(lp);
  if (lp->nready > 0 && !lp->stop && !las_mustpoll(lp, lp->turns % 8 == 0))
    return;
  if (ending && lp->main->item.state == LAS_PENDING && isdead(lp))
    las_deadlock(lp, lp->grace == 0);
  else if (ending && lp->main->item.state == LAS_PENDING && isover(lp))
    las_deadlock(lp, 0);
  else {
    poll(lp);
    firedue(lp);
    if (las_unlikely(lp->limit != 0) && ending)
      checklimit(lp);
  }
}


void las_runloop (las_Loop *lp, lua_State *L) {
  lp->S->loop = lp;
  lp->L = L;
  las_startwatch(lp);
  do
    turn(lp);
  while (!lp->stop);
  las_stopwatch(lp);
  lp->stop = 0;
  lp->L = NULL;
  lp->S->loop = NULL;
}

/* }================================================================== */
