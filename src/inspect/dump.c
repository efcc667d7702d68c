/*
** dump.c
** A dump of all tasks when a signal asks for it, even from a busy step.
*/

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/anchor.h"
#include "base/current.h"
#include "base/hook.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/mail.h"
#include "base/resource.h"
#include "base/state.h"
#include "rooms.h"


typedef struct Dump {
  las_Resource res;	/* first */
  las_Waker waker;
  las_Job job;
  las_Loop *loop;	/* the one that is dumped */
  volatile int asked;	/* has the signal come, with no dump yet? */
  int sig;
  struct sigaction former;	/* the signal's action before */
} Dump;

/* the one dump of the process, or NULL */
static Dump *volatile current = NULL;


/* Calls the function that dumps. For the job and for the hook. */
static int calldump (lua_State *L) {
  las_Loop *lp = las_state(L)->loop;
  Dump *d = current;
  if (d == NULL || d->loop != lp || !d->asked)
    return 0;
  d->asked = 0;
  las_pushloop(L, lp);
  lua_getiuservalue(L, -1, LAS_LDUMP);
  lua_call(L, 0, 0);
  return 0;
}


static void actdump (lua_State *L, las_Loop *lp, lua_Debug *ar) {
  (void)lp;
  (void)ar;
  las_pushstate(L);
  lua_getiuservalue(L, -1, LAS_UDUMP);
  lua_remove(L, -2);
  lua_call(L, 0, 0);
}


static const las_Deed deed = {LAS_DDUMP, LUA_MASKCOUNT, actdump};


static void onsignal (int sig) {
  Dump *d = current;
  int saved = errno;  /* the interrupted code may need it */
  (void)sig;
  if (d == NULL || d->loop->closed || d->asked)
    return;
  d->asked = 1;
  if (d->loop->now.co != NULL)
    las_armhook(d->loop, d->loop->now.co, &deed);
  uv_async_send(&d->loop->mail.async);
  errno = saved;
}


static void onwoken (las_Waker *w, las_Loop *lp) {
  Dump *d = las_owner(w, Dump, waker);
  if (d->asked && !d->job.trigger.item.phase) {
    d->job.trigger.item.phase = 1;
    las_queue(lp, &d->job.trigger.item);
  }
}


static int runjob (lua_State *L) {
  las_Job *job = (las_Job *)lua_touserdata(L, 1);
  job->trigger.item.phase = 0;
  return calldump(L);
}


static void drop (las_Resource *r) {
  Dump *d = (Dump *)r;
  sigaction(d->sig, &d->former, NULL);
  current = NULL;
  las_dropwaker(d->loop, &d->waker);
  free(d);
}


/* Returns the number of the signal with the name at 'i', which must be one that
   may ask for a dump. */
static int tosignal (lua_State *L, int i) {
  static const char *const names[] = {
    "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGTERM", NULL
  };
  static const int numbers[] = {SIGUSR1, SIGUSR2, SIGHUP, SIGQUIT, SIGTERM};
  return numbers[luaL_checkoption(L, i, NULL, names)];
}


static Dump *newdump (lua_State *L, las_Loop *lp, int sig) {
  static const las_ResourceKind kind = {.drop = drop};
  Dump *d = (Dump *)calloc(1, sizeof(*d));
  if (d == NULL)
    luaL_error(L, "not enough memory");
  d->res.kind = &kind;
  d->waker.woken = onwoken;
  d->job.trigger.item.type = LAS_JOB;
  d->job.run = runjob;
  d->loop = lp;
  d->sig = sig;
  las_adopt(lp, &d->res);
  las_addwaker(lp, &d->waker);
  return d;
}


/* dump_on(loop, signal, f): f is called when the signal comes */
static int core_dump_on (lua_State *L) {
  las_Loop *lp = las_checkloop(L, 1);
  int sig = tosignal(L, 2);
  struct sigaction sa;
  luaL_checktype(L, 3, LUA_TFUNCTION);
  lua_settop(L, 3);
  if (current != NULL)
    return luaL_error(L, "another loop is dumped on a signal already");
  lua_setiuservalue(L, 1, LAS_LDUMP);
  current = newdump(L, lp, sig);
  memset(&sa, 0, sizeof(sa));
  sa.sa_handler = onsignal;
  sa.sa_flags = SA_RESTART;
  sigemptyset(&sa.sa_mask);
  sigaction(sig, &sa, &current->former);
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
