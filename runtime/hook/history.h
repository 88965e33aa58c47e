/* SPDX-License-Identifier: MIT */
/* history - recorded events, found again: what log, show and stats share. print.h shows them.
 *
 * Ownership: a struct history_event or history_run borrows its texts from the row it was read from,
 *            until the next row.
 */
#ifndef CCM_HOOK_HISTORY_H
#define CCM_HOOK_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "ctx.h"

/* Which events a command is about, as the person said it and as the queries want it. */
struct history_scope {
	const char *since_text, *until_text, *session_text, *project_text;       /* options; NULL: not given */
	int64_t since_ms, until_ms;          /* both ends belong to it */
	char *session;                       /* beginning of a session id; NULL: all sessions */
	bool session_whole;                  /* session is a whole id, and the only one that begins so */
	bool session_unknown;                /* no session begins so: there is nothing to show */
	char *project;                       /* absolute path, or the last part of one; NULL: all */
};

#define HISTORY_SCOPE_OPTS(scope) \
	OPT_STR("since", 'S', "TIME", &(scope)->since_text, \
		"from then on: '2h ago', yesterday, 10:30, ISO, @epoch"), \
	OPT_STR("until", 'U', "TIME", &(scope)->until_text, "up to then"), \
	OPT_STR("session", 's', "ID", &(scope)->session_text, "one session: the beginning of its id, or 'last'"), \
	OPT_STR("project", 'p', "DIR", &(scope)->project_text, "one project: its folder, or its name")

/* Reads the texts; looks the session up where there is a database. -CCM_E_USAGE after saying what is wrong. */
int history_scope_read(struct ctx *ctx, struct history_scope *s);
void history_scope_done(struct history_scope *s);
#define _cleanup_scope_ _cleanup_(history_scope_done)

/* The arguments of the SQL fragment EVENT_SCOPE, for a DB_ARGS() list. */
#define HISTORY_SCOPE_ARGS(s) \
	DB_INT("since_ms", (s)->since_ms), DB_INT("until_ms", (s)->until_ms), \
	DB_TEXT("session", (s)->session), DB_TEXT("project", (s)->project)

/* The event of that name: its number (with or without #), its UUID, or 'last'. *ret_id is 0 if there
 * is none. -CCM_E_USAGE after saying so if it is none of these. */
int history_find(struct ctx *ctx, const char *name, int64_t *ret_id);

/* What --lines says: a whole number, or 'all', which is -1. *count stays as it is if text is NULL. */
int history_lines_read(struct ctx *ctx, const char *text, int64_t *count);

/* Says on stderr that nothing was recorded yet. */
void history_say_none(const struct ctx *ctx);

/* One row with the columns of the SQL fragment EVENT_COLUMNS. NULL: not known, or does not apply. */
struct history_event {
	int64_t id, received_ms, payload_bytes;
	int64_t took_us, exit_status;        /* once it is finished */
	bool finished, valid, stop;
	bool failed;                         /* a run failed, or there is a note */
	int64_t checkpoint;                  /* the number of the one that was taken at it; 0: none */
	const char *uuid, *host, *event, *tool, *tool_use_id, *session_id, *agent_id, *agent_type, *prompt_id;
	const char *project, *cwd, *permission_mode, *detail, *problem, *verdict, *reason, *answer, *note;
};
void history_event_read(const struct ccm_rows *rows, struct history_event *ret);

/* One row of RUN_LIST. */
struct history_run {
	int64_t stage, started_ms, took_us, exit_status, signal, out_bytes, err_bytes;
	bool exited, timed_out;
	const char *automation, *verdict, *reason, *problem, *out, *err;
};
void history_run_read(const struct ccm_rows *rows, struct history_run *ret);

#endif
