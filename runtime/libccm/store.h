/* SPDX-License-Identifier: MIT */
/* store - events into the database, or into the spool while there is none that takes them.
 *
 *     struct ccm_store store;
 *     ccm_store_open(&store, paths, settings);
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
 * Spool: one file an event, spool/UUID.event, holding a line of JSON, the payload, and, once it is
 * known, a line of JSON for what became of it. Whoever writes it holds a lock (flock) on it; a
 * reader that gets the lock knows that the writer is done, or dead.
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
	int64_t event_id;            /* of the event begun; 0: it is in the spool, or nowhere */
	int spool_fd;                /* the event's spool file, locked; -1: none */
	bool lost;                   /* neither database nor spool took the event */
	bool set_aside;              /* a damaged database was set aside just now */
	struct ccm_sbuf trouble;     /* what went wrong, one line each */
};

void ccm_store_open(struct ccm_store *s, const struct ccm_paths *paths, const struct ccm_settings *settings);
void ccm_store_begin(struct ccm_store *s, const struct ccm_record *r);
void ccm_store_finish(struct ccm_store *s, const struct ccm_record *r);

/* Takes in spooled events until none is left or max_ms have passed. Returns how many. */
int ccm_store_ingest(struct ccm_store *s, int64_t max_ms);

/* Leaves the database open for the end of the process to close, see ccm_db_leave(). True: somebody
 * should run `ccm-hook tidy`. */
bool ccm_store_close(struct ccm_store *s);

/* How many events wait in the spool, and when the oldest was received (0: none). Negative errno. */
int ccm_spool_count(const char *spool_dir, int64_t *ret_oldest_ms, int *ret_bad);

#endif
