/*
** target.c
** The server under test: started on a core of its own, watched, ended.
** It prints its port first, and is killed with us whatever happens to us.
*/

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load.h"

#define STARTUP 20000  /* milliseconds a server may take to print its port */
#define GRACE 2.0  /* seconds it may take to end after SIGTERM */

void pin (int n) {
  cpu_set_t mine, one;
  int cpu, seen = 0;
  if (sched_getaffinity(0, sizeof mine, &mine) != 0 || CPU_COUNT(&mine) < 2)
    return;
  for (cpu = 0; !CPU_ISSET(cpu, &mine) || seen++ < n; cpu++)
    ;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one);
}

static int readport (int fd) {
  char line[64];
  size_t n = 0;
  struct pollfd p = {.fd = fd, .events = POLLIN};
  while (n < sizeof line - 1 && poll(&p, 1, STARTUP) == 1 &&
         read(fd, line + n, 1) == 1 && line[n] != '\n')
    n++;
  line[n] = '\0';
  return atoi(line);
}

void target_start (Target *t, char **argv) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0)
    die("pipe");
  t->pid = fork();
  if (t->pid < 0)
    die("fork");
  if (t->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(fds[1], STDOUT_FILENO);
    pin(0);
    execvp(argv[0], argv);
    die(argv[0]);
  }
  close(fds[1]);
  t->out = fds[0];
  errno = 0;
  t->port = readport(t->out);
  if (t->port <= 0)
    die("the server has printed no port");
}

void target_stop (Target *t) {
  double end = now() + GRACE;
  int ended = 0;
  kill(t->pid, SIGTERM);
  while (!ended && now() < end) {
    usleep(2000);
    ended = waitpid(t->pid, NULL, WNOHANG) != 0;
  }
  if (!ended)
    kill(t->pid, SIGKILL);
  close(t->out);
}

/* opens /proc/PID/name and reads its first line */
static void procline (const Target *t, const char *name, char *buf, int n) {
  char path[64];
  FILE *f;
  snprintf(path, sizeof path, "/proc/%d/%s", (int)t->pid, name);
  f = fopen(path, "r");
  if (f == NULL || fgets(buf, n, f) == NULL)
    die(path);
  fclose(f);
}

double target_cpu (const Target *t) {
  char line[1024];
  unsigned long user, sys;
  const char *rest;
  procline(t, "stat", line, sizeof line);
  rest = strrchr(line, ')');  /* the name before it may hold anything */
  if (rest == NULL ||
      sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
             &user, &sys) != 2)
    die("/proc/PID/stat");
  return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

long target_rss (const Target *t) {
  char line[256];
  long pages;
  procline(t, "statm", line, sizeof line);
  if (sscanf(line, "%*d %ld", &pages) != 1)
    die("/proc/PID/statm");
  return pages * sysconf(_SC_PAGESIZE);
}

int target_fds (const Target *t) {
  char path[64];
  DIR *dir;
  int n = 0;
  snprintf(path, sizeof path, "/proc/%d/fd", (int)t->pid);
  dir = opendir(path);
  if (dir == NULL)
    die(path);
  while (readdir(dir) != NULL)
    n++;
  closedir(dir);
  return n - 2;  /* '.' and '..' */
}
