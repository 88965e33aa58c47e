/* SPDX-License-Identifier: MIT */
#include "halt.h"

#include <errno.h>
#include <string.h>

#include "libccm/clock.h"

#define OWNER(session_id_) DB_TEXT("automation", "ccm"), DB_TEXT("session_id", session_id_)

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
	int r = ccm_db_query(db, Q_STATE_GET, DB_ARGS(OWNER(session_id), DB_TEXT("key", "halted")), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	*ret_reason = strdup(ccm_rows_text(&rows, "value"));
	return *ret_reason ? 0 : -ENOMEM;
}

static int set(struct ccm_db *db, const char *session_id, const char *key, const char *value)
{
	int r = ccm_db_exec(db, Q_STATE_SET, DB_ARGS(OWNER(session_id), DB_TEXT("key", key), DB_TEXT("value", value),
						     DB_INT("updated_ms", ccm_now_ms())));

	return r < 0 ? r : 0;
}

int halt_end(struct ccm_db *db, const char *session_id)
{
	char now[32];
	int r = ccm_db_exec(db, Q_STATE_DELETE, DB_ARGS(OWNER(session_id), DB_TEXT("key", "halted")));

	if (r <= 0)
		return r;
	snprintf(now, sizeof now, "%lld", (long long)ccm_now_ms());
	return set(db, session_id, "resumed", now);
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
	return db && e->session_id ? set(db, e->session_id, "halted", reason) : 0;
}
