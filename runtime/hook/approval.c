/* SPDX-License-Identifier: MIT */
#include "approval.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "libccm/clock.h"
#include "libccm/proc.h"
#include "libccm/utf8.h"
#include "registration.h"

/* For the program to start, to send, and to end. */
#define AROUND_MS 10000
#define END_MS (CCM_PROC_GRACE_MS + CCM_PROC_LINGER_MS + 300)
#define WAIT_MIN_MS 1000
#define INPUT_MAX_BYTES ((size_t)32 << 10)
#define VALUE_MAX_BYTES ((size_t)8 << 10)
#define OUTPUT_MAX_BYTES ((size_t)64 << 10)
#define NAME "ccm"

extern char **environ;

static bool is_event(const struct ccm_event *e, const char *name)
{
	return e->name && strcmp(e->name, name) == 0;
}

bool approval_matters(const struct ctx *ctx, const struct ccm_event *e)
{
	return ctx->settings.approvals && !ctx->paths.task && !ctx->paths.problem && e->tool_name &&
	       (is_event(e, "PreToolUse") ||
		/* What is asked there is not a yes or no. */
		(is_event(e, "PermissionRequest") && strcmp(e->tool_name, "AskUserQuestion") != 0));
}

int approval_registered_s(const struct ccm_settings *s)
{
	return s->approvals ? (int)((s->approval_ms + 999) / 1000) : 0;
}

/* At a terminal the client's own dialog follows, and the hook that comes with it asks. */
static int dialog_follows(bool *ret)
{
	const char *entry = getenv("CLAUDE_CODE_ENTRYPOINT");
	_cleanup_registration_ struct registration reg = { 0 };
	int r;

	*ret = false;
	if (!entry || strcmp(entry, "cli") != 0)
		return 0;
	r = registration_load(&reg);
	if (r == 0)
		*ret = registration_has(&reg, "PermissionRequest", false);
	return r;
}

static void add_value(struct ccm_sbuf *out, const struct ccm_json *v)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	size_t cut;

	if (v->type == CCM_JSON_STRING)
		ccm_json_decode(v, &text);
	else
		ccm_json_repair(&text, v->text, v->bytes);
	cut = ccm_utf8_cut(ccm_sbuf_str(&text), text.bytes, VALUE_MAX_BYTES);
	ccm_sbuf_add(out, ccm_sbuf_str(&text), cut);
	if (cut < text.bytes)
		ccm_sbuf_addf(out, " [%zu bytes more]", text.bytes - cut);
	out->failed |= text.failed;
}

/* The command or the file first, then whatever else the tool is to be called with, a line each. */
static void describe(const struct ccm_event *e, struct ccm_sbuf *out)
{
	const char *first = e->tool_command ? e->tool_command : e->tool_file;
	struct ccm_json_iter it;
	struct ccm_json key, value;

	ccm_sbuf_adds(out, first ? first : "");
	if (e->tool_input.type != CCM_JSON_OBJECT)
		return;
	ccm_json_iter_value(&it, &e->tool_input);
	while (ccm_json_next(&it, &key, &value) > 0) {
		if (ccm_json_is(&key, "description") || (e->tool_command && ccm_json_is(&key, "command")) ||
		    (!e->tool_command && e->tool_file && ccm_json_is(&key, "file_path")))
			continue;
		if (out->bytes)
			ccm_sbuf_addc(out, '\n');
		ccm_json_decode(&key, out);
		ccm_sbuf_adds(out, ": ");
		add_value(out, &value);
	}
}

static void add_member(struct ccm_sbuf *out, const char *name, const char *text, size_t bytes)
{
	ccm_sbuf_addf(out, "%s\"%s\":", out->bytes > 1 ? "," : "", name);
	if (text)
		ccm_json_quote(out, text, bytes);
	else
		ccm_sbuf_adds(out, "null");
}

static int question(const struct ccm_event *e, const struct ccm_outcome *o, int64_t wait_ms, struct ccm_sbuf *out)
{
	const struct { const char *name, *text; } fields[] = {
		{ "event_uuid", e->uuid }, { "event", e->name }, { "session_id", e->session_id }, { "agent_id", e->agent_id },
		{ "project", e->project },
		{ "tool", e->tool_name }, { "detail", e->detail }, { "reason", o->reason.bytes ? o->reason.text : NULL },
	};
	_cleanup_sbuf_ struct ccm_sbuf input = { 0 };

	describe(e, &input);
	ccm_sbuf_addc(out, '{');
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		add_member(out, fields[i].name, fields[i].text, fields[i].text ? strlen(fields[i].text) : 0);
	add_member(out, "input", ccm_sbuf_str(&input), ccm_utf8_cut(ccm_sbuf_str(&input), input.bytes, INPUT_MAX_BYTES));
	ccm_sbuf_addf(out, ",\"input_bytes\":%zu,\"wait_ms\":%lld}", input.bytes, (long long)wait_ms);
	return ccm_sbuf_error(&input) || ccm_sbuf_error(out) ? -ENOMEM : 0;
}

static void tell(struct ccm_sbuf *note, const char *what, const char *why)
{
	size_t bytes = strcspn(why, "\n");

	ccm_sbuf_addf(note, "%s: %.*s", what, (int)bytes, why);
}

/* What the program answered becomes the verdict. */
static int settle(const struct ccm_settings *s, const struct ccm_proc_result *result, struct ccm_outcome *o, struct ccm_sbuf *note)
{
	json_auto_t *root = json_loadb(ccm_sbuf_str(&result->out), result->out.bytes, 0, NULL);
	const char *state = json_string_value(json_object_get(root, "state")), *by = json_string_value(json_object_get(root, "by"));
	const char *problem = json_string_value(json_object_get(root, "problem"));
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	enum ccm_verdict verdict = CCM_VERDICT_DENY;
	char time[32];

	if (!state || strcmp(state, "failed") == 0) {
		tell(note, "nobody could be asked from afar", problem ? problem : result->timed_out ? "ccm-deliver did not end in time" :
		     result->error ? ccm_strerror(result->error) : result->err.bytes ? result->err.text : "ccm-deliver gave no answer");
		return 0;
	}
	if (strcmp(state, "approved") == 0) {
		verdict = CCM_VERDICT_ALLOW;
		ccm_sbuf_addf(&words, "approved from afar by %s", by ? by : "the person");
	} else if (strcmp(state, "denied") == 0) {
		ccm_sbuf_addf(&words, "%s said no from afar; do something else, or stop and ask", by ? by : "the person");
	} else if (strcmp(state, "expired") == 0) {
		ccm_sbuf_addf(&words, "the person was asked from afar and did not answer within %s, which counts as no; do something else, or stop and ask",
			      ccm_duration_format(s->approval_ms, time, sizeof time));
	} else {
		return 0;
	}
	return ccm_sbuf_error(&words) ? -ENOMEM : ccm_outcome_settle(o, verdict, NAME, words.text);
}

int approval_ask(const struct ctx *ctx, const struct ccm_event *e, int64_t left_ms, struct ccm_outcome *o, struct ccm_sbuf *note)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 }, input = { 0 };
	static const char *const argv[] = { "ccm-deliver", "approve", NULL };
	struct ccm_proc_result result = { 0 };
	int64_t wait_ms = left_ms - AROUND_MS - END_MS;
	bool later = false;
	int r = 0;

	if (!approval_matters(ctx, e))
		return 0;
	if (is_event(e, "PreToolUse")) {
		if (o->verdict != CCM_VERDICT_ASK)
			return 0;
		r = dialog_follows(&later);
	} else if (o->verdict == CCM_VERDICT_ALLOW || o->verdict == CCM_VERDICT_DENY) {
		return 0;
	}
	if (r < 0 || later)
		return r;
	if (wait_ms < WAIT_MIN_MS) {
		tell(note, "nobody was asked from afar", "the time that this event is registered with is too short: run 'ccm-hook install'");
		return 0;
	}
	if (wait_ms > ctx->settings.approval_ms)
		wait_ms = ctx->settings.approval_ms;
	ccm_sbuf_addf(&path, "%s/ccm-deliver", ctx->paths.libexec);
	r = question(e, o, wait_ms, &input);
	if (r < 0 || ccm_sbuf_error(&path))
		return -ENOMEM;
	r = ccm_proc_run_all(&(struct ccm_proc_spec){
		.path = path.text, .argv = argv, .envp = (const char *const *)(uintptr_t)environ,
		.input = input.text, .input_bytes = input.bytes, .output_max_bytes = OUTPUT_MAX_BYTES,
		.timeout_ms = wait_ms + AROUND_MS }, 1, &result);
	if (r == 0)
		r = settle(&ctx->settings, &result, o, note);
	ccm_proc_result_done(&result);
	return r;
}
