/* SPDX-License-Identifier: MIT */
/* store - events into the database, or into the spool while there is none that takes them.
 *
 *     struct ccm_store store;
 *     ccm_store_open(&store, paths, settings);
 *     ccm_store_get_ready(&store);             // while the event is not there yet
 *     ccm_store_begin(&store, &record);        // the event is safe from here on; if the record is
 *                                              // finished and there is no trouble, this is all
 *     ... run the automations, print the answer ...
 *     ccm_store_finish(&store, &record);       // what became of it
 *     ccm_store_ingest(&store);                // what an earlier run had to spool
 *     if (ccm_store_close(&store))
 *             start `ccm-hook tidy`
 *
 * Nothing here fails for the caller: what went wrong is in store.trouble, in words, and the caller
 * goes on. A database that is damaged is set aside under a dated name and a new one begun.
 *
 * What is promised:
 *     A hook that exits with status 0 has its event in the database or in the spool (spool.h), or has said that
 *     it is lost. Any crash of processes from there on, SIGKILL included, takes nothing of it away, and it is in the
 *     database once in the end.
 *     When the machine itself crashes or loses power, the database is whole, but what was committed since the
 *     write-ahead log was last moved into it (see ccm_db_defer_checkpoint(): some twenty events, those of the last second,
 *     or what came while a program was reading) may be missing, the last first; what is in the spool may be, too. To wait
 *     for the disk at every event would cost more than all the rest of a hook.
 */
#ifndef CCM_STORE_H
#define CCM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "db.h"
#include "paths.h"
#include "record.h"
#include "settings.h"

struct ccm_store {
	const struct ccm_paths *paths;
	const struct ccm_settings *settings;
	struct ccm_db *db;           /* NULL: not open, see trouble */
	struct ccm_txn txn;          /* begun before there was anything to write */
	int64_t event_id;            /* of the event begun; 0: it is in the spool, or nowhere */
	int spool_fd;                /* the event's spool file, locked; -1: none */
	bool in_trouble;             /* the database did not take all there is to know of the event */
	bool lost;                   /* neither database nor spool took the event */
	bool set_aside;              /* a damaged database was set aside just now */
	struct ccm_sbuf trouble;     /* what went wrong, one line each */
};

void ccm_store_open(struct ccm_store *s, const struct ccm_paths *paths, const struct ccm_settings *settings);
/* Opens the database and prepares what stores an event, as far as nobody is in the way. No lock is held afterwards. */
void ccm_store_get_ready(struct ccm_store *s);
/* The database, open; NULL while it cannot be. What is wrong with it is told by ccm_store_begin(), which is to follow at
 * once: if nobody is in the way, the transaction in which it stores the event has begun. */
struct ccm_db *ccm_store_db(struct ccm_store *s);

void ccm_store_begin(struct ccm_store *s, const struct ccm_record *r);
/* Takes from ccm_store_finish() what can be done before it is known what became of the event. */
void ccm_store_foresee_finish(struct ccm_store *s);
void ccm_store_finish(struct ccm_store *s, const struct ccm_record *r);

/* Takes in spooled events until none is left, max_ms have passed, or the database is in use for as long. Returns how
 * many. Does nothing if this event has just found the database in trouble. */
int ccm_store_ingest(struct ccm_store *s, int64_t max_ms);

/* Leaves the database open for the end of the process to close, see ccm_db_leave(). True: somebody
 * should run `ccm-hook tidy`. */
bool ccm_store_close(struct ccm_store *s);

/* Writes a record with its payload, session and runs, within the caller's transaction. */
int ccm_store_insert(struct ccm_db *db, const struct ccm_record *rec, int64_t *ret_id);

#endif
