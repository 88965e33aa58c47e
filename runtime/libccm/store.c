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
#include "io.h"

#define SPOOL_SUFFIX ".event"

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

static int open_db(struct ccm_store *s, struct ccm_diag *diag)
{
	int r;

	if (s->db)
		return 0;
	r = ccm_db_open(s->paths->db, CCM_DB_WRITE, (int)s->settings->busy_timeout_ms, &s->db, diag);
	if (r == -ENOENT || (r < 0 && access(s->paths->home, F_OK) < 0)) {
		*diag = (struct ccm_diag){ 0 };
		r = ccm_paths_create(s->paths, diag);
		if (r == 0)
			r = ccm_db_open(s->paths->db, CCM_DB_WRITE, (int)s->settings->busy_timeout_ms, &s->db, diag);
	}
	if (r == 0)
		ccm_db_defer_checkpoint(s->db);
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

static int insert_session(struct ccm_db *db, const struct ccm_record *rec)
{
	/* Read back from the spool means late. */
	bool says_more = rec->model || rec->source || rec->end_reason || rec->parsed;

	if (!says_more)
		return ccm_db_exec(db, Q_SESSION_SEEN, DB_ARGS(
			DB_TEXT("session_id", rec->session_id), DB_TEXT("host", rec->host),
			DB_TEXT("project", rec->project), DB_INT("received_ms", rec->received_ms)));
	return ccm_db_exec(db, Q_SESSION_TOUCH, DB_ARGS(
		DB_TEXT("session_id", rec->session_id), DB_TEXT("host", rec->host),
		DB_TEXT("project", rec->project), DB_TEXT("model", rec->model), DB_TEXT("source", rec->source),
		DB_TEXT("end_reason", rec->end_reason), DB_INT("received_ms", rec->received_ms),
		DB_INT_IF("ended_ms", rec->end_reason, rec->received_ms)));
}

static int insert_event(struct ccm_db *db, const struct ccm_record *rec, int64_t *ret_id)
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
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int64_t id = 0;
	int r;

	r = open_db(s, diag);
	if (r < 0)
		return r;
	r = ccm_txn_begin(s->db, &txn);
	if (r >= 0)
		r = insert_event(s->db, rec, &id);
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

static int spool_write(struct ccm_store *s, const struct ccm_record *rec)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, tmp = { 0 }, name = { 0 };
	_cleanup_close_ int fd = -1;
	int r;

	r = ccm_record_write(rec, &text);
	if (r < 0)
		return r;
	ccm_sbuf_add(&text, rec->payload, rec->payload_kept_bytes);
	ccm_sbuf_addc(&text, '\n');
	ccm_sbuf_addf(&tmp, "%s/.%s.tmp", s->paths->spool, rec->uuid);
	ccm_sbuf_addf(&name, "%s/%s" SPOOL_SUFFIX, s->paths->spool, rec->uuid);
	if (ccm_sbuf_error(&text) || ccm_sbuf_error(&tmp) || ccm_sbuf_error(&name))
		return -ENOMEM;
	fd = open(tmp.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 && errno == ENOENT) {
		r = ccm_mkdir_p(s->paths->spool, 0700);
		if (r < 0)
			return r;
		fd = open(tmp.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	if (fd < 0)
		return -errno;
	r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	if (r == 0)
		r = ccm_write_all(fd, text.text, text.bytes);
	if (r == 0 && rename(tmp.text, name.text) < 0)
		r = -errno;
	if (r < 0) {
		unlink(tmp.text);
		return r;
	}
	s->spool_fd = TAKE_FD(fd);
	return 0;
}

static void spool(struct ccm_store *s, const struct ccm_record *rec)
{
	int r = spool_write(s, rec);

	if (r < 0) {
		say(s, "the event could not be kept in '%s' either and is lost: %s", s->paths->spool, ccm_strerror(r));
		s->lost = true;
	}
}

static void spool_finish(struct ccm_store *s, const struct ccm_record *rec)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	int r = ccm_record_write_finish(rec, &text);

	if (r == 0)
		r = ccm_write_all(s->spool_fd, text.text, text.bytes);
	if (r < 0)
		say(s, "what became of the event could not be kept in '%s': %s", s->paths->spool, ccm_strerror(r));
	/* Closing lets go of the lock: the file may be taken in now. */
	close(TAKE_FD(s->spool_fd));
}

/* ---- what cmd_run() calls ---- */

void ccm_store_open(struct ccm_store *s, const struct ccm_paths *paths, const struct ccm_settings *settings)
{
	*s = (struct ccm_store){ .paths = paths, .settings = settings, .spool_fd = -1 };
}

void ccm_store_begin(struct ccm_store *s, const struct ccm_record *rec)
{
	struct ccm_diag diag = { 0 };
	int r;

	r = store_insert(s, rec, &diag);
	if (ccm_db_is_damage(r))
		r = replace_damaged(s, rec, &diag);
	if (r == 0)
		return;
	say(s, "%s; the event went to the spool", ccm_diag_text(&diag, r));
	spool(s, rec);
}

void ccm_store_finish(struct ccm_store *s, const struct ccm_record *rec)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int r;

	if (s->spool_fd >= 0) {
		spool_finish(s, rec);
		return;
	}
	if (!s->event_id)
		return;
	r = ccm_txn_begin(s->db, &txn);
	if (r >= 0)
		r = finish_event(s->db, s->event_id, rec);
	if (r >= 0)
		r = ccm_txn_commit(&txn);
	if (r >= 0)
		return;
	say(s, "cannot write to '%s': %s; what became of the event went to the spool", s->paths->db,
	    ccm_db_words(s->db));
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

static bool is_spooled(const char *name, int64_t *ret_ms)
{
	char uuid[CCM_UUID_CHARS + 1];

	if (strlen(name) != CCM_UUID_CHARS + strlen(SPOOL_SUFFIX) ||
	    strcmp(name + CCM_UUID_CHARS, SPOOL_SUFFIX) != 0)
		return false;
	memcpy(uuid, name, CCM_UUID_CHARS);
	uuid[CCM_UUID_CHARS] = '\0';
	return ccm_uuid_time(uuid, ret_ms);
}

/* Reads a spool file back into a record whose texts live in *text and in the record. */
static int parse_spooled(struct ccm_sbuf *text, struct ccm_record *rec)
{
	const char *line = ccm_sbuf_str(text), *end = line + text->bytes, *payload, *finish;
	const char *newline = memchr(line, '\n', text->bytes);
	int r;

	if (!newline)
		return -CCM_E_JSON;
	r = ccm_record_read(rec, line, (size_t)(newline - line));
	if (r < 0)
		return r;
	payload = newline + 1;
	if ((size_t)(end - payload) < rec->payload_kept_bytes + 1 || payload[rec->payload_kept_bytes] != '\n')
		return -CCM_E_JSON;
	rec->payload = payload;
	finish = payload + rec->payload_kept_bytes + 1;
	/* A line without its end was being written when the writer died: the event stays unfinished. */
	newline = memchr(finish, '\n', (size_t)(end - finish));
	return newline ? ccm_record_read_finish(rec, finish, (size_t)(newline - finish)) : 0;
}

/* In one transaction: another run may take in the same file at the same time. */
static int ingest_record(struct ccm_db *db, const struct ccm_record *rec)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t id = 0;
	bool unfinished = false;
	int r;

	r = ccm_txn_begin(db, &txn);
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
		r = insert_event(db, rec, &id);
	else if (unfinished && rec->finished)
		r = finish_event(db, id, rec);
	return r < 0 ? r : ccm_txn_commit(&txn);
}

static int ingest_file(struct ccm_store *s, int dir, const char *name)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	_cleanup_record_ struct ccm_record rec = { 0 };
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char bad[64];
	int r;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	/* Locked: its writer is still at work. Unlinked: another run was faster. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink == 0)
		return 0;
	r = ccm_read_fd(fd, (size_t)1 << 31, &text);
	if (r < 0)
		return r;
	r = parse_spooled(&text, &rec);
	if (r == -CCM_E_JSON) {
		snprintf(bad, sizeof bad, "%.*s.bad", CCM_UUID_CHARS, name);
		renameat(dir, name, dir, bad);
		say(s, "'%s/%s' is not a spooled event: it is kept as '%s'", s->paths->spool, name, bad);
		return 0;
	}
	if (r == 0)
		r = ingest_record(s->db, &rec);
	if (r < 0)
		return r;
	unlinkat(dir, name, 0);
	return 1;
}

int ccm_store_ingest(struct ccm_store *s, int64_t max_ms)
{
	_cleanup_closedir_ DIR *dir = s->db ? opendir(s->paths->spool) : NULL;
	int64_t until = ccm_mono_us() + max_ms * 1000, ms;
	struct dirent *d;
	int count = 0;

	while (dir && (d = readdir(dir))) {
		int r;

		if (!is_spooled(d->d_name, &ms))
			continue;
		r = ingest_file(s, dirfd(dir), d->d_name);
		if (r < 0) {
			say(s, "cannot take in '%s/%s': %s", s->paths->spool, d->d_name, ccm_strerror(r));
			break;
		}
		count += r;
		if (ccm_mono_us() > until)
			break;
	}
	return count;
}

int ccm_spool_count(const char *spool_dir, int64_t *ret_oldest_ms, int *ret_bad)
{
	_cleanup_closedir_ DIR *dir = opendir(spool_dir);
	struct dirent *d;
	int64_t ms;
	int count = 0;

	*ret_oldest_ms = 0;
	*ret_bad = 0;
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((d = readdir(dir))) {
		size_t n = strlen(d->d_name);

		if (n > 4 && strcmp(d->d_name + n - 4, ".bad") == 0)
			++*ret_bad;
		if (!is_spooled(d->d_name, &ms))
			continue;
		count++;
		if (!*ret_oldest_ms || ms < *ret_oldest_ms)
			*ret_oldest_ms = ms;
	}
	return count;
}
