/* SPDX-License-Identifier: MIT */
/* ops - what is done to a task as a whole, by commands and by gc.
 *
 *     _cleanup_opened_ struct opened o = OPENED_INIT;
 *     r = ops_open(ctx, "3fa2", &o, &diag);
 *     r = ops_import(ctx, &o, "review", &import, &diag);
 *
 * Ownership: opened_done() releases; a lock taken goes with it.
 * Errors:    negative, with words in diag.
 */
#ifndef CCM_SUPERVISOR_OPS_H
#define CCM_SUPERVISOR_OPS_H

#include "ctx.h"
#include "import.h"
#include "place.h"
#include "task.h"
#include "worktree.h"

#define OPS_SNAPSHOT_COMMITS 10

struct opened {
	struct task task;
	struct place place;
	struct source source;        /* source.git_dir NULL: the repository is gone, why is in source_problem */
	struct ccm_diag source_problem;
	int lock_fd;
};
#define OPENED_INIT { .lock_fd = -1 }
void opened_done(struct opened *o);
#define _cleanup_opened_ _cleanup_(opened_done)

/* Loads the task, notices if its supervisor is gone, opens its repository. */
int ops_open(struct ctx *ctx, const char *name, struct opened *ret, struct ccm_diag *diag);

/* Refuses if the repository is gone; if the task has no folder any more; if it is live (and locks it against becoming so). */
int ops_need_source(const struct opened *o, struct ccm_diag *diag);
int ops_need_folder(const struct opened *o, struct ccm_diag *diag);
int ops_need_rest(struct opened *o, struct ccm_diag *diag);

/* Takes over what is committed; a snapshot every OPS_SNAPSHOT_COMMITS commits. */
int ops_import(struct ctx *ctx, struct opened *o, struct import *ret, struct ccm_diag *diag);

/* A snapshot of refs/ccm/head, or of commit. *ret_number may be NULL. */
int ops_snapshot(struct ctx *ctx, struct opened *o, const char *commit, int64_t commits, const char *why,
		 int64_t *ret_number, struct ccm_diag *diag);

/* How many files are changed and not committed, as git says inside the sandbox. */
int ops_dirty(const struct opened *o, int64_t *ret, struct ccm_diag *diag);

/* After its command ended: takes over what is committed, and says on stderr what there is, and what can be done with it. */
void ops_tell_end(struct ctx *ctx, struct opened *o, int status);

/* Makes a commit of what is not committed (ignored files left out) on top of the branch, takes it over, and keeps it in
 * the person's repository as refs/ccm/tasks/ID/saved. The task's branch and files stay as they are. keep false: only
 * taken over, not kept. commit gets its id. */
int ops_save(struct ctx *ctx, struct opened *o, bool keep, char commit[GIT_ID_MAX + 1], struct ccm_diag *diag);

/* Removes the folder. */
int ops_remove(struct ctx *ctx, struct opened *o, struct ccm_diag *diag);

/* Makes the folder again from refs/ccm/tasks/ID/saved. */
int ops_restore(struct ctx *ctx, struct opened *o, struct ccm_diag *diag);

/* Puts the task's branch and files back to a snapshot. */
int ops_rollback(struct ctx *ctx, struct opened *o, int64_t number, struct ccm_diag *diag);

#endif
