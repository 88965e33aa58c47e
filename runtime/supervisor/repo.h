/* SPDX-License-Identifier: MIT */
/* repo - a git repository with a working tree: found, opened with libgit2, and asked through git itself.
 *
 * git is called so that it touches nothing of the user's: with an index of ours, without hooks, without a file
 * system monitor, without the network, and without what the environment says of some other repository. Filters that
 * the user has configured run, as they would for `git add`.
 *
 * libgit2 reads objects and writes ours; it does not see the working tree, because git finds changes faster (measured
 * on 10,000 files: 19 ms against 28) and knows split and sparse indexes.
 *
 * Ownership: repo_done() releases all.
 * Errors:    negative errno or -CCM_E_*, with words in diag. -ENOENT: no repository here.
 */
#ifndef CCM_SUPERVISOR_REPO_H
#define CCM_SUPERVISOR_REPO_H

#include <git2.h>

#include "libccm/error.h"
#include "libccm/sbuf.h"

struct repo {
	git_repository *git;
	git_odb_backend *memory;     /* where objects.h keeps new objects; the odb's */
	char *worktree;              /* no slash at the end */
	char *gitdir;                /* of this working tree: .git, or .git/worktrees/NAME */
	char *commondir;             /* of the repository: .git */
	char *prefix;                /* from worktree to where we were called: "" or "sub/dir/" */
};

/* Finds the repository that start (NULL: the working directory) lies in. -CCM_E_REFUSED: there is one that cannot be
 * used (bare, of another user, in a format that libgit2 does not know). */
int repo_open(const char *start, struct repo *ret, struct ccm_diag *diag);
void repo_done(struct repo *r);
#define _cleanup_repo_ _cleanup_(repo_done)

/* One call of git in the working tree. */
struct repo_git {
	const char *const *args;     /* behind the options that we always give; NULL ends them */
	const char *index;           /* instead of the user's index; NULL: the user's, which is not written then */
	const char *objects;         /* new objects go to this folder; NULL: into the repository */
	const char *input;
	size_t input_bytes;
	struct ccm_sbuf out;         /* released by repo_git_done() */
	int exit_status;
};

/* Runs count of them side by side, for at most timeout_ms. A status other than 0 is -CCM_E_SAID with git's own first line
 * in diag, unless may_fail. */
int repo_git_run(const struct repo *r, struct repo_git *calls, size_t count, int64_t timeout_ms, bool may_fail,
		 struct ccm_diag *diag);
void repo_git_done(struct repo_git *call);
#define _cleanup_git_ _cleanup_(repo_git_done)

/* libgit2's last words, for a person. Always returns a negative number that fits its code. */
int repo_error(int code, struct ccm_diag *diag, const char *what);

/* Makes "dir/name"; NULL when out of memory. */
char *repo_path(const char *dir, const char *name);

#define _cleanup_gitref_    _cleanup_(repo_referencep)
#define _cleanup_gitcommit_ _cleanup_(repo_commitp)
#define _cleanup_gittree_   _cleanup_(repo_treep)
#define _cleanup_gitdiff_   _cleanup_(repo_diffp)
#define _cleanup_gitblob_   _cleanup_(repo_blobp)
static inline void repo_referencep(git_reference **p) { git_reference_free(*p); }
static inline void repo_commitp(git_commit **p) { git_commit_free(*p); }
static inline void repo_treep(git_tree **p) { git_tree_free(*p); }
static inline void repo_diffp(git_diff **p) { git_diff_free(*p); }
static inline void repo_blobp(git_blob **p) { git_blob_free(*p); }

#endif
