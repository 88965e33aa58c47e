/* SPDX-License-Identifier: MIT */
#include "tidy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "clock.h"
#include "daemon_lock.h"
#include "lock.h"
#include "prune.h"
#include "store.h"
#include "watch.h"

#define INGEST_MAX_MS (10000LL * CCM_SLOWNESS)
#define PRUNE_MAX_US (2LL * 1000 * 1000 * CCM_SLOWNESS)

#define LOCK "tidy"
#define LOOK_MS 1000
#define STAY_MAX_MS (10LL * 60 * 1000)
#define WAL_LONG_BYTES (CCM_DB_WAL_PAGES * CCM_DB_PAGE_BYTES)
#define WAL_FORGOTTEN_PAGES 4096         /* more than hooks can write in some seconds */

/* A little each time: it is started often enough. */
static int prune(struct ccm_db *db, const struct ccm_settings *settings)
{
	struct ccm_prune p = { .max_bytes = settings->max_bytes, .deadline_us = ccm_mono_us() + PRUNE_MAX_US };

	if (settings->max_age_ms)
		p.before_ms = ccm_now_ms() - settings->max_age_ms;
	return p.before_ms || p.max_bytes ? ccm_prune_run(db, &p) : 0;
}

int ccm_tidy(struct ccm_db *db, const struct ccm_paths *paths, const struct ccm_settings *settings, int64_t wait_ms,
	     struct ccm_sbuf *trouble)
{
	_cleanup_close_ int lock = open(paths->spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ccm_store store;
	int r, e;

	if (lock < 0)
		return -errno;
	r = ccm_lock_fd(lock, wait_ms);
	if (r < 0)
		return r == -EWOULDBLOCK && !wait_ms ? 0 : r;
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

/* ---- staying ---- */

struct stay {
	struct ccm_db *db;
	const struct ccm_paths *paths;
	const struct ccm_settings *settings;
	struct ccm_watch watch;
	struct stat wal;                 /* as it was when it was last looked at */
	struct stat shm;                 /* the log's index, as it was in the beginning */
	int64_t written_ms;              /* when somebody was last seen to have written */
};

/* What the name belongs to, or nothing but zeros. */
static struct stat look_at(const struct stay *s, const char *suffix)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	struct stat st;

	ccm_sbuf_addf(&path, "%s%s", s->paths->db, suffix);
	return ccm_sbuf_error(&path) == 0 && stat(path.text, &st) == 0 ? st : (struct stat){ 0 };
}

/* Whoever deletes the index and makes a new one no longer sees what others write. */
static bool is_moved(const struct stay *s)
{
	struct stat shm = look_at(s, "-shm");

	return shm.st_ino != s->shm.st_ino || shm.st_dev != s->shm.st_dev || ccm_db_is_moved(s->db);
}

static bool is_written(struct stay *s)
{
	struct stat before = s->wal;

	s->wal = look_at(s, "-wal");
	return before.st_size != s->wal.st_size || before.st_mtim.tv_sec != s->wal.st_mtim.tv_sec ||
	       before.st_mtim.tv_nsec != s->wal.st_mtim.tv_nsec;
}

static int tidy_again(struct stay *s, struct ccm_sbuf *trouble)
{
	int r = ccm_tidy(s->db, s->paths, s->settings, 0, trouble);

	/* What this wrote itself is nobody's event. */
	s->wal = look_at(s, "-wal");
	return r;
}

/* Until there is nobody to stay for. *ret_moved: the database is no longer where it was. */
static int stay(struct stay *s, bool *ret_moved, struct ccm_sbuf *trouble)
{
	struct pollfd wait = { .fd = ccm_watch_fd(&s->watch), .events = POLLIN };
	int64_t begin_ms = ccm_mono_us() / 1000;
	int r = 0;

	s->written_ms = begin_ms;
	for (int64_t now_ms = begin_ms; r >= 0; now_ms = ccm_mono_us() / 1000) {
		if (now_ms - s->written_ms >= s->settings->keep_open_ms || now_ms - begin_ms >= STAY_MAX_MS ||
		    ccm_daemon_runs(s->paths, NULL))
			break;
		if (poll(&wait, 1, LOOK_MS) < 0 && errno != EINTR)
			return -errno;
		ccm_watch_read(&s->watch);
		*ret_moved = is_moved(s);
		if (*ret_moved)
			break;
		if (is_written(s))
			s->written_ms = ccm_mono_us() / 1000;
		if (s->wal.st_size >= WAL_LONG_BYTES)
			r = tidy_again(s, trouble);
	}
	return r;
}

int ccm_tidy_and_stay(struct ccm_db *db, const struct ccm_paths *paths, const struct ccm_settings *settings,
		      struct ccm_sbuf *trouble)
{
	struct stay s = { .db = db, .paths = paths, .settings = settings };
	_cleanup_close_ int lock = -1;
	bool moved = false;
	int r;

	s.shm = look_at(&s, "-shm");
	r = ccm_tidy(db, paths, settings, 0, trouble);
	if (r < 0 || !settings->keep_open_ms || ccm_lock_take(paths, LOCK, NULL, &lock) <= 0)
		return r;
	s.wal = look_at(&s, "-wal");
	r = ccm_watch_open(&s.watch, paths, CCM_WATCH_FILES);
	if (r == 0)
		r = stay(&s, &moved, trouble);
	ccm_watch_close(&s.watch);
	/* Whoever opens it next reads the log. */
	return r < 0 || moved ? r : ccm_tidy(db, paths, settings, 0, trouble);
}

bool ccm_tidy_is_at_hand(const struct ccm_paths *paths, int wal_pages)
{
	return wal_pages < WAL_FORGOTTEN_PAGES && (ccm_lock_is_taken(paths, LOCK, NULL) || ccm_daemon_runs(paths, NULL));
}
