/*
** sentry.c
** Sentries: threads that watch the thread of a loop.
** They touch no Lua state: they read a few numbers of the loop and signal its
** thread, whose handler may then set a hook.
*/

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/sentry.h"
#include "base/loop.h"


#define SENTRYSIGNAL	SIGURG	/* ignored where nobody handles it */


/* the sentries of the loop that this thread runs, and the former action of
   their signal */
static __thread las_Sentry *volatile sentries = NULL;
static __thread struct sigaction former;


lua_State *las_busythread (const las_Loop *lp) {
  return (lp->now.co != NULL) ? lp->now.co : lp->now.calling ? lp->L : NULL;
}


static void onsignal (int sig) {
  las_Sentry *s;
  int saved = errno;  /* the interrupted code may need it */
  (void)sig;
  for (s = sentries; s != NULL; s = s->next) {
    if (!s->loop->closed)
      s->kind->notice(s->loop);
  }
  errno = saved;
}


static void *keepwatch (void *arg) {
  las_Sentry *s = (las_Sentry *)arg;
  uv_mutex_lock(&s->lock);
  while (!s->stop) {
    uv_cond_timedwait(&s->wake, &s->lock, s->kind->rest(s));
    if (!s->stop && s->kind->look(s))
      pthread_kill(s->target, SENTRYSIGNAL);
  }
  uv_mutex_unlock(&s->lock);
  return NULL;
}


static void enlist (las_Sentry *s) {
  if (sentries == NULL) {
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = onsignal;
    sa.sa_flags = SA_RESTART;
    sigemptyset(&sa.sa_mask);
    sigaction(SENTRYSIGNAL, &sa, &former);
  }
  s->next = sentries;
  sentries = s;
}


static void endthread (las_Sentry *s) {
  uv_mutex_lock(&s->lock);
  s->stop = 1;
  uv_cond_signal(&s->wake);
  uv_mutex_unlock(&s->lock);
  pthread_join(s->thread, NULL);
  uv_cond_destroy(&s->wake);
  uv_mutex_destroy(&s->lock);
}


/* Removes and frees a sentry whose thread has ended or was never there. */
static void discharge (las_Sentry *s) {
  if (sentries == s)
    sentries = s->next;
  else {
    las_Sentry *other = sentries;
    while (other->next != s)
      other = other->next;
    other->next = s->next;
  }
  if (sentries == NULL)
    sigaction(SENTRYSIGNAL, &former, NULL);
  free(s);
}


las_Sentry *las_startsentry (las_Loop *lp, const las_SentryKind *kind) {
  las_Sentry *s;
  sigset_t all, old;
  int err;
  if (sentries != NULL && sentries->loop != lp)
    return NULL;
  s = (las_Sentry *)calloc(1, kind->size);
  if (s == NULL)
    return NULL;
  s->loop = lp;
  s->kind = kind;
  s->target = pthread_self();
  uv_mutex_init(&s->lock);
  uv_cond_init(&s->wake);
  enlist(s);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  err = pthread_create(&s->thread, NULL, keepwatch, s);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  if (err == 0)
    return s;
  uv_cond_destroy(&s->wake);
  uv_mutex_destroy(&s->lock);
  discharge(s);
  return NULL;
}


void las_stopsentry (las_Sentry *s) {
  if (s == NULL)
    return;
  if (s->loop->closed != LAS_FOREIGN)  /* a fork takes no threads along */
    endthread(s);
  discharge(s);
}
