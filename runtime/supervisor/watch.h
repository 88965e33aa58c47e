/* SPDX-License-Identifier: MIT */
/* watch - hear of it when the database or the spool change.
 *
 * On Linux by inotify on the two folders, which costs nothing while nothing happens: a commit writes to ccm.db-wal or state.db-wal, an event
 * that had to be spooled becomes a file. A database that is moved away or replaced is heard of, too. Elsewhere the caller
 * has to look now and then: watch_fd() is -1.
 *
 * A commit is heard of when it is written, and seen by others when it is in the WAL's index, a moment later: whoever looks
 * at once may look too early, and should do so once more.
 */
#ifndef CCM_SUPERVISOR_WATCH_H
#define CCM_SUPERVISOR_WATCH_H

#include "libccm/paths.h"

enum watch_what {
	WATCH_DATABASE = 1 << 0,     /* written to */
	WATCH_FILES    = 1 << 1,     /* a file of the database came, went, or was replaced */
	WATCH_SPOOL    = 1 << 2,
	WATCH_LOST     = 1 << 3,     /* the folders themselves are gone: watch anew */
};

struct watch {
	int fd, home, spool;
};

int watch_open(struct watch *w, const struct ccm_paths *paths);
int watch_fd(const struct watch *w);

/* What has happened since the last call; 0: nothing that matters. */
unsigned watch_read(struct watch *w);
void watch_close(struct watch *w);

#endif
