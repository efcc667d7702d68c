/*
** resolver.c
** The resolver: names to addresses, on detached threads of our own.
** A thread holds nothing of a loop but its mailbox, so no cancel and no exit
** waits for a slow name. The number of threads is limited; look-ups queue.
*/

#define _GNU_SOURCE  /* dladdr */

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/anchor.h"
#include "base/error.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/mail.h"
#include "base/state.h"
#include "task/future.h"
#include "task/park.h"
#include "task/task.h"
#include "net/address.h"
#include "net/shared.h"
#include "rooms.h"


#define STACKSIZE	(512 << 10)	/* of a thread, bytes */
#define MAXTHREADS	128	/* of a loop at once; more look-ups queue */

typedef struct las_Lookup {
  las_Message msg;	/* first */
  atomic_int refs;	/* box, thread */
  las_Mailbox *mailbox;	/* held by the thread */
  las_Loop *loop;	/* alive: user value of the box; loop's thread only */
  las_Task *waiter;	/* loop's thread only; NULL once it left or woke */
  struct las_Lookup *next, *prev;	/* while 'queued' */
  int queued;		/* does it wait for a thread? */
  struct addrinfo hints;
  struct addrinfo *info;	/* the result */
  int err;		/* of getaddrinfo: 0 or EAI_... */
  int sys;		/* errno with EAI_SYSTEM */
  char *host, *service;	/* NULL or inside 'names' */
  char names[1];
} Lookup;


static void unref (Lookup *q) {
  if (atomic_fetch_sub(&q->refs, 1) == 1) {
    if (q->info != NULL)
      freeaddrinfo(q->info);
    free(q);
  }
}


/*
** {==================================================================
** The thread's side
** ===================================================================
*/

static void *work (void *arg) {
  Lookup *q = (Lookup *)arg;
  q->err = getaddrinfo(q->host, q->service, &q->hints, &q->info);
  if (q->err == EAI_SYSTEM)
    q->sys = errno;
  las_post(q->mailbox, &q->msg);
  return NULL;
}


/* Keeps the code mapped, because a thread may outlive the Lua state. */
static void staymapped (void) {
  Dl_info self;
  if (dladdr((void *)(size_t)work, &self) != 0 && self.dli_fname != NULL)
    dlopen(self.dli_fname, RTLD_NOW | RTLD_NODELETE | RTLD_NOLOAD);
}


static int startthread (Lookup *q) {
  pthread_attr_t attr;
  pthread_t thread;
  sigset_t all, former;
  int err;
  staymapped();
  if (pthread_attr_init(&attr) != 0)
    return UV_ENOMEM;
  pthread_attr_setstacksize(&attr, STACKSIZE);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);  /* signals are the main thread's */
  pthread_sigmask(SIG_SETMASK, &all, &former);
  err = pthread_create(&thread, &attr, work, q);
  pthread_sigmask(SIG_SETMASK, &former, NULL);
  pthread_attr_destroy(&attr);
  return (err == 0) ? 0 : UV_EAGAIN;
}

/* }================================================================== */


/*
** {==================================================================
** The queue
** ===================================================================
*/

static void enqueue (las_Loop *lp, Lookup *q) {
  q->queued = 1;
  q->next = NULL;
  q->prev = las_shared(lp)->lookups.last;
  if (q->prev != NULL)
    q->prev->next = q;
  else
    las_shared(lp)->lookups.first = q;
  las_shared(lp)->lookups.last = q;
}


static void dequeue (las_Loop *lp, Lookup *q) {
  q->queued = 0;
  if (q->next != NULL)
    q->next->prev = q->prev;
  else
    las_shared(lp)->lookups.last = q->prev;
  if (q->prev != NULL)
    q->prev->next = q->next;
  else
    las_shared(lp)->lookups.first = q->next;
}


static void deliver (las_Message *msg, las_Loop *lp);


/* Gives threads to the first look-ups in the queue, as long as there are any.
   If not a single one can be started, the loop does the work itself. */
static void startqueued (las_Loop *lp) {
  while (las_shared(lp)->lookups.first != NULL &&
         las_shared(lp)->lookups.nthreads < MAXTHREADS) {
    Lookup *q = las_shared(lp)->lookups.first;
    q->msg.deliver = deliver;
    q->mailbox = las_holdmailbox(lp);
    q->refs++;
    if (startthread(q) != 0) {
      if (las_shared(lp)->lookups.nthreads > 0) {  /* one will end */
        las_unholdmailbox(q->mailbox);
        q->refs--;
        return;
      }
      work(q);
    }
    las_shared(lp)->lookups.nthreads++;
    dequeue(lp, q);
  }
}


/* Runs on the loop's thread, or with 'lp' NULL if the loop is gone. */
static void deliver (las_Message *msg, las_Loop *lp) {
  Lookup *q = (Lookup *)msg;
  if (lp != NULL) {
    las_shared(lp)->lookups.nthreads--;
    if (q->waiter != NULL) {
      lp->budget.busy--;
      las_wake(q->waiter);
      q->waiter = NULL;
    }
    startqueued(lp);
  }
  unref(q);
}

/* }================================================================== */


/*
** {==================================================================
** The task's side
** ===================================================================
*/

/* stack: host, service, family, flags, the box of the look-up */
enum {HOST = 1, SERVICE, FAMILY, PASSIVE, BOX};


static void leavelookup (las_Task *t) {
  Lookup *q = (Lookup *)t->what;
  q->waiter = NULL;
  q->loop->budget.busy--;
  if (q->queued)
    dequeue(q->loop, q);
}

static const las_Wait lookupwait = {
  .name = "name look-up", .leave = leavelookup
};


static int family (lua_State *L, int i) {
  static const char *const names[] = {"any", "inet", "inet6", NULL};
  static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
  return families[luaL_checkoption(L, i, "any", names)];
}


/* Appends {host =, port =, family =} to the list on top. */
static void pushinfo (lua_State *L, const struct addrinfo *info) {
  struct sockaddr_storage sa;
  memcpy(&sa, info->ai_addr, info->ai_addrlen);
  las_pushendpoint(L, &sa, info->ai_addrlen);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}


static const char *codename (int err) {
  switch (err) {
    case EAI_AGAIN: return "EAI_AGAIN";
    case EAI_FAIL: return "EAI_FAIL";
    case EAI_FAMILY: return "EAI_FAMILY";
    case EAI_MEMORY: return "EAI_MEMORY";
    case EAI_NONAME: return "EAI_NONAME";
    case EAI_SERVICE: return "EAI_SERVICE";
    default: return "EAI_FAIL";
  }
}


static int raiselookup (lua_State *L, const Lookup *q) {
  if (q->err == EAI_SYSTEM)
    return las_oserror(L, -q->sys, "getaddrinfo", q->host);
  las_newerror(L, "OSError", "%s (getaddrinfo %s)", gai_strerror(q->err),
               q->host ? q->host : "*");
  lua_pushstring(L, codename(q->err));
  lua_setfield(L, -2, "code");
  lua_pushliteral(L, "getaddrinfo");
  lua_setfield(L, -2, "syscall");
  lua_pushstring(L, q->host ? q->host : "*");
  lua_setfield(L, -2, "address");
  return lua_error(L);
}


static int pushresult (lua_State *L, const Lookup *q) {
  const struct addrinfo *info;
  if (q->err != 0)
    return raiselookup(L, q);
  lua_newtable(L);
  for (info = q->info; info != NULL; info = info->ai_next)
    pushinfo(L, info);
  return 1;
}


static int lookupk (lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  las_checkwake(L);
  return pushresult(L, *(Lookup **)lua_touserdata(L, BOX));
}


/* A task still waits if its loop was dropped, which is finalized after its
   boxes, or if outside code closed its coroutine. */
static int box_gc (lua_State *L) {
  Lookup **box = (Lookup **)lua_touserdata(L, 1);
  Lookup *q = *box;
  *box = NULL;
  if (q != NULL) {
    las_Task *t = q->waiter;
    if (t != NULL && t->f.item.phase == LAS_PARKED) {
      leavelookup(t);
      t->f.item.flags |= LAS_FTHROW;
      las_wake(t);
    }
    unref(q);
  }
  return 0;
}


static Lookup *newlookup (lua_State *L) {
  size_t nhost, nservice;
  const char *host = lua_tolstring(L, HOST, &nhost);
  const char *service = lua_tolstring(L, SERVICE, &nservice);
  Lookup *q;
  nhost = (host != NULL) ? nhost + 1 : 0;
  nservice = (service != NULL) ? nservice + 1 : 0;
  q = (Lookup *)calloc(1, sizeof(*q) + nhost + nservice);
  if (q == NULL)
    luaL_error(L, "not enough memory");
  if (host != NULL)
    q->host = (char *)memcpy(q->names, host, nhost);
  if (service != NULL)
    q->service = (char *)memcpy(q->names + nhost, service, nservice);
  atomic_init(&q->refs, 1);
  return q;
}


/* getaddrinfo(host | nil, service | nil, family, passive): list of
   {host =, port =, family =}. Only the Lua layer calls this */
static int core_getaddrinfo (lua_State *L) {
  las_Task *t = las_checktask(L, "getaddrinfo");
  las_Loop *lp = t->f.loop;
  Lookup **box, *q;
  struct addrinfo hints;
  lua_settop(L, PASSIVE);
  memset(&hints, 0, sizeof(hints));
  hints.ai_family = family(L, FAMILY);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = lua_toboolean(L, PASSIVE) ? AI_PASSIVE : 0;
  las_checkcancel(L, t);
  box = (Lookup **)lua_newuserdatauv(L, sizeof(Lookup *), 1);
  *box = NULL;
  las_settype(L, LAS_TLOOKUP);
  las_pushloop(L, lp);
  lua_setiuservalue(L, -2, 1);
  if (las_openshared(lp) != 0)
    return luaL_error(L, "not enough memory");
  q = newlookup(L);
  q->hints = hints;
  *box = q;
  q->loop = lp;
  q->waiter = t;
  lp->budget.busy++;
  enqueue(lp, q);
  startqueued(lp);
  las_park(t, &lookupwait, q);
  return lua_yieldk(L, 0, 0, lookupk);
}


/* isaddress(host): "inet" or "inet6" if it is numeric, else nil */
static int core_isaddress (lua_State *L) {
  struct sockaddr_storage sa;
  if (las_parseaddress(luaL_checkstring(L, 1), 0, &sa) != 0)
    lua_pushnil(L);
  else
    lua_pushstring(L, (sa.ss_family == AF_INET6) ? "inet6" : "inet");
  return 1;
}


void las_openresolver (lua_State *L, int state) {
  static const luaL_Reg funcs[] = {
    {"getaddrinfo", core_getaddrinfo},
    {"isaddress", core_isaddress},
    {NULL, NULL}
  };
  static const luaL_Reg meta[] = {
    {"__gc", box_gc},
    {NULL, NULL}
  };
  las_newtype(L, state, LAS_TLOOKUP, "asyncio.Lookup", NULL, meta);
  las_setfuncs(L, state, funcs);
}

/* }================================================================== */
