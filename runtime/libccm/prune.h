/* SPDX-License-Identifier: MIT */
/* prune - forget the oldest events, in steps that hold no hook back.
 *
 * Each step is a transaction of its own. However slow the machine is, none does more than the bounds below allow: what is
 * to go is looked for beforehand, by reading, which is in nobody's way. Within these bounds the size of a step follows
 * the time that the last one took, which aims at CCM_PRUNE_STEP_MS; and between two steps the database is left alone for as
 * long as the step took, so that whoever waits gets in. What is freed is given back to the file system in steps of the same
 * kind.
 *
 * The write-ahead log is moved into the database between steps, too (ccm_db_checkpoint_some()), never by a commit of a hook's
 * or within a step: neither the copying nor the waiting for the disk happens while others wait for the write lock.
 *
 * What goes is not overwritten: until its pages are given back, or used again, it can be found in the file by who may read it.
 *
 * Units: _ms Unix milliseconds or durations, _bytes of the database file without its free pages.
 */
#ifndef CCM_PRUNE_H
#define CCM_PRUNE_H

#include <stdint.h>

#include "db.h"

#define CCM_PRUNE_STEP_MS 5
#define CCM_PRUNE_STEP_EVENTS 256
#define CCM_PRUNE_STEP_BYTES (1 << 20)   /* of payloads and outputs; one event that is larger goes alone */
#define CCM_PRUNE_STEP_PAGES 128         /* given back */
#define CCM_PRUNE_WAL_PAGES 1024         /* the write-ahead log becomes about that long */

struct ccm_prune {
	int64_t before_ms;           /* events received before this go; 0: none by age */
	int64_t max_bytes;           /* the oldest go until the database is no larger; 0: no bound */
	int64_t deadline_us;         /* CLOCK_MONOTONIC: stop here and go on another time; 0: no hurry */
	int64_t events;              /* result: how many went, or would go */
	int64_t bytes;               /* result: how much smaller the database is, or about would be */
};

/* What ccm_prune_run() would do now. */
int ccm_prune_plan(struct ccm_db *db, struct ccm_prune *p);

/* Does it. From then on commits on this connection no longer checkpoint: the caller does, with ccm_db_checkpoint(). */
int ccm_prune_run(struct ccm_db *db, struct ccm_prune *p);

#endif
