/*
** churn.c
** Connections opened, greeted and closed, so many at a time.
** The client closes first: its addresses go round, the server's port stays.
*/

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define WARMUP 10  /* a tenth of the connections goes before */
#define SETTLE 2.0  /* seconds the server may take to close the last ones */

static const char word[] = "hello, server\n";

static int opentalk (const Target *t) {
  int fd = dial(t);
  if (send(fd, word, sizeof word, MSG_NOSIGNAL) != sizeof word)
    die("send");
  return fd;
}

static void endtalk (int fd) {
  char back[sizeof word];
  if (recv(fd, back, sizeof back, MSG_WAITALL) != sizeof back ||
      memcmp(back, word, sizeof word) != 0)
    die("a new connection's echo");
  close(fd);
}

/* keeps n connections open, the oldest always the next to be closed */
static void churn (const Target *t, int *fds, int n, int total) {
  int i;
  for (i = 0; i < n; i++)
    fds[i] = opentalk(t);
  for (i = n; i < total; i++) {
    endtalk(fds[i % n]);
    fds[i % n] = opentalk(t);
  }
  for (i = 0; i < n; i++)
    endtalk(fds[i]);
}

/* how many more descriptors it has than before, once it has settled */
static int leftfds (const Target *t, int before) {
  double end = now() + SETTLE;
  int left;
  while ((left = target_fds(t) - before) > 0 && now() < end)
    usleep(2000);
  return left;
}

void run_churn (const Target *t, const Plan *p) {
  int *fds = (int *)calloc((size_t)p->conns, sizeof(int));
  int nfds = target_fds(t);
  double start, seconds;
  long rss;
  if (fds == NULL)
    die("calloc");
  churn(t, fds, p->conns, p->total / WARMUP);
  nfds += leftfds(t, nfds);  /* libuv keeps one from its first stream on */
  rss = target_rss(t);
  start = now();
  churn(t, fds, p->conns, p->total);
  seconds = now() - start;
  nfds = leftfds(t, nfds);
  printf("rate %.1f rss %.1f fds %d\n", (double)p->total / seconds,
         (double)(target_rss(t) - rss) / 1024, nfds);
  free(fds);
}
