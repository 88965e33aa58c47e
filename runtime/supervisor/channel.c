/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/spool.h"
#include "libccm/store.h"
#include "libccm/uuid.h"

#define EVENT_SUFFIX ".event"
#define ALERT_SUFFIX ".alert"
#define ALERT_BYTES_MAX ((size_t)64 << 10)

/* ---- one event ---- */

/* The session as it may be named: *own is set if it had to be another one. */
static int claim_session(struct ccm_db *db, const struct task *t, const char **session, char **own)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const struct ccm_db_arg *args = DB_ARGS(DB_TEXT("session_id", *session), DB_TEXT("task_id", t->id));
	const char *owner;
	int r = ccm_db_exec(db, Q_TASK_SESSION_CLAIM, args);

	if (r >= 0)
		r = ccm_db_query(db, Q_TASK_SESSION_OWNER, DB_ARGS(DB_TEXT("session_id", *session)), &rows);
	if (r >= 0)
		r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	owner = r > 0 ? ccm_rows_text(&rows, "task_id") : NULL;
	if (owner && strcmp(owner, t->id) == 0)
		return 0;
	r = asprintf(own, "%s/%s", t->id, *session);
	if (r < 0) {
		*own = NULL;
		return -ENOMEM;
	}
	*session = *own;
	return 0;
}

/* In state.db: whose the event and its session are. */
static int mark(struct ccm_db *db, const struct task *t, struct ccm_record *rec, char **own)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int r = ccm_txn_begin(db, &txn);

	if (r >= 0 && rec->session_id)
		r = claim_session(db, t, &rec->session_id, own);
	if (r >= 0)
		r = ccm_db_exec(db, Q_TASK_EVENT_INSERT, DB_ARGS(
			DB_TEXT("task_id", t->id), DB_INT("received_ms", rec->received_ms), DB_TEXT("event_uuid", rec->uuid)));
	return r < 0 ? r : ccm_txn_commit(&txn);
}

static int insert(struct ccm_db *db, const struct ccm_record *rec)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int64_t id;
	int r = ccm_txn_begin_events(db, &txn);

	if (r >= 0)
		r = ccm_store_insert(db, rec, &id);
	return r < 0 ? r : ccm_txn_commit(&txn);
}

/* Marked first: whatever happens between, no event of a task is ever there that is not known as one. */
static int store(struct ccm_db *db, const struct task *t, struct ccm_record *rec)
{
	_cleanup_free_ char *own = NULL;
	char uuid[CCM_UUID_CHARS + 1];
	int r;

	rec->received_ms = ccm_now_ms();
	ccm_uuid_make(rec->received_ms, uuid);
	rec->uuid = uuid;
	r = mark(db, t, rec, &own);
	if (r >= 0) {
		r = insert(db, rec);
		if (r < 0)
			ccm_db_exec(db, Q_TASK_EVENT_DELETE, DB_ARGS(
				DB_TEXT("task_id", t->id), DB_INT("received_ms", rec->received_ms), DB_TEXT("event_uuid", uuid)));
	}
	rec->uuid = NULL;
	return r < 0 ? r : 0;
}

static bool is_form(const char *form)
{
	return !form || strcmp(form, "full") == 0 || strcmp(form, "trimmed") == 0 || strcmp(form, "redacted") == 0 ||
	       strcmp(form, "cut") == 0;
}

static bool is_verdict(const char *v)
{
	return strcmp(v, "none") == 0 || strcmp(v, "allow") == 0 || strcmp(v, "ask") == 0 || strcmp(v, "defer") == 0 ||
	       strcmp(v, "deny") == 0;
}

static bool is_sound(const struct ccm_record *rec)
{
	if (!is_form(rec->payload_form) || rec->payload_bytes < 0)
		return false;
	for (size_t i = 0; i < rec->run_count; i++)
		if (!rec->runs[i].verdict || !rec->runs[i].automation || !is_verdict(rec->runs[i].verdict))
			return false;
	return !rec->finished || is_verdict(rec->finish.verdict);
}

static int take_event(struct channel *c, struct ccm_db *db, const struct task *t, const struct ccm_sbuf *text)
{
	_cleanup_record_ struct ccm_record rec = { 0 };
	int r = ccm_spool_parse(ccm_sbuf_str(text), text->bytes, &rec);

	if (r < 0 || !is_sound(&rec)) {
		c->bad++;
		return r == -ENOMEM ? r : 0;
	}
	if (c->stored >= CHANNEL_EVENTS_MAX) {
		c->bad++;
		if (c->full_said)
			return 0;
		c->full_said = true;
		return task_log(db, t->id, "note", "more than %d events: the others are dropped", CHANNEL_EVENTS_MAX);
	}
	r = store(db, t, &rec);
	if (r == 0) {
		c->stored++;
		c->urgent = c->urgent || (rec.event && strcmp(rec.event, "Notification") == 0);
	}
	return r;
}

static int take_alert(struct channel *c, struct ccm_db *db, const struct task *t, const struct ccm_sbuf *text)
{
	json_auto_t *alert = json_loadb(ccm_sbuf_str(text), text->bytes, 0, NULL);
	const char *level = NULL, *title = NULL, *body = NULL, *source = NULL;
	_cleanup_free_ char *line = NULL;

	if (c->alerts >= CHANNEL_ALERTS_MAX || !alert ||
	    json_unpack(alert, "{s:s, s:s, s:s, s?s}", "level", &level, "title", &title, "source", &source, "body", &body) ||
	    (strcmp(level, "info") != 0 && strcmp(level, "warning") != 0 && strcmp(level, "urgent") != 0)) {
		c->bad++;
		return 0;
	}
	c->alerts++;
	c->urgent = c->urgent || strcmp(level, "urgent") == 0;
	if (asprintf(&line, "%.64s: %.400s", source, title) < 0) {
		line = NULL;
		return -ENOMEM;
	}
	return task_alert(db, t, false, level, line, body);
}

/* ---- files ---- */

static bool has_suffix(const char *name, const char *suffix)
{
	size_t bytes = strlen(name), end = strlen(suffix);

	return bytes > end && name[0] != '.' && strcmp(name + bytes - end, suffix) == 0;
}

/* 1: taken; 0: not now. */
static int take_file(struct channel *c, struct ccm_db *db, const struct task *t, int dir, const char *name, bool last)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool event = has_suffix(name, EVENT_SUFFIX);
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct stat st;
	int r = 0;

	if (fd >= 0 && fstat(fd, &st) < 0)
		return -errno;
	if (fd < 0 || !S_ISREG(st.st_mode)) {
		/* A folder that is not empty stays: it harms nobody. */
		if (unlinkat(dir, name, 0) < 0 && unlinkat(dir, name, AT_REMOVEDIR) < 0)
			return 0;
		c->bad++;
		return 1;
	}
	/* Its hook is at work on it. */
	if (event && !last && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return 0;
	r = ccm_read_fd(fd, event ? CHANNEL_FILE_MAX : ALERT_BYTES_MAX, &text);
	if (r == -ENOMEM)
		return r;
	if (r >= 0)
		r = event ? take_event(c, db, t, &text) : take_alert(c, db, t, &text);
	/* What the database did not take waits for the next time; what it never will is dropped, and said. */
	if (r == -CCM_E_BUSY || r == -CCM_E_FULL || r == -ENOMEM)
		return r;
	if (r < 0 && ++c->bad == 1)
		task_log(db, t->id, "note", "an event could not be stored: %s", ccm_strerror(r));
	return unlinkat(dir, name, 0) == 0;
}

struct names {
	char *list[CHANNEL_STEP];
	size_t count;
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(DIR *dir, struct names *n)
{
	struct dirent *d;

	while (n->count < CHANNEL_STEP && (d = readdir(dir))) {
		if (!has_suffix(d->d_name, EVENT_SUFFIX) && !has_suffix(d->d_name, ALERT_SUFFIX))
			continue;
		n->list[n->count] = strdup(d->d_name);
		if (!n->list[n->count])
			return -ENOMEM;
		n->count++;
	}
	/* Names begin with the time: ours do. */
	qsort(n->list, n->count, sizeof *n->list, compare);
	return 0;
}

static int open_spool(const struct place *p)
{
	_cleanup_close_ int channel = open(p->channel, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return channel < 0 ? -1 : openat(channel, "spool", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int channel_take(struct channel *c, struct ccm_db *db, const struct place *p, const struct task *t, bool last)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct names names = { .count = 0 };
	int fd = open_spool(p), taken = 0, r;

	if (fd < 0)
		return 0;                    /* it was put out of the way: the agent's own loss */
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	r = read_names(dir, &names);
	for (size_t i = 0; i < names.count && r >= 0; i++) {
		r = take_file(c, db, t, fd, names.list[i], last);
		taken += r > 0;
	}
	for (size_t i = 0; i < names.count; i++)
		free(names.list[i]);
	return r < 0 ? r : taken;
}
