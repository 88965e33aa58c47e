/* SPDX-License-Identifier: MIT */
#include "alerts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libccm/alert.h"
#include "libccm/hours.h"
#include "libccm/json.h"
#include "libccm/utf8.h"
#include "libccm/uuid.h"

#define MINUTE_MS (60 * 1000LL)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define EVENTS_MAX 500                   /* looked at in one transaction */
#define ALERTS_MAX 200                   /* routed in one */
#define FIRST_MS (10 * MINUTE_MS)        /* of a database in which nobody has looked yet, this much is told */
#define LATE_MS DAY_MS                   /* an event that came so late is no news */
#define END_MS HOUR_MS                   /* an event that has not ended by then never will: its hook was killed */
#define ANSWER_MS 500                    /* an automation may answer for the person: so long it is waited for */
#define KEEP_EVERY 200                   /* events: how far behind the database may be with what was looked at */
#define SPARE_MS 5000                    /* a digest that is due so soon may be read already */
#define OLD_MS (2 * SPARE_MS)            /* until those that are no news any more go out, together */
#define AHEAD_MS MINUTE_MS               /* a time so far in the future: the clock was set back */
#define BODY_MAX_BYTES 1000
#define WORDS_MAX_BYTES 160
#define FAILURES_MIN 3                   /* of an automation, in a row */

void alerts_done(struct alerts *a)
{
	ccm_sbuf_done(&a->unfinished);
	*a = (struct alerts){ 0 };
}

/* ---- deriving ---- */

struct look {
	struct ccm_db *db;
	const struct ccm_settings *settings;
	int64_t now_ms, floor_ms, *next_ms;
	bool only_looks;             /* makes none */
	int made;
};

/* An event as the log has it; the texts live until the next one. */
struct seen {
	int64_t id, received_ms;
	const char *uuid, *event, *tool, *session_id, *project, *detail, *verdict, *reason, *note;
	bool guarded;                    /* security-guard refused it */
	bool failed;                     /* an automation failed */
	struct ccm_sbuf payload;         /* empty: none was kept */
};

static bool is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

static bool is_event(const struct seen *e, const char *name)
{
	return is(e->event, name);
}

/* The first line of it, cut. */
static void add_words(struct ccm_sbuf *out, const char *text, size_t max)
{
	size_t bytes = text ? strcspn(text, "\r\n") : 0, cut = ccm_utf8_cut(text ? text : "", bytes, max);

	ccm_sbuf_add(out, text ? text : "", cut);
	if (cut < bytes)
		ccm_sbuf_adds(out, "…");
}

static void add_body(struct ccm_sbuf *out, const char *text)
{
	size_t bytes = text ? strlen(text) : 0, cut = ccm_utf8_cut(text ? text : "", bytes, BODY_MAX_BYTES);

	ccm_sbuf_add(out, text ? text : "", cut);
	if (cut < bytes)
		ccm_sbuf_adds(out, "…");
}

static int load_payload(struct look *l, struct seen *e)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const void *body;
	size_t bytes;
	int r;

	ccm_sbuf_clear(&e->payload);
	r = ccm_db_query(l->db, Q_PAYLOAD_GET, DB_ARGS(DB_INT("event_id", e->id)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	body = ccm_rows_blob(&rows, "body", &bytes);
	if (body)
		ccm_sbuf_add(&e->payload, body, bytes);
	return ccm_sbuf_error(&e->payload);
}

/* A text in the payload; NULL: there is none. The caller's. */
static char *payload_text(const struct seen *e, const char *path)
{
	struct ccm_json_error error;
	struct ccm_json root, value;

	if (!e->payload.bytes || ccm_json_parse(e->payload.text, e->payload.bytes, &root, &error) < 0 ||
	    !ccm_json_path(&root, path, &value) || value.type != CCM_JSON_STRING)
		return NULL;
	return ccm_json_string(&value);
}

/* Each event makes one alert of a kind and title. */
static int make(struct look *l, const struct seen *e, enum ccm_alert_kind kind, const char *source, const char *rule,
		const struct ccm_sbuf *title, const struct ccm_sbuf *body)
{
	enum ccm_alert_level level = ccm_alert_kind_level(l->settings, kind);
	char uuid[CCM_UUID_CHARS + 1];
	int r;

	if (level == CCM_ALERT_OFF)
		return 0;
	if (ccm_sbuf_error(title) < 0 || ccm_sbuf_error(body) < 0)
		return -ENOMEM;
	if (l->only_looks) {
		l->made++;
		return 0;
	}
	ccm_uuid_make(e->received_ms, uuid);
	r = ccm_db_exec(l->db, Q_ALERT_DERIVE, DB_ARGS(
		DB_TEXT("uuid", uuid), DB_INT("created_ms", e->received_ms), DB_TEXT("level", ccm_alert_level_name(level)),
		DB_TEXT("source", source), DB_TEXT("session_id", e->session_id), DB_TEXT("event_uuid", e->uuid),
		DB_TEXT("title", ccm_sbuf_str(title)), DB_TEXT("body", body->bytes ? body->text : NULL),
		DB_TEXT("kind", ccm_alert_kind_name(kind)), DB_TEXT("rule", rule), DB_TEXT("event", e->event),
		DB_TEXT("project", e->project)));
	l->made += r > 0;
	return r < 0 ? r : 0;
}

/* ---- the agent needs input ---- */

/* The client notifies of a prompt some seconds after it asked for the permission: of one prompt the person hears once. */
static int was_prompted(struct look *l, const struct seen *e)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(l->db, Q_ALERT_PROMPTED, DB_ARGS(
		DB_TEXT("session_id", e->session_id), DB_INT("since_ms", e->received_ms - 10 * MINUTE_MS),
		DB_INT("until_ms", e->received_ms)), &rows);

	return r < 0 ? r : ccm_rows_next(&rows);
}

/* 1: it waits for the person. */
static int wants_person(struct look *l, const struct seen *e)
{
	_cleanup_free_ char *type = payload_text(e, "notification_type");

	/* Without payloads, what it is about is not known: rather once too often. */
	if (!type)
		return e->payload.bytes == 0;
	if (strcmp(type, "permission_prompt") == 0) {
		int r = was_prompted(l, e);

		return r < 0 ? r : !r;
	}
	return ccm_alert_waits(type);
}

static int notification(struct look *l, const struct seen *e)
{
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };
	_cleanup_free_ char *message = payload_text(e, "message");
	int r = wants_person(l, e);

	if (r <= 0)
		return r;
	ccm_alert_begin_title(&title, e->project);
	add_words(&title, message ? message : "the agent waits for you", WORDS_MAX_BYTES);
	return make(l, e, CCM_KIND_NEEDS_INPUT, "ccm", NULL, &title, &body);
}

/* True: an automation may still answer; it is looked at again. */
static bool may_be_answered(struct look *l, const struct seen *e)
{
	int64_t at_ms = e->received_ms + ANSWER_MS;

	if (e->verdict || at_ms <= l->now_ms || e->received_ms > l->now_ms)
		return false;
	if (at_ms < *l->next_ms)
		*l->next_ms = at_ms;
	return true;
}

static int permission(struct look *l, const struct seen *e)
{
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };

	/* Its question was told already. */
	if (is(e->tool, "AskUserQuestion") || is(e->verdict, "allow") || is(e->verdict, "deny") || may_be_answered(l, e))
		return 0;
	ccm_alert_begin_title(&title, e->project);
	ccm_sbuf_adds(&title, "the agent asks for your permission: ");
	add_words(&title, e->tool ? e->tool : "a tool", 64);
	add_body(&body, e->detail);
	return make(l, e, CCM_KIND_NEEDS_INPUT, "ccm", NULL, &title, &body);
}

/* The member of that name, on a line of its own. */
static int add_line(struct ccm_sbuf *out, const struct ccm_json *object, const char *name, const char *mark)
{
	_cleanup_free_ char *text = NULL;
	struct ccm_json value;

	if (object->type != CCM_JSON_OBJECT || !ccm_json_member(object, name, &value) || value.type != CCM_JSON_STRING)
		return 0;
	text = ccm_json_string(&value);
	if (text)
		ccm_sbuf_addf(out, "%s%s%s", out->bytes ? "\n" : "", mark, text);
	return text ? ccm_sbuf_error(out) : -ENOMEM;
}

/* Each question with its choices: who reads it elsewhere can make up their mind on the way. */
static int add_questions(const struct seen *e, struct ccm_sbuf *out)
{
	_cleanup_free_ struct ccm_json_iter *outer = malloc(sizeof *outer), *inner = malloc(sizeof *inner);
	struct ccm_json root, list, key, question, options, option;
	struct ccm_json_error error;
	int r = 0;

	if (!outer || !inner)
		return -ENOMEM;
	if (!e->payload.bytes || ccm_json_parse(e->payload.text, e->payload.bytes, &root, &error) < 0 ||
	    !ccm_json_path(&root, "tool_input.questions", &list) || list.type != CCM_JSON_ARRAY)
		return 0;
	ccm_json_iter_value(outer, &list);
	while (r == 0 && ccm_json_next(outer, &key, &question) > 0) {
		r = add_line(out, &question, "question", "");
		if (question.type != CCM_JSON_OBJECT || !ccm_json_member(&question, "options", &options) ||
		    options.type != CCM_JSON_ARRAY)
			continue;
		ccm_json_iter_value(inner, &options);
		while (r == 0 && ccm_json_next(inner, &key, &option) > 0)
			r = add_line(out, &option, "label", "- ");
	}
	return r;
}

static int question(struct look *l, const struct seen *e)
{
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 }, words = { 0 };
	int r;

	if (is(e->verdict, "deny") || may_be_answered(l, e))
		return 0;
	r = add_questions(e, &words);
	if (r < 0)
		return r;
	ccm_alert_begin_title(&title, e->project);
	ccm_sbuf_adds(&title, "the agent has a question");
	add_body(&body, words.bytes ? words.text : e->detail);
	return make(l, e, CCM_KIND_NEEDS_INPUT, "ccm", NULL, &title, &body);
}

/* ---- the agent is done ---- */

/* A turn that ends because a subagent works on in the background is none that is over. */
static bool works_on(const struct seen *e)
{
	struct ccm_json root, tasks, key, task, type, status;
	_cleanup_free_ struct ccm_json_iter *it = malloc(sizeof *it);
	struct ccm_json_error error;

	if (!it || !e->payload.bytes || ccm_json_parse(e->payload.text, e->payload.bytes, &root, &error) < 0 ||
	    !ccm_json_path(&root, "background_tasks", &tasks) || tasks.type != CCM_JSON_ARRAY)
		return false;
	ccm_json_iter_value(it, &tasks);
	while (ccm_json_next(it, &key, &task) > 0)
		if (task.type == CCM_JSON_OBJECT && ccm_json_member(&task, "type", &type) && ccm_json_is(&type, "subagent") &&
		    ccm_json_member(&task, "status", &status) && ccm_json_is(&status, "running"))
			return true;
	return false;
}

static int finished(struct look *l, const struct seen *e)
{
	bool ended = is_event(e, "SessionEnd");
	_cleanup_free_ char *text = payload_text(e, ended ? "reason" : "last_assistant_message");
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };

	/* The person is at it: they went to another conversation. */
	if (ended ? is(text, "clear") || is(text, "resume") : is(e->verdict, "deny") || works_on(e))
		return 0;
	ccm_alert_begin_title(&title, e->project);
	ccm_sbuf_adds(&title, "the agent has finished");
	if (ended)
		ccm_sbuf_addf(&body, "The session is over (%s).", text ? text : "no reason was given");
	else
		add_body(&body, text ? text : e->detail);
	return make(l, e, CCM_KIND_FINISHED, "ccm", NULL, &title, &body);
}

static int failed(struct look *l, const struct seen *e)
{
	_cleanup_free_ char *error = payload_text(e, "error"), *text = payload_text(e, "last_assistant_message");
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };

	ccm_alert_begin_title(&title, e->project);
	ccm_sbuf_adds(&title, "the agent failed");
	if (error) {
		ccm_sbuf_adds(&title, ": ");
		add_words(&title, error, 64);
	}
	add_body(&body, text ? text : e->detail);
	return make(l, e, CCM_KIND_FAILED, "ccm", NULL, &title, &body);
}

/* ---- what ccm did, and what went wrong with it ---- */

/* "": it is not known. */
static int find_rule(struct look *l, const struct seen *e, struct ccm_sbuf *rule)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(l->db, Q_REFUSAL_RULE, DB_ARGS(
		DB_TEXT("event_uuid", e->uuid), DB_TEXT("session_id", e->session_id), DB_INT("since_ms", e->received_ms),
		DB_INT("until_ms", e->received_ms + MINUTE_MS)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		ccm_sbuf_adds(rule, ccm_rows_text(&rows, "rule"));
	return r < 0 ? r : ccm_sbuf_error(rule);
}

static int denied(struct look *l, const struct seen *e)
{
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 }, rule = { 0 };
	int r = find_rule(l, e, &rule);

	if (r < 0)
		return r;
	ccm_alert_begin_title(&title, e->project);
	ccm_sbuf_adds(&title, "security-guard refused ");
	add_words(&title, e->tool ? e->tool : "a tool", 64);
	if (rule.bytes)
		ccm_sbuf_addf(&title, " (%s)", rule.text);
	add_body(&body, e->detail);
	if (e->reason && body.bytes)
		ccm_sbuf_addc(&body, '\n');
	add_body(&body, e->reason);
	return make(l, e, CCM_KIND_GUARD_DENY, "security-guard", rule.bytes ? rule.text : NULL, &title, &body);
}

/* Once for each time that it begins to fail, and once a day as long as it does. */
static int failing(struct look *l, const struct seen *e)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(l->db, Q_RUN_FAILING, DB_ARGS(DB_INT("event_id", e->id), DB_INT("failures", FAILURES_MIN),
						       DB_INT("since_ms", e->received_ms - DAY_MS)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };
		const char *name = ccm_rows_text(&rows, "automation");

		ccm_sbuf_addf(&title, "the automation %s keeps failing: ", name);
		add_words(&title, ccm_rows_text(&rows, "problem"), WORDS_MAX_BYTES);
		ccm_sbuf_addf(&body, "It failed %d times in a row, last at %s. 'ccm-hook log --automation=%s' shows when, "
			      "'ccm-hook disable %s' switches it off.", FAILURES_MIN, e->event ? e->event : "an event", name, name);
		r = make(l, e, CCM_KIND_AUTOMATION_FAILS, name, NULL, &title, &body);
	}
	return r;
}

/* A database that is only busy is no trouble: nothing is lost by it, and it passes. */
static bool is_storage_trouble(const char *note)
{
	return (strstr(note, "database") || strstr(note, "spool")) && !strstr(note, "database is locked");
}

static int noted(struct look *l, const struct seen *e)
{
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };
	const char *line = e->note;

	while (*line && !is_storage_trouble(line))
		line += strcspn(line, "\n") + (line[strcspn(line, "\n")] != '\0');
	if (!*line)
		return 0;
	ccm_sbuf_adds(&title, "storage: ");
	add_words(&title, line, 2 * WORDS_MAX_BYTES);
	add_body(&body, "'ccm-hook doctor' tells what to do.");
	return make(l, e, CCM_KIND_STORAGE, "ccm", NULL, &title, &body);
}

/* ---- one event after the other ---- */

/* What can be told before it has ended, too. */
static int derive_early(struct look *l, const struct seen *e)
{
	if (is_event(e, "Notification"))
		return notification(l, e);
	if (is_event(e, "PermissionRequest"))
		return permission(l, e);
	if (is_event(e, "PreToolUse") && is(e->tool, "AskUserQuestion"))
		return question(l, e);
	return 0;
}

static int derive_ended(struct look *l, const struct seen *e)
{
	int r = 0;

	if (is_event(e, "Stop") || is_event(e, "SessionEnd"))
		r = finished(l, e);
	else if (is_event(e, "StopFailure"))
		r = failed(l, e);
	if (r >= 0 && e->guarded && is(e->verdict, "deny"))
		r = denied(l, e);
	if (r >= 0 && e->failed)
		r = failing(l, e);
	if (r >= 0 && e->note)
		r = noted(l, e);
	return r;
}

static bool matters(const struct seen *e)
{
	return is_event(e, "Notification") || is_event(e, "PermissionRequest") || is(e->tool, "AskUserQuestion") ||
	       is_event(e, "Stop") || is_event(e, "SessionEnd") || is_event(e, "StopFailure");
}

static int derive(struct look *l, struct seen *e)
{
	int r = 0;

	if (e->received_ms < l->floor_ms)
		return 0;
	if (matters(e))
		r = load_payload(l, e);
	if (r >= 0)
		r = derive_early(l, e);
	return r < 0 || !e->verdict ? r : derive_ended(l, e);
}

static void read_event(const struct ccm_rows *rows, struct seen *e)
{
	struct ccm_sbuf payload = e->payload;

	*e = (struct seen){
		.id = ccm_rows_int(rows, "id"), .received_ms = ccm_rows_int(rows, "received_ms"),
		.uuid = ccm_rows_text(rows, "uuid"), .event = ccm_rows_text(rows, "event"), .tool = ccm_rows_text(rows, "tool"),
		.session_id = ccm_rows_text(rows, "session_id"), .project = ccm_rows_text(rows, "project"),
		.detail = ccm_rows_text(rows, "detail"), .verdict = ccm_rows_text(rows, "verdict"),
		.reason = ccm_rows_text(rows, "reason"), .note = ccm_rows_text(rows, "note"),
		.guarded = ccm_rows_int(rows, "guarded"), .failed = ccm_rows_int(rows, "failed"), .payload = payload,
	};
}

static void seen_done(struct seen *e)
{
	ccm_sbuf_done(&e->payload);
}

/* Where to go on from. Ids begin anew where the database was replaced, or pruned until nothing was left: then by the time. */
static int begin(struct alerts *a, struct look *l, int64_t last_id)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(l->db, Q_ALERT_SCAN_GET, NULL, &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	alerts_done(a);
	l->floor_ms = l->now_ms - FIRST_MS;
	if (r == 0)
		return 0;
	l->floor_ms = l->now_ms - LATE_MS;
	a->seen_ms = ccm_rows_int(&rows, "received_ms");
	if (ccm_rows_int(&rows, "event_id") <= last_id)
		a->seen = a->kept = ccm_rows_int(&rows, "event_id");
	else if (a->seen_ms > l->floor_ms)
		l->floor_ms = a->seen_ms;
	return 0;
}

static void look_again(struct ccm_sbuf *ids, int64_t id)
{
	ccm_sbuf_addf(ids, "%c%lld", ids->bytes ? ',' : '[', (long long)id);
}

/* One batch; 1: there may be more. */
static int derive_some(struct alerts *a, struct look *l)
{
	__attribute__((cleanup(seen_done))) struct seen e = { .id = 0 };
	_cleanup_sbuf_ struct ccm_sbuf unfinished = { 0 };
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r, fresh = 0;

	r = ccm_db_query(l->db, Q_ALERT_EVENTS, DB_ARGS(DB_INT("seen", a->seen), DB_INT("limit", EVENTS_MAX),
		DB_TEXT("unfinished", a->unfinished.bytes ? a->unfinished.text : "[]")), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		read_event(&rows, &e);
		r = derive(l, &e);
		if (!e.verdict && e.received_ms > l->now_ms - END_MS)
			look_again(&unfinished, e.id);
		if (e.id <= a->seen)
			continue;
		fresh++;
		a->seen = e.id;
		a->seen_ms = e.received_ms;
	}
	if (r >= 0 && unfinished.bytes) {
		ccm_sbuf_addc(&unfinished, ']');
		r = ccm_sbuf_error(&unfinished);
	}
	if (r < 0)
		return r;
	ccm_sbuf_done(&a->unfinished);
	a->unfinished = unfinished;
	unfinished = (struct ccm_sbuf){ 0 };
	return fresh == EVENTS_MAX;
}

/* Up to the first event that has not ended: what lies behind it is looked at again by whoever comes next, who finds that
 * its alerts are there. */
static int64_t done_up_to(const struct alerts *a)
{
	return a->unfinished.bytes ? strtoll(a->unfinished.text + 1, NULL, 10) - 1 : a->seen;
}

static int keep_place(struct alerts *a, struct ccm_db *db)
{
	int64_t id = done_up_to(a);
	int r;

	r = ccm_db_exec(db, Q_ALERT_SCAN_PUT, DB_ARGS(DB_INT("event_id", id), DB_INT("received_ms", a->seen_ms)));
	if (r >= 0)
		a->kept = id;
	return r < 0 ? r : 0;
}

static int last_event(struct ccm_db *db, int64_t *ret_id)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(db, Q_EVENT_LAST_ID, NULL, &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		*ret_id = ccm_rows_int(&rows, "id");
	return r < 0 ? r : 0;
}

static int derive_locked(struct alerts *a, struct look *l)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int r;

	r = ccm_txn_begin(l->db, &txn);
	while (r >= 0 && (r = derive_some(a, l)) > 0)
		;
	if (r >= 0)
		r = keep_place(a, l->db);
	return r < 0 ? r : ccm_txn_commit(&txn);
}

/* Most events make no alert: then no lock is taken, for which automations may be waiting. 1: there is something to write. */
static int derive_nothing(struct alerts *a, const struct look *l)
{
	__attribute__((cleanup(alerts_done))) struct alerts after = { a->begun, a->seen, a->kept, a->seen_ms, { 0 } };
	struct look look = *l;
	int r;

	look.only_looks = true;
	ccm_sbuf_adds(&after.unfinished, ccm_sbuf_str(&a->unfinished));
	r = ccm_sbuf_error(&after.unfinished);
	while (r >= 0 && !look.made && (r = derive_some(&after, &look)) > 0)
		;
	if (r < 0 || look.made || !a->begun || done_up_to(&after) - a->kept >= KEEP_EVERY)
		return r < 0 ? r : 1;
	alerts_done(a);
	*a = after;
	after = (struct alerts){ 0 };
	return 0;
}

static int derive_all(struct alerts *a, struct ccm_db *db, const struct ccm_settings *s, int64_t now_ms, int64_t *next_ms)
{
	struct look l = { .db = db, .settings = s, .now_ms = now_ms, .floor_ms = now_ms - LATE_MS, .next_ms = next_ms };
	int64_t last_id = 0;
	int r = last_event(db, &last_id);

	if (r == 0 && (!a->begun || last_id < a->seen))
		r = begin(a, &l, last_id);
	if (r < 0 || (a->begun && last_id == a->seen && !a->unfinished.bytes))
		return r;
	r = derive_nothing(a, &l);
	if (r <= 0)
		return r;
	r = derive_locked(a, &l);
	/* What was rolled back is looked at again, from where the database says. */
	if (r < 0)
		alerts_done(a);
	else
		a->begun = true;
	return r < 0 ? r : l.made;
}

int alerts_keep(struct alerts *a, struct ccm_db *db)
{
	return a->begun && done_up_to(a) > a->kept ? keep_place(a, db) : 0;
}

/* ---- routing ---- */

struct route {
	struct ccm_db *db;
	const struct ccm_settings *settings;
	struct ccm_alert_rule *rules;
	unsigned set_up;             /* channels, as bits, as all of these */
	int64_t now_ms, quiet_end_ms;        /* 0: it is not quiet */
};

/* An alert that nobody has seen to yet; the texts are the row's. */
struct alert {
	int64_t id, created_ms;
	enum ccm_alert_level level;
	const char *source, *session_id, *title, *kind;
	const char *values[CCM_ALERT_FIELDS];
};

static int exec(struct ccm_db *db, enum ccm_query q, const struct ccm_db_arg *args)
{
	int r = ccm_db_exec(db, q, args);

	return r < 0 ? r : 0;
}

static int load_rules(struct route *w)
{
	const struct ccm_setting_list *list = &w->settings->alert_rules;
	int r = 0;

	w->rules = calloc(list->count + 1, sizeof *w->rules);
	if (!w->rules)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = ccm_alert_rule_parse(list->items[i].text, &w->rules[i], NULL);
	return r;
}

static void route_done(struct route *w)
{
	for (size_t i = 0; w->rules && i < w->settings->alert_rules.count; i++)
		ccm_alert_rule_done(&w->rules[i]);
	free(w->rules);
}

/* What stands in the row may be overruled by [alerts] kind.NAME; what ccm derived has it from there already. */
static enum ccm_alert_level level_of(const struct route *w, const struct alert *a)
{
	int kind = a->kind ? ccm_alert_kind_find(a->kind) : -ENOENT;

	return kind >= 0 && ccm_alert_kind_is_set(w->settings, (enum ccm_alert_kind)kind)
		? ccm_alert_kind_level(w->settings, (enum ccm_alert_kind)kind) : a->level;
}

/* A question that is put to the person there by itself, with buttons; see hook/approval.h. */
static bool is_asked_there(const struct route *w, const struct alert *a)
{
	return w->settings->approvals && is(a->kind, ccm_alert_kind_name(CCM_KIND_NEEDS_INPUT)) &&
	       is(a->values[CCM_ALERT_EVENT], "PermissionRequest");
}

/* Where it goes by the rules; the words of the one that decided. */
static const char *choose(const struct route *w, const struct alert *a, unsigned *ret_now, unsigned *ret_digest)
{
	const struct ccm_setting_list *list = &w->settings->alert_rules;
	unsigned bits = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (!ccm_alert_rule_match(&w->rules[i], a->level, a->values))
			continue;
		*ret_now = w->rules[i].now & w->set_up;
		*ret_digest = w->rules[i].digest & w->set_up & ~*ret_now;
		return list->items[i].text;
	}
	for (unsigned c = 0; c < CCM_CHANNELS; c++)
		if (w->set_up >> c & 1 && (int64_t)a->level >= w->settings->channels[c].level)
			bits |= 1U << c;
	*ret_now = a->level == CCM_ALERT_INFO ? 0 : bits;
	*ret_digest = a->level == CCM_ALERT_INFO ? bits : 0;
	return "default";
}

/* A refusal that made the guard halt the session is one happening with the halt, which tells of it: not there once more. */
static int told_by_halt(const struct route *w, const struct alert *a, unsigned *now, unsigned *digest)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	unsigned told = 0, digested = 0;
	int r;

	if (!is(a->kind, ccm_alert_kind_name(CCM_KIND_GUARD_DENY)) || !(*now | *digest))
		return 0;
	r = ccm_db_query(w->db, Q_ALERT_HALT_TOLD, DB_ARGS(DB_INT("id", a->id)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		int channel = ccm_channel_find(ccm_rows_text(&rows, "channel"));

		if (channel >= 0 && ccm_rows_int(&rows, "digest"))
			digested |= 1U << channel;
		else if (channel >= 0)
			told |= 1U << channel;
	}
	*now &= ~told;
	*digest &= ~(told | digested);
	return r < 0 ? r : !(*now | *digest);
}

/* ---- one of its like */

struct like {
	int64_t id, created_ms, times, told;     /* id 0: there is none; told: how often, as far as it was */
};

static int find_like(const struct route *w, const struct alert *a, struct like *ret)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	*ret = (struct like){ 0 };
	r = ccm_db_query(w->db, Q_ALERT_LIKE, DB_ARGS(
		DB_INT("id", a->id), DB_TEXT("title", a->title), DB_TEXT("source", a->source), DB_TEXT("kind", a->kind),
		DB_TEXT("session_id", a->session_id), DB_INT("since_ms", a->created_ms - DAY_MS), DB_INT("rank", a->level)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		*ret = (struct like){ ccm_rows_int(&rows, "id"), ccm_rows_int(&rows, "created_ms"), ccm_rows_int(&rows, "times"),
				      ccm_rows_int(&rows, "told") };
	return r < 0 ? r : 0;
}

/* 1: since the last prompt the agent has gone on, so that this is another, though it reads the same. */
static int went_on(const struct route *w, const struct alert *a, const struct like *like)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	if (!is(a->kind, ccm_alert_kind_name(CCM_KIND_NEEDS_INPUT)))
		return 0;
	r = ccm_db_query(w->db, Q_ALERT_WENT_ON, DB_ARGS(DB_TEXT("session_id", a->session_id),
		DB_INT("since_ms", like->created_ms), DB_INT("until_ms", a->created_ms)), &rows);
	return r < 0 ? r : ccm_rows_next(&rows);
}

static bool is_near(const struct route *w, const struct alert *a, const struct like *like)
{
	int64_t apart_ms = a->created_ms - like->created_ms;

	return like->id && (apart_ms < 0 ? -apart_ms : apart_ms) < w->settings->alert_fold_ms;
}

/* ---- deliveries */

static int add_delivery(const struct route *w, unsigned channel, const char *level, int64_t alert_id, int64_t due_ms,
			int64_t *ret_id)
{
	char uuid[CCM_UUID_CHARS + 1];
	int r;

	ccm_uuid_make(w->now_ms, uuid);
	r = exec(w->db, Q_DELIVERY_INSERT, DB_ARGS(
		DB_TEXT("uuid", uuid), DB_TEXT("channel", ccm_channel_name((enum ccm_channel)channel)), DB_TEXT("level", level),
		DB_INT_IF("alert_id", alert_id, alert_id), DB_INT("created_ms", w->now_ms), DB_INT("due_ms", due_ms)));
	*ret_id = ccm_db_last_id(w->db);
	return r;
}

static int put_alert(const struct route *w, int64_t delivery_id, int64_t alert_id, bool again)
{
	return exec(w->db, Q_DELIVERY_PUT, DB_ARGS(DB_INT("delivery_id", delivery_id), DB_INT("alert_id", alert_id),
						   DB_INT("again", again)));
}

/* When it may go out at the soonest. */
static int64_t not_quiet(const struct route *w, enum ccm_alert_level level, int64_t ms)
{
	const char *bad = NULL;
	int64_t end_ms = (int64_t)level >= w->settings->alert_quiet_level ? 0 : ccm_hours_end(&w->settings->alert_quiet_hours, ms, &bad);

	return end_ms ? end_ms : ms;
}

/* The channel's digest of that level that is still open, or a new one. */
static int find_digest(const struct route *w, unsigned channel, enum ccm_alert_level level, int64_t due_ms, int64_t *ret_id)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(w->db, Q_DIGEST_OPEN, DB_ARGS(
		DB_TEXT("channel", ccm_channel_name((enum ccm_channel)channel)), DB_TEXT("level", ccm_alert_level_name(level)),
		DB_INT("after_ms", w->now_ms + SPARE_MS)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		*ret_id = ccm_rows_int(&rows, "id");
	if (r != 0)
		return r < 0 ? r : 0;
	return add_delivery(w, channel, ccm_alert_level_name(level), 0, not_quiet(w, level, due_ms), ret_id);
}

static int into_digest(const struct route *w, unsigned channel, int64_t alert_id, bool again, int64_t due_ms)
{
	int64_t id;
	int r = find_digest(w, channel, CCM_ALERT_INFO, due_ms, &id);

	return r < 0 ? r : put_alert(w, id, alert_id, again);
}

/* What is more than the hour's share. What goes out in the quiet hours does so in a digest, too: in one of its own, as the other
 * waits for their end. */
static int into_next_hour(const struct route *w, unsigned channel, const struct alert *a, int64_t due_ms)
{
	bool loud = w->quiet_end_ms && (int64_t)a->level >= w->settings->alert_quiet_level;
	int64_t id;
	int r = find_digest(w, channel, loud ? a->level : CCM_ALERT_INFO, due_ms, &id);

	return r < 0 ? r : put_alert(w, id, a->id, false);
}

/* The hour that the channel's deliveries are counted in. 1: it may have one more; else *ret_end_ms: when the next begins. */
static int may_have(const struct route *w, unsigned channel, int64_t *ret_end_ms)
{
	const char *name = ccm_channel_name((enum ccm_channel)channel);
	int64_t most = w->settings->channels[channel].max_per_hour, start_ms = 0, count = 0;
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	if (!most)
		return 1;
	r = ccm_db_query(w->db, Q_OUTLET_WINDOW, DB_ARGS(DB_TEXT("channel", name)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	if (r > 0) {
		start_ms = ccm_rows_int(&rows, "window_start_ms");
		count = ccm_rows_int(&rows, "window_count");
	}
	ccm_rows_done(&rows);
	if (start_ms > w->now_ms || start_ms <= w->now_ms - HOUR_MS) {
		start_ms = w->now_ms;
		count = 0;
	}
	*ret_end_ms = start_ms + HOUR_MS;
	if (count >= most)
		return 0;
	r = exec(w->db, Q_OUTLET_COUNT, DB_ARGS(DB_TEXT("channel", name), DB_INT("start_ms", start_ms), DB_INT("count", count + 1)));
	return r < 0 ? r : 1;
}

static int send_now(const struct route *w, unsigned channel, const struct alert *a)
{
	int64_t end_ms, id, digest_ms = w->settings->alert_digest_ms;
	int r = may_have(w, channel, &end_ms);

	if (r < 0)
		return r;
	if (r == 0)
		return into_next_hour(w, channel, a, digest_ms ? w->now_ms + digest_ms : end_ms);
	r = add_delivery(w, channel, ccm_alert_level_name(a->level), a->id, not_quiet(w, a->level, w->now_ms), &id);
	return r < 0 ? r : put_alert(w, id, a->id, false);
}

/* What nobody was there to send when it was raised, because no channel was set up or no daemon ran, may be many: they come as one. */
static int send_all(const struct route *w, const struct alert *a, unsigned now, unsigned digest)
{
	int64_t due_ms = w->now_ms + w->settings->alert_digest_ms;
	int r = 0;

	if (a->created_ms < w->now_ms - LATE_MS) {
		due_ms = w->now_ms + OLD_MS;
		digest |= now;
		now = 0;
	} else if (!w->settings->alert_digest_ms) {
		now |= digest;
	}
	for (unsigned c = 0; r >= 0 && c < CCM_CHANNELS; c++) {
		if (now >> c & 1)
			r = send_now(w, c, a);
		else if (digest >> c & 1)
			r = into_digest(w, c, a->id, false, due_ms);
	}
	return r;
}

/* Those that were told of the first hear with the digest how often it came since, if not before, with the next of its like. */
static int count_in_digest(const struct route *w, const struct like *like)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	unsigned bits = 0;
	int r;

	if (!w->settings->alert_digest_ms)
		return 0;
	r = ccm_db_query(w->db, Q_ALERT_TOLD, DB_ARGS(DB_INT("alert_id", like->id)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		int channel = ccm_channel_find(ccm_rows_text(&rows, "channel"));

		if (channel >= 0)
			bits |= 1U << channel & w->set_up;
	}
	ccm_rows_done(&rows);
	for (unsigned c = 0; r >= 0 && c < CCM_CHANNELS; c++)
		if (bits >> c & 1)
			r = into_digest(w, c, like->id, true, w->now_ms + w->settings->alert_digest_ms);
	return r;
}

static int fold(const struct route *w, const struct alert *a, const struct like *like)
{
	int r;

	r = exec(w->db, Q_ALERT_FOLD, DB_ARGS(DB_INT("id", a->id), DB_INT("into", like->id), DB_INT("now_ms", w->now_ms)));
	if (r >= 0)
		r = exec(w->db, Q_ALERT_COUNT, DB_ARGS(DB_INT("id", like->id), DB_INT("folded_id", a->id)));
	return r < 0 ? r : count_in_digest(w, like);
}

/* What the person has not heard of is told with this one. */
static int take_over(const struct route *w, const struct like *like, int64_t *ret_times)
{
	int r;

	*ret_times = 1;
	if (!like->id || !like->told || like->times <= like->told)
		return 0;
	*ret_times += like->times - like->told;
	r = exec(w->db, Q_DIGEST_FORGET, DB_ARGS(DB_INT("alert_id", like->id)));
	return r < 0 ? r : exec(w->db, Q_DIGEST_DROP_EMPTY, NULL);
}

static int route_one(const struct route *w, struct alert *a)
{
	unsigned now = 0, digest = 0;
	const char *words = "off";
	int64_t times = 1;
	struct like like;
	int r, halted;

	a->level = level_of(w, a);
	if (a->level != CCM_ALERT_OFF)
		words = choose(w, a, &now, &digest);
	if (is_asked_there(w, a))
		now &= ~(1U << CCM_TELEGRAM);
	halted = told_by_halt(w, a, &now, &digest);
	if (halted > 0)
		words = "told with the halt";
	r = halted < 0 ? halted : find_like(w, a, &like);
	if (r >= 0 && !halted && a->level != CCM_ALERT_OFF && is_near(w, a, &like)) {
		r = went_on(w, a, &like);
		if (r == 0)
			return fold(w, a, &like);
	}
	if (r >= 0 && now | digest)
		r = take_over(w, &like, &times);
	if (r >= 0)
		r = exec(w->db, Q_ALERT_ROUTED, DB_ARGS(
			DB_INT("id", a->id), DB_INT("now_ms", w->now_ms), DB_TEXT("routing", words), DB_INT("times", times),
			DB_TEXT("level", a->level == CCM_ALERT_OFF ? NULL : ccm_alert_level_name(a->level)),
			DB_TEXT("project", a->values[CCM_ALERT_PROJECT])));
	return r < 0 ? r : send_all(w, a, now, digest);
}

static void read_alert(const struct ccm_rows *rows, struct alert *a)
{
	int level = ccm_alert_level_find(ccm_rows_text(rows, "level"));

	*a = (struct alert){
		.id = ccm_rows_int(rows, "id"), .created_ms = ccm_rows_int(rows, "created_ms"),
		.level = level < 0 ? CCM_ALERT_WARNING : (enum ccm_alert_level)level,
		.source = ccm_rows_text(rows, "source"), .session_id = ccm_rows_text(rows, "session_id"),
		.title = ccm_rows_text(rows, "title"), .kind = ccm_rows_text(rows, "kind"),
		.values = {
			[CCM_ALERT_KIND] = ccm_rows_text(rows, "kind"), [CCM_ALERT_SOURCE] = ccm_rows_text(rows, "source"),
			[CCM_ALERT_EVENT] = ccm_rows_text(rows, "event"), [CCM_ALERT_RULE] = ccm_rows_text(rows, "rule"),
			[CCM_ALERT_PROJECT] = ccm_rows_text(rows, "project"),
		},
	};
}

/* 1: one was; 0: there is none. The row stays open for its texts, and is the only one of its query. */
static int route_next(const struct route *w)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	struct alert a;
	int r;

	r = ccm_db_query(w->db, Q_ALERT_UNROUTED, NULL, &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	read_alert(&rows, &a);
	r = route_one(w, &a);
	return r < 0 ? r : 1;
}

static int count_of(struct ccm_db *db, enum ccm_query q, const struct ccm_db_arg *args)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(db, q, args, &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	return r > 0 ? ccm_rows_int(&rows, "count") > 0 : r;
}

/* One batch. */
static int route_some(const struct route *w)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int r, count = 0;

	r = ccm_txn_begin(w->db, &txn);
	while (r >= 0 && count < ALERTS_MAX && (r = route_next(w)) > 0)
		count++;
	if (r >= 0)
		r = ccm_txn_commit(&txn);
	return r < 0 ? r : count;
}

/* What waits from before the quiet hours began waits on; what need not wait any longer, because config.ini says so now, does not. */
static int keep_quiet(const struct route *w)
{
	int64_t level = w->quiet_end_ms ? w->settings->alert_quiet_level : CCM_ALERT_INFO;
	const struct ccm_db_arg *quiet = DB_ARGS(DB_INT("end_ms", w->quiet_end_ms), DB_INT("level", level));
	const struct ccm_db_arg *loud = DB_ARGS(DB_INT("now_ms", w->now_ms), DB_INT("level", level));
	int r = w->quiet_end_ms ? count_of(w->db, Q_DELIVERY_LOUD, quiet) : 0;

	if (r > 0)
		r = exec(w->db, Q_DELIVERY_QUIET, quiet);
	if (r >= 0)
		r = count_of(w->db, Q_DELIVERY_KEPT, loud);
	return r <= 0 ? r : exec(w->db, Q_DELIVERY_RELEASE, loud);
}

/* Without an interval, a digest waits for the hour's end at the latest: then a channel may have more. */
static int keep_digests(const struct route *w)
{
	int64_t most_ms = w->settings->alert_digest_ms ? w->settings->alert_digest_ms : HOUR_MS;
	const struct ccm_db_arg *args = DB_ARGS(DB_INT("latest_ms", not_quiet(w, CCM_ALERT_INFO, w->now_ms + most_ms)));
	int r = count_of(w->db, Q_DIGEST_LATE, args);

	return r <= 0 ? r : exec(w->db, Q_DIGEST_SOONER, args);
}

/* A clock that was set back would keep everything waiting. */
static int keep_time(const struct route *w)
{
	int64_t ahead_ms = w->now_ms + AHEAD_MS;
	int r = count_of(w->db, Q_DELIVERY_AHEAD, DB_ARGS(DB_INT("ahead_ms", ahead_ms)));

	return r <= 0 ? r : exec(w->db, Q_DELIVERY_CLAMP, DB_ARGS(DB_INT("now_ms", w->now_ms), DB_INT("ahead_ms", ahead_ms)));
}

static int route_all(struct ccm_db *db, const struct ccm_settings *s, int64_t now_ms)
{
	const char *bad = NULL;
	__attribute__((cleanup(route_done))) struct route w = {
		.db = db, .settings = s, .now_ms = now_ms, .quiet_end_ms = ccm_hours_end(&s->alert_quiet_hours, now_ms, &bad),
	};
	int r, sum = 0;

	r = keep_time(&w);
	if (r >= 0)
		r = keep_quiet(&w);
	if (r >= 0)
		r = keep_digests(&w);
	if (r >= 0)
		r = count_of(db, Q_ALERT_UNROUTED_COUNT, NULL);
	if (r <= 0)
		return r;
	w.set_up = ccm_channels_set_up(s);
	r = load_rules(&w);
	while (r >= 0 && (r = route_some(&w)) > 0)
		sum += r;
	return r < 0 ? r : sum;
}

/* ---- both ---- */

int alerts_gather(struct alerts *a, struct ccm_db *db, const struct ccm_settings *s, int64_t now_ms, int64_t *ret_next_ms)
{
	int made = derive_all(a, db, s, now_ms, ret_next_ms);
	int routed = made < 0 ? made : route_all(db, s, now_ms);

	return routed < 0 ? routed : made + routed;
}

int alerts_due(struct ccm_db *db, int64_t now_ms, unsigned *ret_channels, int64_t *ret_next_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	*ret_channels = 0;
	r = ccm_db_query(db, Q_DELIVERY_DUE, DB_ARGS(DB_INT("now_ms", now_ms)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		int channel = ccm_channel_find(ccm_rows_text(&rows, "channel"));
		int64_t due_ms = ccm_rows_int(&rows, "due_ms");

		if (channel >= 0 && due_ms <= now_ms)
			*ret_channels |= 1U << channel;
		else if (channel >= 0 && due_ms < *ret_next_ms)
			*ret_next_ms = due_ms;
	}
	return r;
}
