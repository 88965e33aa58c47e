/* SPDX-License-Identifier: MIT */
/* tidy - what keeps CCM_HOME small and quick, a little each time: spooled events are taken in, what is too old is
 * forgotten, the write-ahead log is moved into the database file.
 *
 * One process at a time does it, under a lock on the spool folder.
 * Errors: 0, also where another process is at it; those of db.h. What went wrong with the spool is in trouble, a line each.
 */
#ifndef CCM_TIDY_H
#define CCM_TIDY_H

#include "db.h"
#include "paths.h"
#include "sbuf.h"
#include "settings.h"

int ccm_tidy(struct ccm_db *db, const struct ccm_paths *paths, const struct ccm_settings *settings, struct ccm_sbuf *trouble);

#endif
