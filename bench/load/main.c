/*
** main.c
** A load generator: starts a server on one core, drives it from another.
** 'load pin -- command' only runs the command on the servers' core.
*/

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define PATIENCE 60  /* seconds above the plan's own until we give up */

static const char usage[] =
  "usage: load echo [-c conns] [-s bytes] [-w seconds] [-t seconds] -- server\n"
  "       load idle [-c conns] -- server\n"
  "       load churn [-c at once] [-n in all] -- server\n"
  "       load pin -- command\n";

typedef struct Mode {
  const char *name;
  void (*run) (const Target *t, const Plan *p);
} Mode;

static const Mode modes[] = {
  {"echo", run_echo},
  {"idle", run_idle},
  {"churn", run_churn},
  {NULL, NULL}
};

void die (const char *what) {
  if (errno != 0)
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  else
    fprintf(stderr, "load: %s\n", what);
  exit(EXIT_FAILURE);
}

double now (void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void badusage (void) {
  fputs(usage, stderr);
  exit(EXIT_FAILURE);
}

static void readoptions (Plan *p, int argc, char **argv) {
  int opt;
  while ((opt = getopt(argc, argv, "c:n:s:w:t:")) != -1) {
    switch (opt) {
      case 'c': p->conns = atoi(optarg); break;
      case 'n': p->total = atoi(optarg); break;
      case 's': p->size = (size_t)atol(optarg); break;
      case 'w': p->warm = atof(optarg); break;
      case 't': p->seconds = atof(optarg); break;
      default: badusage();
    }
  }
  if (optind >= argc || p->conns < 1 || p->size < 1 || p->total < p->conns)
    badusage();
}

/* many connections need many descriptors; the server inherits the limit */
static void raiselimit (void) {
  struct rlimit r;
  getrlimit(RLIMIT_NOFILE, &r);
  r.rlim_cur = r.rlim_max;
  setrlimit(RLIMIT_NOFILE, &r);
}

static const Mode *findmode (const char *name) {
  const Mode *m = modes;
  while (m->name != NULL && strcmp(m->name, name) != 0)
    m++;
  return m;
}

/* runs the command in our place, on the servers' core */
static void become (char **argv) {
  pin(0);
  execvp(argv[0], argv);
  die(argv[0]);
}

static void measure (const Mode *mode, const Plan *plan, char **argv) {
  Target target;
  alarm((unsigned)(plan->warm + plan->seconds) + PATIENCE);
  target_start(&target, argv);
  pin(1);
  mode->run(&target, plan);
  target_stop(&target);
}

int main (int argc, char **argv) {
  Plan plan = {.conns = 10, .total = 100000, .size = 1024, .warm = 0.2,
               .seconds = 1};
  const Mode *mode;
  if (argc < 3)
    badusage();
  readoptions(&plan, argc - 1, argv + 1);  /* the mode stands for a name */
  raiselimit();
  mode = findmode(argv[1]);
  if (mode->run != NULL)
    measure(mode, &plan, argv + 1 + optind);
  else if (strcmp(argv[1], "pin") == 0)
    become(argv + 1 + optind);
  else
    badusage();
  return EXIT_SUCCESS;
}
