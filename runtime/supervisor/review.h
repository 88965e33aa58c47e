/* SPDX-License-Identifier: MIT */
/* review - what a person should see of a task's commits before any of it is merged.
 *
 * It looks at import.git only. Warnings name what acts on its own later, outside of the sandbox: executable files, CI files,
 * hooks, .gitattributes, .gitmodules, editor and agent settings, package scripts and build files, lock files, links that
 * lead out of the tree, repositories inside the tree, names that deceive, what looks like a secret, authors who
 * are not the person.
 *
 * Ownership: review_done() releases it.
 */
#ifndef CCM_SUPERVISOR_REVIEW_H
#define CCM_SUPERVISOR_REVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "git.h"
#include "place.h"

struct review_commit {
	char *id, *subject, *author;
	int64_t time_s;
};

struct review_file {
	char status;                 /* A, M, D, T */
	unsigned mode;               /* new mode, octal; 0: deleted */
	char *path;
	int64_t added, removed;      /* lines; -1: binary */
};

struct review_warning {
	const char *kind;            /* executable, ci, hook, ... */
	char *words;
};

struct review {
	struct review_commit *commits;
	struct review_file *files;
	struct review_warning *warnings;
	size_t commit_count, file_count, warning_count;
};

/* commit: full id. email: the person's; NULL: not known. hooks_path: their core.hooksPath; may be NULL. */
int review_load(const struct place *p, const char *commit, const char *email, const char *hooks_path, struct review *ret,
		struct ccm_diag *diag);
void review_done(struct review *r);
#define _cleanup_review_ _cleanup_(review_done)

#endif
