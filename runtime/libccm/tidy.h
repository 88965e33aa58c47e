/* SPDX-License-Identifier: MIT */
/* tidy - what keeps CCM_HOME small and quick, a little each time: spooled events are taken in, what is too old is
 * forgotten, the write-ahead log is moved into the database file.
 *
 * One process at a time does it, under a lock on the spool folder.
 * Errors: those of db.h. What went wrong with the spool is in trouble, a line each.
 */
#ifndef CCM_TIDY_H
#define CCM_TIDY_H

#include <stdbool.h>

#include "db.h"
#include "paths.h"
#include "sbuf.h"
#include "settings.h"

/* Where another process is at it: 0 at once if wait_ms is 0, for one is enough; else this waits for its turn, for what the other
 * has come past already may be what the caller is after. -EWOULDBLOCK: it did not come within that time. */
int ccm_tidy(struct ccm_db *db, const struct ccm_paths *paths, const struct ccm_settings *settings, int64_t wait_ms,
	     struct ccm_sbuf *trouble);

/* Tidies, and then stays for [storage] keep_open after the last commit of anybody, with the database open and no lock on it:
 * whoever opens it meanwhile finds the index of its write-ahead log, and need not read the log to make a new one. Once a
 * second it looks whether the log is long, and tidies again.
 *
 * One process stays at a time, another one only tidies. It leaves at once when a file of the database is moved or deleted,
 * so that it is in nobody's way (db.c, check_companions()), and where a daemon of ccm-supervisor holds the database open
 * anyway; and after ten minutes, for a program that was installed in the meantime. */
int ccm_tidy_and_stay(struct ccm_db *db, const struct ccm_paths *paths, const struct ccm_settings *settings,
		      struct ccm_sbuf *trouble);

/* Somebody stays, or a daemon runs, who will see that the log is long, now that it has so many pages. Where it is much longer
 * than it could become within a second, nobody is relied on. */
bool ccm_tidy_is_at_hand(const struct ccm_paths *paths, int wal_pages);

#endif
