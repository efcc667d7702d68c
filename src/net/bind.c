/*
** bind.c
** Binding: the listening sockets of a server, bound, listening and closed.
** There is no Lua here.
*/

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/bind.h"
#include "base/loop.h"
#include "net/listener.h"


static void onpollclosed (uv_handle_t *h) {
  las_Socket *k = (las_Socket *)h->data;
  las_Listener *s = k->server;
  free(k->path);
  free(k);
  las_unreflistener(s);
}


/* Removes the file of a unix socket if it is still the one that this process
   made. */
static void unlinkfile (const las_Socket *k) {
  struct stat st;
  if (k->path != NULL && k->pid == getpid() && stat(k->path, &st) == 0 &&
      st.st_dev == k->dev && st.st_ino == k->ino)
    unlink(k->path);
}


void las_closesockets (las_Listener *s) {
  while (s->sockets != NULL) {
    las_Socket *k = s->sockets;
    s->sockets = k->next;
    unlinkfile(k);
    uv_poll_stop(&k->poll);
    uv_close((uv_handle_t *)&k->poll, onpollclosed);
    close(k->fd);  /* now: another server may use the address */
  }
}


/* Returns a socket bound to the address, or -errno on failure. */
static int opensocket (const struct sockaddr *sa, socklen_t len,
                       int reuseaddress, int reuseport) {
  int on = 1, err;
  int fd = socket(sa->sa_family, SOCK_STREAM, 0);
  if (fd < 0)
    return -errno;
  if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 ||
      fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
    goto fail;
  if (reuseaddress &&
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
    goto fail;
#if defined(SO_REUSEPORT)
  if (reuseport &&
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
    goto fail;
#endif
  if (sa->sa_family == AF_INET6 &&
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
    goto fail;
  if (bind(fd, sa, len) != 0)
    goto fail;
  return fd;
 fail:
  err = -errno;
  close(fd);
  return err;
}


int las_listen (las_Listener *s, las_Socket **failed) {
  las_Socket *k;
  for (k = s->sockets; k != NULL; k = k->next) {
    if (!k->listening && listen(k->fd, s->backlog) != 0) {
      *failed = k;
      return -errno;
    }
    k->listening = 1;
  }
  return 0;
}


/* Gives the descriptor to a poll of the server. On failure it is closed. */
static int addsocket (las_Listener *s, int fd, const char *path) {
  las_Socket *k = (las_Socket *)calloc(1, sizeof(*k));
  int err = UV_ENOMEM;
  if (k == NULL)
    goto nosocket;
  if (path != NULL) {
    struct stat st;
    k->path = strdup(path);
    if (k->path == NULL)
      goto nopath;
    if (stat(path, &st) == 0) {
      k->dev = st.st_dev;
      k->ino = st.st_ino;
      k->pid = getpid();
    }
    k->isunix = 1;
  }
  err = uv_poll_init(&s->loop->uv, &k->poll, fd);
  if (err != 0)
    goto nopoll;
  k->poll.data = k;
  k->fd = fd;
  k->server = s;
  k->next = s->sockets;
  s->sockets = k;
  s->refs++;
  return 0;
 nopoll:
  free(k->path);
 nopath:
  free(k);
 nosocket:
  close(fd);
  return err;
}


int las_bind (las_Listener *s, const struct sockaddr *sa, int reuseaddress,
              int reuseport) {
  int fd = opensocket(sa, (sa->sa_family == AF_INET6)
                              ? sizeof(struct sockaddr_in6)
                              : sizeof(struct sockaddr_in),
                      reuseaddress, reuseport);
  return (fd < 0) ? fd : addsocket(s, fd, NULL);
}


/* Was the file of a unix socket left by a server that is gone? This connects a
   datagram socket to it, which no server ever sees: if there is one, even one
   that does not listen yet, the socket is refused as of the wrong type. */
static int isstale (const struct sockaddr_un *sa) {
  struct stat st;
  int stale, fd;
  if (stat(sa->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
    return 0;
  fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (fd < 0)
    return 0;
  fcntl(fd, F_SETFL, O_NONBLOCK);
  stale = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) != 0 &&
          errno == ECONNREFUSED;
  close(fd);
  return stale;
}


int las_bindunix (las_Listener *s, const char *path, size_t n) {
  struct sockaddr_un sa;
  int fd;
  if (n >= sizeof(sa.sun_path))
    return UV_ENAMETOOLONG;
  if (s->path == NULL && (s->path = strdup(path)) == NULL)
    return UV_ENOMEM;
  memset(&sa, 0, sizeof(sa));
  sa.sun_family = AF_UNIX;
  memcpy(sa.sun_path, path, n);
  fd = opensocket((struct sockaddr *)&sa, sizeof(sa), 0, 0);
  if (fd == UV_EADDRINUSE && isstale(&sa)) {
    unlink(path);
    fd = opensocket((struct sockaddr *)&sa, sizeof(sa), 0, 0);
  }
  return (fd < 0) ? fd : addsocket(s, fd, path);
}
