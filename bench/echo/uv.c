/*
** uv.c
** TCP echo on libuv alone: the best that one plain C loop can do.
** One read buffer for all: what is read is written back before the next.
*/

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define BACKLOG 4096

/* What the kernel did not take at once, copied: the buffer is read into. */
typedef struct Rest {
  uv_write_t req;
  char bytes[];
} Rest;

static char buffer[256 * 1024];

static void check (int err, const char *what) {
  if (err < 0) {
    fprintf(stderr, "%s: %s\n", what, uv_strerror(err));
    exit(EXIT_FAILURE);
  }
}

static void onalloc (uv_handle_t *h, size_t hint, uv_buf_t *buf) {
  (void)h; (void)hint;
  *buf = uv_buf_init(buffer, sizeof buffer);
}

static void onclose (uv_handle_t *h) {
  free(h);
}

static void onwrite (uv_write_t *req, int status) {
  (void)status;  /* a broken connection also ends its read */
  free(req);
}

static void writerest (uv_stream_t *s, const char *bytes, size_t n) {
  Rest *r = (Rest *)malloc(sizeof(Rest) + n);
  uv_buf_t buf;
  if (r == NULL)
    check(UV_ENOMEM, "malloc");
  memcpy(r->bytes, bytes, n);
  buf = uv_buf_init(r->bytes, (unsigned)n);
  if (uv_write(&r->req, s, &buf, 1, onwrite) < 0)
    free(r);
}

static void onread (uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
  uv_buf_t buf = uv_buf_init(b->base, (unsigned)n);
  int sent;
  if (n < 0) {
    uv_close((uv_handle_t *)s, onclose);
    return;
  }
  sent = uv_try_write(s, &buf, 1);
  if (sent < 0)
    sent = 0;  /* refused for now, or broken: 'uv_write' will tell */
  if (sent < n)
    writerest(s, b->base + sent, (size_t)(n - sent));
}

static void onconnection (uv_stream_t *server, int status) {
  uv_tcp_t *c = (uv_tcp_t *)malloc(sizeof(uv_tcp_t));
  check(c == NULL ? UV_ENOMEM : status, "connection");
  uv_tcp_init(server->loop, c);
  check(uv_accept(server, (uv_stream_t *)c), "accept");
  uv_tcp_nodelay(c, 1);
  uv_read_start((uv_stream_t *)c, onalloc, onread);
}

static void printport (const uv_tcp_t *server) {
  struct sockaddr_in a;
  int len = sizeof a;
  check(uv_tcp_getsockname(server, (struct sockaddr *)&a, &len), "port");
  printf("%d\n", ntohs(a.sin_port));
  fflush(stdout);
}

int main (void) {
  uv_loop_t *loop = uv_default_loop();
  struct sockaddr_in a;
  uv_tcp_t server;
  signal(SIGPIPE, SIG_IGN);
  uv_ip4_addr("127.0.0.1", 0, &a);
  uv_tcp_init(loop, &server);
  check(uv_tcp_bind(&server, (struct sockaddr *)&a, 0), "bind");
  check(uv_listen((uv_stream_t *)&server, BACKLOG, onconnection), "listen");
  printport(&server);
  return uv_run(loop, UV_RUN_DEFAULT);
}
