/* SPDX-License-Identifier: MIT */
#include "halt.h"

#include <errno.h>
#include <string.h>

#include "libccm/clock.h"
#include "libccm/host.h"

static bool is_event(const struct ccm_event *e, const char *name)
{
	return e->name && strcmp(e->name, name) == 0;
}

/* The client also sends prompts of its own making. */
static bool is_person(const struct ccm_event *e)
{
	return is_event(e, "UserPromptSubmit") && e->prompt && strncmp(e->prompt, "<task-notification>", 19) != 0;
}

bool halt_matters(const struct ccm_event *e)
{
	return e->session_id && (is_event(e, "PreToolUse") || is_event(e, "PostToolBatch") || is_person(e));
}

static int find(struct ccm_db *db, const char *session_id, char **ret_reason)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *halted;
	int r = ccm_db_query(db, Q_SESSION_GET, DB_ARGS(DB_TEXT("session_id", session_id)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	halted = r > 0 ? ccm_rows_text(&rows, "halted") : NULL;
	if (!halted)
		return r < 0 ? r : 0;
	*ret_reason = strdup(halted);
	return *ret_reason ? 0 : -ENOMEM;
}

int halt_end(struct ccm_db *db, const char *session_id)
{
	int r = ccm_db_exec(db, Q_SESSION_RESUME, DB_ARGS(DB_TEXT("session_id", session_id), DB_INT("now_ms", ccm_now_ms())));

	return r < 0 ? r : 0;
}

int halt_look(struct ccm_db *db, const struct ccm_event *e, char **ret_reason)
{
	int r;

	*ret_reason = NULL;
	if (!db || !halt_matters(e))
		return 0;
	r = find(db, e->session_id, ret_reason);
	if (r < 0 || !*ret_reason || !is_person(e))
		return r;
	free(*ret_reason);
	*ret_reason = NULL;
	return halt_end(db, e->session_id);
}

int halt_begin(struct ccm_db *db, const struct ccm_event *e, const char *reason)
{
	int r;

	if (!db || !e->session_id)
		return 0;
	r = ccm_db_exec(db, Q_SESSION_HALT, DB_ARGS(
		DB_TEXT("session_id", e->session_id), DB_TEXT("host", CCM_HOST_NAME), DB_TEXT("project", e->project),
		DB_INT("now_ms", ccm_now_ms()), DB_TEXT("halted", reason)));
	return r < 0 ? r : 0;
}
