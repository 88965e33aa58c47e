/* SPDX-License-Identifier: MIT */
/* snapshot - what the working tree holds now, as a git tree.
 *
 * A folder of ours in the git folder of the working tree, one for each session, holds an index that stands for the tree
 * of some earlier snapshot and is named after it: index-OID. git compares the working tree with it, so that only what
 * changed since is read. It begins as a copy of the user's index, whose knowledge of unchanged files it takes over. When
 * much has changed since, it is moved on to the newest tree, by one rename: a process that is killed leaves the one or
 * the other.
 *
 *     snapshot_open(&s, repo, "7f3c2d1e", diag);        // locks the session's folder
 *     snapshot_look(&s, &limits, &last, &objects, diag);        // s.tree, s.left_out, ...; nothing is written yet
 *     ... a commit, objects_store(), a ref ...
 *     snapshot_move_on(&s, true, diag);                       // if it is time to
 *
 * In the tree are the files that git tracks and those that are neither tracked nor ignored, with their modes and links.
 * A repository within is recorded by its commit. Files are kept as `git add` would, through the filters that the user
 * has configured; where a conversion of line ends or encodings would not give back the same bytes, the file is kept as it
 * is, and its path is in raw.
 */
#ifndef CCM_SUPERVISOR_SNAPSHOT_H
#define CCM_SUPERVISOR_SNAPSHOT_H

#include "objects.h"

struct snapshot_limits {
	int64_t max_file_bytes;      /* a longer file is left out */
	int64_t max_files;           /* a folder with more files that git does not track is left out */
	int64_t timeout_ms;          /* of each call of git */
};

struct paths {
	char **items;
	size_t count;
};
int paths_add(struct paths *p, const char *path, size_t bytes);
bool paths_have(const struct paths *p, const char *path);
/* True if the path or a folder above it, written with a slash at the end, is in the list. */
bool paths_cover(const struct paths *p, const char *path);
void paths_done(struct paths *p);

struct snapshot {
	struct repo *repo;
	char *folder;                /* the session's, in the git folder */
	int lock;
	char *index;                 /* the file that stands for base; NULL: there is none yet */
	git_oid base;
	bool base_empty;             /* base stands for no tree at all */
	git_oid tree;
	struct change *changes;      /* from base to tree, sorted */
	size_t count;
	int64_t read_bytes;          /* of them */
	bool must_move;              /* the index must not stay behind: what is ignored has changed */
	bool unsettled;              /* tracked, ignored and not there: it may come back at any time */
	struct paths left_out;       /* "big.iso", "build/" */
	struct ccm_sbuf why;         /* a line for each of them: "big.iso: 1.2 GiB, more than max_file" */
	struct paths raw;
	struct ccm_sbuf stamp;       /* of the user's index and what is ignored, when it was looked at */
	bool stamp_changed;
};

/* Makes the folder and waits for its lock. */
int snapshot_open(struct snapshot *s, struct repo *repo, const char *session, struct ccm_diag *diag);

/* last: a tree that a ref names (NULL: none); what it has need not be stored again. */
int snapshot_look(struct snapshot *s, const struct snapshot_limits *limits, const git_oid *last, struct objects *o,
		  struct ccm_diag *diag);

/* Makes the index stand for s.tree, if that is worth it, and notes what was looked at. named: a ref names the tree; if
 * none does, the index must stay where it is. */
int snapshot_move_on(struct snapshot *s, bool named, struct ccm_diag *diag);

/* Begins anew from the user's index at the next look. */
void snapshot_forget(struct snapshot *s);
void snapshot_done(struct snapshot *s);
#define _cleanup_snapshot_ _cleanup_(snapshot_done)

/* A name for a folder and in a ref: the session's id, with what git does not allow in a ref replaced. buf gets it. */
const char *snapshot_session_name(const char *session, char buf[96]);

#endif
