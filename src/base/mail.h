/*
** mail.h
** Mailbox: how other threads hand results to a loop.
*/

#ifndef las_mail_h
#define las_mail_h

#include "base/base.h"


/* Called on the loop's thread when that was woken from elsewhere, by a signal
   handler for one. */
typedef struct las_Waker {
  struct las_Waker *next;
  void (*woken) (struct las_Waker *w, las_Loop *lp);	/* C only */
} las_Waker;

/* Other threads hand in a message; the loop takes it on its own thread. */
typedef struct las_Message {
  struct las_Message *next;
  void (*deliver) (struct las_Message *m, las_Loop *lp);	/* lp NULL: the
				loop is gone: only free it. C only */
} las_Message;
typedef struct las_Mailbox las_Mailbox;

typedef struct las_Mail {
  uv_async_t async;	/* wakes the loop from threads and signals */
  las_Mailbox *box;	/* results of other threads */
  las_Waker *wakers;
} las_Mail;

LAS_API int las_openmailbox (las_Loop *lp);
LAS_API void las_closemailbox (las_Loop *lp);
LAS_API void las_takemail (las_Loop *lp);
LAS_API void las_onasync (uv_async_t *async);	/* the loop was woken */
LAS_API void las_addwaker (las_Loop *lp, las_Waker *w);
LAS_API void las_dropwaker (las_Loop *lp, las_Waker *w);
/* The loop is another process's: no message will come. */
LAS_API void las_leavemailbox (las_Loop *lp);
LAS_API las_Mailbox *las_holdmailbox (las_Loop *lp);
LAS_API void las_unholdmailbox (las_Mailbox *m);
LAS_API void las_post (las_Mailbox *m, las_Message *msg);	/* lets go of m */

#endif
