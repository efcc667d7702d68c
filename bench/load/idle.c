/*
** idle.c
** What a connection costs the server while nothing is said on it.
** Each is greeted once, so its handler has run and waits in a read.
*/

#include <stdio.h>

#include "load.h"

#define FIRST 1000  /* opened before: tables and pools have their start */

static void openmany (const Target *t, int n) {
  int i;
  for (i = 0; i < n; i++)
    greet(dial(t));  /* stays open until we exit */
}

void run_idle (const Target *t, const Plan *p) {
  long before;
  openmany(t, FIRST);
  before = target_rss(t);
  openmany(t, p->conns);
  printf("bytes %.0f\n",
         (double)(target_rss(t) - before) / (double)p->conns);
}
