/* SPDX-License-Identifier: MIT */
/* jobs - what the daemon does again and again.
 *
 * Each job is a row of the table job, and runs in a process of its own, `ccm-supervisor job NAME`: one that crashes, hangs or
 * needs much memory takes nothing with it. The row is leased while it runs. A daemon that dies takes its workers
 * with it; the next one finds the lease and begins the job anew, so every job must be one that can be begun anew.
 */
#ifndef CCM_SUPERVISOR_JOBS_H
#define CCM_SUPERVISOR_JOBS_H

#include "ctx.h"

struct job {
	const char *name;
	const char *what;            /* for people */
	int64_t every_ms;            /* at the latest so long after the last time */
	int64_t after_work_ms;       /* so long after the last time, if agents have been at work since; 0: that is no reason */
	int64_t deadline_ms;         /* then it is ended */
	bool is_long;                /* may take hours: it runs beside the others, which run one at a time */
	int (*run)(struct ctx *ctx); /* 0, or an error; has said what went wrong */
};

/* The table; a NULL name ends it. */
extern const struct job jobs[];
const struct job *job_find(const char *name);

/* After so many failures in a row (0: it went well), when it is tried again. */
int64_t job_next_ms(const struct job *job, int64_t failures);

#endif
