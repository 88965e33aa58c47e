/* SPDX-License-Identifier: MIT */
/* command - a program of the person's own.
 *
 * It gets the alert as JSON on stdin, and as CCM_ALERT_* in its environment. What it prints is kept only if it fails.
 *
 * Exit status 0: it has the alert. 75 (EX_TEMPFAIL of sysexits.h): it will, later. 64 to 78 otherwise, 126 and 127 (as sh
 * says that it found no program): never. Anything else may be an accident and is tried again, ATTEMPTS times in all.
 */
#include <errno.h>
#include <string.h>

#include "libccm/proc.h"
#include "libccm/term.h"
#include "secret.h"
#include "sender.h"
#include "sources.h"

#define ATTEMPTS 5
#define OUTPUT_MAX_BYTES 4096
#define STATUS_LATER 75

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
	_cleanup_sender_environment_ struct sender_environment environment = { 0 };
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
	r = sender_environment_make(settings, m, &environment);
	if (r == 0)
		r = sender_json(m, &json);
	if (r == 0)
		r = ccm_proc_run_all(&(struct ccm_proc_spec){
			.path = program.text, .argv = words, .envp = (const char *const *)environment.list, .input = json.text,
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
