/* SPDX-License-Identifier: MIT */
/* prune - forget the oldest events, in steps that hold no hook back.
 *
 * Each step is a transaction of its own that aims at CCM_PRUNE_STEP_MS; between two steps the database
 * is left alone for as long as the step took, so that whoever waits gets in. What is freed is given
 * back to the file system in steps of the same kind.
 *
 * Units: _ms Unix milliseconds or durations, _bytes of the database file without its free pages.
 */
#ifndef CCM_PRUNE_H
#define CCM_PRUNE_H

#include <stdint.h>

#include "db.h"

#define CCM_PRUNE_STEP_MS 5

struct ccm_prune {
	int64_t before_ms;           /* events received before this go; 0: none by age */
	int64_t max_bytes;           /* the oldest go until the database is no larger; 0: no bound */
	int64_t deadline_us;         /* CLOCK_MONOTONIC: stop here and go on another time; 0: no hurry */
	int64_t events;              /* result: how many went, or would go */
	int64_t bytes;               /* result: how much smaller the database is, or about would be */
};

/* What ccm_prune_run() would do now. */
int ccm_prune_plan(struct ccm_db *db, struct ccm_prune *p);
int ccm_prune_run(struct ccm_db *db, struct ccm_prune *p);

#endif
