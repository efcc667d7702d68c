/*
** limit.c
** The time limit of a run: a step or callback that does not end in time is
** stopped by an error. A loop that is not busy sees the limit itself.
*/

#include "run/limit.h"
#include "base/hook.h"
#include "base/loop.h"
#include "base/sentry.h"
#include "base/trace.h"
#include "task/future.h"


#define SLACK	20000000  /* ns for a turn that sees the limit */
#define PERIOD	50000000  /* ns between later attempts to stop one */
#define LONGSLEEP	UINT64_C(3600000000000)

typedef struct Guard {
  las_Sentry sentry;	/* first */
  uint64_t seen;	/* the turn at the last look */
  int looks;		/* past the limit */
} Guard;


static void stoplate (lua_State *L, las_Loop *lp, lua_Debug *ar);


static const las_Deed late = {
  LAS_DLATE, LUA_MASKCOUNT | LUA_MASKCALL | LUA_MASKRET, stoplate
};


/* Goes to the innermost Lua function, from which the error will come. Returns
   whether that is the library's own. */
static int isinown (lua_State *L, const las_Loop *lp, int *level,
                    lua_Debug *ar) {
  while (lua_getstack(L, *level, ar) && lua_getinfo(L, "Sl", ar)) {
    if (ar->currentline > 0)
      return las_isown(lp->S, ar->source);
    (*level)++;
  }
  return 0;
}


/* Stops the step or callback that has reached the time limit of the run,
   wherever it is, unless it has ended meanwhile. If it catches the error it
   is stopped again, and then at each instruction until it ends. The library's
   own Lua code is not stopped halfway: it undoes what a test has done. */
static void stoplate (lua_State *L, las_Loop *lp, lua_Debug *ar) {
  int islate = (lp->run.limit != 0 && uv_hrtime() >= lp->run.limit &&
                lp->stats.turns == lp->run.lateturn && !lp->run.spared);
  int ismain = islate && lp->run.main != NULL &&
               lp->now.task == (void *)lp->run.main;
  int level = 0;
  if (islate && lp->run.overdue)
    las_armhook(lp, L, &late);
  if (!islate || (ismain && lp->run.ending) || isinown(L, lp, &level, ar))
    return;
  if (ismain)
    lp->run.overdue = LAS_TOLD;
  else if (!lp->run.overdue)
    lp->run.overdue = LAS_LATE;
  luaL_where(L, level);
  lua_pushliteral(L, "the time limit was reached");
  lua_concat(L, 2);
  lua_error(L);
}


static void notice (las_Loop *lp) {
  lua_State *co = las_busythread(lp);
  if (co != NULL && lp->run.late && lp->stats.turns == lp->run.lateturn)
    las_armhook(lp, co, &late);
  lp->run.late = 0;
}


/* Returns how long to sleep before the next look at the limit. */
static uint64_t rest (las_Sentry *s) {
  uint64_t limit = s->loop->run.limit, now = uv_hrtime();
  if (limit == 0 || limit > now + LONGSLEEP)
    return LONGSLEEP;
  if (limit > now)
    return limit - now;
  return (((Guard *)s)->looks == 1) ? SLACK : PERIOD;
}


/* Asks to stop a turn that was under way at the last look, too. */
static int look (las_Sentry *s) {
  Guard *g = (Guard *)s;
  las_Loop *lp = s->loop;
  uint64_t limit = lp->run.limit;
  int islate;
  if (limit == 0 || uv_hrtime() < limit)
    return 0;
  islate = (g->looks++ > 0 && lp->stats.turns == g->seen);
  if (islate) {
    lp->run.lateturn = g->seen;
    lp->run.late = 1;
  }
  g->seen = lp->stats.turns;
  return islate;
}


void las_guardlimit (las_Loop *lp) {
  static const las_SentryKind kind = {sizeof(Guard), rest, look, notice};
  if (lp->run.guard == NULL && lp->run.limit != 0)
    lp->run.guard = las_startsentry(lp, &kind);
}


void las_unguardlimit (las_Loop *lp) {
  las_stopsentry(lp->run.guard);
  lp->run.guard = NULL;
  lp->run.late = 0;
}
