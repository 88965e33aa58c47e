/* SPDX-License-Identifier: MIT */
/* spool - where events wait that the database could not take.
 *
 * One file an event, UUID.event, holding a line of JSON, the payload, and, once it is known, a line of JSON for what
 * became of it. Whoever writes it holds a lock (flock) on it; a reader that gets the lock knows that the writer is
 * done, or dead.
 *
 * Places, in this order; an event goes to the first that takes it, and all of them are looked through:
 *     CCM_HOME/spool
 *     ccm-spool-UID-HASH in $XDG_RUNTIME_DIR and in /dev/shm (/tmp, where there is none): the refuge, for as long as
 *     nothing can be written in CCM_HOME because its disk is full or read-only, or because CCM_HOME must not be used
 *     (struct ccm_paths, problem). HASH stands for the path of CCM_HOME. What waits there mostly lies in memory: a
 *     restart of the machine takes it away. It is used only while it is ours and closed to others, and it is gone again
 *     when it is empty.
 *
 * Files that are no spooled events, or not ours, are kept as UUID.bad and said.
 */
#ifndef CCM_SPOOL_H
#define CCM_SPOOL_H

#include <stdint.h>

#include "paths.h"
#include "record.h"

/* Keeps the record. *ret_fd is its file, locked until it is closed, for ccm_spool_finish(). trouble: where it is, if
 * not in CCM_HOME, or why it is nowhere (negative); one line. */
int ccm_spool_write(const struct ccm_paths *p, const struct ccm_record *rec, int *ret_fd, struct ccm_sbuf *trouble);

/* Adds what became of the event. */
int ccm_spool_finish(int fd, const struct ccm_record *rec);

/* Gives every event that waits to take(), the oldest first, and forgets it if that returns 0 or more. Ends at the first
 * failure of take(), or at until_us (CLOCK_MONOTONIC). Returns how many were taken; *ret_error is the failure, or 0. */
typedef int ccm_spool_take(void *user, const struct ccm_record *rec);
int ccm_spool_take_in(const struct ccm_paths *p, int64_t until_us, ccm_spool_take *take, void *user, int *ret_error,
		      struct ccm_sbuf *trouble);

/* Reads what is in a spooled event's file; the record's texts point into it and into the record. -CCM_E_JSON:
 * it is none. */
int ccm_spool_parse(const char *text, size_t bytes, struct ccm_record *rec);

/* How many events wait, when the oldest was received (0: none), and how many files are kept as *.bad. Negative errno:
 * CCM_HOME/spool cannot be read. */
int ccm_spool_count(const struct ccm_paths *p, int64_t *ret_oldest_ms, int *ret_bad);

#endif
