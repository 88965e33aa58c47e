/* SPDX-License-Identifier: MIT */
/* merge - bring one approved commit of a task into a branch of the person's repository.
 *
 * The result is made in import.git, where no configuration, hook, filter or merge driver of anybody's counts
 * (git merge-tree). Only when it is whole does the person's repository get its objects, and then the branch moves in
 * one step, from the commit that was merged with (compare and swap). Where the branch is checked out, its files are
 * brought along first, by the same rules as a fast-forward of git merge: nothing that is not committed is overwritten.
 *
 * Refused, with words and before anything is changed: conflicts (each file is named), a checked-out branch whose files
 * stand in the way, a merge or rebase in progress, files that would go through a filter of the person's (such a
 * filter may run what is in the tree) unless run_filters.
 *
 * Ownership: free() what is in struct merge_result by merge_result_done().
 * Errors:    -CCM_E_REFUSED with words.
 */
#ifndef CCM_SUPERVISOR_MERGE_H
#define CCM_SUPERVISOR_MERGE_H

#include "place.h"
#include "worktree.h"

enum merge_how { MERGE_SQUASH, MERGE_MERGE, MERGE_REBASE };

struct merge_spec {
	const struct place *place;
	const struct source *source;
	const char *commit;          /* full id, in import.git */
	const char *branch;          /* refs/heads/... */
	const char *title;           /* of the task: for messages */
	const char *project;         /* the working tree that it began in; may be NULL, and gone */
	const char *message;         /* the whole message of a squash or merge; NULL: one is made */
	enum merge_how how;
	bool run_filters;
};

struct merge_result {
	char *before, *after;        /* the branch */
	char *worktree;              /* where it is checked out; NULL: nowhere */
	struct ccm_sbuf conflicts;   /* one file a line, cleaned; empty: none */
	int64_t commits;             /* that were made */
};

int merge_task(const struct merge_spec *spec, struct merge_result *ret, struct ccm_diag *diag);
void merge_result_done(struct merge_result *r);

/* Brings a commit of import.git into the person's repository under refs/ccm/tasks/ID/NAME. */
int merge_keep(const struct place *p, const struct source *s, const char *commit, const char *name,
	       struct ccm_diag *diag);

#endif
