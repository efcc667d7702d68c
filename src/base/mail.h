/*
** mail.h
** Mailbox: how other threads hand results to a loop.
*/

#ifndef las_mail_h
#define las_mail_h

#include "base/base.h"


/* Its function is called on the loop's thread when something else woke the
   loop, such as a signal handler. */
typedef struct las_Waker {
  struct las_Waker *next;
  void (*woken) (struct las_Waker *w, las_Loop *lp);	/* C only */
} las_Waker;

/* Another thread posts a message; the loop takes it on its own thread. */
typedef struct las_Message {
  struct las_Message *next;
  void (*deliver) (struct las_Message *m, las_Loop *lp);	/* frees it;
				lp is NULL if the loop is gone. C only */
} las_Message;
typedef struct las_Mailbox las_Mailbox;

typedef struct las_Mail {
  uv_async_t async;	/* wakes the loop from threads and signals */
  las_Mailbox *box;	/* results of other threads */
  las_Waker *wakers;
} las_Mail;

/* Makes the loop's mailbox. UV_ENOMEM or 0; nothing in this file can raise. */
LAS_API int las_openmailbox (las_Loop *lp);
/* Closes it: messages that were not taken yet are only freed. */
LAS_API void las_closemailbox (las_Loop *lp);
/* Delivers the messages that are there. */
LAS_API void las_takemail (las_Loop *lp);
/* libuv's callback: takes the mail, and calls all wakers. */
LAS_API void las_onasync (uv_async_t *async);

/* Adds a waker, which the caller owns and must drop before it goes. */
LAS_API void las_addwaker (las_Loop *lp, las_Waker *w);
LAS_API void las_dropwaker (las_Loop *lp, las_Waker *w);

/* Leaves the mailbox of a loop that another process made: no message will come
   to it here. */
LAS_API void las_leavemailbox (las_Loop *lp);

/* Holds the mailbox for one message, so that it outlives the loop. Then either
   post the message, from any thread, which releases it, or unhold it. */
LAS_API las_Mailbox *las_holdmailbox (las_Loop *lp);
LAS_API void las_unholdmailbox (las_Mailbox *m);
LAS_API void las_post (las_Mailbox *m, las_Message *msg);

#endif
