/* SPDX-License-Identifier: MIT */
/* restore - bring a recorded state back into the working tree, or lay it down elsewhere.
 *
 * Only the working tree is written: not the index, not HEAD, no ref. What is not in the checkpoint `now`, which is taken
 * right before, is never overwritten and never removed: ignored files, what was too large, repositories within.
 *
 *     restore_plan(repo, &now, &target, &only, &plan, diag);      // looks, writes nothing
 *     restore_apply(repo, &plan, diag);
 *
 * Errors: negative errno or -CCM_E_*, with words in diag. -CCM_E_REFUSED from restore_plan(): something is in the way.
 */
#ifndef CCM_SUPERVISOR_RESTORE_H
#define CCM_SUPERVISOR_RESTORE_H

#include "checkpoint.h"

struct restore_item {
	struct change to;            /* mode 0: it goes */
	struct change from;          /* mode 0: it comes */
};

struct restore_plan {
	struct restore_item *items;  /* sorted */
	size_t count;
	struct ccm_sbuf notes;       /* lines: what cannot be brought back, and why */
	const struct paths *raw;     /* the target's */
};

/* only: paths in the working tree (files or folders); none: all. */
int restore_plan(struct repo *r, const struct checkpoint *now, const struct checkpoint *target, const struct paths *only,
		 struct restore_plan *ret, struct ccm_diag *diag);
void restore_plan_done(struct restore_plan *p);
#define _cleanup_plan_ _cleanup_(restore_plan_done)

/* Writes them one by one, each in one step. On failure *ret_done says how many were written. */
int restore_apply(struct repo *r, const struct restore_plan *p, size_t *ret_done, struct ccm_diag *diag);

/* Looks whether every file of the plan is now as it should be: something else may have written it meanwhile. */
int restore_verify(struct repo *r, const struct restore_plan *p, struct ccm_diag *diag);

/* Writes the files of the checkpoint into the folder dir, which is made, or must be empty. */
int restore_to(struct repo *r, const struct checkpoint *target, const struct paths *only, const char *dir,
	       size_t *ret_files, struct ccm_diag *diag);

#endif
