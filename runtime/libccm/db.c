/* SPDX-License-Identifier: MIT */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "clock.h"
#include "io.h"
#include "sbuf.h"

/* How long one sleep for a lock is: the first, and the longest. */
#define BUSY_FIRST_US 200
#define BUSY_MOST_US 4000
#define TRUNCATE_PAGES 4096
#define TRUNCATE_WAIT_MS 5
#define AUTOCHECKPOINT_PAGES 1000        /* SQLite's own preset */
#define STATE_WAL_PAGES 256              /* the log of state.db is moved by whoever closes then, if tidy has not done it */
#define STATE_WAL_SHORT_BYTES 8192

#define HEADER_BYTES 512         /* no database is smaller (sqlite.org/fileformat.html, page size) */

static const struct query {
	const char *sql, *parameters;
	bool needs_state;
} queries[] = {
#define X(name, needs_state, parameters, sql) [Q_##name] = { sql, parameters, needs_state },
	CCM_QUERIES(X)
#undef X
};

struct migration {
	int number;
	const char *name, *sql;
};
#define X(number, name, sql) { number, name, sql },
static const struct migration main_migrations[] = { CCM_MIGRATIONS(X) };
static const struct migration state_migrations[] = { CCM_STATE_MIGRATIONS(X) };
#undef X

/* A file and how SQLite knows it. */
static const struct {
	const char *schema;
	const char *ask_version;
	const struct migration *migrations;
	int version;                     /* how many migrations there are */
} files[] = {
	[CCM_DB_MAIN] = { "main", "PRAGMA user_version", main_migrations, ARRAY_SIZE(main_migrations) },
	[CCM_DB_STATE] = { "state", "PRAGMA state.user_version", state_migrations, ARRAY_SIZE(state_migrations) },
};
#define FILES ARRAY_SIZE(files)

/* The last version of ccm.db that had in it what is in state.db now. */
#define STATE_INSIDE_VERSION 2

struct ccm_db {
	sqlite3 *handle;
	sqlite3_stmt *statements[CCM_QUERY_COUNT];
	char *path;                              /* of ccm.db */
	enum ccm_db_mode mode;
	bool has_state;                          /* state.db is attached */
	struct ccm_diag state_trouble;           /* why it could not be, if that was the last failure */
	bool defers;                             /* see ccm_db_defer_checkpoint() */
	bool wants_checkpoint;                   /* the WAL has become long */
	int wal_pages[FILES];                    /* see ccm_db_wal_pages() */
	int64_t busy_timeout_ms, busy_since_us;
	struct {
		dev_t dev;
		ino_t ino;                       /* 0: not looked at yet */
	} wal[FILES];
};

static int checkpoint_file(struct ccm_db *db, enum ccm_db_file f);
static bool state_wal_is_short(const struct ccm_db *db);

/* So that leak checkers find what was left on purpose; volatile, or the compiler drops a variable that is never read. */
static struct ccm_db *volatile left;

static int from_sqlite(struct ccm_db *db, int code)
{
	if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
		return 0;
	if (db)
		db->state_trouble.text[0] = '\0';
	switch (code & 0xff) {
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -CCM_E_BUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -CCM_E_DAMAGED;
	case SQLITE_FULL:
		return -CCM_E_FULL;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
		return -EACCES;
	case SQLITE_CANTOPEN:
	case SQLITE_IOERR: {
		/* Of a file that is shorter than it should be, errno says nothing. */
		int e = db && code != SQLITE_IOERR_SHORT_READ ? sqlite3_system_errno(db->handle) : 0;

		return e == ENOSPC || e == EDQUOT ? -CCM_E_FULL : e ? -e : -EIO;
	}
	default:
		return -CCM_E_SQL;
	}
}

const char *ccm_db_words(const struct ccm_db *db)
{
	if (!db)
		return "";
	return db->state_trouble.text[0] ? db->state_trouble.text : sqlite3_errmsg(db->handle);
}

const char *ccm_db_state_trouble(const struct ccm_db *db)
{
	return db && db->state_trouble.text[0] ? db->state_trouble.text : NULL;
}

int ccm_db_version(enum ccm_db_file file)
{
	return files[file].version;
}

static int exec_text(struct ccm_db *db, const char *sql)
{
	return from_sqlite(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

/* For pragmas of one file: they take no parameters. */
static int exec_pragma(struct ccm_db *db, const char *format, ...) _printf_(2, 3);

static int exec_pragma(struct ccm_db *db, const char *format, ...)
{
	char sql[128];
	va_list ap;

	va_start(ap, format);
	vsnprintf(sql, sizeof sql, format, ap);
	va_end(ap);
	return exec_text(db, sql);
}

static int file_version(struct ccm_db *db, enum ccm_db_file f)
{
	sqlite3_stmt *s = NULL;
	int r, version = -1;

	r = sqlite3_prepare_v2(db->handle, files[f].ask_version, -1, &s, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	if (r == SQLITE_ROW)
		version = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	return r == SQLITE_ROW ? version : from_sqlite(db, r == SQLITE_DONE ? SQLITE_ERROR : r);
}

bool ccm_db_is_newer(struct ccm_db *db)
{
	for (enum ccm_db_file f = CCM_DB_MAIN; f <= CCM_DB_STATE; f++)
		if ((f == CCM_DB_MAIN || db->has_state) && file_version(db, f) > files[f].version)
			return true;
	return false;
}

/* Runs a statement that has one parameter, a text. */
static int exec_with(struct ccm_db *db, const char *sql, const char *text)
{
	sqlite3_stmt *s = NULL;
	int r;

	r = sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC);
	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	r = from_sqlite(db, r);
	sqlite3_finalize(s);
	return r;
}

/* A copy of the database as it stands, made by SQLite itself: it sees what is still in the WAL. */
static int make_copy(struct ccm_db *db, enum ccm_db_file f, const char *path, const char *copy, struct ccm_diag *diag)
{
	int r = exec_with(db, f == CCM_DB_MAIN ? "VACUUM main INTO ?1" : "VACUUM state INTO ?1", copy);

	if (r == 0 && chmod(copy, 0600) < 0)
		r = -errno;
	return r < 0 ? ccm_diag_set(diag, r, "cannot keep a copy of '%s' before bringing it up to date: %s", path,
				    ccm_db_words(db)) : 0;
}

static int set_version(struct ccm_db *db, enum ccm_db_file f)
{
	return exec_pragma(db, "PRAGMA %s.user_version = %d", files[f].schema, files[f].version);
}

static int carry_over(const struct ccm_db *db, struct ccm_diag *diag);

/* copy: what make_copy() made, or NULL. It gets its name only here: had another process been faster,
 * it might not be of the old schema. */
static int apply_migrations(struct ccm_db *db, enum ccm_db_file f, const char *path, const char *copy, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int r, version;

	r = ccm_txn_begin_events(db, &txn);
	if (r < 0)
		return r;
	version = file_version(db, f);
	if (version < 0 || version == files[f].version)
		return version < 0 ? version : 0;
	if (f == CCM_DB_MAIN && version == STATE_INSIDE_VERSION) {
		r = carry_over(db, diag);
		if (r < 0)
			return r;
	}
	for (int i = version; i < files[f].version; i++) {
		const struct migration *m = &files[f].migrations[i];

		r = exec_text(db, m->sql);
		if (r < 0)
			return ccm_diag_set(diag, r, "migration '%s' failed: %s", m->name, ccm_db_words(db));
	}
	r = set_version(db, f);
	if (r < 0)
		return r;
	ccm_sbuf_addf(&name, "%s.v%d", path, version);
	if (ccm_sbuf_error(&name))
		return -ENOMEM;
	if (copy && rename(copy, name.text) < 0)
		return ccm_diag_set(diag, -errno, "cannot keep a copy as '%s': %s", name.text, strerror(errno));
	return ccm_txn_commit(&txn);
}

static int copy_and_apply(struct ccm_db *db, enum ccm_db_file f, const char *path, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf copy = { 0 };
	int r;

	ccm_sbuf_addf(&copy, "%s.copy-%ld", path, (long)getpid());
	if (ccm_sbuf_error(&copy))
		return -ENOMEM;
	unlink(copy.text);               /* of a process that died with this number */
	r = make_copy(db, f, path, copy.text, diag);
	if (r == 0)
		r = apply_migrations(db, f, path, copy.text, diag);
	unlink(copy.text);
	return r;
}

/* A commit takes a fraction of a millisecond. SQLite's own way of waiting soon sleeps a hundred times as long, so
 * that of many who wait some stay out by bad luck until their time is over. */
static int wait_for_lock(void *user, int tries)
{
	struct ccm_db *db = user;
	int64_t now_us = ccm_mono_us(), most_us = BUSY_FIRST_US << (tries < 16 ? tries / 3 : 5);
	struct timespec pause;

	if (tries == 0)
		db->busy_since_us = now_us;
	if (now_us - db->busy_since_us >= db->busy_timeout_ms * 1000)
		return 0;
	if (most_us > BUSY_MOST_US)
		most_us = BUSY_MOST_US;
	/* Not all at the same moment: between a half and the whole of it, as the clock happens to stand. */
	pause = (struct timespec){ .tv_nsec = (most_us / 2 + now_us % (most_us / 2)) * 1000 };
	nanosleep(&pause, NULL);
	return 1;
}

/* Kept in the file: every later connection finds WAL switched on. Freed pages can be given back in small steps only if the
 * first table already finds that set. Of two that do this at once, one is told at once that it is too late.
 *
 * An event changes six pages of ccm.db, a row in each, and the whole page goes through the log, is summed, and is read again
 * by who comes next: smaller ones save a hook a twentieth of its time. With half the size again, more pages change. */
static int make_wal(struct ccm_db *db, enum ccm_db_file f)
{
	const char *schema = files[f].schema;
	int r, tries = 0;

	if (f == CCM_DB_MAIN) {
		r = exec_pragma(db, "PRAGMA main.page_size = %d", CCM_DB_PAGE_BYTES);
		if (r < 0)
			return r;
	}
	do
		r = exec_pragma(db, "PRAGMA %s.auto_vacuum = INCREMENTAL; PRAGMA %s.journal_mode = WAL", schema, schema);
	while (r == -CCM_E_BUSY && wait_for_lock(db, tries++));
	return r;
}

static int migrate(struct ccm_db *db, enum ccm_db_file f, const char *path, enum ccm_db_mode mode, struct ccm_diag *diag)
{
	int version = file_version(db, f), known = files[f].version, r;

	if (version < 0 || version == known)
		return version < 0 ? version : 0;
	if (version > known)
		return ccm_diag_set(diag, -CCM_E_NEWER,
				    "'%s' has schema %d, this ccm knows %d: install the newer ccm again; nothing was changed",
				    path, version, known);
	if (mode == CCM_DB_READ && version == 0)
		return -ENOENT;
	if (mode == CCM_DB_READ)
		return ccm_diag_set(diag, -CCM_E_SQL, "'%s' has schema %d and this ccm needs %d: run 'ccm-hook init'",
				    path, version, known);
	if (version > 0)
		return copy_and_apply(db, f, path, diag);
	r = make_wal(db, f);
	return r < 0 ? r : apply_migrations(db, f, path, NULL, diag);
}

/* Where SQLite keeps its read locks: unixShm and friends have theirs in the -shm file, but whoever has the database open
 * holds one here (os.h, PENDING_BYTE). */
#define SHARED_FIRST (0x40000000 + 2)
#define SHARED_SIZE 510

/* The process that has the database open; 0: none. Closing any descriptor of a file lets go of all locks that this
 * process has on it, so this must come before the database is opened. */
static pid_t find_holder(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = SHARED_FIRST, .l_len = SHARED_SIZE };
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}

static bool is_missing(const char *path, const char *suffix)
{
	struct ccm_sbuf name = { 0 };
	bool missing;

	ccm_sbuf_addf(&name, "%s%s", path, suffix);
	missing = access(ccm_sbuf_str(&name), F_OK) < 0 && errno == ENOENT;
	ccm_sbuf_done(&name);
	return missing;
}

/* A program that has the database open has both files, too. If somebody deleted one of them under its hands, and we made
 * a new one, that program and we would no longer see each other's commits, and one of us would overwrite the other's. */
static int check_companions(const char *path, struct ccm_diag *diag)
{
	static const char *const suffixes[] = { "-wal", "-shm" };
	static const struct timespec pause = { .tv_nsec = 10 * 1000000 };

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		_cleanup_free_ char *real = is_missing(path, suffixes[i]) ? realpath(path, NULL) : NULL;
		pid_t holder = 1;

		/* It may just have been opened for the first time. */
		for (int tries = 0; real && tries < 30 && holder; tries++) {
			if (tries)
				nanosleep(&pause, NULL);
			holder = is_missing(real, suffixes[i]) ? find_holder(real) : 0;
		}
		if (real && holder)
			return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s%s' was deleted while process %d has the database open: "
					    "end that process", real, suffixes[i], (int)holder);
	}
	return 0;
}

/* What SQLite would not notice, or would not do justice to. */
static int check_file(const char *path, const struct stat *st, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf wal = { 0 };
	struct stat other;

	if (!S_ISREG(st->st_mode))
		return ccm_diag_set(diag, -CCM_E_NOT_FILE, "'%s' is not a regular file: move it away", path);
	if (st->st_size >= HEADER_BYTES)
		return check_companions(path, diag);
	/* To SQLite it is empty: a new database, and it would delete the log. */
	ccm_sbuf_addf(&wal, "%s-wal", path);
	if (st->st_size == 0 && (stat(ccm_sbuf_str(&wal), &other) < 0 || other.st_size == 0))
		return 0;
	/* It may just have been made. */
	if (stat(path, &other) == 0 && other.st_size < HEADER_BYTES)
		return ccm_diag_set(diag, -CCM_E_DAMAGED, "cannot use '%s': file is not a database (%lld bytes)", path, (long long)st->st_size);
	return 0;
}

/* What SQLite only calls "unable to open database file" and the like. */
static int explain(const struct ccm_db *db, const char *path, int error, struct ccm_diag *diag)
{
	struct stat st;

	if (stat(path, &st) == 0 && st.st_uid != geteuid() && access(path, R_OK | W_OK) < 0)
		return ccm_diag_set(diag, error, "'%s' belongs to another user (uid %u)", path, (unsigned)st.st_uid);
	if (access(path, R_OK | W_OK) < 0 && error != -CCM_E_DAMAGED)
		return ccm_diag_set(diag, error, "cannot use '%s': %s", path, strerror(errno));
	return ccm_diag_set(diag, error, "cannot use '%s': %s", path, ccm_db_words(db));
}

/* SQLite would make the file with the umask's mode; it holds what agents read and wrote. */
static int create_file(const char *path, struct ccm_diag *diag)
{
	_cleanup_close_ int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

	if (fd < 0 && errno != EEXIST)
		return ccm_diag_set(diag, -errno, "cannot create '%s': %s", path, strerror(errno));
	return 0;
}

/* A connection of ours to the file at path, which is there. */
static int open_handle(struct ccm_db *db, const char *path)
{
	int r;

	r = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	if (r != SQLITE_OK && db->mode == CCM_DB_READ) {
		/* A read-only file system: without write access to the shm file, WAL needs immutable or
		 * a directory that can be written; SQLite says which. */
		sqlite3_close(db->handle);
		db->handle = NULL;
		r = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	}
	if (r != SQLITE_OK)
		return from_sqlite(db, r);
	sqlite3_busy_handler(db->handle, wait_for_lock, db);
	/* Whoever closes last would move the WAL into the file and delete it: three fsync for a `log`, and
	 * two more for the hook that comes next and begins a new one. `tidy` keeps it short. */
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return 0;
}

/* NORMAL: a commit is in the WAL when it returns and survives any crash of processes; only a
 * power loss can take the last commits, and never damages the file. */
#define SYNCHRONOUS(schema) "PRAGMA " schema "synchronous = NORMAL"

int ccm_db_open(const char *path, enum ccm_db_mode mode, int busy_timeout_ms, struct ccm_db **ret,
		struct ccm_diag *diag)
{
	_cleanup_db_ struct ccm_db *db = NULL;
	struct stat st;
	int r;

	if (stat(path, &st) == 0) {
		r = check_file(path, &st, diag);
		if (r < 0)
			return r;
	} else if (mode == CCM_DB_READ) {
		return -errno;
	} else {
		r = create_file(path, diag);
		if (r < 0)
			return r;
	}
	db = calloc(1, sizeof *db);
	if (!db)
		return -ENOMEM;
	db->mode = mode;
	db->busy_timeout_ms = busy_timeout_ms;
	db->path = strdup(path);
	if (!db->path)
		return -ENOMEM;
	r = open_handle(db, path);
	if (r < 0)
		return explain(db, path, r, diag);
	r = exec_text(db, SYNCHRONOUS(""));
	if (r == 0)
		r = migrate(db, CCM_DB_MAIN, path, mode, diag);
	if (r == 0 && mode == CCM_DB_READ)
		r = exec_text(db, "PRAGMA query_only = 1");
	if (r < 0)
		return diag && !diag->text[0] && r != -ENOENT ? explain(db, path, r, diag) : r;
	*ret = TAKE_PTR(db);
	return 0;
}

void ccm_db_close(struct ccm_db *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(db->statements); i++)
		sqlite3_finalize(db->statements[i]);
	if (db->wal_pages[CCM_DB_STATE] >= STATE_WAL_PAGES)
		checkpoint_file(db, CCM_DB_STATE);
	sqlite3_close(db->handle);
	free(db->path);
	free(db);
}

void ccm_db_closep(struct ccm_db **db)
{
	ccm_db_close(*db);
}

static int after_commit(void *user, sqlite3 *handle, const char *name, int pages)
{
	enum ccm_db_file f = strcmp(name, files[CCM_DB_STATE].schema) == 0 ? CCM_DB_STATE : CCM_DB_MAIN;
	struct ccm_db *db = user;

	db->wal_pages[f] = pages;
	if (!db->defers)
		return pages < AUTOCHECKPOINT_PAGES ? SQLITE_OK :
		       sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_NOMEM ?
		       SQLITE_NOMEM : SQLITE_OK;
	/* One in so many commits asks, not every one until it was heard. */
	if (pages >= CCM_DB_WAL_PAGES && pages % CCM_DB_WAL_PAGES < CCM_DB_COMMIT_PAGES)
		db->wants_checkpoint = true;
	return SQLITE_OK;
}

void ccm_db_defer_checkpoint(struct ccm_db *db)
{
	db->defers = true;
	/* The same hook as autocheckpoint uses: this replaces it. */
	sqlite3_wal_hook(db->handle, after_commit, db);
}

bool ccm_db_wants_checkpoint(const struct ccm_db *db)
{
	return db && db->wants_checkpoint;
}

int ccm_db_wal_pages(const struct ccm_db *db)
{
	return db->wal_pages[CCM_DB_MAIN];
}

void ccm_db_leave(struct ccm_db *db)
{
	left = db;
}

void ccm_db_set_busy_timeout(struct ccm_db *db, int64_t ms)
{
	db->busy_timeout_ms = ms;
}

static bool has_wal(struct ccm_db *db, enum ccm_db_file f)
{
	sqlite3_stmt *s = NULL;
	bool wal;

	wal = sqlite3_prepare_v2(db->handle, f == CCM_DB_MAIN ? "PRAGMA main.journal_mode" : "PRAGMA state.journal_mode", -1,
				 &s, NULL) == SQLITE_OK &&
	      sqlite3_step(s) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(s, 0), "wal") == 0;
	sqlite3_finalize(s);
	return wal;
}

static bool is_file_moved(struct ccm_db *db, enum ccm_db_file f)
{
	const char *path = sqlite3_db_filename(db->handle, files[f].schema);
	struct stat st;
	int moved = 0;

	if (sqlite3_file_control(db->handle, files[f].schema, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved)
		return true;
	if (!path || stat(sqlite3_filename_wal(path), &st) < 0)
		return has_wal(db, f);
	if (!db->wal[f].ino) {
		db->wal[f].dev = st.st_dev;
		db->wal[f].ino = st.st_ino;
	}
	return st.st_dev != db->wal[f].dev || st.st_ino != db->wal[f].ino;
}

bool ccm_db_is_moved(struct ccm_db *db)
{
	return is_file_moved(db, CCM_DB_MAIN) || (db->has_state && is_file_moved(db, CCM_DB_STATE));
}

int ccm_db_vacuum(struct ccm_db *db, int pages)
{
	int r = exec_pragma(db, "PRAGMA main.incremental_vacuum(%d)", pages);

	return r == 0 && db->has_state ? exec_pragma(db, "PRAGMA state.incremental_vacuum(%d)", pages) : r;
}

/* What is slow, copying and two fsync, is done while others write; and then once more for what they have written
 * meanwhile, which is little. *ret_all: nothing is left to be moved. */
static int move_wal(struct ccm_db *db, enum ccm_db_file f, bool *ret_all)
{
	int r = SQLITE_OK, pages = 0, moved = -1, before = -2;

	for (int again = 0; r == SQLITE_OK && again < 4 && moved != pages && moved != before; again++) {
		before = moved;
		r = sqlite3_wal_checkpoint_v2(db->handle, files[f].schema, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
	}
	*ret_all = r == SQLITE_OK && moved == pages;
	return from_sqlite(db, r);
}

/* The commit that begins the WAL anew waits for its header to be on the disk: now, when nothing else is to be written there,
 * that is short, and it is not a hook's. *ret_begun: it was begun anew; else somebody has written or reads. */
static int begin_wal(struct ccm_db *db, enum ccm_db_file f, bool *ret_begun)
{
	int r = set_version(db, f);

	*ret_begun = r == 0 && db->wal_pages[f] == 1;
	return r;
}

static int checkpoint_some(struct ccm_db *db, enum ccm_db_file f)
{
	bool done;
	int r = move_wal(db, f, &done);

	if (r == -CCM_E_BUSY)
		return 0;
	return r < 0 || !done ? r : begin_wal(db, f, &done);
}

int ccm_db_checkpoint_some(struct ccm_db *db)
{
	int r = checkpoint_some(db, CCM_DB_MAIN);

	return r == 0 && db->wal_pages[CCM_DB_STATE] >= CCM_DB_WAL_PAGES ? checkpoint_some(db, CCM_DB_STATE) : r;
}

/* SQLite's own way of making the WAL short moves what was written meanwhile, and waits for readers, while it keeps writers
 * out. It is for a WAL that has become long in spite of us, and for as long as nobody minds. */
static int truncate_wal(struct ccm_db *db, enum ccm_db_file f)
{
	int64_t timeout_ms = db->busy_timeout_ms;
	int r;

	if (db->busy_timeout_ms > TRUNCATE_WAIT_MS)
		db->busy_timeout_ms = TRUNCATE_WAIT_MS;
	r = from_sqlite(db, sqlite3_wal_checkpoint_v2(db->handle, files[f].schema, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
	db->busy_timeout_ms = timeout_ms;
	return r < 0 ? r : set_version(db, f);
}

static int checkpoint_file(struct ccm_db *db, enum ccm_db_file f)
{
	bool done = true;
	int r;

	ccm_db_defer_checkpoint(db);
	/* With this the commit that begins the WAL anew cuts the file, too. */
	r = exec_pragma(db, "PRAGMA %s.journal_size_limit = 0", files[f].schema);
	for (int again = 0; r == 0 && again < 3; again++) {
		r = move_wal(db, f, &done);
		if (r == 0 && !done)
			break;
		if (r == 0)
			r = begin_wal(db, f, &done);
		if (done)
			return r;
	}
	if (r < 0)
		return r;
	return db->wal_pages[f] < TRUNCATE_PAGES ? -CCM_E_BUSY : truncate_wal(db, f);
}

int ccm_db_checkpoint(struct ccm_db *db)
{
	int r = checkpoint_file(db, CCM_DB_MAIN), e = 0;

	if (!db->has_state && state_wal_is_short(db))
		return r;
	e = ccm_db_open_state(db);
	if (e == 0)
		e = checkpoint_file(db, CCM_DB_STATE);
	return r < 0 && r != -CCM_E_BUSY ? r : e < 0 ? e : r;
}

/* ---- state.db ---- */

static int state_path(const struct ccm_db *db, struct ccm_sbuf *out)
{
	const char *slash = strrchr(db->path, '/');

	ccm_sbuf_add(out, db->path, slash ? (size_t)(slash + 1 - db->path) : 0);
	ccm_sbuf_adds(out, CCM_DB_STATE_FILE);
	return ccm_sbuf_error(out);
}

/* What a commit that begins the log anew leaves in it is one page. */
static bool state_wal_is_short(const struct ccm_db *db)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	struct stat st;

	if (state_path(db, &path) < 0)
		return true;
	ccm_sbuf_adds(&path, "-wal");
	return stat(ccm_sbuf_str(&path), &st) < 0 || st.st_size < STATE_WAL_SHORT_BYTES;
}

static int attach(struct ccm_db *db, const char *path)
{
	int r = exec_with(db, "ATTACH ?1 AS state", path);

	if (r < 0)
		return r;
	db->has_state = true;
	/* Counts the pages of either log. */
	sqlite3_wal_hook(db->handle, after_commit, db);
	return exec_text(db, SYNCHRONOUS("state."));
}

static void detach(struct ccm_db *db)
{
	if (db->has_state)
		sqlite3_exec(db->handle, "DETACH state", NULL, NULL, NULL);
	db->has_state = false;
}

/* A connection with nothing but the file of that path, made or brought up to date as `state`: neither can be done within a
 * transaction, and who needs the file may be in one. */
static int make_state(const struct ccm_db *db, const char *path, struct ccm_db **ret, struct ccm_diag *diag)
{
	_cleanup_db_ struct ccm_db *maker = calloc(1, sizeof *maker);
	int r;

	if (!maker)
		return -ENOMEM;
	maker->mode = CCM_DB_WRITE;
	maker->busy_timeout_ms = db->busy_timeout_ms;
	r = create_file(path, diag);
	if (r == 0)
		r = open_handle(maker, ":memory:");
	if (r == 0)
		r = attach(maker, path);
	if (r == 0)
		r = migrate(maker, CCM_DB_STATE, path, CCM_DB_WRITE, diag);
	if (r < 0)
		return diag->text[0] ? r : explain(maker, path, r, diag);
	*ret = TAKE_PTR(maker);
	return 0;
}

/* What ccm.db of an older schema has of state.db. Into the disk before it goes from there: whatever happens between, it is
 * in one of them, and what is in both is taken once. Called with the write lock on ccm.db. */
static int carry_over(const struct ccm_db *db, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	_cleanup_db_ struct ccm_db *maker = NULL;
	struct ccm_diag own = { 0 };
	int r;

	if (state_path(db, &path) < 0)
		return -ENOMEM;
	r = make_state(db, path.text, &maker, &own);
	if (r < 0)
		return ccm_diag_set(diag, r, "%s", ccm_diag_text(&own, r));
	r = exec_text(maker, "PRAGMA state.synchronous = FULL");
	if (r == 0)
		r = exec_with(maker, "ATTACH ?1 AS old", db->path);
	if (r == 0)
		r = exec_text(maker, "BEGIN");
	if (r == 0)
		r = ccm_db_exec(maker, Q_CARRY_STATE, NULL);
	if (r >= 0)
		r = ccm_db_exec(maker, Q_CARRY_ALERTS, NULL);
	if (r >= 0)
		r = exec_text(maker, "COMMIT");
	return r < 0 ? ccm_diag_set(diag, r, "cannot move what is in '%s' to '%s': %s", db->path, path.text,
				    ccm_db_words(maker)) : 0;
}

/* What reading finds where there is no file. */
static int attach_empty(struct ccm_db *db)
{
	int r = exec_text(db, "PRAGMA query_only = 0");

	if (r == 0)
		r = attach(db, "file:state?mode=memory");
	for (int i = 0; r == 0 && i < files[CCM_DB_STATE].version; i++)
		r = exec_text(db, state_migrations[i].sql);
	return r < 0 ? r : exec_text(db, "PRAGMA query_only = 1");
}

static int attach_state(struct ccm_db *db, const char *path, struct ccm_diag *diag)
{
	_cleanup_db_ struct ccm_db *maker = NULL;
	bool reads = db->mode == CCM_DB_READ;
	struct stat st;
	int r = 0, version = 0;

	if (stat(path, &st) == 0) {
		r = check_file(path, &st, diag);
		if (r == 0)
			r = attach(db, path);
		if (r == 0)
			r = version = file_version(db, CCM_DB_STATE);
		if (r < 0 || version == files[CCM_DB_STATE].version)
			return r < 0 ? r : 0;
		if (reads && version)
			return migrate(db, CCM_DB_STATE, path, CCM_DB_READ, diag);
		detach(db);
	} else if (errno != ENOENT) {
		return -errno;
	}
	if (reads)
		return attach_empty(db);
	r = make_state(db, path, &maker, diag);
	return r < 0 ? r : attach(db, path);
}

int ccm_db_open_state(struct ccm_db *db)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	struct ccm_diag diag = { 0 };
	int r;

	if (db->has_state)
		return 0;
	r = state_path(db, &path);
	if (r < 0)
		return r;
	r = attach_state(db, path.text, &diag);
	if (r == 0)
		return 0;
	if (!diag.text[0])
		explain(db, path.text, r, &diag);
	detach(db);
	if (r == -CCM_E_DAMAGED)
		ccm_diag_set(&db->state_trouble, r, "%.400s; move it and its -wal away, and a new one is begun", diag.text);
	else
		db->state_trouble = diag;
	return r;
}

/* ---- asking ---- */

/* The names of a query's parameters, and how far they have been looked through. */
struct parameters {
	const char *all, *at;
	int index;                               /* of the one before at */
};

/* Arguments mostly come in the order in which the query has them: the search goes on where the last one was found. 0: there
 * is none of that name. */
static int find_parameter(struct parameters *p, const char *name)
{
	size_t bytes = strlen(name);

	for (int round = 0; round < 2; round++) {
		while (*p->at) {
			const char *word = p->at, *end = word + strcspn(word, " ");

			p->at = end + (*end == ' ');
			p->index++;
			if ((size_t)(end - word) == bytes && memcmp(word, name, bytes) == 0)
				return p->index;
		}
		p->at = p->all;
		p->index = 0;
	}
	return 0;
}

/* parameters: of a query; NULL: a person's own SQL, which has the names in it. */
static int bind_args(sqlite3_stmt *s, const char *parameters, const struct ccm_db_arg *args)
{
	struct parameters names = { .all = parameters, .at = parameters };

	for (const struct ccm_db_arg *a = args; a && a->name; a++) {
		int index = parameters ? find_parameter(&names, a->name) : sqlite3_bind_parameter_index(s, a->name), r;

		if (!index)
			return SQLITE_RANGE;
		if (a->type == CCM_DB_INT)
			r = sqlite3_bind_int64(s, index, a->number);
		else if (a->type == CCM_DB_NULL || !a->data)
			r = sqlite3_bind_null(s, index);
		else if (a->type == CCM_DB_BLOB)
			r = sqlite3_bind_blob64(s, index, a->data, a->bytes, SQLITE_STATIC);
		else
			r = sqlite3_bind_text64(s, index, a->data,
						a->bytes == SIZE_MAX ? strlen(a->data) : a->bytes, SQLITE_STATIC,
						SQLITE_UTF8);
		if (r != SQLITE_OK)
			return r;
	}
	return SQLITE_OK;
}

static int prepare(struct ccm_db *db, enum ccm_query q, sqlite3_stmt **ret)
{
	int r = SQLITE_OK;

	if (!db->statements[q] && queries[q].needs_state) {
		r = ccm_db_open_state(db);
		if (r < 0)
			return r;
	}
	if (!db->statements[q])
		r = sqlite3_prepare_v3(db->handle, queries[q].sql, -1, 0, &db->statements[q], NULL);
	*ret = db->statements[q];
	return from_sqlite(db, r);
}

static void reset(sqlite3_stmt *s)
{
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
}

int ccm_db_exec(struct ccm_db *db, enum ccm_query q, const struct ccm_db_arg *args)
{
	sqlite3_stmt *s;
	int r;

	r = prepare(db, q, &s);
	if (r < 0)
		return r;
	r = bind_args(s, queries[q].parameters, args);
	if (r == SQLITE_OK)
		do
			r = sqlite3_step(s);
		while (r == SQLITE_ROW);
	r = from_sqlite(db, r);
	reset(s);
	return r < 0 ? r : sqlite3_changes(db->handle);
}

void ccm_db_prepare(struct ccm_db *db, enum ccm_query q)
{
	sqlite3_stmt *s;

	prepare(db, q, &s);
}

int64_t ccm_db_last_id(const struct ccm_db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

int ccm_db_query(struct ccm_db *db, enum ccm_query q, const struct ccm_db_arg *args, struct ccm_rows *ret)
{
	sqlite3_stmt *s;
	int r;

	r = prepare(db, q, &s);
	if (r < 0)
		return r;
	r = bind_args(s, queries[q].parameters, args);
	if (r != SQLITE_OK) {
		reset(s);
		return from_sqlite(db, r);
	}
	*ret = (struct ccm_rows){ .db = db, .statement = s };
	return 0;
}

/* What a person's own SQL may do: look. Attaching a file or switching a pragma changes nothing in this
 * database and would pass as reading, so it is the parts of the statement that are judged. */
static int allow_looking(void *unused, int action, const char *name, const char *argument, const char *database,
			 const char *trigger)
{
	static const char *const pragmas[] = {
		"database_list", "foreign_key_list", "index_info", "index_list", "index_xinfo", "integrity_check",
		"quick_check", "table_info", "table_list", "table_xinfo",
	};

	(void)unused, (void)argument, (void)database, (void)trigger;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_FUNCTION:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_UPDATE:
		/* Asked for when json_each() and its like are first used; a real one is stopped as no reading. */
		return strcmp(name, "sqlite_master") == 0 ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_PRAGMA:
		for (size_t i = 0; i < ARRAY_SIZE(pragmas); i++)
			if (sqlite3_stricmp(pragmas[i], name) == 0)
				return SQLITE_OK;
		return SQLITE_DENY;
	default:
		return SQLITE_DENY;
	}
}

static int check_parameters(sqlite3_stmt *s, const struct ccm_db_arg *args, struct ccm_diag *diag)
{
	int count = sqlite3_bind_parameter_count(s);

	for (int i = 1; i <= count; i++) {
		const char *name = sqlite3_bind_parameter_name(s, i);
		const struct ccm_db_arg *a = args;

		if (!name || name[0] != ':')
			return ccm_diag_set(diag, -EINVAL, "parameters have a name: write :name, not '%s'",
					    name ? name : "?");
		while (a && a->name && strcmp(a->name, name) != 0)
			a++;
		if (!a || !a->name)
			return ccm_diag_set(diag, -EINVAL, "'%s' has no value: add %s=VALUE", name, name + 1);
	}
	for (const struct ccm_db_arg *a = args; a && a->name; a++)
		if (!sqlite3_bind_parameter_index(s, a->name))
			return ccm_diag_set(diag, -EINVAL, "the statement has no parameter '%s'", a->name);
	return 0;
}

int ccm_db_query_text(struct ccm_db *db, const char *sql, const struct ccm_db_arg *args, struct ccm_rows *ret,
		      struct ccm_diag *diag)
{
	sqlite3_stmt *s = NULL;
	const char *tail = "";
	int r, state;

	/* Without it, what is in ccm.db can be asked for all the same. */
	state = ccm_db_open_state(db);
	sqlite3_set_authorizer(db->handle, allow_looking, NULL);
	r = sqlite3_prepare_v2(db->handle, sql, -1, &s, &tail);
	sqlite3_set_authorizer(db->handle, NULL, NULL);
	if (r == SQLITE_AUTH)
		return ccm_diag_set(diag, -EROFS, "only statements that read are taken here");
	if (r != SQLITE_OK && state < 0)
		return ccm_diag_set(diag, state, "%s", ccm_db_words(db));
	if (r != SQLITE_OK) {
		r = from_sqlite(db, r);
		return ccm_diag_set(diag, r, "%s", ccm_db_words(db));
	}
	if (!s)
		return ccm_diag_set(diag, -EINVAL, "no SQL statement given");
	if (tail[strspn(tail, " \t\r\n;")]) {
		r = ccm_diag_set(diag, -EINVAL, "one statement at a time: '%s' is left over",
				 tail + strspn(tail, " \t\r\n;"));
	} else if (!sqlite3_stmt_readonly(s)) {
		r = ccm_diag_set(diag, -EROFS, "only statements that read are taken here");
	} else {
		r = check_parameters(s, args, diag);
		if (r == 0)
			r = from_sqlite(db, bind_args(s, NULL, args));
	}
	if (r < 0) {
		sqlite3_finalize(s);
		return r;
	}
	*ret = (struct ccm_rows){ .db = db, .statement = s };
	return 0;
}

int ccm_rows_next(struct ccm_rows *rows)
{
	int r = sqlite3_step(rows->statement);

	return r == SQLITE_ROW ? 1 : from_sqlite(rows->db, r);
}

void ccm_rows_done(struct ccm_rows *rows)
{
	if (!rows->statement)
		return;
	for (size_t i = 0; i < CCM_QUERY_COUNT; i++) {
		if (rows->db->statements[i] == rows->statement) {
			reset(rows->statement);
			rows->statement = NULL;
			return;
		}
	}
	sqlite3_finalize(rows->statement);
	rows->statement = NULL;
}

int ccm_rows_columns(const struct ccm_rows *rows)
{
	return sqlite3_column_count(rows->statement);
}

const char *ccm_rows_column_name(const struct ccm_rows *rows, int column)
{
	return sqlite3_column_name(rows->statement, column);
}

static int column(const struct ccm_rows *rows, const char *name)
{
	int n = ccm_rows_columns(rows);

	for (int i = 0; i < n; i++)
		if (strcmp(ccm_rows_column_name(rows, i), name) == 0)
			return i;
	return -1;       /* sqlite3_column_*() gives NULL and 0 for it */
}

const char *ccm_rows_text(const struct ccm_rows *rows, const char *name)
{
	return (const char *)sqlite3_column_text(rows->statement, column(rows, name));
}

const void *ccm_rows_blob(const struct ccm_rows *rows, const char *name, size_t *ret_bytes)
{
	int i = column(rows, name);
	const void *data = sqlite3_column_blob(rows->statement, i);

	*ret_bytes = (size_t)sqlite3_column_bytes(rows->statement, i);
	return data;
}

int64_t ccm_rows_int(const struct ccm_rows *rows, const char *name)
{
	return sqlite3_column_int64(rows->statement, column(rows, name));
}

bool ccm_rows_is_null(const struct ccm_rows *rows, const char *name)
{
	return sqlite3_column_type(rows->statement, column(rows, name)) == SQLITE_NULL;
}

const char *ccm_rows_text_at(const struct ccm_rows *rows, int i, size_t *ret_bytes)
{
	const char *text = (const char *)sqlite3_column_text(rows->statement, i);

	*ret_bytes = (size_t)sqlite3_column_bytes(rows->statement, i);
	return text;
}

bool ccm_rows_is_number_at(const struct ccm_rows *rows, int i)
{
	int type = sqlite3_column_type(rows->statement, i);

	return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}

int ccm_txn_begin(struct ccm_db *db, struct ccm_txn *txn)
{
	int r = ccm_db_open_state(db);

	if (r == 0)
		r = exec_text(db, "BEGIN");
	if (r < 0)
		return r;
	txn->db = db;
	r = ccm_db_exec(db, Q_STATE_LOCK, NULL);
	if (r < 0)
		ccm_txn_rollbackp(txn);
	return r < 0 ? r : 0;
}

int ccm_txn_begin_events(struct ccm_db *db, struct ccm_txn *txn)
{
	int r = exec_text(db, "BEGIN IMMEDIATE");

	if (r == 0)
		txn->db = db;
	return r;
}

bool ccm_txn_is_open(const struct ccm_txn *txn)
{
	return txn->db && !sqlite3_get_autocommit(txn->db->handle);
}

int ccm_txn_commit(struct ccm_txn *txn)
{
	int r = exec_text(txn->db, "COMMIT");

	if (r == 0)
		txn->db = NULL;
	return r;
}

void ccm_txn_rollbackp(struct ccm_txn *txn)
{
	if (txn->db && !sqlite3_get_autocommit(txn->db->handle))
		exec_text(txn->db, "ROLLBACK");
	txn->db = NULL;
}

bool ccm_db_is_damage(int error)
{
	return error == -CCM_E_DAMAGED;
}

static void free_regex(void *p)
{
	regfree(p);
	free(p);
}

static regex_t *compile_regex(sqlite3_context *c, const char *pattern)
{
	int flags = REG_EXTENDED | REG_NOSUB | (sqlite3_user_data(c) ? REG_ICASE : 0);
	regex_t *re = calloc(1, sizeof *re);

	if (!re) {
		sqlite3_result_error_nomem(c);
		return NULL;
	}
	if (regcomp(re, pattern, flags) != 0) {
		free(re);
		sqlite3_result_error(c, "not a regular expression", -1);
		return NULL;
	}
	sqlite3_set_auxdata(c, 0, re, free_regex);
	re = sqlite3_get_auxdata(c, 0);
	if (!re)
		sqlite3_result_error_nomem(c);
	return re;
}

/* X REGEXP Y calls regexp(Y, X). The compiled pattern is kept with the statement. */
static void sql_regexp(sqlite3_context *c, int argc, sqlite3_value **argv)
{
	const char *pattern = (const char *)sqlite3_value_text(argv[0]);
	regex_t *re = sqlite3_get_auxdata(c, 0);
	const char *text;

	(void)argc;
	if (!pattern || sqlite3_value_type(argv[1]) == SQLITE_NULL)
		return;
	if (!re)
		re = compile_regex(c, pattern);
	if (!re)
		return;
#ifdef REG_STARTEND
	/* Up to the length, through NULs, and without the copy that a closing NUL would need. */
	text = sqlite3_value_blob(argv[1]);
	regmatch_t range = { .rm_so = 0, .rm_eo = sqlite3_value_bytes(argv[1]) };

	sqlite3_result_int(c, regexec(re, text ? text : "", 0, &range, REG_STARTEND) == 0);
#else
	text = (const char *)sqlite3_value_text(argv[1]);
	sqlite3_result_int(c, regexec(re, text ? text : "", 0, NULL, 0) == 0);
#endif
}

int ccm_db_enable_regexp(struct ccm_db *db, bool ignore_case)
{
	int r = sqlite3_create_function(db->handle, "regexp", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
					ignore_case ? db : NULL, sql_regexp, NULL, NULL);

	return from_sqlite(db, r);
}

bool ccm_db_is_regexp(const char *pattern, struct ccm_diag *diag)
{
	char words[256];
	regex_t re;
	int r = regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB);

	if (r == 0) {
		regfree(&re);
		return true;
	}
	regerror(r, &re, words, sizeof words);
	ccm_diag_set(diag, -EINVAL, "'%s' is not a regular expression: %s", pattern, words);
	return false;
}

int ccm_db_check(struct ccm_db *db, enum ccm_db_file file, char *buf, size_t bytes)
{
	sqlite3_stmt *s = NULL;
	const char *text;
	int r;

	r = file == CCM_DB_STATE ? ccm_db_open_state(db) : 0;
	if (r < 0) {
		snprintf(buf, bytes, "%s", ccm_db_words(db));
		return r;
	}
	r = sqlite3_prepare_v2(db->handle, file == CCM_DB_MAIN ? "PRAGMA main.integrity_check(1)" :
			       "PRAGMA state.integrity_check(1)", -1, &s, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_step(s);
	text = r == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : ccm_db_words(db);
	snprintf(buf, bytes, "%s", text ? text : "");
	sqlite3_finalize(s);
	return from_sqlite(db, r);
}
