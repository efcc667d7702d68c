/*
** histogram.c
** Latencies counted in buckets that grow with what they hold.
** Each power of two is cut into 64 buckets; time is counted in 1/16 us.
*/

#include <string.h>

#include "load.h"

#define SUB 64  /* buckets in each power of two */
#define UNIT 16.0  /* ticks in a microsecond */

static uint64_t count[64 * SUB];
static uint64_t total;

static unsigned bucket (uint64_t ticks) {
  int shift;
  if (ticks < SUB)
    return (unsigned)ticks;
  shift = 63 - __builtin_clzll(ticks) - 6;  /* leaves 64..127 */
  return (unsigned)(shift + 1) * SUB + (unsigned)(ticks >> shift) - SUB;
}

/* the middle of bucket b, in ticks */
static double middle (unsigned b) {
  unsigned shift;
  if (b < SUB)
    return b;
  shift = b / SUB - 1;
  return (double)(b % SUB + SUB + 0.5) * (double)(1ull << shift);
}

void histogram_clear (void) {
  memset(count, 0, sizeof count);
  total = 0;
}

void histogram_add (double us) {
  count[bucket((uint64_t)(us * UNIT))]++;
  total++;
}

double histogram_quantile (double q) {
  uint64_t left = (uint64_t)((double)total * q);
  unsigned b;
  for (b = 0; b < 64 * SUB - 1 && count[b] <= left; b++)
    left -= count[b];
  return middle(b) / UNIT;
}
