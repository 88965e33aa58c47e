/* SPDX-License-Identifier: MIT */
/* command - a program of the person's own.
 *
 * It gets the alert as JSON on stdin, and as CCM_ALERT_ID, _LEVEL, _KIND, _SOURCE, _TITLE, _BODY, _PROJECT, _SESSION, _TIMES in
 * its environment. What it prints is kept only if it fails.
 *
 * Exit status 0: it has the alert. 75 (EX_TEMPFAIL of sysexits.h): it will, later. 64 to 78 otherwise, 126 and 127 (as sh
 * says that it found no program): never. Anything else may be an accident and is tried again, ATTEMPTS times in all.
 */
#include <errno.h>
#include <string.h>

#include "libccm/alert.h"
#include "libccm/proc.h"
#include "libccm/term.h"
#include "secret.h"
#include "sender.h"
#include "sources.h"

#define ATTEMPTS 5
#define OUTPUT_MAX_BYTES 4096
#define TITLE_BYTES 1000                 /* of variables: there is a bound to all of them together */
#define BODY_BYTES 16000
#define STATUS_LATER 75

extern char **environ;

/* ---- the environment */

struct variables {
	char **list;
	size_t count;
};

static void variables_done(struct variables *v)
{
	for (size_t i = 0; i < v->count; i++)
		free(v->list[i]);
	free(v->list);
}

static int add_variable(struct variables *v, const char *name, const char *value, size_t max)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	char **list = realloc(v->list, (v->count + 2) * sizeof *list);

	if (!list)
		return -ENOMEM;
	v->list = list;
	ccm_sbuf_addf(&text, "%s=", name);
	sender_cut(&text, value ? value : "", max);
	list[v->count] = ccm_sbuf_take(&text);
	list[v->count + 1] = NULL;
	return list[v->count] ? (int)++v->count : -ENOMEM;
}

static int add_inherited(struct variables *v, const char *pair)
{
	size_t name = strcspn(pair, "=");
	_cleanup_free_ char *copy = strndup(pair, name);

	return copy ? add_variable(v, copy, pair[name] ? pair + name + 1 : "", SIZE_MAX) : -ENOMEM;
}

static int make_environment(const struct ccm_settings *settings, const struct alert_message *m, struct variables *v)
{
	char times[24];
	const struct { const char *name, *value; size_t max; } ours[] = {
		{ "CCM_ALERT_ID", m->uuid, TITLE_BYTES }, { "CCM_ALERT_LEVEL", ccm_alert_level_name(m->level), TITLE_BYTES },
		{ "CCM_ALERT_KIND", m->kind, TITLE_BYTES }, { "CCM_ALERT_SOURCE", m->source, TITLE_BYTES },
		{ "CCM_ALERT_TITLE", m->title, TITLE_BYTES }, { "CCM_ALERT_BODY", m->body, BODY_BYTES },
		{ "CCM_ALERT_PROJECT", m->project, TITLE_BYTES }, { "CCM_ALERT_SESSION", m->session_id, TITLE_BYTES },
		{ "CCM_ALERT_TIMES", times, TITLE_BYTES },
	};
	int r = 0;

	snprintf(times, sizeof times, "%lld", (long long)m->times);
	for (char **e = environ; r >= 0 && *e; e++)
		if (strncmp(*e, "CCM_ALERT_", strlen("CCM_ALERT_")) != 0 && !secret_is_variable(settings, *e))
			r = add_inherited(v, *e);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(ours); i++)
		r = add_variable(v, ours[i].name, ours[i].value, ours[i].max);
	return r < 0 ? r : 0;
}

/* ---- running it */

static void add_said(struct send_result *ret, const struct ccm_proc_result *p)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };
	const char *text = p->err.bytes ? p->err.text : ccm_sbuf_str(&p->out);

	secret_redact(&clean, text, strcspn(text, "\n"), NULL, 0);
	if (!clean.bytes)
		return;
	ccm_sbuf_adds(&ret->problem, ": ");
	ccm_term_clean(&ret->problem, clean.text, clean.bytes, CCM_CLEAN_LINE);
}

static void judge(const char *program, const struct ccm_proc_result *p, const struct alert_message *m, struct send_result *ret)
{
	int status = p->exit_status;
	bool over = m->attempt >= ATTEMPTS;

	if (p->error)
		send_result_set(ret, SEND_NEVER, "'%s' cannot be started: %s", program, ccm_strerror(p->error));
	else if (p->timed_out)
		send_result_set(ret, over ? SEND_NEVER : SEND_LATER, "'%s' took too long, and was ended", program);
	else if (p->signal)
		send_result_set(ret, over ? SEND_NEVER : SEND_LATER, "'%s' was ended by signal %d", program, p->signal);
	else if (status == 0)
		ret->outcome = SEND_SENT;
	else if (status == STATUS_LATER)
		send_result_set(ret, SEND_LATER, "'%s' wants to be asked later (status %d)", program, status);
	else if ((status >= 64 && status <= 78) || status == 126 || status == 127)
		send_result_set(ret, SEND_NEVER, "'%s' ended with status %d", program, status);
	else
		send_result_set(ret, over ? SEND_NEVER : SEND_LATER, "'%s' ended with status %d", program, status);
	if (!p->error && (p->timed_out || p->signal || status != 0))
		add_said(ret, p);
}

static int send(struct sender_ctx *s, const struct alert_message *m, struct send_result *ret)
{
	const struct ccm_settings *settings = &s->ctx->settings;
	const char *configured = ccm_settings_text(&settings->alert_command), *words[SOURCES_WORDS + 1] = { NULL };
	__attribute__((cleanup(variables_done))) struct variables v = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf program = { 0 }, json = { 0 };
	_cleanup_free_ char *command = strdup(configured);
	struct ccm_proc_result result = { 0 };
	size_t count = 0;
	int r;

	if (!command)
		return -ENOMEM;
	r = sources_split_command(command, words, &count, &program);
	if (r < 0) {
		send_result_set(ret, SEND_NEVER, "[command] run '%s' cannot be run: %s", configured, ccm_strerror(r));
		return 0;
	}
	r = make_environment(settings, m, &v);
	if (r == 0)
		r = sender_json(m, &json);
	if (r == 0)
		r = ccm_proc_run_all(&(struct ccm_proc_spec){
			.path = program.text, .argv = words, .envp = (const char *const *)v.list, .input = json.text,
			.input_bytes = json.bytes, .output_max_bytes = OUTPUT_MAX_BYTES,
			.timeout_ms = settings->alert_timeout_ms }, 1, &result);
	if (r == 0)
		judge(program.text, &result, m, ret);
	ccm_proc_result_done(&result);
	return r;
}

const struct sender sender_command = {
	.name = "command", .channel = CCM_COMMAND, .send = send,
	.missing = "[command] run is not set: name the program, with its arguments, that is to get each alert",
};
