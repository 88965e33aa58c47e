/* SPDX-License-Identifier: MIT */
/* checkpoint - complete states of a working tree, kept as commits that only refs of ours name.
 *
 * A checkpoint is the commit of refs/ccm/checkpoints/SESSION/N. N counts through the repository, over all sessions. Its
 * parent is the session's one before; that of the first is HEAD as it was. All that is known of it stands in the
 * commit's message, so that the refs are the truth; the table `checkpoint` of the database is made from them.
 *
 *     checkpoint 12: before rm -rf build
 *
 *     Reason: before rm -rf build
 *     Session: 7f3c2d1e-...
 *     Event: 0199... 1234                               the event that it was taken at, and its number, if it had one
 *     Prompt: Fix the cart total and push it
 *     Worktree: /home/dev/shop
 *     Files: 1 added, 2 changed, 0 deleted              since the parent
 *     Lines: +10 -3
 *     Left-out: big.iso                                 control bytes and % as %XX in these paths
 *     Raw: run.bat                                      kept without the conversions of gitattributes(5)
 *     Note: big.iso: 1.2 GiB, more than max_file
 *
 * Ownership: checkpoint_done() and checkpoint_list_done() release all.
 * Errors:    negative errno or -CCM_E_*, with words in diag.
 */
#ifndef CCM_SUPERVISOR_CHECKPOINT_H
#define CCM_SUPERVISOR_CHECKPOINT_H

#include "libccm/db.h"
#include "libccm/settings.h"
#include "snapshot.h"

#define CHECKPOINT_REFS "refs/ccm/checkpoints/"

struct checkpoint {
	int64_t n;
	char *ref;                   /* refs/ccm/checkpoints/7f3c2d1e/12 */
	git_oid commit, tree, parent;
	bool has_parent;
	int64_t created_ms;
	int64_t event_id;            /* 0: none */
	int64_t added, changed, deleted;         /* files since the parent */
	int64_t lines_added, lines_removed;      /* -1: too many files to count */
	char *reason, *session, *event_uuid, *prompt, *worktree;         /* NULL: not said */
	char *notes;                 /* lines, or NULL */
	struct paths left_out, raw;
};
void checkpoint_done(struct checkpoint *c);
#define _cleanup_checkpoint_ _cleanup_(checkpoint_done)

struct checkpoint_list {
	struct checkpoint *items;    /* sorted by number */
	size_t count;
};
void checkpoint_list_done(struct checkpoint_list *l);
#define _cleanup_checkpoints_ _cleanup_(checkpoint_list_done)

/* Those of the repository, or of one session (the beginning of its id). What is broken is skipped, with words in diag. */
int checkpoint_list_read(struct repo *r, const char *session, struct checkpoint_list *ret, struct ccm_diag *diag);

/* By number: "12" or "#12", or "last". -CCM_E_NOT_FOUND. */
int checkpoint_find(struct repo *r, const char *name, struct checkpoint *ret, struct ccm_diag *diag);

/* The newest of the session; false: it has none. */
bool checkpoint_newest(struct repo *r, const char *session, struct checkpoint *ret);

struct checkpoint_request {
	const char *session;         /* "": a person's own */
	const char *reason;
	const char *prompt;          /* NULL: not known, or not to be kept */
	const char *event;           /* the one that it is taken at, as it was named; for before_storing */
	int64_t event_id;            /* 0: not in the database, or none */
	const char *event_uuid;
	bool only_dirty;             /* take none of a tree that is as HEAD, if it would be the session's first */
	int64_t count;               /* > 0: a change is only counted if the tree is not as it was at the last look, and
	                                taken if it is the count-th since the last checkpoint */
	struct snapshot_limits limits;
	/* May fill in what is only known by asking elsewhere; called only if one will be taken. */
	void (*before_storing)(void *user, struct checkpoint_request *q);
	/* Called when the outcome is certain and stored. What is left to do then only makes the next one faster. */
	void (*outcome)(void *user, int outcome, const struct checkpoint *c);
	void *user;
};

enum checkpoint_outcome { CHECKPOINT_TAKEN, CHECKPOINT_SAME, CHECKPOINT_CLEAN, CHECKPOINT_COUNTED };

/* Takes one of what is there now. *ret is it, or with CHECKPOINT_SAME the one that is equal. Returns the outcome. */
int checkpoint_take(struct repo *r, const struct checkpoint_request *q, struct checkpoint *ret, struct ccm_diag *diag);

/* Removes those that are older than before_ms, and of each session all but the keep newest; 0: no such bound. The newest of
 * a session stays if is_live says so. What is kept is written anew without what went, so that gc can drop it. */
struct checkpoint_prune {
	int64_t before_ms, keep;
	bool (*is_live)(void *user, const char *session);
	void *user;
	bool dry_run;
	int64_t removed;             /* result */
};
int checkpoint_prune(struct repo *r, struct checkpoint_prune *p, struct ccm_diag *diag);

/* Makes the rows of this repository in the table say what the refs say. */
int checkpoint_rescan(struct repo *r, struct ccm_db *db, struct ccm_diag *diag);
int checkpoint_insert(struct repo *r, struct ccm_db *db, const struct checkpoint *c);

#endif
