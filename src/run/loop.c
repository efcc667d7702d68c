/*
** loop.c
** The loop as an object: opening and closing it, its settings and counters.
** turn.c and run.c run it.
*/

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/anchor.h"
#include "base/budget.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/current.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/mail.h"
#include "base/resource.h"
#include "base/state.h"
#include "base/trace.h"
#include "task/future.h"
#include "task/park.h"
#include "task/report.h"
#include "task/task.h"
#include "task/unretrieved.h"
#include "rooms.h"
#include "run/fork.h"
#include "run/limit.h"
#include "run/sigint.h"


/*
** {==================================================================
** Opening and closing
** ===================================================================
*/

/* A write to a peer that is gone must be an error, not kill the process. */
static void ignoresigpipe (void) {
  struct sigaction sa;
  if (sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_DFL) {
    sa.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &sa, NULL);
  }
}


/* Opens standard input, output and error if they are closed: libuv never closes
   descriptors with these numbers, and aborts if one of its own has one.
   Without a null device an idle socket serves. */
static int openstandard (void) {
  int fd;
  for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
        open("/dev/null", O_RDWR) < 0 && socket(AF_UNIX, SOCK_STREAM, 0) < 0)
      return -errno;
  }
  return 0;
}


/* Opens everything that libuv needs; C only, all or nothing. */
static int openuv (las_Loop *lp) {
  int err = openstandard();
  if (err == 0)
    err = uv_loop_init(&lp->uv);
  if (err != 0)
    return err;
  if ((err = las_openmailbox(lp)) != 0)
    goto noloop;
  if ((err = uv_async_init(&lp->uv, &lp->mail.async, las_onasync)) != 0)
    goto nomail;
  lp->mail.async.data = lp;
  uv_unref((uv_handle_t *)&lp->mail.async);
  uv_timer_init(&lp->uv, &lp->clock.timer);
  ignoresigpipe();
  return 0;
 nomail:
  las_closemailbox(lp);
 noloop:
  uv_loop_close(&lp->uv);
  return err;
}


/* Releases everything that is not Lua's. May run in a finalizer, even inside a
   run that os.exit will never return to. */
static void closeuv (las_Loop *lp) {
  lp->closed = LAS_CLOSED;
  las_leaveprocess(lp);
  las_leavesigint(lp);
  las_unguardlimit(lp);
  while (lp->resources != NULL) {
    las_Resource *r = lp->resources;
    las_disown(lp, r);
    r->kind->drop(r);
  }
  las_closemailbox(lp);
  uv_close((uv_handle_t *)&lp->mail.async, NULL);
  uv_close((uv_handle_t *)&lp->clock.timer, NULL);
  uv_run(&lp->uv, UV_RUN_DEFAULT);
  uv_loop_close(&lp->uv);
}


static void freeparts (las_Loop *lp) {
  free(lp->clock.heap.v);
  free(lp->anchors.free);
  lp->anchors.free = NULL;
  memset(&lp->clock.heap, 0, sizeof(lp->clock.heap));
}


/* An object that is finalized after the sentinel is finalized at the end of the
   Lua state, because finalizers run in the reverse order of their making. So
   each loop makes a new sentinel, right after itself. */
static void newsentinel (lua_State *L) {
  las_state(L)->sentinel = lua_newuserdatauv(L, 1, 0);
  las_settype(L, LAS_TSENTINEL);
  lua_setiuservalue(L, lua_upvalueindex(1), LAS_USENTINEL);
}


static int sentinel_gc (lua_State *L) {
  las_State *S = las_state(L);
  if (lua_touserdata(L, 1) == S->sentinel)
    S->ending = 1;
  return 0;
}


/* Does the environment turn debug mode on for every loop? */
static uint8_t isdebugasked (void) {
  const char *value = getenv("LUA_ASYNCIO_DEBUG");
  return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}


/* new_event_loop([clock]): clock is "virtual" for virtual time */
static int core_new_event_loop (lua_State *L) {
  static const char *const clocks[] = {"real", "virtual", NULL};
  int virtual = luaL_checkoption(L, 1, "real", clocks);
  lua_Number autojump = luaL_optnumber(L, 2, 0);
  las_Loop *lp;
  int err;
  if (las_state(L)->lost != 0)
    return las_raiseforeign(L, las_state(L)->lost);
  las_checkending(L);
  lua_settop(L, 0);
  lp = (las_Loop *)lua_newuserdatauv(L, sizeof(*lp), LAS_NULOOP);
  memset(lp, 0, sizeof(*lp));
  lp->S = las_state(L);
  lp->closed = LAS_CLOSED;
  lp->clock.isvirtual = (uint8_t)virtual;
  lp->clock.autojump = las_moment(autojump);
  lp->clock.now = 1000000000;
  lp->budget.pollevery = LAS_POLLEVERY;
  lp->anchors.thread = lua_newthread(L);
  lua_newtable(lp->anchors.thread);
  lua_pushvalue(L, 1);
  lua_xmove(L, lp->anchors.thread, 1);
  lua_newtable(lp->anchors.thread);  /* weak */
  lua_newtable(lp->anchors.thread);
  lua_pushliteral(lp->anchors.thread, "v");
  lua_setfield(lp->anchors.thread, -2, "__mode");
  lua_setmetatable(lp->anchors.thread, -2);
  las_getanchored(L, LAS_URUNJOB);
  las_getanchored(L, LAS_UTASKMAIN);
  las_getanchored(L, LAS_UMSGH);
  lua_xmove(L, lp->anchors.thread, 3);
  lua_settop(lp->anchors.thread, LAS_ALAST);  /* nil from LAS_ARAISE on */
  lua_setiuservalue(L, 1, LAS_LANCHOR);
  las_settype(L, LAS_TLOOP);
  err = openuv(lp);
  if (err != 0)
    return las_oserror(L, err, "new_event_loop", NULL);
  lp->closed = LAS_OPEN;
  las_enterprocess(lp);
  lp->debug = lp->origins = isdebugasked();
  if (!lp->S->watcher->open(lp))
    return las_oserror(L, UV_ENOMEM, "new_event_loop", NULL);
  newsentinel(L);
  return 1;
}


/* Reports the task on top as destroyed while pending, except after a second
   SIGINT or at exit. */
static void tellpending (lua_State *L, las_Loop *lp, las_Task *t) {
  int self = lua_gettop(L);
  if (lp->run.interrupted == LAS_STOPPED || lp->S->ending)
    return;
  luaL_checkstack(L, 8, NULL);
  lua_createtable(L, 0, 4);
  lua_pushliteral(L, "a task was destroyed while it was pending");
  lua_setfield(L, -2, "message");
  lua_pushvalue(L, self);
  lua_setfield(L, -2, "task");
  if (las_getextra(L, self, LAS_XCREATED) != LUA_TNIL)
    lua_setfield(L, -2, "source_traceback");
  else
    lua_pop(L, 1);
  las_traceback(L, t->co, 0);
  lua_setfield(L, -2, "traceback");
  las_callhandler(L, lp);
}


/* Closes a coroutine of the task on top. Its <close> variables are closed and
   cannot suspend; their error, if any, goes to the exception handler. */
static void killthread (lua_State *L, las_Loop *lp, las_Task *t,
                        lua_State *co) {
  int self = lua_gettop(L), status;
  lp->now.task = t;  /* its scopes release what the task holds */
  status = las_closethread(co, L);
  lp->now.task = NULL;
  if (status != LUA_OK && lua_gettop(co) > 0) {
    luaL_checkstack(L, 6, NULL);
    lua_createtable(L, 0, 3);
    lua_pushliteral(L, "a task of a closing loop failed");
    lua_setfield(L, -2, "message");
    lua_xmove(co, L, 1);
    lua_setfield(L, -2, "exception");
    lua_pushvalue(L, self);
    lua_setfield(L, -2, "task");
    las_callhandler(L, lp);
  }
}


/* Closes all coroutines of the task on top, those that it drives first. */
static void killthreads (lua_State *L, las_Loop *lp, las_Task *t) {
  lua_State *co;
  if (t->f.item.phase == LAS_PARKED)
    las_leave(t);
  t->f.item.phase = LAS_RUNNING;  /* a cancel meanwhile finds nothing */
  do {
    co = las_innermost(lp->S, t->co);
    killthread(L, lp, t, co);
  } while (co != t->co);
  lua_pushnil(L);
  lua_setiuservalue(L, -2, LAS_UVALUE);
  t->co = NULL;
  t->outcome = LAS_CANCELLED;
}


/* Ends the task on top, which will never be stepped again. One that has ended
   already, only not in a step of the loop, keeps its outcome. */
static void killtask (lua_State *L, las_Loop *lp, las_Task *t) {
  if (t->outcome == LAS_PENDING) {
    tellpending(L, lp, t);
    killthreads(L, lp, t);
  }
  t->f.item.phase = LAS_DONE;
  t->f.item.state = t->outcome;
  lp->ntasks--;
}


static void killtasks (lua_State *L, las_Loop *lp) {
  las_State *S = las_state(L);
  uint32_t slot;
  for (slot = 1; slot <= lp->anchors.nslots; slot++) {
    las_Task *t;
    las_pushanchored(L, lp, slot);
    t = (las_Task *)las_test(L, S, -1, LAS_TTASK);
    if (t != NULL && t->f.item.phase != LAS_DONE)
      killtask(L, lp, t);
    lua_pop(L, 1);
  }
}


/* loop:close(): further calls do nothing */
static int loop_close (lua_State *L) {
  las_Loop *lp = (las_Loop *)las_check(L, 1, LAS_TLOOP);
  las_checkprocess(lp);
  if (lp->closed == LAS_FOREIGN)
    return las_raiseforeign(L, lp->process.pid);
  if (lp->L != NULL)
    return luaL_error(L, "cannot close a running loop");
  if (lp->closed || lp->closing)
    return 0;
  lp->closing = 1;
  lua_settop(L, 1);
  killtasks(L, lp);
  las_reportall(L, lp);
  las_tellresources(L, lp);
  closeuv(lp);
  freeparts(lp);
  lp->ready.first = lp->ready.last = NULL;
  lp->ready.n = 0;
  lua_newtable(L);
  lua_xmove(L, lp->anchors.thread, 1);
  lua_replace(lp->anchors.thread, LAS_ATABLE);
  lua_settop(lp->anchors.thread, LAS_AMSGH);
  lua_settop(lp->anchors.thread, LAS_ALAST);
  lp->anchors.nfree = lp->anchors.nslots = 0;
  lua_pushnil(L);
  lua_setiuservalue(L, 1, LAS_LGENERATORS);
  return 0;
}


/* Reports the tasks that are destroyed with a loop. */
static void telltasks (lua_State *L, las_Loop *lp) {
  uint32_t slot;
  for (slot = 1; slot <= lp->anchors.nslots && lp->ntasks > 0; slot++) {
    las_Task *t;
    las_pushanchored(L, lp, slot);
    t = (las_Task *)las_test(L, lp->S, -1, LAS_TTASK);
    if (t != NULL && t->f.item.phase != LAS_DONE && t->co != NULL)
      tellpending(L, lp, t);
    lua_settop(L, 1);
  }
}


/* Collects a loop in a process other than its own. */
static int gcforeign (las_Loop *lp) {
  las_dropforeign(lp);
  if (!lp->polling)
    freeparts(lp);
  return 0;
}


/* After an os.exit inside a run nothing is reported. Everything that is not
   Lua's is released first, because reporting may raise. */
static int loop_gc (lua_State *L) {
  las_Loop *lp = (las_Loop *)lua_touserdata(L, 1);
  int told = lp->closed || lp->L != NULL;
  las_checkprocess(lp);
  if (lp->closed == LAS_FOREIGN)
    return gcforeign(lp);
  las_keepreports(lp);
  if (!lp->closed) {
    las_leavewaits(lp);
    closeuv(lp);
    freeparts(lp);
  }
  if (lp->S->loop == lp)
    lp->S->loop = NULL;
  if (!told) {
    las_reportall(L, lp);
    telltasks(L, lp);
  }
  return 0;
}

/* }================================================================== */


/*
** {==================================================================
** Methods
** ===================================================================
*/

static int loop_is_running (lua_State *L) {
  lua_pushboolean(L, ((las_Loop *)las_check(L, 1, LAS_TLOOP))->L != NULL);
  return 1;
}


static int loop_is_closed (lua_State *L) {
  lua_pushboolean(L, ((las_Loop *)las_check(L, 1, LAS_TLOOP))->closed);
  return 1;
}


static int loop_time (lua_State *L) {
  las_Loop *lp = (las_Loop *)las_check(L, 1, LAS_TLOOP);
  lua_pushnumber(L, (lua_Number)las_now(lp) / 1e9);
  return 1;
}


static int loop_set_task_factory (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  luaL_argexpected(L, lua_isnoneornil(L, 2) || las_iscallable(L, 2), 2,
                   "function or nil");
  lua_settop(L, 2);
  lp->factory = (uint8_t)!lua_isnil(L, 2);
  lua_setiuservalue(L, 1, LAS_LFACTORY);
  return 0;
}


static int loop_get_task_factory (lua_State *L) {
  las_checkloop(L, 1);
  lua_getiuservalue(L, 1, LAS_LFACTORY);
  return 1;
}


static int loop_tostring (lua_State *L) {
  las_Loop *lp = (las_Loop *)las_check(L, 1, LAS_TLOOP);
  lua_pushfstring(L, "Loop<state=%s, tasks=%d>",
                  lp->closed ? "closed" : lp->L ? "running" : "idle",
                  (int)lp->ntasks);
  return 1;
}


/* Adds one to field 'kind' of the table on top. */
static void count (lua_State *L, const char *kind) {
  lua_getfield(L, -1, kind);
  lua_pushinteger(L, lua_tointeger(L, -1) + 1);
  lua_setfield(L, -3, kind);
  lua_pop(L, 1);
}


static void setcount (lua_State *L, const char *name, lua_Integer n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, name);
}


/* loop:stats(): a table of counters */
static int loop_stats (lua_State *L) {
  las_Loop *lp = (las_Loop *)las_check(L, 1, LAS_TLOOP);
  las_Resource *r;
  lua_newtable(L);
  setcount(L, "tasks", lp->ntasks);
  setcount(L, "ready", (lua_Integer)lp->ready.n);
  setcount(L, "timers", (lua_Integer)lp->clock.heap.n);
  setcount(L, "turns", (lua_Integer)lp->stats.turns);
  setcount(L, "bytes_in", (lua_Integer)lp->stats.nread);
  setcount(L, "bytes_out", (lua_Integer)lp->stats.nwritten);
  setcount(L, "executor_queue", 0);  /* there are no executors yet */
  lua_pushnumber(L, (lua_Number)lp->stats.longest / 1e9);
  lua_setfield(L, -2, "longest_step");
  setcount(L, "anchors", (lua_Integer)(lp->anchors.nslots - lp->anchors.nfree));
  lua_newtable(L);
  for (r = lp->resources; r != NULL; r = r->next) {
    if (r->kind->name != NULL)
      count(L, r->kind->name);
  }
  lua_setfield(L, -2, "handles");
  return 1;
}


void las_openloop (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"new_event_loop", core_new_event_loop},
    {NULL, NULL}
  };
  static const luaL_Reg methods[] = {
    {"close", loop_close},
    {"is_running", loop_is_running},
    {"is_closed", loop_is_closed},
    {"time", loop_time},
    {"set_task_factory", loop_set_task_factory},
    {"get_task_factory", loop_get_task_factory},
    {"stats", loop_stats},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__gc", loop_gc},
    {"__close", loop_close},
    {"__tostring", loop_tostring},
    {NULL, NULL}
  };
  static const luaL_Reg sentinelmeta[] = {
    {"__gc", sentinel_gc},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TSENTINEL, "asyncio.Sentinel", NULL,
              sentinelmeta);
  las_newtype(L, state, LAS_TLOOP, "asyncio.Loop", methods, meta);
  las_setfuncs(L, state, funcs);
}

/* }================================================================== */
