/* SPDX-License-Identifier: MIT */
/* What security-guard makes of a command, or of a call that is on record. ccm-guard knows; this finds the event and calls it. */
#include <errno.h>
#include <string.h>

#include "ctx.h"
#include "history.h"
#include "libccm/clock.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "libccm/uuid.h"
#include "print.h"

#define TIMEOUT_MS 60000
#define OUTPUT_MAX_BYTES ((size_t)64 << 20)

extern char **environ;

static bool is_event_name(const char *name)
{
	int64_t ms;

	return strcmp(name, "last") == 0 || ccm_uuid_time(name, &ms) || (name[0] == '#' && name[1]) ||
	       (name[0] && !name[strspn(name, "0123456789")]);
}

static int call_guard(const struct ctx *ctx, const char *const *argv, const char *input, size_t bytes)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	struct ccm_proc_result result = { 0 };
	int r, status;

	ccm_sbuf_addf(&path, "%s/ccm-guard", ctx->paths.libexec);
	if (ccm_sbuf_error(&path))
		return -ENOMEM;
	r = ccm_proc_run_all(&(struct ccm_proc_spec){ .path = path.text, .argv = argv, .envp = (const char *const *)environ,
						      .input = input, .input_bytes = bytes, .output_max_bytes = OUTPUT_MAX_BYTES,
						      .timeout_ms = TIMEOUT_MS }, 1, &result);
	if (r < 0)
		return r;
	fwrite(ccm_sbuf_str(&result.out), 1, result.out.bytes, stdout);
	fwrite(ccm_sbuf_str(&result.err), 1, result.err.bytes, stderr);
	status = result.exit_status;
	if (result.error)
		ccm_error("cannot run '%s': %s; install ccm again", path.text, strerror(-result.error));
	else if (status < 0)
		ccm_error("'%s' %s", path.text, result.timed_out ? "took too long" : "was ended by a signal");
	ccm_proc_result_done(&result);
	return status < 0 ? -CCM_E_SAID : status == CCM_EXIT_BLOCK ? CCM_EXIT_FAILURE : status;
}

/* What was answered then; the rules of today may say something else. */
static void print_head(const struct history_event *e)
{
	char when[32];

	printf("Event      %lld, %s: %s\n", (long long)e->id, ccm_time_format(e->received_ms, false, when, sizeof when),
	       e->verdict ? e->verdict : "not finished");
	fflush(stdout);
}

static int explain_event(struct ctx *ctx, const char *name)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 }, payload = { 0 };
	const char *argv[] = { "ccm-guard", "explain", "--event", NULL, NULL, NULL };
	struct history_event e;
	const char *body;
	size_t bytes;
	int64_t id;
	int r;

	if (!ctx->db) {
		history_say_none(ctx);
		return -CCM_E_SAID;
	}
	r = history_find(ctx, name, &id);
	if (r == 0)
		r = ccm_db_query(ctx->db, Q_EVENT_BY_ID, DB_ARGS(DB_INT("id", id)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r == 0) {
		ccm_error("there is no event %s", name);
		return -CCM_E_SAID;
	}
	if (r > 0)
		r = ccm_db_query(ctx->db, Q_PAYLOAD_GET, DB_ARGS(DB_INT("event_id", id)), &payload);
	if (r == 0)
		r = ccm_rows_next(&payload);
	if (r < 0)
		return r;
	history_event_read(&rows, &e);
	body = r ? ccm_rows_blob(&payload, "body", &bytes) : NULL;
	if (!body) {
		ccm_error("the payload of event %s was not kept ([storage] payload)", name);
		return -CCM_E_SAID;
	}
	if (strcmp(ccm_rows_text(&payload, "form"), "full") != 0)
		ccm_warn("the payload of event %s is not whole (%s): what was cut is not explained", name, ccm_rows_text(&payload, "form"));
	if (e.project) {
		argv[3] = "--project";
		argv[4] = e.project;
	}
	print_head(&e);
	return call_guard(ctx, argv, body, bytes);
}

static int explain_command(struct ctx *ctx, const char *cwd, const char *project, int argc, char **argv)
{
	_cleanup_free_ const char **words = calloc((size_t)argc + 8, sizeof *words);
	size_t n = 0;

	if (!words)
		return -ENOMEM;
	words[n++] = "ccm-guard";
	words[n++] = "explain";
	if (cwd) {
		words[n++] = "--cwd";
		words[n++] = cwd;
	}
	if (project) {
		words[n++] = "--project";
		words[n++] = project;
	}
	words[n++] = "--";
	for (int i = 0; i < argc; i++)
		words[n++] = argv[i];
	return call_guard(ctx, words, NULL, 0);
}

int cmd_explain(struct ctx *ctx, int argc, char **argv)
{
	const char *cwd = NULL, *project = NULL;
	const struct ccm_opt opts[] = {
		OPT_STR("cwd", 0, "DIR", &cwd, "where the command would run (default: here)"),
		OPT_STR("project", 0, "DIR", &project, "its project (default: the repository around it)"),
		OPT_END
	};

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (argc == 1 && is_event_name(argv[0]))
		return explain_event(ctx, argv[0]);
	return explain_command(ctx, cwd, project, argc, argv);
}
