/*
** echo.c
** A closed loop: each connection keeps one message in flight, for ever.
** Every byte that comes back is compared with what was sent.
*/

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"

#define BATCH 256  /* events taken from the kernel at once */
#define SHIFTS 251  /* messages are this many windows on one random text */

typedef struct Conn {
  int fd;
  const char *msg;  /* the message in flight */
  size_t sent, got;  /* how much of it went out and came back */
  double start;  /* when it began */
} Conn;

static char *text;  /* size + SHIFTS random bytes */
static size_t size;
static uint64_t done;  /* messages that came back whole */
static char buffer[256 * 1024];

static void maketext (void) {
  uint32_t x = 2463534242u;
  size_t i;
  text = (char *)malloc(size + SHIFTS);
  if (text == NULL)
    die("malloc");
  for (i = 0; i < size + SHIFTS; i++) {
    x ^= x << 13, x ^= x >> 17, x ^= x << 5;  /* xorshift */
    text[i] = (char)x;
  }
}

static void sendsome (Conn *c) {
  while (c->sent < size) {
    ssize_t n = send(c->fd, c->msg + c->sent, size - c->sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN)
      return;  /* its edge will come */
    if (n < 0)
      die("send");
    c->sent += (size_t)n;
  }
}

static void beginmessage (Conn *c, double at) {
  static unsigned turn;
  c->msg = text + turn++ % SHIFTS;
  c->sent = c->got = 0;
  c->start = at;
  sendsome(c);
}

static void endmessage (Conn *c) {
  double at = now();
  histogram_add((at - c->start) * 1e6);
  done++;
  beginmessage(c, at);
}

/*
** Takes what has come. With edges instead of levels we must read on until
** the kernel gives less than it was asked for, or the message is whole.
*/
static void recvsome (Conn *c) {
  size_t want, n;
  do {
    ssize_t r;
    want = size - c->got;
    if (want > sizeof buffer)
      want = sizeof buffer;
    r = recv(c->fd, buffer, want, 0);
    if (r < 0 && errno == EAGAIN)
      return;
    if (r == 0)
      errno = 0;
    if (r <= 0)
      die("the server has closed a connection");
    n = (size_t)r;
    errno = 0;
    if (c->got + n > c->sent || memcmp(buffer, c->msg + c->got, n) != 0)
      die("the server has sent other bytes than it got");
    c->got += n;
  } while (n == want && c->got < size);
  if (c->got == size)
    endmessage(c);
}

static void drive (int ep, double until) {
  struct epoll_event ev[BATCH];
  while (now() < until) {
    int i, n = epoll_wait(ep, ev, BATCH, 100);
    for (i = 0; i < n; i++) {
      Conn *c = (Conn *)ev[i].data.ptr;
      if (ev[i].events & EPOLLOUT)
        sendsome(c);
      if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        recvsome(c);
    }
  }
}

/* opens the connections, each proven by a greeting, then starts them all */
static int openall (const Target *t, Conn *conns, int n) {
  struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
  int i, ep = epoll_create1(EPOLL_CLOEXEC);
  for (i = 0; i < n; i++) {
    conns[i].fd = dial(t);
    greet(conns[i].fd);
    fcntl(conns[i].fd, F_SETFL, O_NONBLOCK);
  }
  for (i = 0; i < n; i++) {
    beginmessage(&conns[i], now());
    ev.data.ptr = &conns[i];
    if (epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev) != 0)
      die("epoll_ctl");
  }
  return ep;
}

void run_echo (const Target *t, const Plan *p) {
  Conn *conns = (Conn *)calloc((size_t)p->conns, sizeof(Conn));
  double start, end, cpu, rate, busy;
  int ep;
  if (conns == NULL)
    die("calloc");
  size = p->size;
  maketext();
  ep = openall(t, conns, p->conns);
  drive(ep, now() + p->warm);
  histogram_clear();
  done = 0;
  cpu = target_cpu(t);
  start = now();
  drive(ep, start + p->seconds);
  end = now();
  cpu = target_cpu(t) - cpu;
  rate = (double)done / (end - start);
  busy = cpu / (end - start);
  printf("rate %.1f percpu %.1f p50 %.1f p99 %.1f busy %.0f\n", rate,
         rate / busy, histogram_quantile(0.5), histogram_quantile(0.99),
         100 * busy);
  free(conns);
}
