/*
** job.h
** Running the jobs of the ready queue.
*/

#ifndef las_job_h
#define las_job_h

#include "base/item.h"


/* Calls a job, protected; the loop must be running. Cannot raise. */
LAS_API void las_runjob (las_Loop *lp, las_Job *job);

#endif
