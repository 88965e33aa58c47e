/* SPDX-License-Identifier: MIT */
/* worktree - a repository of its own for a task, with a linked worktree, made beside the person's repository.
 *
 *     r = source_open(&source, dir, "HEAD", &diag);         // the person's repository, only looked at
 *     r = worktree_prepare(&place, &source, &diag);         // makes the folders, checks the files out, pins the base
 *     ...
 *     worktree_unpin(&source, id, &diag);
 *
 * The person's repository gets one ref, refs/ccm/tasks/ID/base, so that its garbage collection keeps what the task stands
 * on; it is written last. Its objects are borrowed (objects/info/alternates), its configuration is not: a few values
 * are copied (who commits, how line ends are kept, info/exclude and info/attributes). What it has not committed is
 * not in the task; nor are submodules, and files behind a filter (LFS) are checked out as they are stored.
 *
 * Nothing here runs on what an agent wrote: it is called before there is one.
 *
 * Refused, in words: a partial clone (its missing objects could not be had inside), a repository without commits.
 * Ownership: source_done() releases the source.
 * Errors:    negative errno or -CCM_E_REFUSED, always with words. On failure nothing is left behind.
 */
#ifndef CCM_SUPERVISOR_WORKTREE_H
#define CCM_SUPERVISOR_WORKTREE_H

#include "git.h"
#include "place.h"

struct source {
	char *git_dir;               /* the common one, absolute */
	char *objects;               /* its object store */
	char *format;                /* sha1, sha256 */
	char *base;                  /* commit id */
	char *branch;                /* refs/heads/...: what the base was named by, or is checked out; NULL: neither */
	struct git git;              /* how it is called */
};

int source_open(struct source *ret, const char *directory, const char *base, struct ccm_diag *diag);

/* The same for a task that exists: the repository is known, the base is an id. */
int source_reopen(struct source *ret, const char *git_dir, const char *base, const char *branch, struct ccm_diag *diag);
void source_done(struct source *s);

/* The folder whose .ccm/config.ini counts: the working tree that directory lies in; if there is none (any more), that of
 * the repository. directory may be NULL. *ret NULL: none, the repository is bare. */
int source_project(const struct source *s, const char *directory, char **ret);
#define _cleanup_source_ _cleanup_(source_done)

/* All object stores that the source reads, its own first: what the sandbox must let the task read. */
struct store_list {
	char **paths;
	size_t count;
};
int source_stores(const struct source *s, struct store_list *ret);
void store_list_done(struct store_list *l);

/* head: where its branch stands; files: the commit whose files are checked out; NULL: the base. */
int worktree_prepare(const struct place *p, const struct source *s, const char *head, const char *files,
		     struct ccm_diag *diag);

/* Sets or removes refs/ccm/tasks/ID/NAME in the person's repository. */
int worktree_pin(const struct source *s, const char *id, const char *name, const char *commit, struct ccm_diag *diag);
int worktree_unpin(const struct source *s, const char *id, const char *name, struct ccm_diag *diag);

#endif
