/* SPDX-License-Identifier: MIT */
/* ccm-guard judge: one PreToolUse event on stdin, the answer on stdout, in the form of the client's hooks.
 *
 * No opinion is no output. Any failure is an exit status that is not 0, which the automation's `On-failure: closed` turns
 * into a refusal. The database is opened only where something is refused, or a condition asks for history. */
#include <errno.h>
#include <string.h>

#include "guard.h"
#include "judge.h"
#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/dbmem.h"
#include "libccm/event.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "libccm/redact.h"
#include "libccm/utf8.h"
#include "libccm/uuid.h"
#include "overrule.h"
#include "parse.h"
#include "setup.h"

#define EVENT_MAX_BYTES ((size_t)256 << 20)
#define BUSY_TIMEOUT_MS 800
#define COMMAND_MAX_BYTES 1000           /* of one in an alert */
#define SELF "security-guard"

struct call {
	struct ccm_sbuf text;
	struct ccm_json tool_input;
	char *event, *tool, *session_id, *cwd;
	const char *project, *event_uuid;
	bool truncated, trial;
	char *command;               /* of a shell tool */
	struct guard_parser *parser; /* ... which is being parsed */
	struct guard_setup setup;
	struct guard_judgement judgement;
	struct ccm_db *db;
};

static void call_done(struct call *c)
{
	guard_judgement_done(&c->judgement);
	guard_parser_end(c->parser);
	guard_setup_done(&c->setup);
	ccm_db_close(c->db);
	ccm_sbuf_done(&c->text);
	free(c->event);
	free(c->tool);
	free(c->session_id);
	free(c->cwd);
	free(c->command);
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

/* ---- the event */

static int take_string(const struct ccm_json *v, char **to)
{
	if (v->type != CCM_JSON_STRING)
		return 0;
	free(*to);
	*to = ccm_json_string(v);
	return *to ? 0 : -ENOMEM;
}

static int read_event(struct call *c)
{
	struct ccm_json_iter it;
	struct ccm_json key, value;
	int r = ccm_read_fd(STDIN_FILENO, EVENT_MAX_BYTES, &c->text), n;

	if (r < 0)
		return r;
	ccm_json_iter_text(&it, ccm_sbuf_str(&c->text), c->text.bytes);
	while ((n = ccm_json_next(&it, &key, &value)) > 0 && r == 0) {
		if (ccm_json_is(&key, "hook_event_name"))
			r = take_string(&value, &c->event);
		else if (ccm_json_is(&key, "tool_name"))
			r = take_string(&value, &c->tool);
		else if (ccm_json_is(&key, "session_id"))
			r = take_string(&value, &c->session_id);
		else if (ccm_json_is(&key, "cwd"))
			r = take_string(&value, &c->cwd);
		else if (ccm_json_is(&key, "tool_input"))
			c->tool_input = value;
	}
	if (r == 0 && n < 0) {
		ccm_error("the event is no JSON object: %s (byte %zu)", it.error.what, it.error.offset);
		r = -CCM_E_SAID;
	}
	if (r == 0 && (!c->event || !c->tool)) {
		ccm_error("the event has no '%s'", c->event ? "tool_name" : "hook_event_name");
		r = -CCM_E_SAID;
	}
	c->project = variable("CCM_PROJECT") ? variable("CCM_PROJECT") : variable("CLAUDE_PROJECT_DIR");
	c->event_uuid = variable("CCM_EVENT_ID");
	c->truncated = variable("CCM_TRUNCATED");
	c->trial = variable("CCM_TRIAL");
	return r;
}

static bool is_shell(const char *tool)
{
	return strcmp(tool, "Bash") == 0 || strcmp(tool, "Monitor") == 0;
}

/* Before the rules and all else are looked for: that is done by the time shfmt has an answer. */
static int begin_command(struct call *c)
{
	struct ccm_json v;
	int r;

	if (!is_shell(c->tool) || !ccm_json_member(&c->tool_input, "command", &v))
		return 0;
	r = take_string(&v, &c->command);
	if (r == 0 && c->command)
		c->parser = guard_parser_begin(c->command, strlen(c->command));
	return r;
}

static int judge(struct call *c)
{
	struct guard_case one = {
		.tool = c->tool, .input = c->tool_input, .session_id = c->session_id, .project = c->project,
		.directory = c->cwd && c->cwd[0] == '/' ? c->cwd : c->setup.here,
		.command = c->command, .command_bytes = c->command ? strlen(c->command) : 0, .parser = c->parser,
	};

	return guard_judge(&one, &c->setup.config, &c->setup.paths, &c->judgement);
}

/* ---- the answer */

static void put(struct ccm_sbuf *out, const char *name, const struct ccm_sbuf *text)
{
	ccm_sbuf_addf(out, "\"%s\":", name);
	ccm_json_quote(out, ccm_sbuf_str(text), text->bytes);
}

static int print_answer(enum guard_verdict verdict, const struct ccm_sbuf *words, const struct ccm_sbuf *halt)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };

	ccm_sbuf_addc(&out, '{');
	if (halt && halt->bytes) {
		ccm_sbuf_adds(&out, "\"continue\":false,");
		put(&out, "stopReason", halt);
		ccm_sbuf_addc(&out, ',');
	}
	if (verdict == GUARD_WARN) {
		put(&out, "systemMessage", words);
		ccm_sbuf_addc(&out, ',');
	}
	ccm_sbuf_adds(&out, "\"hookSpecificOutput\":{\"hookEventName\":\"PreToolUse\",");
	if (verdict != GUARD_WARN)
		ccm_sbuf_addf(&out, "\"permissionDecision\":\"%s\",", guard_verdict_name(verdict));
	put(&out, verdict == GUARD_WARN ? "additionalContext" : "permissionDecisionReason", words);
	ccm_sbuf_adds(&out, "}}\n");
	if (ccm_sbuf_error(&out) || ccm_sbuf_error(words))
		return -ENOMEM;
	return ccm_write_all(STDOUT_FILENO, out.text, out.bytes);
}

/* ---- refusing */

static int open_db(struct call *c)
{
	struct ccm_diag diag = { 0 };
	int r;

	ccm_dbmem_install();
	r = ccm_db_open(c->setup.paths.db, CCM_DB_WRITE, BUSY_TIMEOUT_MS, &c->db, &diag);
	if (r < 0)
		ccm_warn("no person can overrule this: %s", ccm_diag_text(&diag, r));
	else
		ccm_db_defer_checkpoint(c->db);
	return r;
}

static int raise_alert(struct call *c, const struct guard_refusal *r, const struct ccm_sbuf *title, const struct ccm_sbuf *body)
{
	char uuid[CCM_UUID_CHARS + 1];
	int64_t now = ccm_now_ms();

	ccm_uuid_make(now, uuid);
	return ccm_db_exec(c->db, Q_ALERT_INSERT, DB_ARGS(
		DB_TEXT("uuid", uuid), DB_INT("created_ms", now), DB_TEXT("level", "urgent"), DB_TEXT("source", SELF),
		DB_TEXT("session_id", r->session_id), DB_TEXT("event_uuid", r->event_uuid), DB_TEXT("title", ccm_sbuf_str(title)),
		DB_TEXT("body", ccm_sbuf_str(body)), DB_TEXT("kind", ccm_alert_kind_name(CCM_KIND_HALT)),
		DB_TEXT("event", c->event), DB_TEXT("project", r->project)));
}

/* What was refused, for whoever was not there: its command, if it has one, without what looks like a secret. */
static void add_refused(struct ccm_sbuf *out, const struct call *c)
{
	_cleanup_sbuf_ struct ccm_sbuf safe = { 0 };
	size_t bytes;

	ccm_sbuf_addf(out, "\nIt was refused %s", c->tool);
	if (!c->command)
		return;
	ccm_redact(&safe, c->command, strlen(c->command));
	bytes = ccm_utf8_cut(ccm_sbuf_str(&safe), safe.bytes, COMMAND_MAX_BYTES);
	ccm_sbuf_adds(out, ": ");
	ccm_sbuf_add(out, ccm_sbuf_str(&safe), bytes);
	if (bytes < safe.bytes || ccm_sbuf_error(&safe))
		ccm_sbuf_adds(out, "…");
}

/* Different spellings of what is refused, one after the other, are no accident. */
static int count_detours(struct call *c, const struct guard_refusal *r, const struct ccm_sbuf *words, struct ccm_sbuf *halt)
{
	int64_t limit = c->setup.config.settings.guard_detours, count = 0;
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };
	int n = limit ? guard_overrule_detours(c->db, r, &count) : 0;

	if (n < 0 || !limit || count < limit)
		return n;
	ccm_sbuf_addf(halt, "%s refused %lld different attempts of the group '%s' in this session; it is halted until you say how to "
		      "go on", SELF, (long long)count, r->group);
	ccm_alert_begin_title(&title, r->project);
	ccm_sbuf_addf(&title, "%s halted the session: it refused %lld different attempts of the group '%s'", SELF, (long long)count,
		      r->group);
	ccm_sbuf_adds(&body, ccm_sbuf_str(words));
	add_refused(&body, c);
	ccm_sbuf_adds(&body, "\nThe session goes on with your next prompt in it.");
	if (ccm_sbuf_error(&title) < 0 || ccm_sbuf_error(&body) < 0)
		return -ENOMEM;
	return raise_alert(c, r, &title, &body);
}

static const char *json_or_command(const struct call *c, size_t *ret_bytes)
{
	*ret_bytes = c->command ? strlen(c->command) : c->tool_input.bytes;
	return c->command ? c->command : c->tool_input.text;
}

static int record(struct call *c, const struct guard_refusal *r, struct ccm_sbuf *words, struct ccm_sbuf *halt)
{
	char code[GUARD_CODE_CHARS + 1];
	int n = guard_overrule_refuse(c->db, r, code);

	if (n < 0)
		return n;
	n = count_detours(c, r, words, halt);
	if (n < 0)
		return n;
	ccm_sbuf_addf(words, " A person, and nobody else, can let exactly this run: ccm-hook allow-once %s", code);
	return 0;
}

/* 1: it passes, because a person allowed it. */
static int refuse(struct call *c, struct ccm_sbuf *words)
{
	const struct guard_rule *rule = c->judgement.worst.rule;
	_cleanup_sbuf_ struct ccm_sbuf halt = { 0 };
	struct guard_refusal r = {
		.session_id = c->session_id ? c->session_id : "", .project = c->project ? c->project : "", .tool = c->tool,
		.directory = c->cwd ? c->cwd : "", .rule = rule->id, .group = rule->group, .event_uuid = c->event_uuid,
	};
	int n;

	r.input = json_or_command(c, &r.input_bytes);
	if (!c->trial && open_db(c) == 0) {
		n = guard_overrule_passes(c->db, &r);
		if (n > 0) {
			ccm_warn("a person allowed what rule %s refuses", rule->id);
			return 1;
		}
		if (n == 0)
			n = record(c, &r, words, &halt);
		if (n < 0)
			ccm_warn("no person can overrule this: %s", ccm_db_words(c->db));
	}
	return print_answer(GUARD_DENY, words, &halt);
}

/* A command of which the end is missing may be anything. */
static int ask_of_truncated(void)
{
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };

	ccm_sbuf_adds(&words, "The call is too long to be read whole ([storage] max_event), so what it does is not known. Instead: do it in "
			      "smaller steps.");
	return print_answer(GUARD_ASK, &words, NULL);
}

static int answer(struct call *c)
{
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };

	if (c->judgement.verdict == GUARD_OFF)
		return c->truncated ? ask_of_truncated() : 0;
	guard_judgement_words(&c->judgement, &words);
	if (c->judgement.verdict == GUARD_DENY)
		return refuse(c, &words);
	return print_answer(c->judgement.verdict, &words, NULL);
}

int cmd_judge(const struct ccm_opt_usage *usage, int argc, char **argv)
{
	_cleanup_(call_done) struct call c = { 0 };
	const struct ccm_opt opts[] = { OPT_END };
	int r;

	argc = ccm_opt_parse(usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = read_event(&c);
	if (r < 0)
		return r;
	if (strcmp(c.event, "PreToolUse") != 0)
		return CCM_EXIT_OK;
	r = begin_command(&c);
	if (r == 0)
		r = guard_setup(c.project && c.project[0] == '/' ? c.project : c.cwd, &c.setup);
	if (r == 0)
		r = judge(&c);
	if (r == 0)
		r = answer(&c);
	/* After the answer: a rule is read when a command of its comes up. */
	if (r >= 0) {
		guard_setup_warn(&c.setup, false);
		guard_config_remember(&c.setup.config, &c.setup.paths);
	}
	return r < 0 ? r : CCM_EXIT_OK;
}
