/*
** poll.c
** Polling libuv: one wait for events and for the deadline that comes first.
** Virtual time jumps to that deadline, but only after a poll that brought no
** event.
*/

#include <poll.h>

#include "run/poll.h"
#include "base/budget.h"
#include "base/clock.h"
#include "base/loop.h"


#define NEVER	UINT64_MAX

#define SOCKETJUMP	10000000  /* ns a virtual clock waits for sockets */
#define LONGPOLL	3600000  /* ms */


/* This only ends the poll; the turn does the rest. Older versions of libuv run
   timers before they poll, and would sleep on without the stop. */
static void ontimer (uv_timer_t *timer) {
  uv_stop(timer->loop);
}


/* Makes the poll end at a moment of the real clock, rounded up to whole
   milliseconds of libuv's clock. */
static void settimer (las_Loop *lp, uint64_t when) {
  uint64_t target = (when + 999999) / 1000000;
  uint64_t now;
  uv_update_time(&lp->uv);
  now = uv_now(&lp->uv);
  uv_timer_start(&lp->clock.timer, ontimer,
                 (target > now) ? target - now : 0, 0);
}


static void runuv (las_Loop *lp, uv_run_mode mode) {
  lp->polling = 1;
  uv_run(&lp->uv, mode);
  lp->polling = 0;
}


/* Waits for an event, such as mail, until a moment of the real clock. */
static void waituntil (las_Loop *lp, uint64_t when) {
  if (when != NEVER)
    settimer(lp, when);
  uv_ref((uv_handle_t *)&lp->mail.async);
  runuv(lp, UV_RUN_ONCE);
  uv_unref((uv_handle_t *)&lp->mail.async);
  uv_timer_stop(&lp->clock.timer);
}


/* Returns the first moment of the loop's clock at which something is due. */
static uint64_t nextdue (const las_Loop *lp) {
  uint64_t when = (lp->clock.heap.n > 0 && lp->clock.heap.v[0].when < LAS_FAR)
                  ? lp->clock.heap.v[0].when : NEVER;
  if (lp->run.grace != 0 && lp->run.grace < when)
    when = lp->run.grace;
  return when;
}


/* Returns the first moment of the real clock at which a limit of the run must
   be checked, even on a virtual clock. */
static uint64_t realdue (const las_Loop *lp) {
  uint64_t when = NEVER;
  if (lp->run.limit != 0 && !lp->run.overdue)
    when = lp->run.limit;
  if (lp->run.grace != 0 && lp->run.realgrace < when)
    when = lp->run.realgrace;
  return when;
}


/* Waits for an event without taking it; false if none came until a moment
   of the real clock. */
static int awaitevent (las_Loop *lp, uint64_t until) {
  uint64_t now = uv_hrtime();
  uint64_t ms = (until > now) ? (until - now + 999999) / 1000000 : 0;
  struct pollfd p;
  p.fd = uv_backend_fd(&lp->uv);
  p.events = POLLIN;
  p.revents = 0;
  return poll(&p, 1, (int)((ms < LONGPOLL) ? ms : LONGPOLL)) != 0;
}


/* Has libuv more to do before it would sleep? */
static int hasmore (las_Loop *lp) {
  return uv_loop_alive(&lp->uv) && uv_backend_timeout(&lp->uv) == 0;
}


/* Takes the events that are there, and mail. */
static void takeevents (las_Loop *lp) {
  uv_ref((uv_handle_t *)&lp->mail.async);
  runuv(lp, UV_RUN_NOWAIT);
  uv_unref((uv_handle_t *)&lp->mail.async);
}


/* In virtual time, real events come before deadlines. An event need not make
   anything ready: a task may have been stepped at once and have set new
   deadlines. So time jumps only when libuv has no event left and none comes
   for a while. */
static void waitvirtual (las_Loop *lp) {
  uint64_t jump = lp->clock.autojump, real = realdue(lp), until, due;
  if (lp->budget.busy > 0 || nextdue(lp) == NEVER) {
    waituntil(lp, real);
    return;
  }
  takeevents(lp);
  if (lp->ready.n > 0 || lp->budget.busy > 0 || lp->run.stop || hasmore(lp))
    return;
  if (uv_loop_alive(&lp->uv)) {
    if (jump == 0 && lp->resources != NULL)
      jump = SOCKETJUMP;
    until = uv_hrtime() + jump;
    if (awaitevent(lp, (real < until) ? real : until) ||
        uv_hrtime() < until)
      return;
  }
  due = nextdue(lp);
  if (due != NEVER && due > lp->clock.now)
    lp->clock.now = due;
}


void las_poll (las_Loop *lp) {
  lp->budget.ticks = 0;
  if (lp->ready.n > 0 || lp->run.stop) {
    uint64_t before = uv_now(&lp->uv);
    runuv(lp, UV_RUN_NOWAIT);
    las_adaptpolls(lp, before);
  }
  else if (lp->clock.isvirtual)
    waitvirtual(lp);
  else {
    uint64_t due = nextdue(lp), real = realdue(lp);
    waituntil(lp, (due < real) ? due : real);
  }
}
