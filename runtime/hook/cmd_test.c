/* SPDX-License-Identifier: MIT */
/* One automation on one event, as `ccm-hook run` would run it, with everything shown and nothing
 * recorded. What the automation itself does is real. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "history.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "libccm/stage.h"
#include "print.h"
#include "scripts.h"

/* How many recorded events are looked at for one that matches. */
#define CANDIDATES_MAX 10000
#define TIMEOUT_DEFAULT_S 60         /* where the event is not known */

struct trial {
	struct ctx *ctx;
	bool json, colour;
	const char *source;          /* --event; NULL: the newest recorded one that matches */

	struct scripts scripts;
	struct ccm_automation loaded;        /* given by its path */
	const struct ccm_automation *automation;

	struct ccm_event event;
	int64_t id;                  /* of the recorded event; 0: it is none */
	bool wanted, ran_elsewhere;
	struct ccm_run run;
	struct ccm_outcome outcome;
	struct ccm_sbuf answer, answer_err;
	int exit_status;             /* that the client would see */
	struct ccm_sbuf out;
};

static void trial_done(struct trial *t)
{
	ccm_run_done(&t->run);
	ccm_outcome_done(&t->outcome);
	ccm_event_done(&t->event);
	ccm_automation_done(&t->loaded);
	scripts_done(&t->scripts);
	ccm_sbuf_done(&t->answer);
	ccm_sbuf_done(&t->answer_err);
	ccm_sbuf_done(&t->out);
}

static int fail(const char *format, ...) _printf_(1, 2);

static int fail(const char *format, ...)
{
	char words[2048];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	ccm_error("test: %s", words);
	return -CCM_E_SAID;
}

/* ---- which automation */

static int find_automation(struct trial *t, const char *what)
{
	_cleanup_free_ char *path = NULL;
	size_t count = 0;
	int r;

	if (strchr(what, '/')) {
		r = scripts_absolute("test", what, &path);
		if (r == 0)
			r = ccm_automation_load(path, &t->loaded);
		t->automation = &t->loaded;
		return r;
	}
	r = scripts_load(&t->ctx->paths, &t->scripts);
	if (r < 0)
		return r;
	t->automation = scripts_find(&t->scripts.enabled, what, &count);
	if (!count)
		t->automation = scripts_find(&t->scripts.own, what, &count);
	if (!count)
		t->automation = scripts_find(&t->scripts.stock, what, &count);
	if (count > 1)
		return fail("%zu automations are named '%s': give the whole name (NN-%s), or the path, of one of them",
			    count, what, what);
	if (!t->automation)
		return fail("no automation is named '%s' (see 'ccm-hook list', or give the path of a file)", what);
	return 0;
}

/* ---- which event */

static int need_db(struct trial *t)
{
	struct ctx *ctx = t->ctx;
	struct ccm_diag diag = { 0 };
	int r = ccm_db_open(ctx->paths.db, CCM_DB_READ, (int)ctx->settings.busy_timeout_ms, &ctx->db, &diag);

	if (r == -ENOENT)
		return fail("no event is recorded yet: give one with --event=FILE");
	return r < 0 ? fail("%s", ccm_diag_text(&diag, r)) : 0;
}

/* Takes a recorded event from a row with its uuid, project and received_ms, and its payload. */
static int take_recorded(struct trial *t, const struct ccm_rows *event, const struct ccm_rows *payload)
{
	const char *form = ccm_rows_text(payload, "form"), *uuid = ccm_rows_text(event, "uuid"), *body;
	struct ccm_event *e = &t->event;
	size_t bytes;

	ccm_event_done(e);
	*e = (struct ccm_event){ .received_ms = ccm_rows_int(event, "received_ms") };
	snprintf(e->uuid, sizeof e->uuid, "%s", uuid ? uuid : "");
	e->truncated = form && strcmp(form, "cut") == 0;
	body = ccm_rows_blob(payload, "body", &bytes);
	ccm_sbuf_add(&e->raw, body ? body : "", bytes);
	t->id = ccm_rows_int(event, "id");
	return ccm_sbuf_error(&e->raw) < 0 ? -ENOMEM : ccm_event_parse(e, ccm_rows_text(event, "project"));
}

static int load_recorded(struct trial *t, const char *name)
{
	_cleanup_rows_ struct ccm_rows event = { 0 }, payload = { 0 };
	int64_t id;
	int r = need_db(t);

	if (r == 0)
		r = history_find(t->ctx, name, &id);
	if (r == 0)
		r = ccm_db_query(t->ctx->db, Q_EVENT_BY_ID, DB_ARGS(DB_INT("id", id)), &event);
	if (r == 0)
		r = ccm_rows_next(&event);
	if (r <= 0)
		return r < 0 ? r : fail("there is no event %s", name);
	r = ccm_db_query(t->ctx->db, Q_PAYLOAD_GET, DB_ARGS(DB_INT("event_id", id)), &payload);
	if (r == 0)
		r = ccm_rows_next(&payload);
	if (r == 0)
		return fail("the payload of event %s was not kept", name);
	return r < 0 ? r : take_recorded(t, &event, &payload);
}

/* The newest recorded event, of that name if one is given, that the automation would be run for. */
static int load_newest(struct trial *t, const char *name)
{
	const struct ccm_manifest *m = &t->automation->manifest;
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = need_db(t);

	if (r == 0)
		r = ccm_db_query(t->ctx->db, Q_EVENT_PAYLOADS,
				 DB_ARGS(DB_TEXT("event", name), DB_INT("limit", CANDIDATES_MAX)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		const char *event = ccm_rows_text(&rows, "event");

		if (!event || !ccm_manifest_wants_event(m, event))
			continue;
		r = take_recorded(t, &rows, &rows);
		if (r == 0 && ccm_automation_wants(t->automation, &t->event))
			return 0;
	}
	if (r < 0)
		return r;
	return fail("no recorded %s%sevent matches '%s': give one with --event=FILE", name ? name : "", name ? " " : "",
		    t->automation->name);
}

static int load_stream(struct trial *t, int fd, const char *name)
{
	int r = ccm_event_read(fd, (size_t)t->ctx->settings.max_event_bytes, &t->event);

	if (r < 0)
		return fail("cannot read '%s': %s", name, ccm_strerror(r));
	return ccm_event_parse(&t->event, getenv("CLAUDE_PROJECT_DIR"));
}

static int load_file(struct trial *t, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return fail("cannot open '%s': %s (an event is a FILE, a recorded one's number, or an event's name)", path,
			    strerror(errno));
	return load_stream(t, fd, path);
}

static int load_event(struct trial *t)
{
	const char *s = t->source;
	int64_t time_ms;

	if (!s || ccm_host_event(s))
		return load_newest(t, s);
	if (strcmp(s, "-") == 0)
		return load_stream(t, STDIN_FILENO, "standard input");
	if (strcmp(s, "last") == 0 || ccm_uuid_time(s, &time_ms) || (s[0] && !s[strspn(s, "#0123456789")]))
		return load_recorded(t, s);
	return load_file(t, s);
}

/* ---- the run */

/* Where and how the client would have started it. */
static void enter_session(struct trial *t)
{
	const struct ccm_event *e = &t->event;

	if (e->project)
		setenv("CLAUDE_PROJECT_DIR", e->project, 1);
	t->ran_elsewhere = e->cwd && chdir(e->cwd) < 0;
}

static int run(struct trial *t)
{
	const struct ccm_event *e = &t->event;
	const struct ccm_stage stage = {
		.paths = &t->ctx->paths, .settings = &t->ctx->settings, .self = t->ctx->self, .event_id = e->uuid, .trial = true,
		.budget_ms = (e->spec ? e->spec->timeout_s : TIMEOUT_DEFAULT_S) * INT64_C(1000),
	};
	char id[32];
	int r;

	enter_session(t);
	ccm_proc_catch_signals();
	r = ccm_stage_run(&stage, e, &t->automation, 1, &t->run);
	if (r < 0)
		return r;
	t->outcome.event = e->name;
	t->outcome.spec = e->spec;
	r = ccm_outcome_add_stage(&t->outcome, &t->automation->name, &t->run.answer, 1);
	snprintf(id, sizeof id, "%lld", (long long)t->id);
	if (r == 0)
		r = ccm_outcome_render(&t->outcome, t->id ? id : e->uuid, &t->answer, &t->answer_err);
	t->exit_status = r;
	return r < 0 ? r : 0;
}

/* The run as the log would tell it. */
static struct history_run as_history(const struct trial *t)
{
	const struct ccm_run *run = &t->run;
	const struct ccm_proc_result *p = &run->result;

	return (struct history_run){
		.stage = t->automation->stage, .started_ms = run->started_ms, .took_us = p->took_us,
		.exit_status = p->exit_status, .signal = p->signal, .exited = run->started && !p->error && !p->signal,
		.timed_out = p->timed_out, .automation = t->automation->name,
		.verdict = ccm_verdict_name(run->answer.verdict), .reason = run->answer.reason,
		.problem = run->answer.problem,
		.out = p->out.bytes ? p->out.text : NULL, .out_bytes = (int64_t)p->out_bytes,
		.err = p->err.bytes ? p->err.text : NULL, .err_bytes = (int64_t)p->err_bytes,
	};
}

/* ---- for people */

static void show_automation(struct trial *t)
{
	const struct ccm_automation *a = t->automation;
	const struct ccm_manifest *m = &a->manifest;
	struct ccm_sbuf *out = &t->out;
	char timeout[32];

	print_colour(out, t->colour, PRINT_BOLD);
	ccm_term_clean(out, a->name, strlen(a->name), CCM_CLEAN_LINE);
	print_plain(out, t->colour);
	ccm_sbuf_addc(out, '\n');
	print_field(out, "file", a->path);
	print_field(out, "summary", m->summary);
	print_field(out, "event", m->events ? m->events : "all");
	print_field(out, "match", m->match && m->match[0] ? m->match : "*");
	print_field(out, "timeout", ccm_duration_format(scripts_timeout_ms(a, &t->ctx->settings), timeout, sizeof timeout));
	print_field(out, "on failure", m->closed ? "closed" : "open");
	print_field(out, "effects", m->pure ? "none" : t->wanted ? "writes: whatever it does, it did now" : "writes");
	print_field(out, "broken", a->problem);
}

/* Whether it is run for this event, and if not, why. */
static void add_matches(const struct trial *t, struct ccm_sbuf *text)
{
	const struct ccm_manifest *m = &t->automation->manifest;
	const struct ccm_event *e = &t->event;

	if (t->wanted)
		ccm_sbuf_adds(text, "yes");
	else if (!e->name)
		ccm_sbuf_adds(text, "no: the event has no name");
	else if (!ccm_manifest_wants_event(m, e->name))
		ccm_sbuf_addf(text, "no: it is for %s", m->events);
	else
		ccm_sbuf_addf(text, "no: '%s' does not match '%s'", m->match ? m->match : "", e->match ? e->match : "");
}

static void show_event(struct trial *t)
{
	const struct ccm_event *e = &t->event;
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	char time[32];

	print_title(&t->out, t->colour, "Event");
	ccm_sbuf_addf(&text, "%s%s%s", e->name ? e->name : "(event name unreadable)", e->tool_name ? " " : "",
		      e->tool_name ? e->tool_name : "");
	print_field(&t->out, "event", ccm_sbuf_str(&text));
	if (t->id) {
		ccm_sbuf_clear(&text);
		ccm_sbuf_addf(&text, "as number %lld, %s", (long long)t->id,
			      ccm_time_format(e->received_ms, false, time, sizeof time));
		print_field(&t->out, "recorded", ccm_sbuf_str(&text));
	}
	print_field(&t->out, "detail", e->detail);
	if (!e->valid)
		print_field(&t->out, "invalid", ccm_sbuf_str(&e->problem));
	if (t->ran_elsewhere) {
		ccm_sbuf_clear(&text);
		ccm_sbuf_addf(&text, "'%s' is gone: it ran in the current directory", e->cwd);
		print_field(&t->out, "cwd", ccm_sbuf_str(&text));
	}
	ccm_sbuf_clear(&text);
	add_matches(t, &text);
	print_field(&t->out, "matches", ccm_sbuf_str(&text));
	t->out.failed |= text.failed;
}

static void show_text(struct ccm_sbuf *out, const char *name, const char *text)
{
	if (!text)
		return;
	ccm_sbuf_addf(out, "    %s\n", name);
	print_block(out, text, strlen(text), 6);
}

static void show_run(struct trial *t)
{
	const struct history_run run = as_history(t);
	const struct ccm_answer *a = &t->run.answer;
	struct ccm_sbuf *out = &t->out;

	print_title(out, t->colour, "Run");
	print_run(out, &run, t->colour);
	show_text(out, "context for the model", a->context);
	show_text(out, "message for the person", a->message);
	show_text(out, "the tool's input, changed", a->updated_input);
	if (a->stop)
		show_text(out, "the agent is to stop", a->stop_reason ? a->stop_reason : "(no reason given)");
	if (t->run.result.lingered)
		ccm_sbuf_adds(out, "    it left a process behind that held its output open\n");
}

static void show_answer(struct trial *t)
{
	print_title(&t->out, t->colour, "What ccm-hook would answer");
	if (t->exit_status)
		ccm_sbuf_addf(&t->out, "  exit status %d\n", t->exit_status);
	if (t->answer.bytes)
		print_block(&t->out, t->answer.text, t->answer.bytes, 2);
	if (t->answer_err.bytes)
		print_block(&t->out, t->answer_err.text, t->answer_err.bytes, 2);
	if (!t->exit_status && !t->answer.bytes && !t->answer_err.bytes)
		ccm_sbuf_adds(&t->out, "  nothing\n");
}

static int show(struct trial *t)
{
	show_automation(t);
	show_event(t);
	if (t->wanted) {
		show_run(t);
		show_answer(t);
	}
	return print_out(&t->out);
}

/* ---- for programs */

static void add_json_event(struct trial *t)
{
	const struct ccm_event *e = &t->event;

	print_json_name(&t->out, "event");
	ccm_sbuf_addc(&t->out, '{');
	if (t->id)
		print_json_int(&t->out, "id", t->id);
	else
		print_json_null(&t->out, "id");
	print_json_text(&t->out, "event", e->name);
	print_json_text(&t->out, "tool", e->tool_name);
	print_json_text(&t->out, "detail", e->detail);
	print_json_bool(&t->out, "valid", e->valid);
	print_json_text(&t->out, "problem", e->valid ? NULL : ccm_sbuf_str(&e->problem));
	ccm_sbuf_addc(&t->out, '}');
}

static void add_json_run(struct trial *t)
{
	const struct history_run run = as_history(t);
	const struct ccm_answer *a = &t->run.answer;
	_cleanup_sbuf_ struct ccm_sbuf object = { 0 };

	print_json_name(&t->out, "run");
	print_run_json(&object, &run, true);
	if (object.bytes)
		object.bytes--;              /* its members go on */
	print_json_bool(&object, "failed", a->failed);
	print_json_text(&object, "context", a->context);
	print_json_text(&object, "message", a->message);
	print_json_bool(&object, "stop", a->stop);
	print_json_text(&object, "stop_reason", a->stop_reason);
	ccm_sbuf_addc(&object, '}');
	t->out.failed |= object.failed;
	ccm_sbuf_add(&t->out, ccm_sbuf_str(&object), object.bytes);
}

static int show_json(struct trial *t)
{
	const struct ccm_automation *a = t->automation;
	struct ccm_sbuf *out = &t->out;

	ccm_sbuf_addc(out, '{');
	print_json_text(out, "name", a->name);
	print_json_text(out, "path", a->path);
	print_json_text(out, "problem", a->problem);
	print_json_bool(out, "matches", t->wanted);
	add_json_event(t);
	if (t->wanted) {
		add_json_run(t);
		print_json_text(out, "answer", t->answer.bytes ? t->answer.text : NULL);
		print_json_int(out, "answer_exit_status", t->exit_status);
	}
	ccm_sbuf_adds(out, "}\n");
	return print_out(out);
}

int cmd_test(struct ctx *ctx, int argc, char **argv)
{
	_cleanup_(trial_done) struct trial t = { .ctx = ctx, .colour = ccm_term_colour(STDOUT_FILENO) };
	const struct ccm_opt opts[] = {
		OPT_STR ("event", 'e', "FILE|#ID|EVENT", &t.source, "the event: a file (- for stdin), or a recorded one"),
		OPT_FLAG("json", 0, &t.json, "print all of it as one JSON object"),
		OPT_END
	};
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = find_automation(&t, argv[0]);
	if (r == 0)
		r = load_event(&t);
	if (r < 0)
		return r;
	t.wanted = ccm_automation_wants(t.automation, &t.event);
	if (t.wanted)
		r = run(&t);
	if (r == 0)
		r = t.json ? show_json(&t) : show(&t);
	if (r < 0)
		return r;
	return t.wanted && !t.run.answer.failed ? CCM_EXIT_OK : CCM_EXIT_FAILURE;
}
