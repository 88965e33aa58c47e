/* SPDX-License-Identifier: MIT */
/* db - the database: opened, migrated, and asked by query name.
 *
 * It is two files in one folder. ccm.db, which every hook opens, has only what a hook writes for each event: SQLite reads
 * the whole schema of a file at every start. All other tables are in state.db. A connection has that one attached from the
 * first query on that needs it (embed.awk knows which do), so a query may use tables of both; callers see no difference,
 * except that a transaction is over one of them. No foreign keys go from one to the other.
 *
 * A state.db that cannot be used fails the queries that need it, and no others; ccm_db_words() says what is wrong with it.
 *
 * All SQL stands in schema/queries.sql; C names a query by its enum and binds arguments by name:
 *
 *     r = ccm_db_exec(db, Q_ALERT_INSERT, DB_ARGS(DB_TEXT("title", title), DB_INT("created_ms", now)));
 *
 *     _cleanup_rows_ struct ccm_rows rows = { 0 };
 *     r = ccm_db_query(db, Q_SESSION_LIST, DB_ARGS(DB_INT("limit", 50)), &rows);
 *     while (r >= 0 && (r = ccm_rows_next(&rows)) > 0)
 *             puts(ccm_rows_text(&rows, "session_id"));
 *     if (r < 0)
 *             return r;
 *
 * Statements are prepared on first use and reset when rows are done, so that none keeps a read lock.
 *
 * Ownership: ccm_db_close() releases all. Texts from a row are the statement's, until the next row.
 * Errors:    -CCM_E_BUSY, -CCM_E_DAMAGED, -CCM_E_NEWER, -CCM_E_FULL, -CCM_E_REFUSED, -CCM_E_SQL, -errno;
 *            ccm_db_words() says more.
 * Source:    sqlite.org/wal.html, sqlite.org/howtocorrupt.html: a connection is never used across fork().
 */
#ifndef CCM_DB_H
#define CCM_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "sql.inc"

enum ccm_query {
#define X(name, needs_state, parameters, sql) Q_##name,
	CCM_QUERIES(X)
#undef X
	CCM_QUERY_COUNT
};

struct ccm_db;

enum ccm_db_file { CCM_DB_MAIN, CCM_DB_STATE };
#define CCM_DB_STATE_FILE "state.db"     /* beside the other */

enum ccm_db_mode {
	CCM_DB_READ,         /* must exist and be of our schema version; nothing is written. No state.db: as if empty */
	CCM_DB_WRITE,        /* made or migrated where needed */
};

struct ccm_db_arg {
	const char *name;    /* with the colon, which the macros add; NULL ends the list */
	enum ccm_db_type { CCM_DB_NULL, CCM_DB_INT, CCM_DB_TEXT, CCM_DB_BLOB } type;
	int64_t number;
	const void *data;    /* must live until the statement is reset */
	size_t bytes;
};
#define DB_END { NULL, CCM_DB_NULL, 0, NULL, 0 }
#define DB_ARGS(...) (const struct ccm_db_arg[]){ __VA_ARGS__, DB_END }
#define DB_INT(name, n) { ":" name, CCM_DB_INT, n, NULL, 0 }
#define DB_BLOB(name, data, bytes) { ":" name, CCM_DB_BLOB, 0, data, bytes }
#define DB_TEXTN(name, text, bytes) { ":" name, CCM_DB_TEXT, 0, text, bytes }
#define DB_TEXT(name, text) { ":" name, CCM_DB_TEXT, 0, text, SIZE_MAX }     /* NULL text: NULL */
#define DB_INT_IF(name, set, n) { ":" name, (set) ? CCM_DB_INT : CCM_DB_NULL, n, NULL, 0 }
#define DB_NULL(name) { ":" name, CCM_DB_NULL, 0, NULL, 0 }

/* Opens the file at path. CCM_DB_READ: -ENOENT if there is none. An older schema is brought up to
 * date in one transaction (CCM_DB_WRITE), with a copy kept as PATH.v<N>; a newer one is refused. The same is done with
 * state.db when it is needed. What a ccm.db of schema 2 has of it is carried over. */
int ccm_db_open(const char *path, enum ccm_db_mode mode, int busy_timeout_ms, struct ccm_db **ret,
		struct ccm_diag *diag);
void ccm_db_close(struct ccm_db *db);
void ccm_db_closep(struct ccm_db **db);
#define _cleanup_db_ _cleanup_(ccm_db_closep)

/* Attaches state.db now; where it is not to be only read, it is made. */
int ccm_db_open_state(struct ccm_db *db);

/* Who moves the WAL into the database file. By SQLite's own rule the last connection to close would:
 * three fsync for whoever that is, and two more for the next hook, which finds no WAL. So no
 * connection here does it on closing, and a hook does not even close: it leaves its connection to the
 * end of the process, which loses nothing, because a commit is in the WAL file when it returns. The
 * price is that a WAL which nobody holds open is read again by the next process that opens it. It
 * must stay short, and is moved by a process that was started for that: one that was forked would
 * believe in locks that it does not hold. The log of state.db, which no hook reads, is moved together with the other;
 * only if it became long all the same, whoever closes a connection that wrote to it moves it then.
 *
 *     ccm_db_defer_checkpoint(db);
 *     ...
 *     if (ccm_db_wants_checkpoint(db))
 *             start `ccm-hook tidy`, which calls ccm_db_checkpoint(), and stays for a while to hold it open (tidy.h)
 *     ccm_db_leave(db);                // db must not be used any more
 */
#define CCM_DB_PAGE_BYTES 2048   /* of a ccm.db that is made now; older ones have 4096 */
#define CCM_DB_WAL_PAGES 64      /* at every multiple of this the WAL wants a checkpoint */
#define CCM_DB_COMMIT_PAGES 6    /* about what one commit adds to it */
void ccm_db_defer_checkpoint(struct ccm_db *db);
bool ccm_db_wants_checkpoint(const struct ccm_db *db);
void ccm_db_leave(struct ccm_db *db);

/* How long the WAL of ccm.db was after the last commit on this connection, if its checkpoints are deferred. */
int ccm_db_wal_pages(const struct ccm_db *db);

/* Moves the WAL into the database file and makes it short. Holds writers back only for the moment in which it is made
 * short: for one small commit. -CCM_E_BUSY: readers or writers are in the way; next time. From then on commits on this
 * connection no longer checkpoint. */
int ccm_db_checkpoint(struct ccm_db *db);

/* Moves what it can of the WAL into the database file, so that later commits overwrite it. Holds nobody back, except for
 * the one small commit that begins it anew. */
int ccm_db_checkpoint_some(struct ccm_db *db);

/* Gives up to so many free pages at the end of the file back to the file system; of state.db, too, if it is attached. */
int ccm_db_vacuum(struct ccm_db *db, int pages);

/* How long the next statements wait for a lock. */
void ccm_db_set_busy_timeout(struct ccm_db *db, int64_t ms);

/* True if what was just committed may be in a file that nobody will find again: the database or its write-ahead log
 * was moved away or deleted, or another lies in its place, since this connection opened it. To be asked after each
 * commit that matters. */
bool ccm_db_is_moved(struct ccm_db *db);

/* Words for the last failure on this connection. */
const char *ccm_db_words(const struct ccm_db *db);

/* The same if that was that state.db cannot be used: with its name and what to do; else NULL. */
const char *ccm_db_state_trouble(const struct ccm_db *db);

/* The schema version this program knows. */
int ccm_db_version(enum ccm_db_file file);

/* True if a newer ccm has brought one of the open files up to date meanwhile. */
bool ccm_db_is_newer(struct ccm_db *db);

/* Runs a query that gives no rows; args may be NULL. Returns how many rows it changed. */
int ccm_db_exec(struct ccm_db *db, enum ccm_query q, const struct ccm_db_arg *args);
int64_t ccm_db_last_id(const struct ccm_db *db);

/* Compiles a query that will be run later. What fails is told by its run. */
void ccm_db_prepare(struct ccm_db *db, enum ccm_query q);

struct ccm_rows {
	struct ccm_db *db;
	void *statement;
};
int ccm_db_query(struct ccm_db *db, enum ccm_query q, const struct ccm_db_arg *args, struct ccm_rows *ret);

/* A person's own SQL, read-only; the text must be one statement. Words in diag. */
int ccm_db_query_text(struct ccm_db *db, const char *sql, const struct ccm_db_arg *args, struct ccm_rows *ret,
		      struct ccm_diag *diag);
int ccm_rows_next(struct ccm_rows *rows);        /* 1: a row; 0: no more */
void ccm_rows_done(struct ccm_rows *rows);
#define _cleanup_rows_ _cleanup_(ccm_rows_done)

int ccm_rows_columns(const struct ccm_rows *rows);
const char *ccm_rows_column_name(const struct ccm_rows *rows, int column);
/* By column name; a name that the query does not have is a mistake of ours and gives NULL or 0. */
const char *ccm_rows_text(const struct ccm_rows *rows, const char *name);        /* NULL for NULL */
const void *ccm_rows_blob(const struct ccm_rows *rows, const char *name, size_t *ret_bytes);
int64_t ccm_rows_int(const struct ccm_rows *rows, const char *name);             /* 0 for NULL */
bool ccm_rows_is_null(const struct ccm_rows *rows, const char *name);
/* By position, for a person's own SQL. */
const char *ccm_rows_text_at(const struct ccm_rows *rows, int column, size_t *ret_bytes);
bool ccm_rows_is_number_at(const struct ccm_rows *rows, int column);

/* The write lock is taken at once: hooks of one session overlap, and a read that later turns into a write can get
 * SQLITE_BUSY at once, without the busy timeout being waited out.
 *
 * A transaction writes to one of the files, and may read both. A commit to both would not be atomic (sqlite.org/wal.html,
 * on ATTACH), and hooks need not wait for what goes on in state.db. */
struct ccm_txn {
	struct ccm_db *db;
};
int ccm_txn_begin(struct ccm_db *db, struct ccm_txn *txn);               /* on state.db */
int ccm_txn_begin_events(struct ccm_db *db, struct ccm_txn *txn);        /* on ccm.db */
bool ccm_txn_is_open(const struct ccm_txn *txn); /* some failures end it by themselves */
int ccm_txn_commit(struct ccm_txn *txn);
void ccm_txn_rollbackp(struct ccm_txn *txn);     /* rolls back unless committed */
#define _cleanup_txn_ _cleanup_(ccm_txn_rollbackp)

/* True if the failure means the file itself is broken. */
bool ccm_db_is_damage(int error);

/* Makes REGEXP work on this connection: POSIX extended regular expressions, on texts and BLOBs. */
int ccm_db_enable_regexp(struct ccm_db *db, bool ignore_case);

/* False, with words in diag, if the pattern cannot be used with it. */
bool ccm_db_is_regexp(const char *pattern, struct ccm_diag *diag);

/* "ok", or the first line of what PRAGMA integrity_check finds in the file; buf gets a NUL-terminated cut. */
int ccm_db_check(struct ccm_db *db, enum ccm_db_file file, char *buf, size_t bytes);

#endif
