/* SPDX-License-Identifier: MIT */
/* objects - new objects of a checkpoint, held in memory and brought into the repository as one pack.
 *
 *     objects_begin(&o, repo, tmp, diag);               // from here on the repository's odb keeps what is written
 *     objects_blob(&o, data, bytes, &oid, diag);
 *     objects_tree(&o, base, changes, count, &tree, diag);
 *     objects_commit(&o, text, bytes, &commit, diag);
 *     objects_store(&o, diag);                          // the pack is in the repository, and kept
 *     ... write the ref ...
 *     objects_release(&o);                              // gc may have it from now on
 *
 * Why a pack: `git prune` deletes loose objects that no ref names, also those that are to be named in a moment. A pack
 * with a .keep file is touched neither by prune nor by repack; and one that loses its .keep file when the ref is there
 * already is found reachable by every gc that comes to consider it. So a user's `git gc --prune=now` may run at any time.
 * Everything that is new goes into the pack, even if the repository has it already as an object that nothing names.
 *
 * Ownership: objects_done() releases all and removes what was not stored.
 * Errors:    negative errno with words in diag.
 */
#ifndef CCM_SUPERVISOR_OBJECTS_H
#define CCM_SUPERVISOR_OBJECTS_H

#include <stdbool.h>

#include "repo.h"

/* A path that is not as it was. Sorted with objects_compare(). */
struct change {
	char *path;                  /* in the working tree, no slash at the end */
	uint32_t mode;               /* as in a tree; 0: it is gone */
	git_oid oid;
};

struct objects {
	const struct repo *repo;
	git_odb *odb;                /* the repository's, with repo->memory before it */
	char *tmp;                   /* folder of ours, on the file system of the objects */
	git_oid *list;               /* what is to go into the next pack */
	size_t count, allocated;
	size_t bytes;                /* in memory */
	bool small;                  /* packs shall be small rather than be made quickly */
	char **packs;                /* paths of .keep files that are ours */
	size_t pack_count;
};

int objects_begin(struct objects *o, struct repo *repo, const char *tmp, struct ccm_diag *diag);
int objects_blob(struct objects *o, const void *data, size_t bytes, git_oid *ret, struct ccm_diag *diag);
int objects_commit(struct objects *o, const char *text, size_t bytes, git_oid *ret, struct ccm_diag *diag);

/* Applies the changes, sorted, to the tree base (NULL: empty). */
int objects_tree(struct objects *o, const git_oid *base, const struct change *changes, size_t count, git_oid *ret,
		 struct ccm_diag *diag);

/* An object that is there already and must be in the pack, too. */
int objects_add(struct objects *o, const git_oid *oid);

int objects_store(struct objects *o, struct ccm_diag *diag);
void objects_release(struct objects *o);
void objects_done(struct objects *o);
#define _cleanup_objects_ _cleanup_(objects_done)

/* The order of paths in which a name comes right before what is below it. */
int objects_compare(const char *a, const char *b);

/* Makes one pack of many small ones of ours, once there are enough of them. */
int objects_tidy(struct repo *repo, const char *tmp, struct ccm_diag *diag);

/* Lets go of the packs that a killed process left with a .keep file. */
void objects_clean(const struct repo *repo);

#endif
