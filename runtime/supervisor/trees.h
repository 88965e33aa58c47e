/* SPDX-License-Identifier: MIT */
/* trees - what is different between two git trees, file by file.
 *
 * Trees that are the same are not entered, so the cost follows the difference. (git_diff_tree_to_tree() of libgit2 enters
 * every one.)
 *
 * Errors: negative errno with words in diag; a callback's return other than 0 ends the walk and is returned.
 */
#ifndef CCM_SUPERVISOR_TREES_H
#define CCM_SUPERVISOR_TREES_H

#include "repo.h"

/* A file, link or repository within that is there before (from), after (to), or both; mode 0 and a zero oid: not there. */
struct tree_difference {
	const char *path;
	uint32_t from_mode, to_mode;
	git_oid from, to;
};

/* NULL stands for the empty tree. In the order of git's trees. */
int trees_compare(const struct repo *r, const git_oid *from, const git_oid *to,
		  int (*found)(void *user, const struct tree_difference *d), void *user, struct ccm_diag *diag);

#endif
