/* SPDX-License-Identifier: MIT */
/* Alerts for people: what was raised, where it went, what did not arrive, and whether a channel works. */
#include <errno.h>
#include <string.h>

#include "ctx.h"
#include "daemon.h"
#include "json_out.h"
#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/daemon_lock.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "libccm/term.h"

#define SHOWN_DEFAULT 20
#define SENDING_MS (10LL * 60 * 1000)    /* for a channel's whole queue; what is left is left to the daemon */
#define OUTPUT_MAX_BYTES 65536
#define PLACES_MAX 26                    /* characters: "telegram, slack (waiting)" */

extern char **environ;

/* ---- what both forms of output need */

static json_t *int_json(const struct ccm_rows *rows, const char *name)
{
	return ccm_rows_is_null(rows, name) ? json_null() : json_integer(ccm_rows_int(rows, name));
}

static void print_clean(const char *text, enum ccm_clean how)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };

	ccm_term_clean(&clean, text, strlen(text), how);
	fputs(ccm_sbuf_str(&clean), stdout);
}

static const char *time_of(int64_t ms, char buf[32])
{
	return ccm_time_format(ms, false, buf, 32);
}

/* ---- deliveries of an alert */

static json_t *delivery_json(const struct ccm_rows *rows)
{
	return json_pack("{s:I, s:s, s:o, s:s, s:b, s:I, s:I, s:I, s:o, s:o, s:o}", "id", (json_int_t)ccm_rows_int(rows, "id"),
			 "channel", ccm_rows_text(rows, "channel"), "uuid", text_json(ccm_rows_text(rows, "uuid")), "state",
			 ccm_rows_text(rows, "state"), "digest", ccm_rows_is_null(rows, "alert_id"), "attempts",
			 (json_int_t)ccm_rows_int(rows, "attempts"), "created_ms", (json_int_t)ccm_rows_int(rows, "created_ms"),
			 "due_ms", (json_int_t)ccm_rows_int(rows, "due_ms"), "sent_ms", int_json(rows, "sent_ms"), "remote_id",
			 text_json(ccm_rows_text(rows, "remote_id")), "problem", text_json(ccm_rows_text(rows, "problem")));
}

static void print_delivery(const struct ccm_rows *rows)
{
	const char *state = ccm_rows_text(rows, "state"), *problem = ccm_rows_text(rows, "problem");
	int64_t attempts = ccm_rows_int(rows, "attempts");
	char time[32];

	printf("       delivery %lld, %s%s: %s", (long long)ccm_rows_int(rows, "id"), ccm_rows_text(rows, "channel"),
	       ccm_rows_is_null(rows, "alert_id") ? " (digest)" : "", state);
	if (strcmp(state, "waiting") == 0)
		printf(" until %s", time_of(ccm_rows_int(rows, "due_ms"), time));
	else if (!ccm_rows_is_null(rows, "sent_ms"))
		printf(" at %s", time_of(ccm_rows_int(rows, "sent_ms"), time));
	if (attempts > 1 || (attempts && strcmp(state, "sent") != 0))
		printf(", after %lld attempt%s", (long long)attempts, attempts == 1 ? "" : "s");
	if (problem) {
		printf(": ");
		print_clean(problem, CCM_CLEAN_LINE);
	}
	putchar('\n');
}

/* Those that a person need not see are left out: what arrived, what waits as it should, and what nobody was there for. */
static bool is_trouble(const struct ccm_rows *rows)
{
	const char *state = ccm_rows_text(rows, "state");

	return strcmp(state, "sent") != 0 && strcmp(state, "dropped") != 0 && !ccm_rows_is_null(rows, "problem");
}

static int print_deliveries(struct ccm_db *db, int64_t alert_id, bool all)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(db, Q_DELIVERIES_OF, DB_ARGS(DB_INT("alert_id", alert_id)), &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0)
		if (all || is_trouble(&rows))
			print_delivery(&rows);
	return r;
}

static int deliveries_json(struct ccm_db *db, int64_t alert_id, json_t *list)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(db, Q_DELIVERIES_OF, DB_ARGS(DB_INT("alert_id", alert_id)), &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0)
		if (json_array_append_new(list, delivery_json(&rows)) < 0)
			return -ENOMEM;
	return r;
}

/* ---- list */

static int print_alert_json(struct ccm_db *db, const struct ccm_rows *rows)
{
	json_auto_t *list = json_array();
	int64_t id = ccm_rows_int(rows, "id");
	json_auto_t *root = NULL;
	int r = list ? deliveries_json(db, id, list) : -ENOMEM;

	if (r < 0)
		return r;
	root = json_pack("{s:I, s:o, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:O}", "id",
			 (json_int_t)id, "uuid", text_json(ccm_rows_text(rows, "uuid")), "created_ms",
			 (json_int_t)ccm_rows_int(rows, "created_ms"), "level", ccm_rows_text(rows, "level"), "kind",
			 text_json(ccm_rows_text(rows, "kind")), "source", text_json(ccm_rows_text(rows, "source")), "title",
			 text_json(ccm_rows_text(rows, "title")), "body", text_json(ccm_rows_text(rows, "body")), "project",
			 text_json(ccm_rows_text(rows, "project")), "session_id", text_json(ccm_rows_text(rows, "session_id")),
			 "event", text_json(ccm_rows_text(rows, "event")), "event_id", text_json(ccm_rows_text(rows, "event_uuid")),
			 "rule", text_json(ccm_rows_text(rows, "rule")), "routed_ms", int_json(rows, "routed_ms"), "routing",
			 text_json(ccm_rows_text(rows, "routing")), "folded_into", int_json(rows, "folded_into"), "times",
			 (json_int_t)ccm_rows_int(rows, "times"), "seen_ms", int_json(rows, "seen_ms"), "deliveries", list);
	return print_json(root);
}

static void print_alert_row(const struct ccm_rows *rows, size_t columns)
{
	const char *title = ccm_rows_text(rows, "title"), *where = ccm_rows_text(rows, "places");
	_cleanup_sbuf_ struct ccm_sbuf line = { 0 }, clean = { 0 };
	int64_t times = ccm_rows_int(rows, "times");
	char time[32];

	/* With many channels their names would leave no room for the title; `alerts show` has them. */
	if (where && strlen(where) > PLACES_MAX)
		where = ccm_rows_text(rows, "counts");
	ccm_sbuf_addf(&line, "%5lld  %s  %-7s  %-20s  ", (long long)ccm_rows_int(rows, "id"),
		      time_of(ccm_rows_int(rows, "created_ms"), time), ccm_rows_text(rows, "level"), where ? where : "-");
	if (!ccm_rows_is_null(rows, "seen_ms"))
		ccm_sbuf_adds(&clean, "(seen) ");
	if (times > 1)
		ccm_sbuf_addf(&clean, "(%lld times) ", (long long)times);
	ccm_term_clean(&clean, title, strlen(title), CCM_CLEAN_LINE);
	ccm_term_fit(&line, ccm_sbuf_str(&clean), clean.bytes, columns > line.bytes + 20 ? columns - line.bytes : 20, false);
	puts(ccm_sbuf_str(&line));
}

/* Of those that are set up: what one did that is so no more needs nobody. */
static int print_outlets(struct ctx *ctx, int64_t now_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(ctx->db, Q_OUTLET_LIST, NULL, &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		const char *problem = ccm_rows_text(&rows, "problem");
		int64_t until_ms = ccm_rows_int(&rows, "blocked_until_ms");
		int channel = ccm_channel_find(ccm_rows_text(&rows, "channel"));
		char time[32];

		if (!problem || channel < 0 || !ccm_channel_is_set_up(&ctx->settings, (enum ccm_channel)channel))
			continue;
		printf("%s fails", ccm_rows_text(&rows, "channel"));
		if (until_ms > now_ms)
			printf(", and is tried again at %s", time_of(until_ms, time));
		printf(": ");
		print_clean(problem, CCM_CLEAN_LINE);
		putchar('\n');
	}
	return r;
}

static int list(struct ctx *ctx, int argc, char **argv)
{
	const char *since = NULL, *channel = NULL, *state = NULL;
	int64_t limit = SHOWN_DEFAULT, since_ms = 0, now_ms = ccm_now_ms();
	bool as_json = false, all = false, unseen = false;
	const struct ccm_opt opts[] = {
		OPT_INT("limit", 'n', "N", &limit, 1, 100000, "show the newest N (default 20)"),
		OPT_STR("since", 'S', "TIME", &since, "only those since then: '2h ago', yesterday, 2026-07-01"),
		OPT_CHOICE("channel", 'c', &channel, "desktop|telegram|slack|webhook|command", "only those for it"),
		OPT_CHOICE("state", 's', &state, "waiting|sent|dead|dropped", "only those with such a delivery"),
		OPT_FLAG("all", 'a', &all, "also those that were counted with an earlier one"),
		OPT_FLAG("unseen", 'u', &unseen, "only those that you have not seen yet"),
		OPT_FLAG("json", 0, &as_json, "print one JSON object per line"),
		OPT_END
	};
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	struct ccm_diag diag = { 0 };
	size_t columns, count = 0;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (since && ccm_time_parse(since, now_ms, &since_ms, &diag) < 0)
		return ccm_opt_error(&ctx->usage, "--since: %s", diag.text);
	if (!ctx->db)
		return 0;
	columns = ccm_term_columns(STDOUT_FILENO);
	r = ccm_db_query(ctx->db, Q_ALERTS_SHOW, DB_ARGS(
		DB_NULL("id"), DB_INT("since_ms", since_ms), DB_TEXT("channel", channel), DB_TEXT("state", state),
		DB_INT("all", all), DB_INT("unseen", unseen), DB_INT("limit", limit)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		if (as_json) {
			r = print_alert_json(ctx->db, &rows);
			continue;
		}
		if (!count++)
			printf("%5s  %-19s  %-7s  %-20s  %s\n", "ID", "RAISED", "LEVEL", "WENT TO", "TITLE");
		print_alert_row(&rows, columns);
		r = print_deliveries(ctx->db, ccm_rows_int(&rows, "id"), false);
	}
	if (r >= 0 && !as_json)
		r = print_outlets(ctx, now_ms);
	return r < 0 ? r : 0;
}

/* ---- show */

static void print_field(const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	printf("%-10s ", name);
	print_clean(value, CCM_CLEAN_LINE);
	putchar('\n');
}

static int show_alert(struct ctx *ctx, const struct ccm_rows *rows)
{
	const char *body = ccm_rows_text(rows, "body"), *routing = ccm_rows_text(rows, "routing");
	int64_t id = ccm_rows_int(rows, "id"), times = ccm_rows_int(rows, "times");
	char time[32];

	printf("%-10s %lld, %s, %s\n", "Alert", (long long)id, ccm_rows_text(rows, "level"),
	       time_of(ccm_rows_int(rows, "created_ms"), time));
	print_field("Title", ccm_rows_text(rows, "title"));
	print_field("Kind", ccm_rows_text(rows, "kind"));
	print_field("Source", ccm_rows_text(rows, "source"));
	print_field("Rule", ccm_rows_text(rows, "rule"));
	print_field("Project", ccm_rows_text(rows, "project"));
	print_field("Session", ccm_rows_text(rows, "session_id"));
	print_field("Event", ccm_rows_text(rows, "event_uuid"));
	if (times > 1)
		printf("%-10s %lld\n", "Times", (long long)times);
	if (!ccm_rows_is_null(rows, "folded_into"))
		printf("%-10s counted with alert %lld\n", "Folded", (long long)ccm_rows_int(rows, "folded_into"));
	if (!ccm_rows_is_null(rows, "seen_ms"))
		printf("%-10s %s\n", "Seen", time_of(ccm_rows_int(rows, "seen_ms"), time));
	print_field("Routed by", routing ? routing : "nothing yet: the daemon, or 'ccm-supervisor deliver --once', does it");
	if (body && body[0]) {
		putchar('\n');
		print_clean(body, CCM_CLEAN_LINES);
		putchar('\n');
	}
	putchar('\n');
	return print_deliveries(ctx->db, id, true);
}

/* Of an alert. */
static int read_id(struct ctx *ctx, const char *text, int64_t *ret)
{
	char *rest;

	*ret = strtoll(text, &rest, 10);
	if (*rest || *ret <= 0)
		return ccm_opt_error(&ctx->usage, "'%s' is not the number of an alert, as 'alerts list' shows it", text);
	return 0;
}

static int find_alert(struct ctx *ctx, const char *text, struct ccm_rows *rows)
{
	int64_t id;
	int r = read_id(ctx, text, &id);

	if (r < 0)
		return r;
	if (ctx->db)
		r = ccm_db_query(ctx->db, Q_ALERTS_SHOW, DB_ARGS(
			DB_INT("id", id), DB_INT("since_ms", 0), DB_NULL("channel"), DB_NULL("state"), DB_INT("all", 1),
			DB_INT("unseen", 0), DB_INT("limit", 1)), rows);
	if (r == 0 && ctx->db)
		r = ccm_rows_next(rows);
	if (r != 0)
		return r;
	ccm_error("there is no alert %lld", (long long)id);
	return -CCM_E_SAID;
}

static int show(struct ctx *ctx, int argc, char **argv)
{
	bool as_json = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("json", 0, &as_json, "print one JSON object"),
		OPT_END
	};
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = find_alert(ctx, argv[0], &rows);
	if (r < 0)
		return r;
	r = as_json ? print_alert_json(ctx->db, &rows) : show_alert(ctx, &rows);
	return r < 0 ? r : 0;
}

/* ---- seen */

static int mark_all(struct ctx *ctx, int64_t now_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r, count = 0;

	r = ccm_db_query(ctx->db, Q_ALERT_UNSEEN_COUNT, NULL, &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		count = (int)ccm_rows_int(&rows, "count");
	ccm_rows_done(&rows);
	if (r >= 0)
		r = ccm_db_exec(ctx->db, Q_ALERTS_SEEN, DB_ARGS(DB_INT("now_ms", now_ms)));
	return r < 0 ? r : count;
}

/* Those with these numbers; without numbers, all. Returns how many were not seen before, as `alerts list` counts them. */
static int mark_seen(struct ctx *ctx, int argc, char **argv)
{
	int64_t now_ms = ccm_now_ms();
	int count = 0;

	for (int i = 0; i < argc; i++) {
		_cleanup_rows_ struct ccm_rows rows = { 0 };
		int64_t id;
		int r = find_alert(ctx, argv[i], &rows);

		if (r < 0)
			return r;
		id = ccm_rows_int(&rows, "id");
		ccm_rows_done(&rows);
		r = ccm_db_exec(ctx->db, Q_ALERT_SEEN, DB_ARGS(DB_INT("id", id), DB_INT("now_ms", now_ms)));
		if (r < 0)
			return r;
		count += r > 0;
	}
	return argc ? count : mark_all(ctx, now_ms);
}

/* One that is not there: none is changed. */
static int seen(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = {
		OPT_END
	};
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int r, count;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ccm_txn_begin(ctx->db, &txn);
	if (r == 0)
		r = mark_seen(ctx, argc, argv);
	count = r;
	if (r >= 0)
		r = ccm_txn_commit(&txn);
	if (r < 0)
		return r;
	printf("%d alert%s marked as seen\n", count, count == 1 ? " is" : "s are");
	return 0;
}

/* ---- test, retry: by ccm-deliver, which alone has what it takes */

static int deliver(struct ctx *ctx, const char *const *argv, struct ccm_proc_result *result)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	int r;

	ccm_sbuf_addf(&path, "%s/ccm-deliver", ctx->paths.libexec);
	if (ccm_sbuf_error(&path))
		return -ENOMEM;
	ccm_proc_catch_signals();
	r = ccm_proc_run_all(&(struct ccm_proc_spec){
		.path = path.text, .argv = argv, .envp = (const char *const *)(uintptr_t)environ,
		.output_max_bytes = OUTPUT_MAX_BYTES, .timeout_ms = SENDING_MS }, 1, result);
	if (r == 0 && result->error) {
		ccm_error("cannot start '%s': %s", path.text, ccm_strerror(result->error));
		r = -CCM_E_SAID;
	}
	return r;
}

static int test(struct ctx *ctx, int argc, char **argv)
{
	const char *level = "info";
	const struct ccm_opt opts[] = {
		OPT_CHOICE("level", 'l', &level, "info|warning|urgent", "of the test message (default info)"),
		OPT_END
	};
	struct ccm_proc_result result = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (ccm_channel_find(argv[0]) < 0)
		return ccm_opt_error(&ctx->usage, "there is no channel '%s': desktop, telegram, slack, webhook, command", argv[0]);
	r = deliver(ctx, (const char *const[]){ "ccm-deliver", "test", argv[0], "--level", level, NULL }, &result);
	if (r == 0) {
		fputs(ccm_sbuf_str(&result.out), stdout);
		fputs(ccm_sbuf_str(&result.err), stderr);
		r = result.exit_status == 0 ? 0 : -CCM_E_SAID;
	}
	if (r < 0 && result.exit_status < 0 && !result.error)
		ccm_error("ccm-deliver did not end by itself (signal %d)", result.signal);
	/* What was tried is not yet how alerts are sent. */
	if (ccm_daemon_config_is_old(&ctx->paths))
		ccm_warn(DAEMON_CONFIG_OLD);
	ccm_proc_result_done(&result);
	return r;
}

/* The channel of a delivery that can be tried again; "": there is none of that number. */
static int find_delivery(struct ctx *ctx, int64_t id, char channel[16])
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *state;
	int r;

	r = ccm_db_query(ctx->db, Q_DELIVERY_GET, DB_ARGS(DB_INT("id", id)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	state = r > 0 ? ccm_rows_text(&rows, "state") : NULL;
	if (!state)
		ccm_error("there is no delivery %lld ('ccm-supervisor alerts list' shows those that failed)", (long long)id);
	else if (strcmp(state, "sent") == 0)
		ccm_error("delivery %lld has arrived already", (long long)id);
	else {
		snprintf(channel, 16, "%s", ccm_rows_text(&rows, "channel"));
		return 0;
	}
	return -CCM_E_SAID;
}

/* id 0: all of the channel that are dead. Returns how many. */
static int revive(struct ctx *ctx, const char *channel, int64_t id)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int r, count;

	r = ccm_txn_begin(ctx->db, &txn);
	if (r < 0)
		return r;
	/* The channel first: it is found by what is dead. */
	r = ccm_db_exec(ctx->db, Q_OUTLET_UNBLOCK, DB_ARGS(DB_INT_IF("id", id != 0, id), DB_TEXT("channel", channel)));
	if (r >= 0)
		r = ccm_db_exec(ctx->db, Q_DELIVERY_REVIVE, DB_ARGS(
			DB_INT_IF("id", id != 0, id), DB_TEXT("channel", channel), DB_INT("now_ms", ccm_now_ms())));
	count = r;
	if (r >= 0)
		r = ccm_txn_commit(&txn);
	return r < 0 ? r : count;
}

static int run_channel(struct ctx *ctx, const char *channel)
{
	struct ccm_proc_result result = { 0 };
	int r = deliver(ctx, (const char *const[]){ "ccm-deliver", channel, NULL }, &result);

	if (r == 0)
		fputs(ccm_sbuf_str(&result.err), stderr);
	ccm_proc_result_done(&result);
	return r;
}

static int tell_delivery(struct ctx *ctx, int64_t id)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *state;
	int r;

	r = ccm_db_query(ctx->db, Q_DELIVERY_GET, DB_ARGS(DB_INT("id", id)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	state = ccm_rows_text(&rows, "state");
	printf("delivery %lld to %s: %s\n", (long long)id, ccm_rows_text(&rows, "channel"),
	       strcmp(state, "waiting") != 0 ? state : ccm_daemon_runs(&ctx->paths, NULL) ? "waiting, and tried again by the daemon" :
	       "waiting; 'ccm-supervisor deliver --once' tries it again");
	return strcmp(state, "sent") == 0 ? 0 : -CCM_E_SAID;
}

/* All were waiting when the channels began: what is dead now failed anew, or its channel is not set up any more. */
static int tell_dead(struct ctx *ctx)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t dead = 0, left = 0;
	int r = ccm_db_query(ctx->db, Q_OUTLET_TROUBLE, DB_ARGS(DB_INT("since_ms", 0), DB_INT("unseen", 0)), &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		const char *name = ccm_rows_text(&rows, "channel");
		int64_t count = ccm_rows_int(&rows, "dead");
		int channel = ccm_channel_find(name);

		if (channel < 0 || ccm_channel_is_set_up(&ctx->settings, (enum ccm_channel)channel)) {
			dead += count;
			continue;
		}
		left += count;
		if (count)
			ccm_error("%lld for %s %s dead: it is not set up", (long long)count, name, count == 1 ? "stays" : "stay");
	}
	if (r < 0 || !(dead + left))
		return r;
	if (dead)
		ccm_error("%lld could not be delivered again ('ccm-supervisor alerts list --state dead' says why)", (long long)dead);
	return -CCM_E_SAID;
}

/* What is dead of channels that are set up; of others it stays so. */
static int retry_all(struct ctx *ctx)
{
	int counts[CCM_CHANNELS] = { 0 }, sum = 0, r = 0;

	for (enum ccm_channel c = 0; r >= 0 && c < CCM_CHANNELS; c++)
		if (ccm_channel_is_set_up(&ctx->settings, c)) {
			r = revive(ctx, ccm_channel_name(c), 0);
			counts[c] = r;
			sum += r;
		}
	if (r < 0)
		return r;
	printf("%d deliver%s tried again\n", sum, sum == 1 ? "y is" : "ies are");
	for (enum ccm_channel c = 0; r >= 0 && c < CCM_CHANNELS; c++)
		if (counts[c])
			r = run_channel(ctx, ccm_channel_name(c));
	return r < 0 ? r : tell_dead(ctx);
}

static int retry(struct ctx *ctx, int argc, char **argv)
{
	bool all = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("all", 'a', &all, "every delivery that is dead"),
		OPT_END
	};
	char channel[16] = "", *rest;
	long long id = 0;
	int r = 0;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (all == (argc > 0))
		return ccm_opt_error(&ctx->usage, "give the number of a delivery, as 'alerts list' shows it, or --all");
	if (argc > 0 && ((id = strtoll(argv[0], &rest, 10)) <= 0 || *rest))
		return ccm_opt_error(&ctx->usage, "'%s' is not the number of a delivery", argv[0]);
	if (all)
		return retry_all(ctx);
	r = find_delivery(ctx, id, channel);
	if (r == 0)
		r = revive(ctx, channel, id);
	if (r >= 0)
		r = run_channel(ctx, channel);
	return r < 0 ? r : tell_delivery(ctx, id);
}

static const struct command commands[] = {
	{ "list", "", "what was raised, where it went, and what did not arrive", 0, 0, DB_READ, list, false },
	{ "show", "ID", "one alert, and all of its deliveries", 1, 1, DB_READ, show, false },
	{ "seen", "[ID...]", "say that you have seen these; without a number, all", 0, -1, DB_WRITE, seen, false },
	{ "test", "CHANNEL", "send a test message there, and say what became of it", 1, 1, DB_NONE,
	  test, true },
	{ "retry", "[ID]", "try a delivery again that is dead or waits", 0, 1, DB_WRITE, retry, true },
	{ 0 }
};

int cmd_alerts(struct ctx *ctx, int argc, char **argv)
{
	return ccm_command_group(ctx, commands, argc, argv);
}
