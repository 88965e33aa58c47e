/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "clock.h"
#include "spool.h"

#define MOVED "'%s' or its write-ahead log was moved away or deleted while it was in use"

static void say(struct ccm_store *s, const char *words, ...) _printf_(2, 3);

static void say(struct ccm_store *s, const char *words, ...)
{
	char buf[1024];
	va_list ap;

	va_start(ap, words);
	vsnprintf(buf, sizeof buf, words, ap);
	va_end(ap);
	ccm_sbuf_addf(&s->trouble, "%s\n", buf);
}

/* ---- the database ---- */

static int open_file(struct ccm_store *s, int64_t busy_timeout_ms, struct ccm_diag *diag)
{
	int r = ccm_db_open(s->paths->db, CCM_DB_WRITE, (int)busy_timeout_ms, &s->db, diag);

	if (r == 0)
		ccm_db_defer_checkpoint(s->db);
	return r;
}

static int open_db(struct ccm_store *s, struct ccm_diag *diag)
{
	int r;

	if (s->db)
		return 0;
	r = open_file(s, s->settings->busy_timeout_ms, diag);
	if (r == -ENOENT || (r < 0 && access(s->paths->home, F_OK) < 0)) {
		*diag = (struct ccm_diag){ 0 };
		r = ccm_paths_create(s->paths, diag);
		if (r == 0)
			r = open_file(s, s->settings->busy_timeout_ms, diag);
	}
	return r;
}

static int insert_runs(struct ccm_db *db, int64_t id, const struct ccm_record *rec)
{
	for (size_t i = 0; i < rec->run_count; i++) {
		const struct ccm_run_record *run = &rec->runs[i];
		int r = ccm_db_exec(db, Q_RUN_INSERT, DB_ARGS(
			DB_INT("event_id", id), DB_INT("seq", (int64_t)i + 1), DB_TEXT("automation", run->automation),
			DB_INT("stage", run->stage), DB_INT("started_ms", run->started_ms),
			DB_INT("took_us", run->took_us),
			DB_INT_IF("exit_status", run->exit_status >= 0, run->exit_status),
			DB_INT_IF("signal", run->signal > 0, run->signal), DB_INT("timed_out", run->timed_out),
			DB_TEXT("verdict", run->verdict), DB_TEXT("reason", run->reason),
			DB_TEXT("problem", run->problem), DB_TEXT("stdout", run->out), DB_TEXT("stderr", run->err),
			DB_INT("stdout_bytes", run->out_bytes), DB_INT("stderr_bytes", run->err_bytes)));

		if (r < 0)
			return r;
	}
	return 0;
}

static int is_known_session(struct ccm_db *db, const char *session_id)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(db, Q_SESSION_GET, DB_ARGS(DB_TEXT("session_id", session_id)), &rows);

	return r < 0 ? r : ccm_rows_next(&rows);
}

static int insert_session(struct ccm_db *db, const struct ccm_record *rec)
{
	/* Read back from the spool means late. */
	bool says_more = rec->model || rec->source || rec->end_reason || rec->parsed;

	if (!says_more) {
		/* Most sessions are known, and the statement has been prepared already where a halt matters. */
		int r = is_known_session(db, rec->session_id);

		if (r != 0)
			return r;
		return ccm_db_exec(db, Q_SESSION_SEEN, DB_ARGS(
			DB_TEXT("session_id", rec->session_id), DB_TEXT("host", rec->host),
			DB_TEXT("project", rec->project), DB_INT("received_ms", rec->received_ms)));
	}
	return ccm_db_exec(db, Q_SESSION_TOUCH, DB_ARGS(
		DB_TEXT("session_id", rec->session_id), DB_TEXT("host", rec->host),
		DB_TEXT("project", rec->project), DB_TEXT("model", rec->model), DB_TEXT("source", rec->source),
		DB_TEXT("end_reason", rec->end_reason), DB_INT("received_ms", rec->received_ms),
		DB_INT_IF("ended_ms", rec->end_reason, rec->received_ms)));
}

int ccm_store_insert(struct ccm_db *db, const struct ccm_record *rec, int64_t *ret_id)
{
	const struct ccm_finish *f = &rec->finish;
	int r;

	r = ccm_db_exec(db, Q_EVENT_INSERT, DB_ARGS(
		DB_TEXT("uuid", rec->uuid), DB_INT("received_ms", rec->received_ms), DB_TEXT("host", rec->host),
		DB_TEXT("event", rec->event), DB_TEXT("tool", rec->tool), DB_TEXT("tool_use_id", rec->tool_use_id),
		DB_TEXT("session_id", rec->session_id), DB_TEXT("agent_id", rec->agent_id),
		DB_TEXT("agent_type", rec->agent_type), DB_TEXT("prompt_id", rec->prompt_id),
		DB_TEXT("project", rec->project), DB_TEXT("cwd", rec->cwd),
		DB_TEXT("permission_mode", rec->permission_mode), DB_TEXT("detail", rec->detail),
		DB_INT("valid", rec->valid), DB_TEXT("problem", rec->problem),
		DB_INT("payload_bytes", rec->payload_bytes), DB_TEXT("verdict", f->verdict),
		DB_TEXT("reason", f->reason), DB_INT("stop", f->stop), DB_TEXT("answer", f->answer),
		DB_INT_IF("exit_status", rec->finished, f->exit_status), DB_TEXT("note", f->note),
		DB_INT_IF("took_us", rec->finished, f->took_us)));
	if (r < 0)
		return r;
	*ret_id = ccm_db_last_id(db);
	if (rec->payload_form)
		r = ccm_db_exec(db, Q_PAYLOAD_INSERT, DB_ARGS(DB_INT("event_id", *ret_id),
			DB_TEXT("form", rec->payload_form), DB_BLOB("body", rec->payload, rec->payload_kept_bytes)));
	if (r >= 0 && rec->session_id)
		r = insert_session(db, rec);
	return r < 0 ? r : insert_runs(db, *ret_id, rec);
}

static int finish_event(struct ccm_db *db, int64_t id, const struct ccm_record *rec)
{
	const struct ccm_finish *f = &rec->finish;
	int r;

	r = ccm_db_exec(db, Q_EVENT_FINISH, DB_ARGS(
		DB_INT("id", id), DB_TEXT("verdict", f->verdict), DB_TEXT("reason", f->reason), DB_INT("stop", f->stop),
		DB_TEXT("answer", f->answer), DB_INT("exit_status", f->exit_status), DB_TEXT("note", f->note),
		DB_INT("took_us", f->took_us)));
	return r < 0 ? r : insert_runs(db, id, rec);
}

static int store_insert(struct ccm_store *s, const struct ccm_record *rec, struct ccm_diag *diag)
{
	_cleanup_txn_ struct ccm_txn txn = s->txn;
	int64_t id = 0;
	int r;

	s->txn = (struct ccm_txn){ 0 };
	r = open_db(s, diag);
	if (r < 0)
		return r;
	if (!ccm_txn_is_open(&txn))
		r = ccm_txn_begin_events(s->db, &txn);
	if (r >= 0)
		r = ccm_store_insert(s->db, rec, &id);
	if (r >= 0)
		r = ccm_txn_commit(&txn);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot write to '%s': %s", s->paths->db, ccm_db_words(s->db));
	s->event_id = id;
	return 0;
}

/* ccm.db and what belongs to it become ccm.db.damaged-DATE. Processes that have it open still
 * write there; nothing of it is deleted. */
static int set_aside(struct ccm_store *s)
{
	static const char *const parts[] = { "-wal", "-shm", "" };
	_cleanup_sbuf_ struct ccm_sbuf to = { 0 };
	time_t now = time(NULL);
	struct tm tm;
	char stamp[32];

	localtime_r(&now, &tm);
	strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm);
	ccm_sbuf_addf(&to, "%s.damaged-%s", s->paths->db, stamp);
	for (int n = 2; access(ccm_sbuf_str(&to), F_OK) == 0; n++) {
		ccm_sbuf_clear(&to);
		ccm_sbuf_addf(&to, "%s.damaged-%s.%d", s->paths->db, stamp, n);
	}
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		_cleanup_sbuf_ struct ccm_sbuf from = { 0 }, target = { 0 };

		ccm_sbuf_addf(&from, "%s%s", s->paths->db, parts[i]);
		ccm_sbuf_addf(&target, "%s%s", ccm_sbuf_str(&to), parts[i]);
		if (ccm_sbuf_error(&from) || ccm_sbuf_error(&target))
			return -ENOMEM;
		if (rename(from.text, target.text) < 0 && errno != ENOENT)
			return -errno;
	}
	say(s, "the database was damaged: it is kept as '%s', and a new one was begun", ccm_sbuf_str(&to));
	s->set_aside = true;
	return 0;
}

/* Several hooks may find the damage at once: one of them moves the file, under a lock on the
 * folder, and the others find the new one when they try again. */
static int replace_damaged(struct ccm_store *s, const struct ccm_record *rec, struct ccm_diag *diag)
{
	_cleanup_close_ int lock = open(s->paths->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return -errno;
	for (int again = 0; again < 2; again++) {
		*diag = (struct ccm_diag){ 0 };
		ccm_db_close(s->db);
		s->db = NULL;
		r = store_insert(s, rec, diag);
		if (!ccm_db_is_damage(r) || again)
			return r;
		ccm_db_close(s->db);
		s->db = NULL;
		r = set_aside(s);
		if (r < 0)
			return ccm_diag_set(diag, r, "the database '%s' is damaged and cannot be moved away: %s",
					    s->paths->db, ccm_strerror(r));
	}
	return r;
}

/* ---- the spool ---- */

static void spool(struct ccm_store *s, const struct ccm_record *rec)
{
	if (ccm_spool_write(s->paths, rec, &s->spool_fd, &s->trouble) < 0)
		s->lost = true;
}

static void spool_finish(struct ccm_store *s, const struct ccm_record *rec)
{
	int r = ccm_spool_finish(s->spool_fd, rec);

	if (r < 0)
		say(s, "what became of the event could not be kept in the spool: %s", ccm_strerror(r));
	/* Closing lets go of the lock: the file may be taken in now. */
	close(TAKE_FD(s->spool_fd));
}

/* ---- what cmd_run() calls ---- */

void ccm_store_open(struct ccm_store *s, const struct ccm_paths *paths, const struct ccm_settings *settings)
{
	*s = (struct ccm_store){ .paths = paths, .settings = settings, .spool_fd = -1 };
}

void ccm_store_get_ready(struct ccm_store *s)
{
	if (s->paths->task || s->paths->problem)
		return;
	/* What stands in the way now may be gone by the time it is needed, and is told then. */
	if (open_file(s, 0, &(struct ccm_diag){ 0 }) < 0)
		return;
	ccm_db_set_busy_timeout(s->db, s->settings->busy_timeout_ms);
	ccm_db_prepare(s->db, Q_SESSION_GET);
	ccm_db_prepare(s->db, Q_EVENT_INSERT);
	ccm_db_prepare(s->db, Q_PAYLOAD_INSERT);
}

struct ccm_db *ccm_store_db(struct ccm_store *s)
{
	if (s->paths->problem || open_db(s, &(struct ccm_diag){ 0 }) < 0)
		return NULL;
	/* What is asked now and what is written then: one look at the write-ahead log for both. Nobody is waited for here, as
	 * reading need not. */
	if (!s->paths->task && !s->txn.db) {
		ccm_db_set_busy_timeout(s->db, 0);
		ccm_txn_begin_events(s->db, &s->txn);
		ccm_db_set_busy_timeout(s->db, s->settings->busy_timeout_ms);
	}
	return s->db;
}

void ccm_store_begin(struct ccm_store *s, const struct ccm_record *rec)
{
	struct ccm_diag diag = { 0 };
	int r;

	/* In a task the spool is where events belong. */
	if (s->paths->task) {
		spool(s, rec);
		if (s->spool_fd >= 0 && rec->finished)
			spool_finish(s, rec);
		return;
	}
	if (s->paths->problem)
		r = ccm_diag_set(&diag, -CCM_E_REFUSED, "%s", s->paths->problem);
	else
		r = store_insert(s, rec, &diag);
	if (ccm_db_is_damage(r))
		r = replace_damaged(s, rec, &diag);
	if (r == 0 && ccm_db_is_moved(s->db))
		r = ccm_diag_set(&diag, -CCM_E_REFUSED, MOVED, s->paths->db);
	if (r == 0)
		return;
	s->in_trouble = true;
	s->event_id = 0;
	say(s, "%s; the event went to the spool", ccm_diag_text(&diag, r));
	spool(s, rec);
}

static int finish_in_db(struct ccm_store *s, const struct ccm_record *rec, struct ccm_diag *diag)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int r;

	r = ccm_txn_begin_events(s->db, &txn);
	if (r >= 0)
		r = finish_event(s->db, s->event_id, rec);
	if (r >= 0)
		r = ccm_txn_commit(&txn);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot write to '%s': %s", s->paths->db, ccm_db_words(s->db));
	return ccm_db_is_moved(s->db) ? ccm_diag_set(diag, -CCM_E_REFUSED, MOVED, s->paths->db) : 0;
}

void ccm_store_foresee_finish(struct ccm_store *s)
{
	if (s->spool_fd >= 0 || !s->event_id)
		return;
	ccm_db_prepare(s->db, Q_EVENT_FINISH);
	ccm_db_prepare(s->db, Q_RUN_INSERT);
}

void ccm_store_finish(struct ccm_store *s, const struct ccm_record *rec)
{
	struct ccm_diag diag = { 0 };
	int r;

	if (s->spool_fd >= 0) {
		spool_finish(s, rec);
		return;
	}
	if (!s->event_id)
		return;
	r = finish_in_db(s, rec, &diag);
	if (r >= 0)
		return;
	s->in_trouble = true;
	say(s, "%s; what became of the event went to the spool", ccm_diag_text(&diag, r));
	spool(s, rec);
	if (s->spool_fd >= 0)
		spool_finish(s, rec);
}

bool ccm_store_close(struct ccm_store *s)
{
	bool untidy = ccm_db_wants_checkpoint(s->db);

	ccm_db_leave(s->db);
	if (s->spool_fd >= 0)
		close(s->spool_fd);
	ccm_sbuf_done(&s->trouble);
	return untidy;
}

/* ---- taking in ---- */

/* In one transaction: another run may take in the same file at the same time. */
static int ingest_record(struct ccm_db *db, const struct ccm_record *rec)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t id = 0;
	bool unfinished = false;
	int r;

	r = ccm_txn_begin_events(db, &txn);
	if (r >= 0)
		r = ccm_db_query(db, Q_EVENT_BY_UUID, DB_ARGS(DB_INT("received_ms", rec->received_ms),
							      DB_TEXT("uuid", rec->uuid)), &rows);
	if (r < 0)
		return r;
	r = ccm_rows_next(&rows);
	if (r > 0) {
		id = ccm_rows_int(&rows, "id");
		unfinished = ccm_rows_is_null(&rows, "verdict");
	}
	ccm_rows_done(&rows);
	if (r < 0)
		return r;
	if (!id)
		r = ccm_store_insert(db, rec, &id);
	else if (unfinished && rec->finished)
		r = finish_event(db, id, rec);
	return r < 0 ? r : ccm_txn_commit(&txn);
}

static int ingest(void *user, const struct ccm_record *rec)
{
	struct ccm_store *s = user;
	int r = ingest_record(s->db, rec);

	if (r >= 0 && ccm_db_is_moved(s->db))
		r = -CCM_E_BUSY;
	/* Another time. */
	if (r < 0 && r != -CCM_E_BUSY)
		say(s, "cannot take in what is in the spool: cannot write to '%s': %s", s->paths->db, ccm_db_words(s->db));
	return r;
}

int ccm_store_ingest(struct ccm_store *s, int64_t max_ms)
{
	int error;

	/* The spool of a task is the supervisor's. */
	if (!s->db || s->in_trouble || s->paths->task)
		return 0;
	ccm_db_set_busy_timeout(s->db, max_ms < s->settings->busy_timeout_ms ? max_ms : s->settings->busy_timeout_ms);
	return ccm_spool_take_in(s->paths, ccm_mono_us() + max_ms * 1000, ingest, s, &error, &s->trouble);
}
