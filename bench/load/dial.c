/*
** dial.c
** Connections to the server under test.
** Connecting blocks: on loopback the kernel alone answers, at once.
*/

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

#define SOURCES 100  /* source addresses, 127.0.0.2 and up */

static struct sockaddr_in loopback (uint32_t host, int port) {
  struct sockaddr_in a;
  memset(&a, 0, sizeof a);
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
  a.sin_port = htons((uint16_t)port);
  return a;
}

int dial (const Target *t) {
  static uint32_t turn;
  struct sockaddr_in from = loopback(1 + turn++ % SOURCES, 0);
  struct sockaddr_in to = loopback(0, t->port);
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    die("socket");
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0)
    die("bind");
  if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
    die("connect");
  return fd;
}

void greet (int fd) {
  static const char hello[] = "hello, server\n";
  char back[sizeof hello];
  if (send(fd, hello, sizeof hello, MSG_NOSIGNAL) != sizeof hello)
    die("greeting");
  if (recv(fd, back, sizeof back, MSG_WAITALL) != sizeof back ||
      memcmp(back, hello, sizeof hello) != 0)
    die("greeting's echo");
}
