/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "libccm/clock.h"
#include "libccm/log.h"
#include "libccm/uuid.h"

static int read_time(struct ctx *ctx, const char *option, const char *text, int64_t *ret_ms)
{
	struct ccm_diag diag = { 0 };
	int r;

	if (!text)
		return 0;
	r = ccm_time_parse(text, ccm_now_ms(), ret_ms, &diag);
	if (r < 0)
		return ccm_opt_error(&ctx->usage, "--%s: %s", option, ccm_diag_text(&diag, r));
	return 0;
}

/* *ret stays NULL if there is no such session. A whole id wins over longer ones that begin so. */
static int find_session(struct ctx *ctx, const char *text, char **ret, bool *ret_whole)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	bool last = strcmp(text, "last") == 0;
	int r;

	if (last)
		r = ccm_db_query(ctx->db, Q_SESSION_LAST, NULL, &rows);
	else
		r = ccm_db_query(ctx->db, Q_SESSION_BY_PREFIX, DB_ARGS(DB_TEXT("session", text)), &rows);
	if (r < 0)
		return r;
	r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	*ret = strdup(ccm_rows_text(&rows, "session_id"));
	if (!*ret)
		return -ENOMEM;
	*ret_whole = last || strcmp(*ret, text) == 0;
	if (*ret_whole)
		return 0;
	r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	*ret_whole = r == 0;
	if (!*ret_whole)
		(*ret)[strlen(text)] = '\0';
	return 0;
}

static int read_session(struct ctx *ctx, struct history_scope *s)
{
	int r;

	if (!s->session_text)
		return 0;
	if (!s->session_text[0])
		return ccm_opt_error(&ctx->usage, "--session needs the beginning of a session's id, or 'last'");
	if (!ctx->db)
		return 0;
	r = find_session(ctx, s->session_text, &s->session, &s->session_whole);
	if (r < 0 || s->session)
		return r;
	s->session_unknown = true;
	if (strcmp(s->session_text, "last") == 0)
		ccm_warn("no session is recorded yet");
	else
		ccm_warn("no session's id begins with '%s'", s->session_text);
	return 0;
}

/* A path as the host would have given it; what is no path here is taken for the end of one. */
static int read_project(struct ctx *ctx, struct history_scope *s)
{
	const char *text = s->project_text;
	char real[PATH_MAX];
	size_t bytes;

	if (!text)
		return 0;
	if (!text[0])
		return ccm_opt_error(&ctx->usage, "--project needs a folder, or its name");
	if (text[0] != '/' && (strchr(text, '/') || strcmp(text, ".") == 0 || strcmp(text, "..") == 0) &&
	    realpath(text, real))
		text = real;
	bytes = strlen(text);
	while (bytes > 1 && text[bytes - 1] == '/')
		bytes--;
	s->project = strndup(text, bytes);
	return s->project ? 0 : -ENOMEM;
}

int history_scope_read(struct ctx *ctx, struct history_scope *s)
{
	int r;

	s->since_ms = INT64_MIN;
	s->until_ms = INT64_MAX;
	r = read_time(ctx, "since", s->since_text, &s->since_ms);
	if (r == 0)
		r = read_time(ctx, "until", s->until_text, &s->until_ms);
	if (r == 0)
		r = read_project(ctx, s);
	if (r == 0)
		r = read_session(ctx, s);
	return r;
}

int history_lines_read(struct ctx *ctx, const char *text, int64_t *count)
{
	char *rest;
	int64_t n;

	if (!text)
		return 0;
	if (strcmp(text, "all") == 0) {
		*count = -1;
		return 0;
	}
	errno = 0;
	n = strtoll(text, &rest, 10);
	if (text[0] < '0' || text[0] > '9' || *rest || errno)
		return ccm_opt_error(&ctx->usage, "--lines takes a whole number or 'all', not '%s'", text);
	*count = n;
	return 0;
}

void history_scope_done(struct history_scope *s)
{
	free(s->session);
	free(s->project);
	s->session = s->project = NULL;
}

static int find_id(struct ccm_db *db, enum ccm_query q, const struct ccm_db_arg *args, int64_t *ret)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(db, q, args, &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		*ret = ccm_rows_int(&rows, "id");
	return r < 0 ? r : 0;
}

int history_find(struct ctx *ctx, const char *name, int64_t *ret_id)
{
	char uuid[CCM_UUID_CHARS + 1], *rest;
	const char *digits = name + (name[0] == '#');
	int64_t time_ms;

	*ret_id = 0;
	if (strcmp(name, "last") == 0)
		return find_id(ctx->db, Q_EVENT_LAST, NULL, ret_id);
	if (ccm_uuid_time(name, &time_ms)) {
		for (size_t i = 0; i <= CCM_UUID_CHARS; i++)
			uuid[i] = (char)(name[i] >= 'A' && name[i] <= 'F' ? name[i] | 0x20 : name[i]);
		return find_id(ctx->db, Q_EVENT_BY_UUID,
			       DB_ARGS(DB_INT("received_ms", time_ms), DB_TEXT("uuid", uuid)), ret_id);
	}
	errno = 0;
	*ret_id = strtoll(digits, &rest, 10);
	if (digits[0] < '0' || digits[0] > '9' || *rest || errno)
		return ccm_opt_error(&ctx->usage, "an event is named by its number, its UUID, or 'last', not '%s'",
				     name);
	return 0;
}

void history_say_none(const struct ctx *ctx)
{
	ccm_error("nothing is recorded yet: there is no database '%s' ('ccm-hook install' registers ccm with the agent)",
		  ctx->paths.db);
}

void history_event_read(const struct ccm_rows *rows, struct history_event *ret)
{
	*ret = (struct history_event){
		.id = ccm_rows_int(rows, "id"),
		.received_ms = ccm_rows_int(rows, "received_ms"),
		.payload_bytes = ccm_rows_int(rows, "payload_bytes"),
		.took_us = ccm_rows_int(rows, "took_us"),
		.exit_status = ccm_rows_int(rows, "exit_status"),
		.finished = !ccm_rows_is_null(rows, "verdict"),
		.valid = ccm_rows_int(rows, "valid"),
		.stop = ccm_rows_int(rows, "stop"),
		.failed = ccm_rows_int(rows, "failed"),
		.checkpoint = ccm_rows_int(rows, "checkpoint"),
		.uuid = ccm_rows_text(rows, "uuid"),
		.host = ccm_rows_text(rows, "host"),
		.event = ccm_rows_text(rows, "event"),
		.tool = ccm_rows_text(rows, "tool"),
		.tool_use_id = ccm_rows_text(rows, "tool_use_id"),
		.session_id = ccm_rows_text(rows, "session_id"),
		.agent_id = ccm_rows_text(rows, "agent_id"),
		.agent_type = ccm_rows_text(rows, "agent_type"),
		.prompt_id = ccm_rows_text(rows, "prompt_id"),
		.project = ccm_rows_text(rows, "project"),
		.cwd = ccm_rows_text(rows, "cwd"),
		.permission_mode = ccm_rows_text(rows, "permission_mode"),
		.detail = ccm_rows_text(rows, "detail"),
		.problem = ccm_rows_text(rows, "problem"),
		.verdict = ccm_rows_text(rows, "verdict"),
		.reason = ccm_rows_text(rows, "reason"),
		.answer = ccm_rows_text(rows, "answer"),
		.note = ccm_rows_text(rows, "note"),
	};
}

void history_run_read(const struct ccm_rows *rows, struct history_run *ret)
{
	*ret = (struct history_run){
		.stage = ccm_rows_int(rows, "stage"),
		.started_ms = ccm_rows_int(rows, "started_ms"),
		.took_us = ccm_rows_int(rows, "took_us"),
		.exit_status = ccm_rows_int(rows, "exit_status"),
		.signal = ccm_rows_int(rows, "signal"),
		.out_bytes = ccm_rows_int(rows, "stdout_bytes"),
		.err_bytes = ccm_rows_int(rows, "stderr_bytes"),
		.exited = !ccm_rows_is_null(rows, "exit_status"),
		.timed_out = ccm_rows_int(rows, "timed_out"),
		.automation = ccm_rows_text(rows, "automation"),
		.verdict = ccm_rows_text(rows, "verdict"),
		.reason = ccm_rows_text(rows, "reason"),
		.problem = ccm_rows_text(rows, "problem"),
		.out = ccm_rows_text(rows, "stdout"),
		.err = ccm_rows_text(rows, "stderr"),
	};
}
