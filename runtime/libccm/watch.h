/* SPDX-License-Identifier: MIT */
/* watch - hear of it when the database or the spool change.
 *
 * On Linux by inotify on the two folders, which costs nothing while nothing happens: a commit writes to ccm.db-wal or
 * state.db-wal, an event that had to be spooled becomes a file. A database that is moved away or replaced is heard of, too.
 * Elsewhere the caller has to look now and then: ccm_watch_fd() is -1.
 *
 * A commit is heard of when it is written, and seen by others when it is in the WAL's index, a moment later: whoever looks
 * at once may look too early, and should do so once more.
 */
#ifndef CCM_WATCH_H
#define CCM_WATCH_H

#include "paths.h"

enum ccm_watch_what {
	CCM_WATCH_DATABASE = 1 << 0,     /* written to */
	CCM_WATCH_FILES    = 1 << 1,     /* a file of the database came, went, or was replaced */
	CCM_WATCH_SPOOL    = 1 << 2,
	CCM_WATCH_LOST     = 1 << 3,     /* the folders themselves are gone: watch anew */
};

struct ccm_watch {
	int fd, home, spool;
};

/* what: of which of them; CCM_WATCH_LOST always. A commit wakes only who wants CCM_WATCH_DATABASE. */
int ccm_watch_open(struct ccm_watch *w, const struct ccm_paths *paths, unsigned what);
int ccm_watch_fd(const struct ccm_watch *w);

/* What has happened since the last call; 0: nothing that matters. */
unsigned ccm_watch_read(struct ccm_watch *w);
void ccm_watch_close(struct ccm_watch *w);

#endif
