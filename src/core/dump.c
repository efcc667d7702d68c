/*
** dump.c
** A dump of all tasks when a signal asks for it, even from a busy step.
*/

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "core/core.h"


/* The loop that the signal goes to, and what the signal did before. */
static las_Loop *volatile dumploop = NULL;
static struct sigaction former;


/* Calls the function that dumps: job and hook */
static int calldump (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  lp->dump.asked = 0;
  las_pushloop(L, lp);
  lua_getiuservalue(L, -1, LAS_LDUMP);
  lua_call(L, 0, 0);
  return 0;
}


static void actdump (lua_State *L, las_Loop *lp, lua_Debug *ar) {
  (void)ar;
  if (!lp->dump.asked)
    return;
  las_pushstate(L);
  lua_getiuservalue(L, -1, LAS_UDUMP);
  lua_remove(L, -2);
  lua_call(L, 0, 0);
}


static const las_Deed dump = {LAS_DDUMP, LUA_MASKCOUNT, actdump};


static void onsignal (int sig) {
  las_Loop *lp = dumploop;
  int saved = errno;  /* of what was interrupted */
  (void)sig;
  if (lp == NULL || lp->closed || lp->dump.asked)
    return;
  lp->dump.asked = 1;
  if (lp->driven != NULL)
    las_armhook(lp, lp->driven, &dump);
  uv_async_send(&lp->async);
  errno = saved;
}


void las_takedump (las_Loop *lp) {
  if (lp->dump.asked && !lp->dump.job.watch.item.phase) {
    lp->dump.job.watch.item.phase = 1;
    las_queue(lp, &lp->dump.job.watch.item);
  }
}


static int runjob (lua_State *L) {
  las_Job *job = (las_Job *)lua_touserdata(L, 1);
  job->watch.item.phase = 0;
  if (las_state(L)->loop->dump.asked)
    calldump(L);
  return 0;
}


void las_leavedump (las_Loop *lp) {
  if (dumploop == lp) {
    sigaction(lp->dump.sig, &former, NULL);
    dumploop = NULL;
  }
}


/* The number of a signal that may ask for a dump, by name. */
static int tosignal (lua_State *L, int i) {
  static const char *const names[] = {
    "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGTERM", NULL
  };
  static const int numbers[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGQUIT, SIGTERM};
  return numbers[luaL_checkoption(L, i, NULL, names)];
}


/* dump_on(loop, signal, f): f is called when the signal comes */
static int core_dump_on (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  int sig = tosignal(L, 2);
  struct sigaction sa;
  luaL_checktype(L, 3, LUA_TFUNCTION);
  lua_settop(L, 3);
  if (dumploop != NULL)
    return luaL_error(L, "another loop is dumped on a signal already");
  lua_setiuservalue(L, 1, LAS_LDUMP);
  lp->dump.job.watch.item.type = LAS_JOB;
  lp->dump.job.run = runjob;
  lp->dump.sig = sig;
  memset(&sa, 0, sizeof(sa));
  sa.sa_handler = onsignal;
  sa.sa_flags = SA_RESTART;
  sigemptyset(&sa.sa_mask);
  dumploop = lp;
  sigaction(sig, &sa, &former);
  return 0;
}


void las_opendump (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"dump_on", core_dump_on},
    {NULL, NULL}
  };
  las_setfuncs(L, state, funcs);
  lua_pushvalue(L, state);
  lua_pushcclosure(L, calldump, 1);
  lua_setiuservalue(L, state, LAS_UDUMP);
}
