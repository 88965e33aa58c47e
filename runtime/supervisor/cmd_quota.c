/* SPDX-License-Identifier: MIT */
/* Quota for people: where the limits stand, what waits, how it went, and the switches. */
#include <errno.h>
#include <string.h>

#include "ctx.h"
#include "libccm/clock.h"
#include "libccm/json.h"
#include "libccm/log.h"
#include "libccm/quota.h"
#include "libccm/term.h"
#include "libccm/transcript.h"
#include "sources.h"

#define DAY_MS (24LL * 3600 * 1000)
#define BAR_CELLS 10
#define MAX_SESSIONS 10
#define CHART_COLUMNS 72
#define PROMPT_COLUMNS 50

static void print_text(const char *text, size_t columns)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 }, cut = { 0 };

	ccm_term_clean(&clean, text, strlen(text), CCM_CLEAN_LINE);
	ccm_term_fit(&cut, ccm_sbuf_str(&clean), clean.bytes, columns, false);
	fputs(ccm_sbuf_str(&cut), stdout);
}

static void print_json_text(const char *name, const char *text)
{
	_cleanup_sbuf_ struct ccm_sbuf quoted = { 0 };

	if (text)
		ccm_json_quote(&quoted, text, strlen(text));
	printf("\"%s\":%s", name, text ? ccm_sbuf_str(&quoted) : "null");
}

static void print_json_int(const struct ccm_rows *rows, const char *name)
{
	if (ccm_rows_is_null(rows, name))
		printf("\"%s\":null", name);
	else
		printf("\"%s\":%lld", name, (long long)ccm_rows_int(rows, name));
}

/* ---- status ---- */

static void print_bar(int64_t permille)
{
	int cells = permille >= 1000 ? BAR_CELLS : (int)((permille * BAR_CELLS + 500) / 1000);

	for (int i = 0; i < BAR_CELLS; i++)
		fputs(i < cells ? "█" : "░", stdout);
}

static void print_ago(int64_t ms)
{
	if (ms < 60000)
		printf("just now");
	else if (ms < 2 * 3600000)
		printf("%lld min ago", (long long)(ms / 60000));
	else
		printf("%lld h ago", (long long)(ms / 3600000));
}

static void print_limit(const struct ccm_rows *rows, int64_t now_ms)
{
	int64_t permille = ccm_rows_int(rows, "used_permille"), resets_ms = ccm_rows_int(rows, "resets_ms");
	const char *source = ccm_rows_text(rows, "source");
	char time[32];

	printf("  %-4s %-9s ", ccm_quota_scope_words(ccm_rows_text(rows, "scope")), ccm_rows_text(rows, "state"));
	if (ccm_rows_is_null(rows, "used_permille")) {
		printf("not known since it started anew\n");
		return;
	}
	print_bar(permille);
	printf(" %3lld %%", (long long)(permille / 10));
	if (resets_ms > now_ms)
		printf("  until %s", ccm_quota_time(resets_ms, now_ms, time, sizeof time));
	printf("  %s, ", source && strcmp(source, "estimate") == 0 ? "estimated" : source ? source : "");
	print_ago(now_ms - ccm_rows_int(rows, "read_ms"));
	putchar('\n');
}

static bool is_person(const struct ccm_rows *rows)
{
	return strcmp(ccm_rows_text(rows, "scope"), "person") == 0;
}

static int print_limits(struct ctx *ctx, int64_t now_ms, int64_t *ret_override_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	bool any = false;
	int r;

	printf("Limits:\n");
	r = ccm_db_query(ctx->db, Q_QUOTA_LIST, NULL, &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		if (is_person(&rows)) {
			*ret_override_ms = ccm_rows_int(&rows, "override_until_ms");
			continue;
		}
		print_limit(&rows, now_ms);
		any = true;
	}
	if (!any)
		printf("  nothing is known: 'ccm-hook install --statusline' lets the client tell\n");
	return r;
}

static int print_sessions(struct ctx *ctx, int64_t now_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	bool any = false;
	int r;

	r = ccm_db_query(ctx->db, Q_METER_LIST, DB_ARGS(DB_INT("since_ms", now_ms - DAY_MS), DB_INT("limit", MAX_SESSIONS)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		const char *project = ccm_rows_text(&rows, "project"), *name = project ? strrchr(project, '/') : NULL;
		int64_t tokens = 0;

		if (!any)
			printf("Sessions of the last day:\n");
		any = true;
		ccm_transcript_tokens(ctx->db, ccm_rows_text(&rows, "session_id"), &tokens);
		printf("  %.8s  context %3lld %%  $%.2f", ccm_rows_text(&rows, "session_id"),
		       (long long)(ccm_rows_int(&rows, "context_permille") / 10),
		       (double)ccm_rows_int(&rows, "cost_usd_micros") / 1e6);
		if (tokens)
			printf("  %lld tokens", (long long)tokens);
		printf("  ");
		print_text(name ? name + 1 : "", PROMPT_COLUMNS);
		putchar('\n');
	}
	return r;
}

static int print_held(struct ctx *ctx)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	bool any = false;
	int r;

	r = ccm_db_query(ctx->db, Q_HELD_LIST, DB_ARGS(DB_TEXT("state", "held"), DB_INT("limit", 100)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		const char *prompt = ccm_rows_text(&rows, "prompt");
		char time[32];

		if (!any)
			printf("Held back:\n");
		any = true;
		printf("  %s  %s  ", ccm_time_format(ccm_rows_int(&rows, "held_ms"), false, time, sizeof time),
		       ccm_rows_text(&rows, "session_id"));
		print_text(prompt ? prompt : "(stopped at work)", PROMPT_COLUMNS);
		putchar('\n');
	}
	return r;
}

static int print_status(struct ctx *ctx, const struct ccm_quota_gate *g, int64_t now_ms)
{
	int64_t override_ms = 0;
	char time[32];
	int r;

	r = print_limits(ctx, now_ms, &override_ms);
	if (r >= 0 && override_ms > now_ms)
		printf("Nothing is held back until %s, by a person.\n", ccm_quota_time(override_ms, now_ms, time, sizeof time));
	if (r >= 0 && g->scope)
		printf("Work must wait: %s\n", ccm_sbuf_str(&g->why));
	if (r >= 0)
		r = print_sessions(ctx, now_ms);
	return r < 0 ? r : print_held(ctx);
}

static int print_status_json(struct ctx *ctx, const struct ccm_quota_gate *g)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 }, held = { 0 };
	int r, n = 0;

	printf("{\"held\":%s,", g->scope ? "true" : "false");
	print_json_text("why", g->scope ? ccm_sbuf_str(&g->why) : NULL);
	printf(",\"limits\":[");
	r = ccm_db_query(ctx->db, Q_QUOTA_LIST, NULL, &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		static const char *const numbers[] = { "used_permille", "resets_ms", "read_ms", "since_ms", "override_until_ms" };

		printf("%s{", n++ ? "," : "");
		print_json_text("scope", ccm_rows_text(&rows, "scope"));
		putchar(',');
		print_json_text("state", ccm_rows_text(&rows, "state"));
		putchar(',');
		print_json_text("source", ccm_rows_text(&rows, "source"));
		for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
			putchar(',');
			print_json_int(&rows, numbers[i]);
		}
		putchar('}');
	}
	printf("],\"waiting\":[");
	n = 0;
	if (r >= 0)
		r = ccm_db_query(ctx->db, Q_HELD_LIST, DB_ARGS(DB_TEXT("state", "held"), DB_INT("limit", 1000)), &held);
	while (r >= 0 && (r = ccm_rows_next(&held)) > 0) {
		printf("%s{", n++ ? "," : "");
		print_json_text("session_id", ccm_rows_text(&held, "session_id"));
		putchar(',');
		print_json_int(&held, "held_ms");
		putchar(',');
		print_json_text("scope", ccm_rows_text(&held, "scope"));
		putchar(',');
		print_json_text("prompt", ccm_rows_text(&held, "prompt"));
		putchar('}');
	}
	printf("]}\n");
	return r;
}

static int cmd_quota_status(struct ctx *ctx, int argc, char **argv)
{
	bool json = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("json", 0, &json, "say it as a JSON object"),
		OPT_END
	};
	_cleanup_(ccm_quota_gate_done) struct ccm_quota_gate g = { 0 };
	int64_t now_ms = ccm_now_ms();
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ccm_quota_tick(ctx->db, now_ms);
	if (r >= 0)
		r = ccm_db_exec(ctx->db, Q_HELD_SETTLE, DB_ARGS(DB_INT("now_ms", now_ms)));
	if (r >= 0)
		r = ccm_quota_ask(ctx->db, &ctx->settings, NULL, now_ms, &g);
	if (r >= 0)
		r = json ? print_status_json(ctx, &g) : print_status(ctx, &g, now_ms);
	return r < 0 ? r : 0;
}

/* ---- the switches ---- */

/* In one transaction; a number of the session's own is not changed by any of them. */
static int switch_over(struct ctx *ctx, int (*set)(struct ccm_db *, int64_t, int64_t), int64_t now_ms, int64_t until_ms)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int r;

	r = ccm_txn_begin(ctx->db, &txn);
	if (r >= 0)
		r = set(ctx->db, now_ms, until_ms);
	return r < 0 ? r : ccm_txn_commit(&txn);
}

static int cmd_quota_pause(struct ctx *ctx, int argc, char **argv)
{
	int64_t for_ms = 0, now_ms = ccm_now_ms();
	const struct ccm_opt opts[] = {
		OPT_DURATION("for", 0, &for_ms, "end the pause by itself after this time, as in 2h"),
		OPT_END
	};
	char time[32];
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = switch_over(ctx, ccm_quota_pause, now_ms, for_ms ? now_ms + for_ms : 0);
	if (r < 0)
		return r;
	if (for_ms)
		printf("All work is paused until %s.\n", ccm_quota_time(now_ms + for_ms, now_ms, time, sizeof time));
	else
		printf("All work is paused until 'ccm-supervisor quota resume'.\n");
	return 0;
}

static int resume(struct ccm_db *db, int64_t now_ms, int64_t unused)
{
	(void)unused;
	return ccm_quota_resume(db, now_ms);
}

static int cmd_quota_resume(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_(ccm_quota_gate_done) struct ccm_quota_gate g = { 0 };
	int64_t now_ms = ccm_now_ms();
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = switch_over(ctx, resume, now_ms, 0);
	if (r >= 0)
		r = ccm_quota_ask(ctx->db, &ctx->settings, NULL, now_ms, &g);
	if (r < 0)
		return r;
	if (g.scope)
		printf("Still held back: %s\n", ccm_sbuf_str(&g.why));
	else
		printf("Work goes on. The next number decides whether it stays so.\n");
	return 0;
}

static int cmd_quota_override(struct ctx *ctx, int argc, char **argv)
{
	int64_t for_ms = 3600 * 1000, now_ms = ccm_now_ms();
	const struct ccm_opt opts[] = {
		OPT_DURATION("for", 0, &for_ms, "how long (default 1h); 0 ends it"),
		OPT_END
	};
	char time[32];
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = switch_over(ctx, ccm_quota_override, now_ms, for_ms ? now_ms + for_ms : 0);
	if (r < 0)
		return r;
	if (for_ms)
		printf("Nothing is held back until %s.\n", ccm_quota_time(now_ms + for_ms, now_ms, time, sizeof time));
	else
		printf("The limits hold again.\n");
	return 0;
}

/* ---- history ---- */

/* The highest number of each column of time, as a row of blocks. */
struct chart {
	const char *scope;
	int64_t since_ms, until_ms;
	int most[CHART_COLUMNS];             /* permille; -1: nothing was read */
	int moves;
};

static void chart_add(struct chart *c, int64_t at_ms, int64_t permille)
{
	int64_t i = (at_ms - c->since_ms) * CHART_COLUMNS / (c->until_ms - c->since_ms + 1);

	if (i >= 0 && i < CHART_COLUMNS && permille > c->most[i])
		c->most[i] = (int)permille;
}

static void chart_print(const struct chart *c)
{
	static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };

	printf("  %-4s ", ccm_quota_scope_words(c->scope));
	for (size_t i = 0; i < CHART_COLUMNS; i++) {
		int n = c->most[i] * 8 / 1000;

		fputs(c->most[i] < 0 ? " " : blocks[n > 7 ? 7 : n], stdout);
	}
	putchar('\n');
}

static void print_move(const struct ccm_rows *rows)
{
	char time[32];

	printf("  %s  %s: %s -> %s", ccm_time_format(ccm_rows_int(rows, "read_ms"), false, time, sizeof time),
	       ccm_quota_scope_words(ccm_rows_text(rows, "scope")), ccm_rows_text(rows, "from_state"),
	       ccm_rows_text(rows, "to_state"));
	if (!ccm_rows_is_null(rows, "used_permille"))
		printf(" at %lld %%", (long long)(ccm_rows_int(rows, "used_permille") / 10));
	printf(" (%s)\n", ccm_rows_text(rows, "source"));
}

static int print_chart(struct ctx *ctx, const char *scope, int64_t since_ms, int64_t now_ms, bool *any)
{
	struct chart c = { .scope = scope, .since_ms = since_ms, .until_ms = now_ms };
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	bool found = false;
	int r;

	memset(c.most, -1, sizeof c.most);
	r = ccm_db_query(ctx->db, Q_READING_LIST, DB_ARGS(DB_INT("since_ms", since_ms), DB_TEXT("scope", scope)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		if (ccm_rows_is_null(&rows, "used_permille"))
			continue;
		chart_add(&c, ccm_rows_int(&rows, "read_ms"), ccm_rows_int(&rows, "used_permille"));
		found = true;
	}
	if (found)
		chart_print(&c);
	*any = *any || found;
	return r;
}

static int print_history(struct ctx *ctx, int64_t since_ms, int64_t now_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	char from[32], to[32];
	bool any = false;
	int r;

	r = print_chart(ctx, "five_hour", since_ms, now_ms, &any);
	if (r >= 0)
		r = print_chart(ctx, "seven_day", since_ms, now_ms, &any);
	if (r < 0)
		return r;
	if (any)
		printf("       %-*s%s\n", CHART_COLUMNS - 5, ccm_time_format(since_ms, false, from, sizeof from),
		       ccm_quota_time(now_ms, now_ms, to, sizeof to));
	else
		printf("No number was read in this time.\n");
	r = ccm_db_query(ctx->db, Q_READING_LIST, DB_ARGS(DB_INT("since_ms", since_ms), DB_NULL("scope")), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0)
		if (!ccm_rows_is_null(&rows, "to_state"))
			print_move(&rows);
	return r;
}

static int print_history_json(struct ctx *ctx, int64_t since_ms)
{
	static const char *const texts[] = { "scope", "source", "from_state", "to_state" };
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(ctx->db, Q_READING_LIST, DB_ARGS(DB_INT("since_ms", since_ms), DB_NULL("scope")), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		putchar('{');
		print_json_int(&rows, "read_ms");
		for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
			putchar(',');
			print_json_text(texts[i], ccm_rows_text(&rows, texts[i]));
		}
		putchar(',');
		print_json_int(&rows, "used_permille");
		putchar(',');
		print_json_int(&rows, "resets_ms");
		printf("}\n");
	}
	return r;
}

static int cmd_quota_history(struct ctx *ctx, int argc, char **argv)
{
	const char *since = NULL;
	bool json = false;
	const struct ccm_opt opts[] = {
		OPT_STR("since", 'S', "TIME", &since, "from then on (default: a day ago)"),
		OPT_FLAG("json", 0, &json, "print one JSON object per reading"),
		OPT_END
	};
	int64_t now_ms = ccm_now_ms(), since_ms = now_ms - DAY_MS;
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (since && ccm_time_parse(since, now_ms, &since_ms, &diag) < 0)
		return ccm_opt_error(&ctx->usage, "--since: %s", diag.text);
	if (since_ms >= now_ms)
		return ccm_opt_error(&ctx->usage, "--since is not in the past");
	if (!ctx->db)
		return 0;
	r = json ? print_history_json(ctx, since_ms) : print_history(ctx, since_ms, now_ms);
	return r < 0 ? r : 0;
}

/* ---- poll ---- */

static int cmd_quota_poll(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	struct sources_result result;
	const char *p;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = sources_poll(ctx->db, &ctx->settings, ccm_now_ms(), true, &result);
	for (p = ccm_sbuf_str(&result.trouble); *p; p += strcspn(p, "\n") + 1)
		ccm_warn("quota: %.*s", (int)strcspn(p, "\n"), p);
	if (r == 0 && result.client_fresh)
		printf("The client's own numbers are fresh; ccusage was not asked.\n");
	else if (r == 0 && result.too_soon)
		printf("ccusage was asked less than a minute ago.\n");
	else if (r == 0)
		printf("%lld tokens (%s)%s.\n", (long long)result.tokens, result.source,
		       ctx->settings.token_limit ? "" : "; set token_limit in [quota] to make that a percentage");
	sources_result_done(&result);
	return r;
}

static const struct command commands[] = {
	{ "status", "", "where the limits stand, and what waits", 0, 0, DB_WRITE, cmd_quota_status, true },
	{ "pause", "", "hold all work back", 0, 0, DB_WRITE, cmd_quota_pause, false },
	{ "resume", "", "end every pause", 0, 0, DB_WRITE, cmd_quota_resume, false },
	{ "override", "", "hold nothing back for a while, whatever the limits say", 0, 0, DB_WRITE, cmd_quota_override, false },
	{ "history", "", "how the limits were used", 0, 0, DB_READ, cmd_quota_history, false },
	{ "poll", "", "read transcripts and ask ccusage now", 0, 0, DB_WRITE, cmd_quota_poll, true },
	{ 0 }
};

int cmd_quota(struct ctx *ctx, int argc, char **argv)
{
	return ccm_command_group(ctx, commands, argc, argv);
}
