/*
** load.h
** The load generator's rooms: a server under test, and what is done to it.
** Everything here may end the process: a benchmark that fails has no result.
*/

#ifndef load_h
#define load_h

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A server that runs on a core of its own; it dies with this process. */
typedef struct Target {
  pid_t pid;
  int port;  /* on 127.0.0.1, from the first line of its output */
  int out;  /* read end of its standard output: open, so it can print */
} Target;

/* What the command line asks for; each mode uses some of it. */
typedef struct Plan {
  int conns;
  int total;  /* connections opened and closed in all */
  size_t size;  /* of one message, in bytes */
  double warm;  /* seconds before the measured window */
  double seconds;  /* of the measured window */
} Plan;

/* prints errno's text, if any, and exits */
void die (const char *what) __attribute__((noreturn));

double now (void);  /* monotonic, in seconds */

/* pins this process to the n-th of the cores it may use, if there are two */
void pin (int n);

void target_start (Target *t, char **argv);
void target_stop (Target *t);
double target_cpu (const Target *t);  /* seconds of user and system time */
long target_rss (const Target *t);  /* bytes */
int target_fds (const Target *t);

/*
** A connected blocking socket. Source addresses go round, so that many
** connections in TIME_WAIT do not use up the ports of one.
*/
int dial (const Target *t);

/* sends a small message and waits until it has come back whole */
void greet (int fd);

/* Latencies in microseconds, each kept to within 2 %. */
void histogram_clear (void);
void histogram_add (double us);
double histogram_quantile (double q);

void run_echo (const Target *t, const Plan *p);
void run_idle (const Target *t, const Plan *p);
void run_churn (const Target *t, const Plan *p);

#endif
