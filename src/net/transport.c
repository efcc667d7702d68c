/*
** transport.c
** Transports: a libuv stream, what it has not sent yet, and its end.
** A transport knows no reader, only the sink that takes the bytes it receives.
*/

#include <stdlib.h>
#include <string.h>

#include "net/transport.h"
#include "base/anchor.h"
#include "base/item.h"
#include "base/loop.h"
#include "base/resource.h"
#include "task/park.h"
#include "net/dropped.h"
#include "net/shared.h"


static void freestream (las_Stream *s) {
  if (s->keeper != NULL)
    (*s->keeper)->freed(s);
  s->sink->free(s);
}


void las_unref (las_Stream *s) {
  s->refs--;
  if (s->refs == 0)
    freestream(s);
  else if (s->refs == 1 && !s->closed) {
    if (las_unlikely(s->loop != NULL && s->loop->debug) && !s->closing)
      las_notedrop(s);
    las_closestream(s);
  }
}


/*
** {==================================================================
** Opening and closing
** ===================================================================
*/

static void dropclosed (las_Resource *res) {
  las_Stream *s = las_owner(res, las_Stream, res);
  s->done.fire = NULL;
  las_unref(s);
}

/* of a stream that is closed while its handler runs on */
static const las_ResourceKind handlingkind = {.drop = dropclosed};


/* A descriptor is free again, so servers that ran out of them may go on. */
static void firefreed (las_Loop *lp) {
  las_List *freed = &las_shared(lp)->freed;
  while (*freed != NULL) {
    las_Item *it = *freed;
    las_unlink(freed, it);
    las_fire(lp, it, NULL);
  }
}


static void onclosed (uv_handle_t *h) {
  las_Stream *s = (las_Stream *)h->data;
  las_Loop *lp = s->loop;
  s->closed = 1;
  if (lp != NULL) {
    if (s->done.fire == NULL)
      las_disown(lp, &s->res);
    else
      s->res.kind = &handlingkind;
    las_wakeall(&s->closers);
    s->sink->gone(s);
    firefreed(lp);
  }
  s->loop = NULL;
  if (s->keeper != NULL)
    (*s->keeper)->closed(s);
  if (--s->refs == 0)
    freestream(s);
}


void las_handled (las_Loop *lp, las_Stream *s) {
  s->done.fire = NULL;
  if (s->closed)
    las_disown(lp, &s->res);
  las_unref(s);
}


/* Closes the stream with its loop; no task is left that could be woken. */
static void drop (las_Resource *res) {
  las_Stream *s = las_owner(res, las_Stream, res);
  s->loop = NULL;
  s->closing = s->ended = 1;
  s->drains = s->closers = NULL;
  s->connecting = NULL;
  s->sink->gone(s);
  if (s->done.fire != NULL) {  /* it will never fire */
    s->done.fire = NULL;
    s->refs--;
  }
  if (!uv_is_closing(&s->uv.handle))
    uv_close(&s->uv.handle, onclosed);
}


static const las_ResourceKind tcpkind = {.name = "tcp", .drop = drop};
static const las_ResourceKind unixkind = {.name = "unix", .drop = drop};


int las_isstream (const las_Resource *r) {
  return r->kind == &tcpkind || r->kind == &unixkind;
}


/* Gives the loop the stream, whose handle is there now. */
static void addhandle (las_Stream *s, const las_ResourceKind *kind) {
  s->uv.handle.data = s;
  s->res.kind = kind;
  s->closed = 0;
  s->refs++;
  las_adopt(s->loop, &s->res);
}


int las_initstream (las_Stream *s, int isunix) {
  int err = las_openshared(s->loop);
  if (err == 0)
    err = isunix ? uv_pipe_init(&s->loop->uv, &s->uv.pipe, 0)
                 : uv_tcp_init(&s->loop->uv, &s->uv.tcp);
  if (err == 0)
    addhandle(s, isunix ? &unixkind : &tcpkind);
  return err;
}


int las_openstream (las_Stream *s, int fd, int isunix) {
  int err = las_initstream(s, isunix);
  if (err == 0) {
    err = isunix ? uv_pipe_open(&s->uv.pipe, fd)
                 : uv_tcp_open(&s->uv.tcp, fd);
    if (err == 0)
      s->connected = 1;
    else
      las_abortstream(s);
  }
  return err;
}


static void closenow (las_Stream *s) {
  if (!uv_is_closing(&s->uv.handle)) {
    s->reading = 0;
    uv_close(&s->uv.handle, onclosed);
  }
}


void las_stopreading (las_Stream *s) {
  if (s->reading) {
    s->reading = 0;
    uv_read_stop(&s->uv.stream);
  }
}


/* Notes that nothing will come any more. */
static void endinput (las_Stream *s, int err) {
  las_stopreading(s);
  s->ended = 1;
  s->sink->end(s, err);
}


void las_closestream (las_Stream *s) {
  if (s->closing || s->closed)
    return;
  s->closing = 1;
  endinput(s, 0);
  if (s->unsent == 0 || s->werr != 0)
    closenow(s);
}


/* A peer must not mistake a truncated stream for a complete one, so a TCP
   connection is reset if bytes are unsent; but not in a forked child, because
   its parent still uses the connection. */
void las_abortstream (las_Stream *s) {
  int torn = s->unsent > 0 && s->loop != NULL && !s->loop->closed;
  if (s->closed || uv_is_closing(&s->uv.handle))
    return;
  s->closing = s->aborted = 1;
  endinput(s, 0);
  if (torn && s->uv.handle.type == UV_TCP &&
      uv_tcp_close_reset(&s->uv.tcp, onclosed) == 0)
    return;
  closenow(s);
}

/* }================================================================== */


/*
** {==================================================================
** Reading
** ===================================================================
*/

static void onalloc (uv_handle_t *h, size_t hint, uv_buf_t *buf) {
  las_Stream *s = (las_Stream *)h->data;
  (void)hint;
  buf->base = las_readbuf(s->loop);
  buf->len = (buf->base != NULL) ? LAS_READSIZE : 0;
}


/* libuv reports EOF when a reset arrives with the last bytes. SO_ERROR shows
   whether bytes were lost, so that this is not taken for a clean end. */
static int endof (las_Stream *s) {
  uv_os_fd_t fd;
  int err = 0;
  socklen_t len = sizeof(err);
  if (uv_fileno(&s->uv.handle, &fd) != 0 ||
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0 || err == 0)
    return UV_EOF;
  return -err;
}


static void onend (las_Stream *s, int err) {
  if (err == UV_EOF)
    err = endof(s);
  if (err == UV_ENOBUFS)
    err = UV_ENOMEM;  /* there is no read buffer */
  else if (err != UV_EOF) {
    if (s->werr == 0)
      s->werr = err;
    las_wakeall(&s->drains);
  }
  endinput(s, (err == UV_EOF) ? 0 : err);
}


static void onread (uv_stream_t *h, ssize_t n, const uv_buf_t *buf) {
  las_Stream *s = (las_Stream *)h->data;
  if (n > 0) {
    s->loop->stats.nread += (uint64_t)n;
    s->sink->feed(s, buf->base, (size_t)n);
  }
  else if (n < 0)
    onend(s, (int)n);
}


void las_startreading (las_Stream *s) {
  if (!s->reading && s->connected && !s->closing && !s->ended) {
    int err = uv_read_start(&s->uv.stream, onalloc, onread);
    if (err != 0)
      endinput(s, err);
    else
      s->reading = 1;
  }
}

/* }================================================================== */


/*
** {==================================================================
** Writing
** ===================================================================
*/

typedef struct Write {
  uv_write_t req;
  las_Stream *stream;
  size_t n;		/* bytes */
  uint32_t slot;	/* anchors the string, or 0: the bytes follow */
  char bytes[1];
} Write;


/* Ends writing for good. */
static void fail (las_Stream *s, int err) {
  if (s->werr == 0)
    s->werr = err;
  las_wakeall(&s->drains);
}


static void onwritten (uv_write_t *req, int status) {
  Write *w = las_owner(req, Write, req);
  las_Stream *s = w->stream;
  s->unsent -= w->n;
  if (s->loop != NULL) {
    if (w->slot != 0)
      las_release(s->loop, w->slot);
    if (status == 0)
      s->loop->stats.nwritten += w->n;
    else if (status == UV_ECANCELED)
      fail(s, UV_ECONNABORTED);
    else
      fail(s, status);
    if (s->unsent <= s->low)
      las_wakeall(&s->drains);
    if (s->closing && (s->unsent == 0 || s->werr != 0))
      closenow(s);
  }
  free(w);
}


/* Keeps what the kernel did not take: a copy, or the string if there is a slot,
   which it takes over. libuv's error or 0. */
static int keep (las_Stream *s, const char *p, size_t n, uint32_t slot) {
  Write *w = (Write *)malloc(offsetof(Write, bytes) + (slot ? 1 : n));
  uv_buf_t buf;
  int err;
  if (w == NULL)
    return UV_ENOMEM;
  w->stream = s;
  w->n = n;
  w->slot = slot;
  if (slot == 0) {
    memcpy(w->bytes, p, n);
    p = w->bytes;
  }
  buf = uv_buf_init((char *)(size_t)p, (unsigned)n);
  err = uv_write(&w->req, &s->uv.stream, &buf, 1, onwritten);
  if (err != 0) {
    free(w);
    return err;
  }
  s->unsent += n;
  return 0;
}


int las_writebytes (las_Stream *s, const char *p, size_t n, uint32_t slot,
                    int *kept) {
  int err = 0;
  *kept = 0;
  if (s->unsent == 0) {
    while (n > 0) {
      unsigned len = (n < 0x40000000) ? (unsigned)n : 0x40000000;
      uv_buf_t buf = uv_buf_init((char *)(size_t)p, len);
      int sent = uv_try_write(&s->uv.stream, &buf, 1);
      if (sent < 0) {
        err = (sent == UV_EAGAIN) ? 0 : sent;
        break;
      }
      s->loop->stats.nwritten += (unsigned)sent;
      p += sent;
      n -= (size_t)sent;
      if ((unsigned)sent < len)
        break;
    }
  }
  while (err == 0 && n > 0) {
    size_t len = (n < 0x40000000) ? n : 0x40000000;
    uint32_t own = (len == n) ? slot : 0;  /* the last piece holds it */
    err = keep(s, p, len, own);
    if (err == 0 && own != 0)
      *kept = 1;
    p += len;
    n -= len;
  }
  if (err != 0)
    fail(s, err);
  return err;
}

/* }================================================================== */
