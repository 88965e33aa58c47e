/* SPDX-License-Identifier: MIT */
#include "resume.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "libccm/clock.h"
#include "libccm/hours.h"
#include "libccm/io.h"
#include "libccm/json.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "libccm/quota.h"
#include "session.h"
#include "sources.h"
#include "task.h"

#define OUTPUT_MAX_BYTES (4 << 20)
#define LEASE_SPARE_MS 60000
#define GO_ON "Go on with the work: it was held back for want of quota, and there is some again."

extern char **environ;

/* ---- when ---- */

static int64_t start_of_day(int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (!localtime_r(&t, &tm))
		return ms;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * 1000;
}

/* The bounds that have nothing to do with one session. */
static int is_time(struct ctx *ctx, int64_t now_ms)
{
	const struct ccm_settings *s = &ctx->settings;
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *bad = NULL;
	int r;

	if (ccm_hours_end(&s->quiet_hours, now_ms, &bad))
		return 0;
	/* What the person meant is not known: rather not. */
	if (bad) {
		ccm_error("[resume] quiet_hours: '%s' is no time of the day such as 22:00-07:00; nothing is resumed", bad);
		return -CCM_E_SAID;
	}
	r = ccm_db_query(ctx->db, Q_HELD_SPENT, DB_ARGS(DB_INT("since_ms", start_of_day(now_ms))), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	if (s->resume_budget_micros && ccm_rows_int(&rows, "cost") >= s->resume_budget_micros)
		return 0;
	return now_ms - ccm_rows_int(&rows, "last_ms") >= s->resume_gap_ms;
}

static int is_allowed(struct ctx *ctx, const char *session_id, int64_t now_ms)
{
	_cleanup_(ccm_quota_gate_done) struct ccm_quota_gate g = { 0 };
	int r = ccm_quota_ask(ctx->db, &ctx->settings, session_id, now_ms, &g);

	return r < 0 ? r : !g.scope;
}

/* ---- which ---- */

struct session {
	char *id, *cwd, *prompt;
	int64_t resumes;
};

static void session_done(struct session *s)
{
	free(s->id);
	free(s->cwd);
	free(s->prompt);
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int pick(struct ctx *ctx, int64_t now_ms, struct session *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const struct ccm_db_arg *now = DB_ARGS(DB_INT("now_ms", now_ms));
	int r;

	r = ccm_db_exec(ctx->db, Q_HELD_RECOVER, now);
	if (r >= 0)
		r = ccm_db_exec(ctx->db, Q_HELD_SETTLE, now);
	if (r >= 0)
		r = ccm_db_exec(ctx->db, Q_HELD_GIVE_UP, DB_ARGS(DB_INT("now_ms", now_ms),
								 DB_INT("max_resumes", ctx->settings.max_resumes)));
	if (r >= 0)
		r = ccm_db_query(ctx->db, Q_HELD_PICK, NULL, &rows);
	if (r >= 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	s->id = copy(ccm_rows_text(&rows, "session_id"));
	s->cwd = copy(ccm_rows_text(&rows, "cwd"));
	s->prompt = copy(ccm_rows_text(&rows, "prompt"));
	s->resumes = ccm_rows_int(&rows, "resumes");
	return s->id ? 1 : -ENOMEM;
}

/* ---- how ---- */

static int find_claude(const struct ccm_settings *settings, char **command, const char **words, size_t *count,
		       struct ccm_sbuf *program)
{
	const char *configured = ccm_settings_text(&settings->claude_command), *home = getenv("HOME");
	int r;

	*command = strdup(configured ? configured : "claude");
	if (!*command)
		return -ENOMEM;
	r = sources_split_command(*command, words, count, program);
	if (r == 0 || configured || !home)
		return r;
	/* A service is started with a short PATH. */
	ccm_sbuf_clear(program);
	ccm_sbuf_addf(program, "%s/.local/bin/claude", home);
	return access(ccm_sbuf_str(program), X_OK) == 0 ? 0 : r;
}

/* What it says it has cost; 0 if it says nothing. */
static int64_t read_cost(const struct ccm_proc_result *result)
{
	struct ccm_json root, v;
	char digits[40];
	double usd;

	if (ccm_json_parse(ccm_sbuf_str(&result->out), result->out.bytes, &root, NULL) < 0 || root.type != CCM_JSON_OBJECT ||
	    !ccm_json_member(&root, "total_cost_usd", &v) || v.type != CCM_JSON_NUMBER || v.bytes >= sizeof digits)
		return 0;
	memcpy(digits, v.text, v.bytes);
	digits[v.bytes] = '\0';
	usd = strtod(digits, NULL);
	return usd > 0 && usd < 1e6 ? (int64_t)(usd * 1e6 + 0.5) : 0;
}

static void tell_end(const struct ccm_proc_result *result, struct ccm_sbuf *problem)
{
	const char *err = ccm_sbuf_str(&result->err);

	if (result->error)
		ccm_sbuf_addf(problem, "the client cannot be started: %s", ccm_strerror(result->error));
	else if (result->timed_out)
		ccm_sbuf_adds(problem, "it took too long, and was ended");
	else if (result->signal || result->interrupted)
		ccm_sbuf_addf(problem, "it was ended by signal %d", result->signal);
	else if (result->exit_status)
		ccm_sbuf_addf(problem, "the client ended with status %d: %.*s", result->exit_status, (int)strcspn(err, "\n"), err);
}

static int run_claude(struct ctx *ctx, const struct session *s, int64_t *ret_cost, struct ccm_sbuf *problem)
{
	const char *words[SOURCES_WORDS + 8] = { NULL };
	_cleanup_sbuf_ struct ccm_sbuf program = { 0 };
	_cleanup_free_ char *command = NULL;
	struct ccm_proc_result result = { 0 };
	size_t count = 0;
	int r;

	r = find_claude(&ctx->settings, &command, words, &count, &program);
	if (r == 0 && s->cwd && chdir(s->cwd) < 0) {
		ccm_sbuf_addf(problem, "its folder '%s' cannot be entered: %s", s->cwd, strerror(errno));
		return 0;
	}
	if (r < 0) {
		ccm_sbuf_addf(problem, "the client '%s' is not there: set claude_command in [resume]", command ? command : "claude");
		return r == -ENOMEM ? r : 0;
	}
	words[count++] = "--resume";
	words[count++] = s->id;
	words[count++] = "-p";
	words[count++] = "--output-format";
	words[count++] = "json";
	r = ccm_proc_run_all(&(struct ccm_proc_spec){
		.path = program.text, .argv = words, .envp = (const char *const *)(uintptr_t)environ,
		.input = s->prompt ? s->prompt : GO_ON, .input_bytes = strlen(s->prompt ? s->prompt : GO_ON),
		.output_max_bytes = OUTPUT_MAX_BYTES, .timeout_ms = ctx->settings.resume_timeout_ms }, 1, &result);
	if (r == 0) {
		tell_end(&result, problem);
		*ret_cost = read_cost(&result);
	}
	ccm_proc_result_done(&result);
	return r;
}

static int resume(struct ctx *ctx, const struct session *s, int64_t now_ms)
{
	_cleanup_sbuf_ struct ccm_sbuf problem = { 0 };
	int64_t cost = 0;
	const char *state;
	int r;

	r = ccm_db_exec(ctx->db, Q_HELD_START, DB_ARGS(
		DB_TEXT("session_id", s->id), DB_INT("now_ms", now_ms),
		DB_INT("until_ms", now_ms + ctx->settings.resume_timeout_ms + LEASE_SPARE_MS)));
	if (r <= 0)
		return r;
	r = run_claude(ctx, s, &cost, &problem);
	if (r < 0)
		return r;
	state = !problem.bytes ? "done" : s->resumes + 1 >= ctx->settings.max_resumes ? "failed" : "held";
	if (problem.bytes)
		ccm_warn("session %s was resumed in vain: %s", s->id, problem.text);
	r = ccm_db_exec(ctx->db, Q_HELD_END, DB_ARGS(
		DB_TEXT("session_id", s->id), DB_INT("now_ms", ccm_now_ms()), DB_TEXT("state", state),
		DB_TEXT("problem", problem.bytes ? problem.text : NULL), DB_INT("cost_usd_micros", cost)));
	return r < 0 ? r : 1;
}

int resume_next(struct ctx *ctx)
{
	_cleanup_(session_done) struct session s = { 0 };
	struct sources_result sources;
	int64_t now_ms = ccm_now_ms();
	int r;

	if (!ctx->settings.resume)
		return 0;
	r = is_time(ctx, now_ms);
	if (r > 0)
		r = pick(ctx, now_ms, &s);
	if (r <= 0)
		return r;
	r = sources_poll(ctx->db, &ctx->settings, now_ms, false, &sources);
	sources_result_done(&sources);
	if (r >= 0)
		r = is_allowed(ctx, s.id, now_ms);
	return r <= 0 ? r : resume(ctx, &s, now_ms);
}

/* ---- tasks ---- */

/* Links and files in enabled/ are called NN-NAME or NAME. */
static bool is_enabled(const char *dir, const char *name)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		size_t digits = strspn(e->d_name, "0123456789");

		if (strcmp(e->d_name + (digits && e->d_name[digits] == '-' ? digits + 1 : 0), name) == 0)
			return true;
	}
	return false;
}

int resume_must_wait(struct ctx *ctx, int64_t now_ms, struct ccm_sbuf *why)
{
	_cleanup_(ccm_quota_gate_done) struct ccm_quota_gate g = { 0 };
	int r;

	if (!is_enabled(ctx->paths.enabled, "quota-pause"))
		return 0;
	r = ccm_quota_ask(ctx->db, &ctx->settings, NULL, now_ms, &g);
	if (r < 0 || !g.scope)
		return r;
	ccm_sbuf_adds(why, ccm_sbuf_str(&g.why));
	r = ccm_sbuf_error(why);
	return r < 0 ? r : 1;
}

/* The session that it had last. Its name is the agent's word: none that could be taken for an option. */
static int find_session(struct ctx *ctx, const struct task *t, char **ret)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *id;
	int r = ccm_db_query(ctx->db, Q_TASK_SESSION_LAST, DB_ARGS(DB_TEXT("task_id", t->id)), &rows);

	if (r >= 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	id = ccm_rows_text(&rows, "session_id");
	if (!isalnum((unsigned char)id[0]))
		return 0;
	*ret = strdup(id);
	return *ret ? 1 : -ENOMEM;
}

static bool is_print(const char *word)
{
	return strcmp(word, "-p") == 0 || strcmp(word, "--print") == 0;
}

/* The command as it was, with another prompt and the session. NULL: it is none of those that can be gone on with. */
static json_t *command_to_go_on(const struct task *t, const char *session)
{
	json_t *list = json_loads(t->command, 0, NULL);
	const char *name = json_string_value(json_array_get(list, 0)), *slash = name ? strrchr(name, '/') : NULL;
	bool fits = name && strcmp(slash ? slash + 1 : name, "claude") == 0, found = false;

	for (size_t i = 1; fits && !found && i + 1 < json_array_size(list); i++) {
		const char *prompt = json_string_value(json_array_get(list, i + 1));

		if (!is_print(json_string_value(json_array_get(list, i))) || prompt[0] == '-')
			continue;
		found = json_array_set_new(list, i + 1, json_string(GO_ON)) == 0 &&
			json_array_insert_new(list, 1, json_string("--resume")) == 0 &&
			json_array_insert_new(list, 2, json_string(session)) == 0;
	}
	if (found)
		return list;
	json_decref(list);
	return NULL;
}

/* One whose supervisor is gone is lost. *ret_command: how it is started again; NULL if its processes are there. */
static int pick_task(struct ctx *ctx, struct task *t, json_t **ret_command)
{
	for (;;) {
		_cleanup_free_ char *session = NULL;
		_cleanup_rows_ struct ccm_rows rows = { 0 };
		char id[TASK_ID_CHARS + 1];
		int r;

		r = ccm_db_query(ctx->db, Q_TASK_HELD_PICK, DB_ARGS(
			DB_INT("max_resumes", ctx->settings.max_resumes), DB_TEXT("id", t->id[0] ? t->id : NULL)), &rows);
		if (r >= 0)
			r = ccm_rows_next(&rows);
		if (r <= 0)
			return r;
		snprintf(id, sizeof id, "%s", ccm_rows_text(&rows, "id"));
		ccm_rows_done(&rows);
		task_done(t);
		r = task_load(ctx->db, id, t, NULL);
		if (r == 0)
			r = task_refresh(ctx->db, &ctx->paths, t);
		if (r < 0)
			return r;
		if (t->state == TASK_STOPPED)
			return 1;
		if (task_is_live(&ctx->paths, t))
			continue;            /* it has just ended */
		r = find_session(ctx, t, &session);
		if (r < 0)
			return r;
		*ret_command = r > 0 ? command_to_go_on(t, session) : NULL;
		if (*ret_command)
			return 1;
	}
}

static int start_again(struct ctx *ctx, const struct task *t, const json_t *command)
{
	size_t count = json_array_size(command);
	_cleanup_free_ const char **argv = calloc(count + 6, sizeof *argv);
	_cleanup_sbuf_ struct ccm_sbuf problem = { 0 };
	struct ccm_proc_result result = { 0 };
	int r;

	if (!argv)
		return -ENOMEM;
	argv[0] = "ccm-supervisor";
	argv[1] = "task";
	argv[2] = "resume";
	argv[3] = t->id;
	argv[4] = "--";
	for (size_t i = 0; i < count; i++)
		argv[5 + i] = json_string_value(json_array_get(command, i));
	r = ccm_proc_run_all(&(struct ccm_proc_spec){ .path = ctx->self, .argv = argv,
		.envp = (const char *const *)(uintptr_t)environ, .output_max_bytes = OUTPUT_MAX_BYTES,
		.timeout_ms = ctx->settings.resume_timeout_ms }, 1, &result);
	if (r == 0)
		tell_end(&result, &problem);
	ccm_proc_result_done(&result);
	if (problem.bytes)
		ccm_warn("task %s was started again in vain: %s", t->id, problem.text);
	return r < 0 ? r : 1;
}

static int let_go_on(struct ctx *ctx, const struct task *t, const json_t *command, int64_t now_ms)
{
	_cleanup_place_ struct place p = { .id = "" };
	struct ccm_diag diag = { 0 };
	int r;

	r = ccm_db_exec(ctx->db, Q_TASK_HELD_CLAIM, DB_ARGS(
		DB_TEXT("id", t->id), DB_INT("resumes", t->resumes), DB_INT("now_ms", now_ms),
		DB_INT("gap_ms", ctx->settings.resume_gap_ms)));
	if (r <= 0)
		return r;
	if (command)
		return start_again(ctx, t, command);
	r = place_init(&p, &ctx->paths, t->id);
	if (r == 0)
		r = session_ask(&p, "go-on", &diag);
	if (r == 0)
		return 1;
	ccm_error("task %s cannot go on: %s", t->id, ccm_diag_text(&diag, r));
	return -CCM_E_SAID;
}

int resume_next_task(struct ctx *ctx)
{
	_cleanup_task_ struct task t = { .id = "" };
	json_auto_t *command = NULL;
	_cleanup_sbuf_ struct ccm_sbuf why = { 0 };
	struct sources_result sources;
	int64_t now_ms = ccm_now_ms();
	int r;

	if (!ctx->settings.resume_tasks)
		return 0;
	r = is_time(ctx, now_ms);
	if (r > 0)
		r = pick_task(ctx, &t, &command);
	if (r <= 0)
		return r;
	r = sources_poll(ctx->db, &ctx->settings, now_ms, false, &sources);
	sources_result_done(&sources);
	if (r >= 0)
		r = resume_must_wait(ctx, now_ms, &why);
	if (r != 0)
		return r < 0 ? r : 0;
	return let_go_on(ctx, &t, command, now_ms);
}
