/* SPDX-License-Identifier: MIT */
/* place - the folders of one task, CCM_HOME/tasks/ID, and how they are walked through and removed.
 *
 *     repo.git/    the task's own repository; only leaf folders of it can be written inside
 *     work/        its linked worktree on branch ccm/task-ID
 *     tmp/ home/   $TMPDIR and $HOME inside
 *     claude/      $CLAUDE_CONFIG_DIR inside
 *     ctl/         read-only inside: settings, automations, what the agent is told
 *     channel/     what the hooks inside say; read by us as hostile input
 *     import.git/  not to be seen inside: what was taken over, checked; what review, diff and merge look at
 *     lock         locked by the supervisor of the task while it lives
 *     control      its socket
 *     rules.json   what it may do, as it was last started (explain.h)
 *     terminal     of one in the background: the socket of its terminal; what was written there is in output (terminal.h)
 *
 * Everything below repo.git, work, tmp, home, claude and channel may have been written by an agent: it is opened from
 * folder to folder by descriptors and no link is followed.
 *
 * Ownership: place_done() releases the paths.
 * Errors:    negative errno, words in diag.
 */
#ifndef CCM_SUPERVISOR_PLACE_H
#define CCM_SUPERVISOR_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "libccm/error.h"
#include "libccm/paths.h"

#define TASK_ID_CHARS 8

struct place {
	char id[TASK_ID_CHARS + 1];
	char *dir, *repo, *work, *tmp, *home, *claude, *ctl, *channel, *import, *lock, *control;
	char *branch;                /* refs/heads/ccm/task-ID */
};

int place_init(struct place *ret, const struct ccm_paths *paths, const char *id);
void place_done(struct place *p);
#define _cleanup_place_ _cleanup_(place_done)

/* 8 lower-case hexadecimal digits. */
bool place_is_id(const char *text);

/* The lock of the task's supervisor: its descriptor; -EBUSY: somebody has it. -ENOENT: no such folder. */
int place_lock(const struct place *p);

struct usage {
	int64_t bytes;               /* disk blocks, and 512 bytes for each name */
	int64_t files;               /* names in all */
	int64_t largest_bytes;       /* of one file, as its length says */
	char largest[256];           /* its name, uncleaned */
	int64_t depth;               /* folders in folders; PLACE_DEPTH_MAX: what is below that was not looked at */
	bool complete;               /* false: more than max_files, the rest was not looked at */
};

/* Deeper than anything that works, less than we have descriptors for. */
#define PLACE_DEPTH_MAX 256

/* Adds up what an agent may write: all of the task but ctl and import.git. Other file systems are not entered. */
int place_measure(const struct place *p, int64_t max_files, struct usage *ret);

/* Removes the folder whatever is in it, however deep. Nothing outside is touched; a missing one is fine. */
int place_remove_tree(const char *path, struct ccm_diag *diag);

/* Reads a regular file inside of folder dir that an agent may have written: no link on the way, at most max_bytes.
 * name has no slash at its ends and no "..". */
struct ccm_sbuf;
int place_read(const char *dir, const char *name, size_t max_bytes, struct ccm_sbuf *out);

#endif
