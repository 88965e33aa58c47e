/* SPDX-License-Identifier: MIT */
#include "task.h"

#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/term.h"
#include "libccm/utf8.h"
#include "libccm/uuid.h"

static const struct {
	const char *name, *sentence;
} states[] = {
#define X(name, word, sentence) { #word, sentence },
	TASK_STATES(X)
#undef X
};

static const struct move {
	enum task_state from;
	enum task_event on;
	enum task_state to;
} moves[] = {
	{ TASK_CREATED,  TASK_EV_START,   TASK_RUNNING },
	{ TASK_CREATED,  TASK_EV_FAIL,    TASK_FAILED },
	{ TASK_CREATED,  TASK_EV_VANISH,  TASK_LOST },
	{ TASK_RUNNING,  TASK_EV_STOP,    TASK_STOPPED },
	{ TASK_RUNNING,  TASK_EV_SUCCEED, TASK_FINISHED },
	{ TASK_RUNNING,  TASK_EV_FAIL,    TASK_FAILED },
	{ TASK_RUNNING,  TASK_EV_VANISH,  TASK_LOST },
	{ TASK_STOPPED,  TASK_EV_GO_ON,   TASK_RUNNING },
	{ TASK_STOPPED,  TASK_EV_SUCCEED, TASK_FINISHED },
	{ TASK_STOPPED,  TASK_EV_FAIL,    TASK_FAILED },
	{ TASK_STOPPED,  TASK_EV_VANISH,  TASK_LOST },
	{ TASK_FINISHED, TASK_EV_START,   TASK_RUNNING },
	{ TASK_FAILED,   TASK_EV_START,   TASK_RUNNING },
	{ TASK_LOST,     TASK_EV_START,   TASK_RUNNING },
	{ TASK_MERGED,   TASK_EV_START,   TASK_RUNNING },
	{ TASK_FINISHED, TASK_EV_MERGE,   TASK_MERGED },
	{ TASK_FAILED,   TASK_EV_MERGE,   TASK_MERGED },
	{ TASK_LOST,     TASK_EV_MERGE,   TASK_MERGED },
	{ TASK_MERGED,   TASK_EV_MERGE,   TASK_MERGED },
	{ TASK_FINISHED, TASK_EV_DISCARD, TASK_DISCARDED },
	{ TASK_FAILED,   TASK_EV_DISCARD, TASK_DISCARDED },
	{ TASK_LOST,     TASK_EV_DISCARD, TASK_DISCARDED },
	{ TASK_MERGED,   TASK_EV_DISCARD, TASK_DISCARDED },
	{ TASK_SAVED,    TASK_EV_DISCARD, TASK_DISCARDED },
	{ TASK_FINISHED, TASK_EV_CLEAN,   TASK_SAVED },
	{ TASK_FAILED,   TASK_EV_CLEAN,   TASK_SAVED },
	{ TASK_LOST,     TASK_EV_CLEAN,   TASK_SAVED },
	{ TASK_MERGED,   TASK_EV_CLEAN,   TASK_SAVED },
	{ TASK_DISCARDED, TASK_EV_RESTORE, TASK_FINISHED },
	{ TASK_SAVED,    TASK_EV_RESTORE, TASK_FINISHED },
};

static const char *const event_words[] = {
	[TASK_EV_START] = "started", [TASK_EV_STOP] = "stopped", [TASK_EV_GO_ON] = "resumed",
	[TASK_EV_SUCCEED] = "finished", [TASK_EV_FAIL] = "ended", [TASK_EV_VANISH] = "lost", [TASK_EV_MERGE] = "merged",
	[TASK_EV_DISCARD] = "discarded", [TASK_EV_CLEAN] = "cleaned", [TASK_EV_RESTORE] = "restored",
};

const char *task_state_name(enum task_state s)
{
	return states[s].name;
}

const char *task_state_sentence(enum task_state s)
{
	return states[s].sentence;
}

void task_done(struct task *t)
{
	char **const all[] = { &t->title, &t->why, &t->repository, &t->project, &t->base, &t->branch, &t->command, &t->layers, &t->head,
			       &t->saved, &t->merged };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		free(*all[i]);
		*all[i] = NULL;
	}
}

/* ---- limits as JSON ---- */

static const struct {
	const char *name;
	size_t offset;
} limit_fields[] = {
	{ "worktree_bytes", offsetof(struct task_limits, worktree_bytes) },
	{ "file_bytes", offsetof(struct task_limits, file_bytes) },
	{ "commits", offsetof(struct task_limits, commits) },
	{ "processes", offsetof(struct task_limits, processes) },
	{ "memory_bytes", offsetof(struct task_limits, memory_bytes) },
	{ "time_ms", offsetof(struct task_limits, time_ms) },
};

static int limits_text(const struct task_limits *l, char **ret)
{
	json_auto_t *o = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(limit_fields) && o; i++) {
		const int64_t *n = (const void *)((const char *)l + limit_fields[i].offset);

		if (json_object_set_new(o, limit_fields[i].name, json_integer(*n)) < 0)
			return -ENOMEM;
	}
	*ret = o ? json_dumps(o, JSON_COMPACT) : NULL;
	return *ret ? 0 : -ENOMEM;
}

static void limits_read(const char *text, struct task_limits *l)
{
	json_auto_t *o = json_loads(text ? text : "", 0, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(limit_fields); i++) {
		int64_t *n = (void *)((char *)l + limit_fields[i].offset);

		*n = json_integer_value(json_object_get(o, limit_fields[i].name));
	}
}

static int command_json(const char *const *argv, char **ret)
{
	json_auto_t *list = json_array();

	for (; list && *argv; argv++) {
		/* An argument need not be UTF-8; what is shown need. */
		_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };
		size_t bytes = strlen(*argv), step;

		for (size_t i = 0; i < bytes; i += step)
			ccm_utf8_add(&clean, ccm_utf8_next(*argv + i, bytes - i, &step));
		if (ccm_sbuf_error(&clean) || json_array_append_new(list, json_string(ccm_sbuf_str(&clean))) < 0)
			return -ENOMEM;
	}
	*ret = list ? json_dumps(list, JSON_COMPACT) : NULL;
	return *ret ? 0 : -ENOMEM;
}

void task_command_text(const struct task *t, struct ccm_sbuf *out)
{
	json_auto_t *list = json_loads(t->command ? t->command : "", 0, NULL);
	json_t *word;
	size_t i;

	json_array_foreach(list, i, word) {
		const char *text = json_string_value(word);

		if (i)
			ccm_sbuf_addc(out, ' ');
		if (text && text[0] && !strpbrk(text, " \t\n'\"\\$`*?[]{}()<>|&;#~!"))
			ccm_term_clean(out, text, strlen(text), CCM_CLEAN_LINE);
		else if (text) {
			ccm_sbuf_addc(out, '\'');
			ccm_term_clean(out, text, strlen(text), CCM_CLEAN_LINE);
			ccm_sbuf_addc(out, '\'');
		}
	}
}

/* ---- rows ---- */

int task_create(struct ccm_db *db, const struct task_new *n, char id[TASK_ID_CHARS + 1])
{
	_cleanup_free_ char *limits = NULL, *command = NULL;
	char uuid[CCM_UUID_CHARS + 1];
	int64_t now = ccm_now_ms();
	int r = limits_text(&n->limits, &limits);

	if (r == 0)
		r = command_json(n->command, &command);
	if (r < 0)
		return r;
	ccm_uuid_make(now, uuid);
	memcpy(id, uuid + CCM_UUID_CHARS - TASK_ID_CHARS, TASK_ID_CHARS + 1);
	r = ccm_db_exec(db, Q_TASK_INSERT, DB_ARGS(
		DB_TEXT("id", id), DB_TEXT("uuid", uuid), DB_TEXT("title", n->title), DB_INT("now_ms", now),
		DB_TEXT("repository", n->repository), DB_TEXT("project", n->project), DB_TEXT("base", n->base), DB_TEXT("branch", n->branch),
		DB_TEXT("command", command), DB_INT("pid", getpid()), DB_TEXT("limits", limits)));
	return r < 0 ? r : 0;
}

int task_limit(struct ccm_db *db, struct task *t, const struct task_limits *limits)
{
	_cleanup_free_ char *text = NULL;
	int r = limits_text(limits, &text);

	if (r == 0)
		r = ccm_db_exec(db, Q_TASK_LIMIT, DB_ARGS(DB_TEXT("id", t->id), DB_TEXT("limits", text)));
	if (r < 0)
		return r;
	t->limits = *limits;
	return 0;
}

int task_forget(struct ccm_db *db, const char *id)
{
	int r = ccm_db_exec(db, Q_TASK_FORGET, DB_ARGS(DB_TEXT("id", id)));

	return r < 0 ? r : 0;
}

static char *text_of(const struct ccm_rows *rows, const char *name, bool *failed)
{
	const char *text = ccm_rows_text(rows, name);
	char *copy = text ? strdup(text) : NULL;

	*failed |= text && !copy;
	return copy;
}

int task_read(const struct ccm_rows *rows, struct task *ret)
{
	const char *id = ccm_rows_text(rows, "id"), *state = ccm_rows_text(rows, "state");
	struct task t = { .state = TASK_STATE_COUNT };
	bool failed = false;

	for (int s = 0; s < TASK_STATE_COUNT && state; s++)
		if (strcmp(states[s].name, state) == 0)
			t.state = (enum task_state)s;
	if (!id || !place_is_id(id) || t.state == TASK_STATE_COUNT)
		return -CCM_E_DAMAGED;
	memcpy(t.id, id, sizeof t.id);
	t.title = text_of(rows, "title", &failed);
	t.why = text_of(rows, "why", &failed);
	t.repository = text_of(rows, "repository", &failed);
	t.project = text_of(rows, "project", &failed);
	t.base = text_of(rows, "base", &failed);
	t.branch = text_of(rows, "branch", &failed);
	t.command = text_of(rows, "command", &failed);
	t.layers = text_of(rows, "layers", &failed);
	t.head = text_of(rows, "head", &failed);
	t.saved = text_of(rows, "saved", &failed);
	t.merged = text_of(rows, "merged", &failed);
	t.created_ms = ccm_rows_int(rows, "created_ms");
	t.changed_ms = ccm_rows_int(rows, "changed_ms");
	t.started_ms = ccm_rows_int(rows, "started_ms");
	t.spent_ms = ccm_rows_int(rows, "spent_ms");
	t.held_ms = ccm_rows_int(rows, "held_ms");
	t.resumes = ccm_rows_int(rows, "resumes");
	t.pid = ccm_rows_int(rows, "pid");
	t.exit_status = ccm_rows_is_null(rows, "exit_status") ? -1 : ccm_rows_int(rows, "exit_status");
	t.commits = ccm_rows_int(rows, "commits");
	t.bytes = ccm_rows_int(rows, "bytes");
	limits_read(ccm_rows_text(rows, "limits"), &t.limits);
	if (failed) {
		task_done(&t);
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

static int find_id(struct ccm_db *db, const char *name, char id[TASK_ID_CHARS + 1], struct ccm_diag *diag)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	bool last = strcmp(name, "last") == 0;
	size_t bytes = strlen(name);
	int r;

	if (!last && (!bytes || bytes > TASK_ID_CHARS || strspn(name, "0123456789abcdef") != bytes))
		return ccm_diag_set(diag, -CCM_E_NOT_FOUND, "'%s' is no task id: it is made of 8 digits 0-9a-f, of which the first "
				    "few are enough ('ccm-supervisor task list' shows them)", name);
	r = last ? ccm_db_query(db, Q_TASK_LAST, NULL, &rows) :
		   ccm_db_query(db, Q_TASK_FIND, DB_ARGS(DB_TEXT("id", name)), &rows);
	if (r >= 0)
		r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	if (r == 0)
		return ccm_diag_set(diag, -CCM_E_NOT_FOUND, last ? "there is no task yet" : "there is no task '%s' "
				    "('ccm-supervisor task list' shows all)", name);
	snprintf(id, TASK_ID_CHARS + 1, "%s", ccm_rows_text(&rows, "id"));
	r = ccm_rows_next(&rows);
	if (r > 0)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' begins several task ids, such as %s and %s", name, id,
				    ccm_rows_text(&rows, "id"));
	return r;
}

int task_load(struct ccm_db *db, const char *name, struct task *ret, struct ccm_diag *diag)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	char id[TASK_ID_CHARS + 1];
	int r = find_id(db, name, id, diag);

	if (r >= 0)
		r = ccm_db_query(db, Q_TASK_GET, DB_ARGS(DB_TEXT("id", id)), &rows);
	if (r >= 0)
		r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	return r > 0 ? task_read(&rows, ret) : -CCM_E_NOT_FOUND;
}

/* ---- what happens to it ---- */

int task_log(struct ccm_db *db, const char *id, const char *kind, const char *format, ...)
{
	_cleanup_free_ char *words = NULL;
	va_list ap;
	int r;

	va_start(ap, format);
	r = vasprintf(&words, format, ap);
	va_end(ap);
	if (r < 0) {
		words = NULL;
		return -ENOMEM;
	}
	r = ccm_db_exec(db, Q_TASK_LOG_INSERT, DB_ARGS(DB_TEXT("task_id", id), DB_INT("at_ms", ccm_now_ms()),
						       DB_TEXT("kind", kind), DB_TEXT("words", words)));
	return r < 0 ? r : 0;
}

static const struct move *find_move(enum task_state from, enum task_event on)
{
	for (size_t i = 0; i < ARRAY_SIZE(moves); i++)
		if (moves[i].from == from && moves[i].on == on)
			return &moves[i];
	return NULL;
}

bool task_can(const struct task *t, enum task_event on)
{
	return find_move(t->state, on);
}

int task_move(struct ccm_db *db, struct task *t, enum task_event on, const struct task_moved *m, struct ccm_diag *diag)
{
	static const struct task_moved nothing = { 0 };
	const struct move *move = find_move(t->state, on);
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	char *why = NULL;
	int r;

	if (!m)
		m = &nothing;
	if (!move)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "task %s cannot be %s: it is %s (%s)", t->id, event_words[on],
				    states[t->state].name, states[t->state].sentence);
	if (m->why) {
		why = strdup(m->why);
		if (!why)
			return -ENOMEM;
	}
	r = ccm_txn_begin(db, &txn);
	if (r >= 0)
		r = ccm_db_exec(db, Q_TASK_MOVE, DB_ARGS(
			DB_TEXT("id", t->id), DB_TEXT("from", states[t->state].name), DB_TEXT("to", states[move->to].name),
			DB_TEXT("why", m->why), DB_INT("now_ms", ccm_now_ms()), DB_INT_IF("pid", m->pid, m->pid),
			DB_INT_IF("exit_status", m->has_status, m->exit_status),
			DB_INT_IF("started_ms", m->started_ms, m->started_ms), DB_INT("spent_ms", m->spent_ms),
			DB_TEXT("layers", m->layers)));
	if (r == 0)
		r = ccm_diag_set(diag, -CCM_E_REFUSED, "task %s is no longer %s: somebody else has just changed it", t->id,
				 states[t->state].name);
	if (r >= 0)
		r = task_log(db, t->id, "state", "%s: %s -> %s%s%s", event_words[on], states[t->state].name,
			     states[move->to].name, m->why ? "; " : "", m->why ? m->why : "");
	if (r >= 0)
		r = ccm_txn_commit(&txn);
	if (r < 0) {
		free(why);
		return r;
	}
	free(t->why);
	t->why = why;
	t->state = move->to;
	return 0;
}

/* Of the folder that a person knows it by, and rules name: not the .git in it. */
static size_t project_bytes(const char *repository)
{
	size_t bytes = strlen(repository);

	return bytes > 5 && strcmp(repository + bytes - 5, "/.git") == 0 ? bytes - 5 : bytes;
}

int task_alert(struct ccm_db *db, const struct task *t, bool own, const char *level, const char *title, const char *body)
{
	_cleanup_sbuf_ struct ccm_sbuf line = { 0 }, project = { 0 };
	char uuid[CCM_UUID_CHARS + 1];
	int64_t now = ccm_now_ms();
	int r;

	ccm_sbuf_add(&project, t->repository, project_bytes(t->repository));
	ccm_alert_begin_title(&line, ccm_sbuf_str(&project));
	ccm_sbuf_addf(&line, "task %s (", t->id);
	ccm_term_clean(&line, t->title, strlen(t->title), CCM_CLEAN_LINE);
	ccm_sbuf_addf(&line, "): %s", title);
	if (ccm_sbuf_error(&line) || ccm_sbuf_error(&project))
		return -ENOMEM;
	ccm_uuid_make(now, uuid);
	r = ccm_db_exec(db, Q_ALERT_INSERT, DB_ARGS(
		DB_TEXT("uuid", uuid), DB_INT("created_ms", now), DB_TEXT("level", level), DB_TEXT("source", "ccm-supervisor"),
		DB_NULL("session_id"), DB_NULL("event_uuid"), DB_TEXT("title", line.text), DB_TEXT("body", body),
		DB_TEXT("kind", own ? ccm_alert_kind_name(CCM_KIND_TASK) : NULL), DB_TEXT("project", project.text)));
	return r < 0 ? r : 0;
}

/* ---- whether it lives ---- */

bool task_is_live(const struct ccm_paths *paths, const struct task *t)
{
	_cleanup_place_ struct place p = { .id = "" };
	int fd;

	if (t->state == TASK_CREATED)
		return kill((pid_t)t->pid, 0) == 0 || errno == EPERM;
	if (place_init(&p, paths, t->id) < 0)
		return false;
	fd = place_lock(&p);
	if (fd >= 0)
		close(fd);
	return fd == -EBUSY;
}

int task_refresh(struct ccm_db *db, const struct ccm_paths *paths, struct task *t)
{
	int r;

	if ((t->state != TASK_CREATED && t->state != TASK_RUNNING && t->state != TASK_STOPPED) || task_is_live(paths, t))
		return 0;
	r = task_move(db, t, TASK_EV_VANISH, &(struct task_moved){ .why = "its supervisor ended without a word" }, NULL);
	return r == -CCM_E_REFUSED ? 0 : r;
}
