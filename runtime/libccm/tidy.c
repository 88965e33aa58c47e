/* SPDX-License-Identifier: MIT */
#include "tidy.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "clock.h"
#include "prune.h"
#include "store.h"

#define INGEST_MAX_MS (10000LL * CCM_SLOWNESS)
#define PRUNE_MAX_US (2LL * 1000 * 1000 * CCM_SLOWNESS)

/* A little each time: it is started often enough. */
static int prune(struct ccm_db *db, const struct ccm_settings *settings)
{
	struct ccm_prune p = { .max_bytes = settings->max_bytes, .deadline_us = ccm_mono_us() + PRUNE_MAX_US };

	if (settings->max_age_ms)
		p.before_ms = ccm_now_ms() - settings->max_age_ms;
	return p.before_ms || p.max_bytes ? ccm_prune_run(db, &p) : 0;
}

int ccm_tidy(struct ccm_db *db, const struct ccm_paths *paths, const struct ccm_settings *settings, struct ccm_sbuf *trouble)
{
	_cleanup_close_ int lock = open(paths->spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ccm_store store;
	int r, e;

	/* One at a time is enough. */
	if (lock < 0)
		return -errno;
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : -errno;
	ccm_store_open(&store, paths, settings);
	store.db = db;
	ccm_store_ingest(&store, INGEST_MAX_MS);
	r = prune(db, settings);
	e = ccm_db_checkpoint(db);
	if (r == 0 || r == -CCM_E_BUSY)
		r = e;
	ccm_sbuf_adds(trouble, ccm_sbuf_str(&store.trouble));
	ccm_sbuf_done(&store.trouble);
	return r == -CCM_E_BUSY ? 0 : r;
}
