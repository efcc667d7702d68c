/*
** mail.c
** Mailbox: how other threads hand results to a loop.
** It outlives its loop while a thread holds it; a message that comes too late
** is only freed.
*/

#include <stdlib.h>

#include "base/mail.h"
#include "base/loop.h"


struct las_Mailbox {
  uv_mutex_t lock;	/* guards all below */
  las_Loop *loop;	/* NULL once it is closed */
  las_Message *first, *last;	/* posted, not yet taken */
  int holders;		/* the loop and every thread at work for it */
};


void las_unholdmailbox (las_Mailbox *m) {
  int left;
  uv_mutex_lock(&m->lock);
  left = --m->holders;
  uv_mutex_unlock(&m->lock);
  if (left == 0) {
    uv_mutex_destroy(&m->lock);
    free(m);
  }
}


int las_openmailbox (las_Loop *lp) {
  las_Mailbox *m = (las_Mailbox *)calloc(1, sizeof(*m));
  if (m == NULL)
    return UV_ENOMEM;
  if (uv_mutex_init(&m->lock) != 0) {
    free(m);
    return UV_ENOMEM;
  }
  m->loop = lp;
  m->holders = 1;
  lp->mail.box = m;
  return 0;
}


static las_Message *takeall (las_Mailbox *m) {
  las_Message *all;
  uv_mutex_lock(&m->lock);
  all = m->first;
  m->first = m->last = NULL;
  uv_mutex_unlock(&m->lock);
  return all;
}


static void deliverall (las_Message *msg, las_Loop *lp) {
  while (msg != NULL) {
    las_Message *next = msg->next;  /* 'deliver' frees the message */
    msg->deliver(msg, lp);
    msg = next;
  }
}


void las_takemail (las_Loop *lp) {
  deliverall(takeall(lp->mail.box), lp);
}


void las_closemailbox (las_Loop *lp) {
  las_Mailbox *m = lp->mail.box;
  uv_mutex_lock(&m->lock);
  m->loop = NULL;
  uv_mutex_unlock(&m->lock);
  deliverall(takeall(m), NULL);
  lp->mail.box = NULL;
  las_unholdmailbox(m);
}


/* The threads that may post are not in this process, but one of them may have
   held the lock when it was forked. */
void las_leavemailbox (las_Loop *lp) {
  if (lp->mail.box->holders == 1)
    free(lp->mail.box);
  lp->mail.box = NULL;
}


las_Mailbox *las_holdmailbox (las_Loop *lp) {
  las_Mailbox *m = lp->mail.box;
  uv_mutex_lock(&m->lock);
  m->holders++;
  uv_mutex_unlock(&m->lock);
  return m;
}


void las_post (las_Mailbox *m, las_Message *msg) {
  int gone;
  msg->next = NULL;
  uv_mutex_lock(&m->lock);
  gone = (m->loop == NULL);
  if (!gone) {
    if (m->last != NULL)
      m->last->next = msg;
    else
      m->first = msg;
    m->last = msg;
    uv_async_send(&m->loop->mail.async);  /* the lock keeps the loop open */
  }
  uv_mutex_unlock(&m->lock);
  if (gone)
    msg->deliver(msg, NULL);
  las_unholdmailbox(m);
}


void las_addwaker (las_Loop *lp, las_Waker *w) {
  w->next = lp->mail.wakers;
  lp->mail.wakers = w;
}


void las_dropwaker (las_Loop *lp, las_Waker *w) {
  las_Waker **p = &lp->mail.wakers;
  while (*p != w)
    p = &(*p)->next;
  *p = w->next;
}


void las_onasync (uv_async_t *async) {
  las_Loop *lp = (las_Loop *)async->data;
  las_Waker *w;
  las_takemail(lp);
  for (w = lp->mail.wakers; w != NULL; w = w->next)
    w->woken(w, lp);
}
