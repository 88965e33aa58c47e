/* SPDX-License-Identifier: MIT */
/* What pruning and checkpoints do while they keep writers out, counted below SQLite: how many pages they read and write between taking the
 * write lock and letting go of it, and whether they wait for the disk meanwhile. So many pages take a few milliseconds on
 * any machine, and the count is the same on a busy one. */
#include <sqlite3.h>
#include <sys/stat.h>

#include "check.h"
#include "libccm/clock.h"
#include "libccm/macros.h"
#include "libccm/prune.h"

#define DAY_MS (24 * 60 * 60 * 1000LL)
#define PAGES_MAX 800            /* 3 MB through memory: well below 20 ms */
#define WRITE_LOCK 0             /* sqlite.org/walformat.html, WAL locks: WAL_WRITE_LOCK is the first */

/* ---- what is seen below SQLite ---- */

static struct {
	bool held;
	int pages, syncs;            /* since the lock was taken */
	int holds, most_pages;       /* of all holds */
	int slow_syncs;              /* more than one in a hold, or in one that wrote more than what begins a write-ahead log */
	int truncations;             /* while it was held */
} seen;

static sqlite3 *other;               /* a hook that commits each time when we wait for the disk */
#define COMMIT "INSERT INTO session (session_id, host, first_ms) VALUES ('other', '', 1) ON CONFLICT DO UPDATE SET first_ms = first_ms + 1"
static int interruptions;            /* so many times more */

static sqlite3_vfs counting, *below;
static struct {
	sqlite3_io_methods counting, below;
} methods[2];                        /* of the write-ahead log, and of the database */

static const sqlite3_io_methods *below_of(const sqlite3_file *f)
{
	return &methods[f->pMethods == &methods[1].counting].below;
}

static int see_read(sqlite3_file *f, void *to, int bytes, sqlite3_int64 at)
{
	seen.pages += bytes >= 512;
	return below_of(f)->xRead(f, to, bytes, at);
}

static int see_write(sqlite3_file *f, const void *from, int bytes, sqlite3_int64 at)
{
	seen.pages += bytes >= 512;
	return below_of(f)->xWrite(f, from, bytes, at);
}

static void must(sqlite3 *db, const char *sql)
{
	char *words = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &words) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", words, sql);
		exit(1);
	}
}

static int see_sync(sqlite3_file *f, int flags)
{
	int r = below_of(f)->xSync(f, flags);

	seen.syncs++;
	if (!seen.held && interruptions > 0) {
		interruptions--;
		must(other, COMMIT);
	}
	return r;
}

static int see_truncate(sqlite3_file *f, sqlite3_int64 bytes)
{
	seen.truncations += seen.held;
	return below_of(f)->xTruncate(f, bytes);
}

static void see_hold_end(void)
{
	seen.held = false;
	seen.holds++;
	seen.slow_syncs += seen.syncs > 1 || (seen.syncs && seen.pages > 4);
	if (seen.pages > seen.most_pages)
		seen.most_pages = seen.pages;
}

static int see_lock(sqlite3_file *f, int offset, int n, int flags)
{
	int r = below_of(f)->xShmLock(f, offset, n, flags);

	if (offset != WRITE_LOCK || r != SQLITE_OK)
		return r;
	if ((flags & SQLITE_SHM_LOCK) && (flags & SQLITE_SHM_EXCLUSIVE)) {
		seen.held = true;
		seen.pages = seen.syncs = 0;
	} else if (seen.held) {
		see_hold_end();
	}
	return r;
}

static int see_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
	int r = below->xOpen(vfs, name, f, flags, ret_flags), is;
	sqlite3_io_methods *m;

	if (!f->pMethods)
		return r;
	is = (flags & SQLITE_OPEN_MAIN_DB) != 0;
	m = &methods[is].counting;
	methods[is].below = *m = *f->pMethods;
	m->xRead = see_read;
	m->xWrite = see_write;
	m->xSync = see_sync;
	m->xTruncate = see_truncate;
	m->xShmLock = see_lock;
	/* Pages that are mapped into memory would not be seen. */
	m->iVersion = 2;
	f->pMethods = m;
	return r;
}

/* ---- a database with something of everything ---- */

/* The same rows as hooks leave behind; every 50th event is large, one is very large, and each session has kept something. */
static const char fill[] =
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)"
	" INSERT INTO event (id, uuid, received_ms, host, event, tool, session_id, valid, payload_bytes, verdict)"
	" SELECT i, printf('%036d', i), i, 'claude-code', 'PreToolUse', 'tool-' || (i % 37), printf('%x', i * 7919 % 3989), 1, 0, 'none'"
	" FROM n;"
	"INSERT INTO payload SELECT id, 'full', zeroblob(iif(id = 700, 8000000, iif(id % 50 = 0, 300000, 700))) FROM event;"
	"INSERT INTO run (event_id, seq, automation, stage, started_ms, took_us, timed_out, verdict, stdout, stdout_bytes, stderr_bytes)"
	" SELECT id, 1, 'a-' || (id % 11), 50, 1, 1, 0, 'none', hex(zeroblob(1000)), 2000, 0 FROM event WHERE id % 3 = 0;"
	"INSERT INTO session (session_id, host, first_ms) SELECT session_id, 'claude-code', 1 FROM event GROUP BY 1;"
	"INSERT INTO state SELECT 'a', session_id, 'k' || i, 'v', 1 FROM session, (SELECT 1 AS i UNION SELECT 2);"
	"INSERT INTO state VALUES ('a', '', 'k', 'v', 1);";

static char path[256];

static void make_database(void)
{
	_cleanup_db_ struct ccm_db *db = NULL;
	const char *dir = getenv("TMPDIR");
	char attach[300];
	sqlite3 *handle;

	snprintf(path, sizeof path, "%s/ccm-prune-XXXXXX", dir ? dir : "/tmp");
	CHECK_OR_DIE(mkdtemp(path) && chmod(path, 0700) == 0);
	strcat(path, "/ccm.db");
	CHECK_OR_DIE(ccm_db_open(path, CCM_DB_WRITE, 1000, &db, NULL) == 0 && ccm_db_open_state(db) == 0);
	CHECK_OR_DIE(sqlite3_open(path, &handle) == SQLITE_OK);
	snprintf(attach, sizeof attach, "ATTACH '%.*s/" CCM_DB_STATE_FILE "' AS state", (int)(strrchr(path, '/') - path), path);
	must(handle, attach);
	must(handle, fill);
	sqlite3_close(handle);
}

static void remove_database(void)
{
	static const char *const names[] = { "ccm.db", "ccm.db-wal", "ccm.db-shm", "state.db", "state.db-wal", "state.db-shm" };
	char name[300];

	*strrchr(path, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(name, sizeof name, "%s/%s", path, names[i]);
		unlink(name);
	}
	rmdir(path);
}

static int64_t count(struct ccm_db *db, const char *sql)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };

	CHECK_OR_DIE(ccm_db_query_text(db, sql, NULL, &rows, NULL) == 0 && ccm_rows_next(&rows) == 1);
	return ccm_rows_int(&rows, "n");
}

/* Returns how many events went. */
static int64_t prune(struct ccm_db *db, struct ccm_prune p)
{
	memset(&seen, 0, sizeof seen);
	CHECK_INT(ccm_prune_run(db, &p), 0);
	CHECK(seen.holds > 10);
	CHECK_INT(seen.slow_syncs, 0);
	CHECK_INT(seen.truncations, 0);
	if (seen.most_pages > PAGES_MAX)
		fprintf(stderr, "%d pages while writers were kept out\n", seen.most_pages);
	CHECK(seen.most_pages <= PAGES_MAX);
	return p.events;
}

static int64_t wal_bytes(void)
{
	char name[300];
	struct stat st;

	snprintf(name, sizeof name, "%s-wal", path);
	return stat(name, &st) == 0 ? st.st_size : -1;
}

/* However often hooks come in between, they are kept out for no more than a small commit. */
static void checkpoint(struct ccm_db *db, int hooks, int result)
{
	must(other, COMMIT);
	memset(&seen, 0, sizeof seen);
	interruptions = hooks;
	CHECK_INT(ccm_db_checkpoint(db), result);
	CHECK(interruptions < hooks || hooks == 0);
	CHECK_INT(seen.slow_syncs, 0);
	CHECK(seen.most_pages < 10);
	/* A header and one page. */
	CHECK(result < 0 || wal_bytes() == 32 + 24 + CCM_DB_PAGE_BYTES);
	interruptions = 0;
}

int main(void)
{
	_cleanup_db_ struct ccm_db *db = NULL;
	int64_t events;

	make_database();
	below = sqlite3_vfs_find(NULL);
	counting = *below;
	counting.zName = "counting";
	counting.xOpen = see_open;
	CHECK_OR_DIE(sqlite3_vfs_register(&counting, 1) == SQLITE_OK);
	CHECK_OR_DIE(ccm_db_open(path, CCM_DB_WRITE, 1000, &db, NULL) == 0);
	check_case = "by age";
	CHECK_INT(prune(db, (struct ccm_prune){ .before_ms = 2000 }), 1999);
	CHECK_INT(count(db, "SELECT min(id) AS n FROM event"), 2000);
	check_case = "by size";
	events = prune(db, (struct ccm_prune){ .max_bytes = 4 << 20 });
	CHECK_INT(count(db, "SELECT min(id) AS n FROM event"), 2000 + events);
	check_case = "all";
	CHECK_INT(prune(db, (struct ccm_prune){ .before_ms = DAY_MS }), 4000 - 1999 - events);
	CHECK_INT(count(db, "SELECT (SELECT count(*) FROM payload) + (SELECT count(*) FROM run) + (SELECT count(*) FROM session) AS n"), 0);
	CHECK_INT(count(db, "SELECT count(*) AS n FROM state"), 1);
	CHECK_OR_DIE(sqlite3_open(path, &other) == SQLITE_OK);
	must(other, "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL");
	check_case = "alone";
	checkpoint(db, 0, 0);
	check_case = "a hook in between";
	checkpoint(db, 1, 0);
	check_case = "hooks at any moment";
	checkpoint(db, 1000, -CCM_E_BUSY);
	sqlite3_close(other);
	remove_database();
	return 0;
}
