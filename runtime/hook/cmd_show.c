/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "history.h"
#include "libccm/answer.h"
#include "libccm/clock.h"
#include "libccm/json.h"
#include "libccm/log.h"
#include "print.h"

/* Reads that belong together see one state of the database as long as the event's row is not let go. */
struct show {
	struct ctx *ctx;
	struct ccm_rows rows;                /* the event's row */
	struct history_event event;
	struct ccm_sbuf why;                 /* what was answered and why, in sentences */
	struct ccm_rows approval;            /* stands on the question that was sent to the person, if there was one */
	bool asked;
	struct ccm_sbuf out;
	bool json, payload, colour;
};

static void show_done(struct show *s)
{
	ccm_rows_done(&s->rows);
	ccm_rows_done(&s->approval);
	ccm_sbuf_done(&s->why);
	ccm_sbuf_done(&s->out);
}

/* ---- which event */

static int load_event(struct show *s, const char *name)
{
	int64_t id;
	int r;

	r = history_find(s->ctx, name, &id);
	if (r == 0)
		r = ccm_db_query(s->ctx->db, Q_EVENT_BY_ID, DB_ARGS(DB_INT("id", id)), &s->rows);
	if (r == 0)
		r = ccm_rows_next(&s->rows);
	if (r < 0)
		return r;
	if (r == 0) {
		ccm_error(strcmp(name, "last") == 0 ? "no event is recorded yet" : "there is no event %s", name);
		return -CCM_E_SAID;
	}
	history_event_read(&s->rows, &s->event);
	return 0;
}

/* ---- why it was answered so */

static int rank(const char *verdict)
{
	for (int v = CCM_VERDICT_NONE; v <= CCM_VERDICT_DENY; v++)
		if (strcmp(ccm_verdict_name((enum ccm_verdict)v), verdict) == 0)
			return v;
	return CCM_VERDICT_NONE;
}

/* Who said what: names of automations by verdict, and of those that failed. */
struct voices {
	struct ccm_sbuf said[CCM_VERDICT_DENY + 1], failed;
	size_t runs;
	int highest;
};

static void voices_done(struct voices *v)
{
	for (size_t i = 0; i < ARRAY_SIZE(v->said); i++)
		ccm_sbuf_done(&v->said[i]);
	ccm_sbuf_done(&v->failed);
}

static void add_name(struct ccm_sbuf *names, const char *name)
{
	ccm_sbuf_addf(names, "%s%s", names->bytes ? ", " : "", name);
}

static int hear(struct show *s, struct voices *v)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(s->ctx->db, Q_RUN_LIST, DB_ARGS(DB_INT("event_id", s->event.id)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		struct history_run run;
		int said;

		history_run_read(&rows, &run);
		said = rank(run.verdict);
		add_name(said == CCM_VERDICT_NONE && run.problem ? &v->failed : &v->said[said], run.automation);
		if (said > v->highest)
			v->highest = said;
		v->runs++;
	}
	return r;
}

/* Whether the person decided, and not the automations. */
static bool is_answered(const struct show *s)
{
	const char *state = s->asked ? ccm_rows_text(&s->approval, "state") : "";

	return strcmp(state, "approved") == 0 || strcmp(state, "denied") == 0 || strcmp(state, "expired") == 0;
}

static void explain_verdict(struct show *s, const struct voices *v)
{
	const char *verdict = s->event.verdict, *highest = ccm_verdict_name((enum ccm_verdict)v->highest);
	bool answered = is_answered(s);
	struct ccm_sbuf *why = &s->why;

	if (v->runs == 0) {
		ccm_sbuf_adds(why, "No automation was enabled for this event.");
	} else if (rank(verdict) > v->highest && !answered) {
		ccm_sbuf_addf(why, "No automation said %s by itself: two of one stage changed the tool's input in different "
			      "ways, so the person is asked.", verdict);
	} else if (v->highest == CCM_VERDICT_NONE) {
		if (v->said[CCM_VERDICT_NONE].bytes)
			ccm_sbuf_addf(why, "%s ran and had no opinion.", v->said[CCM_VERDICT_NONE].text);
	} else {
		ccm_sbuf_addf(why, "%s said %s", v->said[v->highest].text, highest);
		for (int lower = v->highest - 1; lower > CCM_VERDICT_NONE; lower--)
			if (v->said[lower].bytes)
				ccm_sbuf_addf(why, ", which outranks %s by %s",
					      ccm_verdict_name((enum ccm_verdict)lower), v->said[lower].text);
		ccm_sbuf_addc(why, '.');
		if (rank(verdict) < v->highest && !answered)
			ccm_sbuf_addf(why, " %s takes no %s from a hook, so it was not passed on.",
				      s->event.event ? s->event.event : "This event", highest);
	}
}

static void explain_approval(struct show *s)
{
	const char *state = ccm_rows_text(&s->approval, "state"), *by = ccm_rows_text(&s->approval, "answered_by");
	const char *problem = ccm_rows_text(&s->approval, "problem");
	int64_t asked_ms = ccm_rows_int(&s->approval, "created_ms"), refused = ccm_rows_int(&s->approval, "refused");
	struct ccm_sbuf *why = &s->why;
	char time[32];

	ccm_sbuf_adds(why, " The person was asked over Telegram");
	if (by)
		ccm_sbuf_addf(why, ": %s by %s after %s.", state, by, ccm_duration_format(
			      (ccm_rows_int(&s->approval, "answered_ms") - asked_ms + 999) / 1000 * 1000, time, sizeof time));
	else if (strcmp(state, "expired") == 0)
		ccm_sbuf_addf(why, ", and did not answer within %s, which is a no.", ccm_duration_format(
			      (ccm_rows_int(&s->approval, "until_ms") - asked_ms) / 1000 * 1000, time, sizeof time));
	else
		ccm_sbuf_addf(why, " (%s)%s%s.", state, problem ? ": " : "", problem ? problem : "");
	if (refused)
		ccm_sbuf_addf(why, " %lld other press%s of its buttons did nothing.", (long long)refused, refused == 1 ? "" : "es");
}

static int find_approval(struct show *s)
{
	int r = ccm_db_query(s->ctx->db, Q_APPROVAL_BY_EVENT, DB_ARGS(DB_TEXT("event_uuid", s->event.uuid)), &s->approval);

	if (r == 0)
		r = ccm_rows_next(&s->approval);
	s->asked = r > 0;
	return r < 0 ? r : 0;
}

static int explain(struct show *s)
{
	_cleanup_(voices_done) struct voices v = { 0 };
	struct ccm_sbuf *why = &s->why;
	int64_t now_ms = ccm_now_ms();
	int r;

	if (!s->event.finished) {
		ccm_sbuf_adds(why, strcmp(print_verdict_name(&s->event, now_ms), "running") == 0 ?
				   "It is still at work: no verdict yet." :
				   "ccm-hook ended before it could store what became of this event.");
		return ccm_sbuf_error(why);
	}
	r = hear(s, &v);
	if (r == 0)
		r = find_approval(s);
	if (r < 0)
		return r;
	explain_verdict(s, &v);
	if (s->asked)
		explain_approval(s);
	if (v.failed.bytes)
		ccm_sbuf_addf(why, "%s%s failed, and so had no say.", why->bytes ? " " : "", v.failed.text);
	if (s->event.stop)
		ccm_sbuf_adds(why, " The agent was told not to go on (continue: false), which wins over every verdict.");
	if (s->event.exit_status == CCM_EXIT_BLOCK)
		ccm_sbuf_adds(why, " It was told by exit status 2, with the reasons on stderr.");
	else if (!s->event.answer)
		ccm_sbuf_adds(why, " Nothing was answered.");
	return v.failed.failed || ccm_sbuf_error(why) < 0 ? -ENOMEM : 0;
}

/* ---- for people */

static int print_runs(struct show *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	bool first = true;
	int r;

	r = ccm_db_query(s->ctx->db, Q_RUN_LIST, DB_ARGS(DB_INT("event_id", s->event.id)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		struct history_run run;

		history_run_read(&rows, &run);
		if (first)
			print_title(&s->out, s->colour, "Runs, in the order in which they were merged");
		first = false;
		print_run(&s->out, &run, s->colour);
	}
	return r;
}

/* 1: rows stands on the payload; 0: it was not kept. */
static int find_payload(struct show *s, struct ccm_rows *rows)
{
	int r = ccm_db_query(s->ctx->db, Q_PAYLOAD_GET, DB_ARGS(DB_INT("event_id", s->event.id)), rows);

	return r < 0 ? r : ccm_rows_next(rows);
}

static int print_payload(struct show *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 };
	const char *form, *body;
	size_t bytes;
	int r;

	r = find_payload(s, &rows);
	if (r < 0)
		return r;
	if (r == 0) {
		ccm_sbuf_addf(&title, "Payload: not kept (%lld bytes)", (long long)s->event.payload_bytes);
		print_title(&s->out, s->colour, ccm_sbuf_str(&title));
		return 0;
	}
	form = ccm_rows_text(&rows, "form");
	body = ccm_rows_blob(&rows, "body", &bytes);
	if (strcmp(form, "cut") == 0)
		ccm_sbuf_addf(&title, "Payload, longer than [storage] max_event: its first %zu bytes", bytes);
	else if (strcmp(form, "redacted") == 0)
		ccm_sbuf_addf(&title, "Payload, %lld bytes, secrets taken out", (long long)s->event.payload_bytes);
	else if (strcmp(form, "trimmed") == 0)
		ccm_sbuf_addf(&title, "Payload, %lld bytes, texts over [storage] max_text cut",
			      (long long)s->event.payload_bytes);
	else
		ccm_sbuf_addf(&title, "Payload, %zu bytes", bytes);
	s->out.failed |= title.failed;
	print_title(&s->out, s->colour, ccm_sbuf_str(&title));
	print_block(&s->out, body ? body : "", bytes, 2);
	return 0;
}

static int show_text(struct show *s)
{
	int r;

	print_event(&s->out, &s->event, ccm_now_ms(), s->colour);
	print_field(&s->out, "why", ccm_sbuf_str(&s->why));
	r = print_payload(s);
	if (r == 0)
		r = print_runs(s);
	if (r == 0 && s->event.answer) {
		print_title(&s->out, s->colour, "Answer");
		print_block(&s->out, s->event.answer, strlen(s->event.answer), 2);
	}
	return r < 0 ? r : print_out(&s->out);
}

/* ---- for programs */

static int show_payload(struct show *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *body;
	size_t bytes;
	int r;

	r = find_payload(s, &rows);
	if (r < 0)
		return r;
	if (r == 0) {
		ccm_error("the payload of event %lld was not kept", (long long)s->event.id);
		return -CCM_E_SAID;
	}
	body = ccm_rows_blob(&rows, "body", &bytes);
	if (isatty(STDOUT_FILENO)) {
		ccm_term_clean(&s->out, body ? body : "", bytes, CCM_CLEAN_LINES);
		ccm_sbuf_addc(&s->out, '\n');
	} else if (bytes) {
		ccm_sbuf_add(&s->out, body, bytes);
	}
	return print_out(&s->out);
}

/* As the value it is where it is JSON ("payload"), else as a text ("payload_text"). */
static int add_payload_json(struct show *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_json value;
	const char *body;
	size_t bytes;
	int r;

	r = find_payload(s, &rows);
	if (r < 0)
		return r;
	print_json_text(&s->out, "payload_form", r > 0 ? ccm_rows_text(&rows, "form") : NULL);
	if (r == 0)
		return 0;
	body = ccm_rows_blob(&rows, "body", &bytes);
	body = body ? body : "";
	if (ccm_json_parse(body, bytes, &value, NULL) == 0) {
		print_json_name(&s->out, "payload");
		ccm_json_repair(&text, value.text, value.bytes);
	} else {
		print_json_name(&s->out, "payload_text");
		ccm_json_quote(&text, body, bytes);
	}
	s->out.failed |= text.failed;
	ccm_term_json(&s->out, ccm_sbuf_str(&text), text.bytes);
	return 0;
}

static int show_json(struct show *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	ccm_sbuf_addc(&s->out, '{');
	print_event_json(&s->out, &s->event);
	print_json_text(&s->out, "why", ccm_sbuf_str(&s->why));
	r = add_payload_json(s);
	print_json_name(&s->out, "runs");
	ccm_sbuf_addc(&s->out, '[');
	if (r == 0)
		r = ccm_db_query(s->ctx->db, Q_RUN_LIST, DB_ARGS(DB_INT("event_id", s->event.id)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		struct history_run run;

		history_run_read(&rows, &run);
		print_run_json(&s->out, &run, true);
	}
	ccm_sbuf_adds(&s->out, "]}\n");
	return r < 0 ? r : print_out(&s->out);
}

int cmd_show(struct ctx *ctx, int argc, char **argv)
{
	_cleanup_(show_done) struct show s = { .ctx = ctx, .colour = ccm_term_colour(STDOUT_FILENO) };
	const struct ccm_opt opts[] = {
		OPT_FLAG("json", 0, &s.json, "print all of it as one JSON object"),
		OPT_FLAG("payload", 0, &s.payload, "print the stored bytes of the payload and nothing else"),
		OPT_END
	};
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (!ctx->db) {
		history_say_none(ctx);
		return -CCM_E_SAID;
	}
	r = load_event(&s, argv[0]);
	if (r == 0 && s.payload)
		return show_payload(&s);
	if (r == 0)
		r = explain(&s);
	if (r < 0)
		return r;
	return s.json ? show_json(&s) : show_text(&s);
}
