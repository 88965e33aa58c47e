/* SPDX-License-Identifier: MIT */
#include "sources.h"

#include <errno.h>
#include <string.h>

#include "libccm/clock.h"
#include "libccm/json.h"
#include "libccm/proc.h"
#include "libccm/quota.h"
#include "libccm/transcript.h"

#define HOUR_MS (3600LL * 1000)
#define OUTPUT_MAX_BYTES (1 << 20)
#define TRANSCRIPT_PIECE_BYTES (64LL << 20)      /* then others may write in between */
#define JOB "ccusage"

extern char **environ;

void sources_result_done(struct sources_result *r)
{
	ccm_sbuf_done(&r->trouble);
}

/* ---- transcripts ---- */

static int follow(struct ccm_db *db, const char *session, const char *path, int64_t now_ms, struct ccm_sbuf *trouble)
{
	int r;

	do
		r = ccm_transcript_follow(db, session, path, TRANSCRIPT_PIECE_BYTES, now_ms);
	while (r > 0);
	if (r < 0)
		ccm_sbuf_addf(trouble, "cannot read the transcript '%s': %s\n", path, ccm_strerror(r));
	return r == -CCM_E_BUSY || ccm_db_is_damage(r) ? r : 0;
}

struct session {
	char *id, *path;
};

/* The list first: nothing is written while it is read. */
static int read_transcripts(struct ccm_db *db, int64_t now_ms, struct ccm_sbuf *trouble)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	struct session *sessions = NULL;
	size_t count = 0;
	int r;

	r = ccm_db_query(db, Q_TRANSCRIPTS_RECENT, DB_ARGS(DB_INT("since_ms", now_ms - SOURCES_RECENT_MS)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		const char *path = ccm_rows_text(&rows, "path");
		struct session *more = path && path[0] == '/' ? realloc(sessions, (count + 1) * sizeof *more) : NULL;

		if (!more)
			continue;
		sessions = more;
		sessions[count].path = strdup(path);
		sessions[count++].id = strdup(ccm_rows_text(&rows, "session_id"));
	}
	ccm_rows_done(&rows);
	for (size_t i = 0; i < count; i++) {
		if (r >= 0 && sessions[i].id && sessions[i].path)
			r = follow(db, sessions[i].id, sessions[i].path, now_ms, trouble);
		free(sessions[i].id);
		free(sessions[i].path);
	}
	free(sessions);
	return r < 0 ? r : 0;
}

/* ---- ccusage ---- */

static bool add_candidate(struct ccm_sbuf *path, const char *dir, size_t bytes)
{
	ccm_sbuf_clear(path);
	if (!dir || !bytes || dir[0] != '/')
		return false;
	ccm_sbuf_add(path, dir, bytes);
	ccm_sbuf_adds(path, "/ccusage");
	return access(ccm_sbuf_str(path), X_OK) == 0;
}

/* Usage: find PROGRAM in the folders of list, set apart by colons. */
static bool find_in(const char *list, const char *program, struct ccm_sbuf *path)
{
	for (const char *p = list; p && *p; p += strcspn(p, ":"), p += *p == ':') {
		ccm_sbuf_clear(path);
		if (*p != '/')
			continue;
		ccm_sbuf_addf(path, "%.*s/%s", (int)strcspn(p, ":"), p, program);
		if (access(ccm_sbuf_str(path), X_OK) == 0)
			return true;
	}
	return false;
}

/* PATH, then where npm puts what is installed for the user: a service is started with a short PATH. */
static bool find_ccusage(struct ccm_sbuf *path)
{
	static const char *const below_home[] = { "/.local/bin", "/.npm-global/bin", "/.npm/bin", "/.bun/bin", "/node_modules/.bin" };
	const char *home = getenv("HOME"), *prefix = getenv("NPM_CONFIG_PREFIX");
	_cleanup_sbuf_ struct ccm_sbuf dir = { 0 };

	if (find_in(getenv("PATH"), "ccusage", path))
		return true;
	if (prefix) {
		ccm_sbuf_addf(&dir, "%s/bin", prefix);
		if (add_candidate(path, ccm_sbuf_str(&dir), dir.bytes))
			return true;
	}
	for (size_t i = 0; home && i < ARRAY_SIZE(below_home); i++) {
		ccm_sbuf_clear(&dir);
		ccm_sbuf_addf(&dir, "%s%s", home, below_home[i]);
		if (add_candidate(path, ccm_sbuf_str(&dir), dir.bytes))
			return true;
	}
	return add_candidate(path, "/usr/local/bin", strlen("/usr/local/bin"));
}

/* The words of the configured command, cut apart in place; the first as a path in program. */
int sources_split_command(char *text, const char **words, size_t *count, struct ccm_sbuf *program)
{
	const char *home = getenv("HOME");
	char *save = NULL;

	for (char *w = strtok_r(text, " \t", &save); w && *count < SOURCES_WORDS; w = strtok_r(NULL, " \t", &save))
		words[(*count)++] = w;
	if (!*count)
		return -ENOENT;
	if (strchr(words[0], '/')) {
		bool at_home = home && strncmp(words[0], "~/", 2) == 0;

		ccm_sbuf_addf(program, "%s%s", at_home ? home : "", words[0] + at_home);
		if (ccm_sbuf_error(program))
			return -ENOMEM;
		return access(program->text, X_OK) == 0 ? 0 : -errno;
	}
	return find_in(getenv("PATH"), words[0], program) ? 0 : -ENOENT;
}

static bool number_of(const struct ccm_json *object, const char *name, double *ret)
{
	struct ccm_json v;
	char digits[40];

	if (!ccm_json_member(object, name, &v) || v.type != CCM_JSON_NUMBER || v.bytes >= sizeof digits)
		return false;
	memcpy(digits, v.text, v.bytes);
	digits[v.bytes] = '\0';
	*ret = strtod(digits, NULL);
	return *ret >= 0 && *ret < 9e15;
}

int sources_read_ccusage(const char *text, size_t bytes, int64_t now_ms, int64_t *ret_tokens, int64_t *ret_ends_ms)
{
	struct ccm_json root, blocks, block, end, active;
	_cleanup_free_ char *time = NULL;
	struct ccm_json_iter it;
	struct ccm_json key;
	double tokens;

	if (ccm_json_parse(text, bytes, &root, NULL) < 0 || root.type != CCM_JSON_OBJECT ||
	    !ccm_json_member(&root, "blocks", &blocks) || blocks.type != CCM_JSON_ARRAY)
		return -CCM_E_JSON;
	ccm_json_iter_value(&it, &blocks);
	while (ccm_json_next(&it, &key, &block) > 0) {
		if (block.type != CCM_JSON_OBJECT || !ccm_json_member(&block, "isActive", &active) || active.type != CCM_JSON_BOOLEAN ||
		    active.text[0] != 't')
			continue;
		if (!number_of(&block, "totalTokens", &tokens) || !ccm_json_member(&block, "endTime", &end) ||
		    end.type != CCM_JSON_STRING)
			return -CCM_E_JSON;
		time = ccm_json_string(&end);
		if (!time || ccm_time_parse(time, now_ms, ret_ends_ms, NULL) < 0)
			return -CCM_E_JSON;
		*ret_tokens = (int64_t)tokens;
		return 1;
	}
	return 0;
}

static void tell_result(const struct ccm_proc_result *result, const struct ccm_settings *settings, const char *program,
			struct ccm_sbuf *trouble)
{
	const char *err = ccm_sbuf_str(&result->err);
	char time[32];

	ccm_sbuf_addf(trouble, "'%s' ", program);
	if (result->error)
		ccm_sbuf_addf(trouble, "cannot be started: %s", ccm_strerror(result->error));
	else if (result->timed_out)
		ccm_sbuf_addf(trouble, "took longer than %s, and was ended",
			      ccm_duration_format(settings->ccusage_timeout_ms, time, sizeof time));
	else if (result->signal)
		ccm_sbuf_addf(trouble, "was ended by signal %d", result->signal);
	else if (result->exit_status)
		ccm_sbuf_addf(trouble, "ended with status %d: %.*s", result->exit_status, (int)strcspn(err, "\n"), err);
	else
		ccm_sbuf_adds(trouble, "printed what is no answer of 'ccusage blocks --json'");
	ccm_sbuf_addc(trouble, '\n');
}

/* 1: a block is active; 0: none is; -ENOENT: there is no ccusage; other failures are told. */
static int ask_ccusage(const struct ccm_settings *settings, int64_t now_ms, int64_t *ret_tokens, int64_t *ret_ends_ms,
		       struct ccm_sbuf *trouble)
{
	const char *configured = ccm_settings_text(&settings->ccusage_command);
	_cleanup_free_ char *command = configured ? strdup(configured) : NULL;
	const char *words[SOURCES_WORDS + 8] = { NULL };
	_cleanup_sbuf_ struct ccm_sbuf program = { 0 };
	struct ccm_proc_result result = { 0 };
	char limit[32];
	size_t count = 0;
	int r;

	if (command)
		r = sources_split_command(command, words, &count, &program);
	else
		r = find_ccusage(&program) ? 0 : -ENOENT;
	if (r < 0) {
		if (command)
			ccm_sbuf_addf(trouble, "[quota] ccusage_command '%s' cannot be run: %s\n", configured, ccm_strerror(r));
		return r;
	}
	if (!count)
		words[count++] = "ccusage";
	words[count++] = "blocks";
	words[count++] = "--active";
	words[count++] = "--json";
	words[count++] = "--offline";
	if (settings->token_limit) {
		snprintf(limit, sizeof limit, "%lld", (long long)settings->token_limit);
		words[count++] = "--token-limit";
		words[count++] = limit;
	}
	r = ccm_proc_run_all(&(struct ccm_proc_spec){
		.path = program.text, .argv = words, .envp = (const char *const *)(uintptr_t)environ,
		.output_max_bytes = OUTPUT_MAX_BYTES, .timeout_ms = settings->ccusage_timeout_ms }, 1, &result);
	if (r == 0 && !result.error && result.exit_status == 0 && !result.timed_out)
		r = sources_read_ccusage(ccm_sbuf_str(&result.out), result.out.bytes, now_ms, ret_tokens, ret_ends_ms);
	else if (r == 0)
		r = -EIO;
	if (r == -EIO || r == -CCM_E_JSON)
		tell_result(&result, settings, program.text, trouble);
	ccm_proc_result_done(&result);
	return r;
}

/* ---- what counts ---- */

static int is_client_fresh(struct ccm_db *db, int64_t now_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *source;
	int r;

	r = ccm_db_query(db, Q_QUOTA_GET, DB_ARGS(DB_TEXT("scope", "five_hour")), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	source = ccm_rows_text(&rows, "source");
	return source && strcmp(source, "client") == 0 && ccm_rows_int(&rows, "resets_ms") > now_ms &&
	       now_ms - ccm_rows_int(&rows, "read_ms") < CCM_QUOTA_FRESH_MS;
}

/* A row that is due at most once a minute, whoever asks. */
static int may_ask(struct ccm_db *db, int64_t now_ms)
{
	int r = ccm_db_exec(db, Q_JOB_ADD, DB_ARGS(DB_TEXT("name", JOB), DB_INT("due_ms", 0)));

	if (r >= 0)
		r = ccm_db_exec(db, Q_JOB_LEASE, DB_ARGS(DB_TEXT("name", JOB), DB_INT("now_ms", now_ms),
							 DB_INT("until_ms", now_ms + SOURCES_EVERY_MS)));
	return r;
}

static int end_asking(struct ccm_db *db, int64_t now_ms, int64_t took_ms, const char *problem)
{
	return ccm_db_exec(db, Q_JOB_END, DB_ARGS(DB_TEXT("name", JOB), DB_INT("due_ms", now_ms + SOURCES_EVERY_MS),
						  DB_INT("took_ms", took_ms), DB_TEXT("problem", problem),
						  DB_INT("started_ms", now_ms)));
}

static int estimate(struct ccm_db *db, int64_t now_ms, int64_t *ret_tokens)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(db, Q_SPENT_SINCE, DB_ARGS(DB_INT("since_ms", now_ms - 5 * HOUR_MS - HOUR_MS)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		*ret_tokens = ccm_rows_int(&rows, "tokens") / 4 * 5;
	return r < 0 ? r : 0;
}

static int record(struct ccm_db *db, const struct ccm_settings *settings, const struct sources_result *result, int64_t now_ms,
		  int64_t ends_ms)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	double permille;
	int r;

	if (!settings->token_limit || result->tokens < 0)
		return 0;
	permille = (double)result->tokens * 1000 / (double)settings->token_limit;
	r = ccm_txn_begin(db, &txn);
	if (r >= 0)
		r = ccm_quota_take(db, settings, &(struct ccm_quota_reading){
			.scope = "five_hour", .source = result->source,
			.used_permille = permille > CCM_QUOTA_MOST ? CCM_QUOTA_MOST : (int64_t)permille,
			.resets_ms = ends_ms, .read_ms = now_ms });
	return r < 0 ? r : ccm_txn_commit(&txn);
}

int sources_poll(struct ccm_db *db, const struct ccm_settings *settings, int64_t now_ms, bool person_asks,
		 struct sources_result *ret)
{
	int64_t ends_ms = 0, start_us = ccm_mono_us();
	int r;

	*ret = (struct sources_result){ .tokens = -1 };
	r = read_transcripts(db, now_ms, &ret->trouble);
	if (r >= 0)
		r = is_client_fresh(db, now_ms);
	if (r != 0) {
		ret->client_fresh = r > 0;
		return r < 0 ? r : 0;
	}
	if (!settings->token_limit && !person_asks)
		return 0;
	r = may_ask(db, now_ms);
	if (r <= 0) {
		ret->too_soon = r == 0;
		return r;
	}
	r = ask_ccusage(settings, now_ms, &ret->tokens, &ends_ms, &ret->trouble);
	if (r == -ENOMEM)
		return r;
	if (r >= 0) {
		ret->source = "ccusage";
		ret->tokens = r ? ret->tokens : 0;
	} else {
		ret->source = "estimate";
		r = estimate(db, now_ms, &ret->tokens);
	}
	if (r >= 0)
		r = record(db, settings, ret, now_ms, ends_ms);
	if (r >= 0)
		r = end_asking(db, now_ms, (ccm_mono_us() - start_us) / 1000, ret->trouble.bytes ? ret->trouble.text : NULL);
	return r < 0 ? r : 0;
}
