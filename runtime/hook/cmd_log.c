/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "history.h"
#include "libccm/clock.h"
#include "libccm/host.h"
#include "libccm/json.h"
#include "libccm/log.h"
#include "libccm/spool.h"
#include "print.h"

#define SHOWN_DEFAULT 50
#define SHOWN_BEFORE_FOLLOWING 10
#define POLL_MS 100
/* Unfinished events that a follower waits for: more have no chance to be at work at once. */
#define UNFINISHED_MAX 256
#define UNFINISHED_MAX_AGE_MS (60 * 60 * 1000)
/* Up to so many runs it is quicker to look up an automation's events and sort them than to meet
 * them on the way back through time. */
#define SELDOM_RUNS 2000

struct log {
	struct ctx *ctx;
	struct history_scope scope;
	struct ccm_opt_list event_names, tool_names, verdict_names;
	struct ccm_sbuf events, tools, tool_globs, verdicts;     /* the same as JSON arrays */
	const char *automation, *grep, *output, *count_text;
	int64_t count, slow_ms;                                  /* count -1: all */
	bool follow, reverse, failed, invalid, ignore_case, json;
	struct print_table table;
	struct ccm_sbuf out;
};

static volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
	(void)signal;
	stopped = 1;
}

/* ---- what was asked for */

static void add_to_array(struct ccm_sbuf *array, const char *text)
{
	ccm_sbuf_addc(array, array->bytes ? ',' : '[');
	ccm_json_quote(array, text, strlen(text));
}

static void end_array(struct ccm_sbuf *array)
{
	if (array->bytes)
		ccm_sbuf_addc(array, ']');
}

static const char *array_or_null(const struct ccm_sbuf *array)
{
	return array->bytes ? array->text : NULL;
}

/* The host adds events with every release, so an unknown name is only warned of. */
static const char *event_name(const char *name)
{
	const struct ccm_host_event *known;
	size_t count;

	known = ccm_host_events(&count);
	for (size_t i = 0; i < count; i++)
		if (strcasecmp(known[i].name, name) == 0)
			return known[i].name;
	ccm_warn("'%s' is no event that this ccm knows", name);
	return name;
}

static int read_lists(struct log *l)
{
	for (int i = 0; i < l->event_names.count; i++)
		add_to_array(&l->events, event_name(l->event_names.items[i]));
	for (int i = 0; i < l->tool_names.count; i++) {
		const char *name = l->tool_names.items[i];

		add_to_array(name[strcspn(name, "*?[")] ? &l->tool_globs : &l->tools, name);
	}
	/* The filter looks at tools alone to see whether tools were asked for at all. */
	if (l->tool_globs.bytes && !l->tools.bytes)
		ccm_sbuf_addc(&l->tools, '[');
	for (int i = 0; i < l->verdict_names.count; i++)
		add_to_array(&l->verdicts, l->verdict_names.items[i]);
	end_array(&l->events);
	end_array(&l->tools);
	end_array(&l->tool_globs);
	end_array(&l->verdicts);
	if (l->events.failed || l->tools.failed || l->tool_globs.failed || l->verdicts.failed)
		return -ENOMEM;
	return 0;
}

static int read_request(struct log *l)
{
	struct ccm_diag diag = { 0 };
	int r;

	if (l->json)
		l->output = "json";
	if (l->grep && !ccm_db_is_regexp(l->grep, &diag))
		return ccm_opt_error(&l->ctx->usage, "--grep: %s", diag.text);
	l->count = l->follow ? SHOWN_BEFORE_FOLLOWING : SHOWN_DEFAULT;
	r = history_lines_read(l->ctx, l->count_text, &l->count);
	if (r == 0)
		r = read_lists(l);
	if (r == 0)
		r = history_scope_read(l->ctx, &l->scope);
	return r;
}

static void log_done(struct log *l)
{
	history_scope_done(&l->scope);
	ccm_opt_list_done(&l->event_names);
	ccm_opt_list_done(&l->tool_names);
	ccm_opt_list_done(&l->verdict_names);
	ccm_sbuf_done(&l->events);
	ccm_sbuf_done(&l->tools);
	ccm_sbuf_done(&l->tool_globs);
	ccm_sbuf_done(&l->verdicts);
	ccm_sbuf_done(&l->out);
}

/* The arguments of the SQL fragment EVENT_FILTER, for a DB_ARGS() list. */
#define FILTER_ARGS(l) \
	HISTORY_SCOPE_ARGS(&(l)->scope), DB_TEXT("events", array_or_null(&(l)->events)), \
	DB_TEXT("tools", array_or_null(&(l)->tools)), DB_TEXT("tool_globs", array_or_null(&(l)->tool_globs)), \
	DB_TEXT("verdicts", array_or_null(&(l)->verdicts)), \
	DB_INT_IF("slow_us", (l)->slow_ms >= 0, (l)->slow_ms * 1000), DB_INT_IF("invalid", (l)->invalid, 1), \
	DB_INT_IF("failed", (l)->failed, 1), DB_TEXT("automation", (l)->automation), DB_TEXT("grep", (l)->grep)

/* ---- one event */

static int add_runs(struct log *l, int64_t event_id)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	bool json = strcmp(l->output, "json") == 0;
	int r;

	r = ccm_db_query(l->ctx->db, Q_RUN_LIST, DB_ARGS(DB_INT("event_id", event_id)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		struct history_run run;

		history_run_read(&rows, &run);
		if (json)
			print_run_json(&l->out, &run, false);
		else
			print_run_line(&l->out, &run, l->table.colour);
	}
	return r;
}

static int show_event(struct log *l, const struct ccm_rows *rows)
{
	struct history_event e;
	int r = 0;

	history_event_read(rows, &e);
	if (strcmp(l->output, "short") == 0) {
		print_table_row(&l->table, &e, &l->out);
	} else if (strcmp(l->output, "csv") == 0) {
		print_csv_row(&l->out, &e, isatty(STDOUT_FILENO));
	} else if (strcmp(l->output, "full") == 0) {
		print_event(&l->out, &e, l->table.now_ms, l->table.colour);
		r = add_runs(l, e.id);
		ccm_sbuf_addc(&l->out, '\n');
	} else {
		ccm_sbuf_addc(&l->out, '{');
		print_event_json(&l->out, &e);
		print_json_name(&l->out, "runs");
		ccm_sbuf_addc(&l->out, '[');
		r = add_runs(l, e.id);
		ccm_sbuf_adds(&l->out, "]}\n");
	}
	return r < 0 ? r : print_out(&l->out);
}

static int show_header(struct log *l)
{
	if (strcmp(l->output, "csv") == 0)
		print_csv_header(&l->out);
	else if (strcmp(l->output, "short") == 0 && isatty(STDOUT_FILENO))
		print_table_header(&l->table, &l->out);
	return print_out(&l->out);
}

/* ---- the newest events */

static int runs_seldom(struct log *l, bool *ret)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(l->ctx->db, Q_RUN_COUNT,
			 DB_ARGS(DB_TEXT("automation", l->automation), DB_INT("limit", SELDOM_RUNS)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		*ret = ccm_rows_int(&rows, "runs") < SELDOM_RUNS;
	return r < 0 ? r : 0;
}

/* The query whose index leads to the fewest rows that the filter then drops; *ret_key is what it looks up. */
static int choose_query(struct log *l, bool reverse, enum ccm_query *ret, const char **ret_key)
{
	bool seldom = false;
	int r = 0;

	*ret_key = NULL;
	if (l->scope.session_whole) {
		*ret = reverse ? Q_LOG_BY_SESSION_REVERSE : Q_LOG_BY_SESSION;
		*ret_key = l->scope.session;
		return 0;
	}
	if (l->automation)
		r = runs_seldom(l, &seldom);
	if (seldom) {
		*ret = reverse ? Q_LOG_BY_AUTOMATION_REVERSE : Q_LOG_BY_AUTOMATION;
		*ret_key = l->automation;
	} else if (l->tool_names.count == 1 && !l->tool_globs.bytes) {
		*ret = reverse ? Q_LOG_BY_TOOL_REVERSE : Q_LOG_BY_TOOL;
		*ret_key = l->tool_names.items[0];
	} else {
		*ret = reverse ? Q_LOG_BY_TIME_REVERSE : Q_LOG_BY_TIME;
	}
	return r;
}

static int show_newest(struct log *l, bool reverse)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	struct ccm_db_arg args[] = { FILTER_ARGS(l), DB_INT("limit", l->count), DB_END, DB_END };
	struct ccm_db_arg *key = &args[ARRAY_SIZE(args) - 2];
	const char *key_text;
	enum ccm_query q;
	int64_t shown = 0;
	int r;

	r = choose_query(l, reverse, &q, &key_text);
	if (r < 0)
		return r;
	if (key_text)
		*key = (struct ccm_db_arg)DB_TEXT("key", key_text);
	r = ccm_db_query(l->ctx->db, q, args, &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		r = show_event(l, &rows);
		shown++;
	}
	if (r == 0 && shown == l->count && !l->count_text && !l->follow && isatty(STDERR_FILENO))
		ccm_warn("these are the newest %lld; '-n all' shows every one", (long long)shown);
	return r;
}

/* ---- following */

struct unfinished {
	int64_t ids[UNFINISHED_MAX];
	size_t count;
};

static bool is_unfinished(const struct unfinished *u, int64_t id)
{
	for (size_t i = 0; i < u->count; i++)
		if (u->ids[i] == id)
			return true;
	return false;
}

static void add_unfinished(struct unfinished *u, int64_t id)
{
	if (u->count == UNFINISHED_MAX)
		memmove(u->ids, u->ids + 1, --u->count * sizeof u->ids[0]);
	u->ids[u->count++] = id;
}

static int ask_number(struct ccm_db *db, enum ccm_query q, const char *column, struct ccm_rows *rows, int64_t *ret)
{
	int r = ccm_db_query(db, q, NULL, rows);

	if (r == 0)
		r = ccm_rows_next(rows);
	if (r > 0)
		*ret = ccm_rows_int(rows, column);
	return r < 0 ? r : 0;
}

/* Shows what came before, and notes from where to go on: *after_id, and the events still at work. */
static int begin_following(struct log *l, int64_t *after_id, struct unfinished *u)
{
	/* As long as this statement stands on its row, all others here see the same state of the
	 * database, so that no event is shown twice or falls in between. */
	_cleanup_rows_ struct ccm_rows snapshot = { 0 };
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ask_number(l->ctx->db, Q_EVENT_LAST_ID, "id", &snapshot, after_id);
	if (r == 0)
		r = show_newest(l, true);
	if (r == 0)
		r = ccm_db_query(l->ctx->db, Q_EVENT_UNFINISHED,
				 DB_ARGS(DB_INT("since_ms", ccm_now_ms() - UNFINISHED_MAX_AGE_MS)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0)
		add_unfinished(u, ccm_rows_int(&rows, "id"));
	return r;
}

/* Shows the events that are new, and those that have got their verdict since they were seen. */
static int show_news(struct log *l, int64_t *after_id, struct unfinished *u)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf ids = { 0 };
	struct unfinished still = { .count = 0 };
	int r;

	for (size_t i = 0; i < u->count; i++)
		ccm_sbuf_addf(&ids, "%c%lld", i ? ',' : '[', (long long)u->ids[i]);
	ccm_sbuf_adds(&ids, u->count ? "]" : "[]");
	r = ccm_sbuf_error(&ids);
	if (r == 0)
		r = ccm_db_query(l->ctx->db, Q_LOG_FOLLOW,
				 DB_ARGS(FILTER_ARGS(l), DB_INT("after_id", *after_id), DB_TEXT("unfinished", ids.text)),
				 &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		int64_t id = ccm_rows_int(&rows, "id");
		bool finished = !ccm_rows_is_null(&rows, "verdict");
		bool old = ccm_now_ms() - ccm_rows_int(&rows, "received_ms") > UNFINISHED_MAX_AGE_MS;
		bool seen = is_unfinished(u, id);

		if (!finished && !old)
			add_unfinished(&still, id);
		if (ccm_rows_int(&rows, "matches") && (!seen || finished))
			r = show_event(l, &rows);
		if (id > *after_id)
			*after_id = id;
	}
	if (r == 0)
		*u = still;
	return r;
}

/* True if the path leads to another file than the one that is open: the database was set aside. */
static bool is_replaced(const char *path, const struct stat *opened)
{
	struct stat now;

	return stat(path, &now) == 0 && (now.st_ino != opened->st_ino || now.st_dev != opened->st_dev);
}

/* Opens the database anew; ctx->db stays NULL while there is none. */
static int reopen(struct ctx *ctx, bool ignore_case, struct stat *ret)
{
	struct ccm_diag diag = { 0 };
	int r;

	ccm_db_close(ctx->db);
	ctx->db = NULL;
	if (stat(ctx->paths.db, ret) < 0)
		return 0;
	r = ccm_db_open(ctx->paths.db, CCM_DB_READ, (int)ctx->settings.busy_timeout_ms, &ctx->db, &diag);
	if (r == -ENOENT || r == -CCM_E_BUSY)
		return 0;
	if (r < 0) {
		ccm_error("%s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	return ccm_db_enable_regexp(ctx->db, ignore_case);
}

/* Waits a moment; false when it is time to end: a signal, or nobody reads stdout any more. */
static bool wait_a_moment(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	if (poll(&p, 1, stopped ? 0 : POLL_MS) > 0)
		return false;
	return !stopped;
}

static int follow(struct log *l)
{
	struct ctx *ctx = l->ctx;
	struct unfinished *u = NULL;
	int64_t after_id = 0, version = -1, seen_version = -1;
	struct sigaction on_stop = { .sa_handler = on_signal };
	struct stat opened = { 0 };
	int r = 0;

	u = calloc(1, sizeof *u);
	if (!u)
		return -ENOMEM;
	sigaction(SIGINT, &on_stop, NULL);
	sigaction(SIGTERM, &on_stop, NULL);
	if (ctx->db) {
		if (stat(ctx->paths.db, &opened) < 0)
			opened.st_ino = 0;
		r = begin_following(l, &after_id, u);
	}
	do {
		if (r == 0 && (!ctx->db || is_replaced(ctx->paths.db, &opened))) {
			r = reopen(ctx, l->ignore_case, &opened);
			after_id = 0;
			u->count = 0;
			seen_version = -1;
		}
		if (r == 0 && ctx->db) {
			_cleanup_rows_ struct ccm_rows rows = { 0 };

			r = ask_number(ctx->db, Q_DATA_VERSION, "data_version", &rows, &version);
		}
		if (r == 0 && ctx->db && version != seen_version) {
			r = show_news(l, &after_id, u);
			seen_version = version;
		}
		if (r == 0 && fflush(stdout) != 0)
			r = -errno;
	} while (r == 0 && wait_a_moment());
	free(u);
	/* The reader went away: that is how following ends. */
	return r == -EPIPE ? 0 : r;
}

/* What is shown may not be all: these come in with the next event that the database takes. */
static void say_what_waits(const struct ctx *ctx)
{
	int64_t oldest_ms;
	int bad, count = ccm_spool_count(&ctx->paths, &oldest_ms, &bad);
	char since[32];

	if (count > 0)
		ccm_warn("%d event%s in the spool since %s and %s not shown: 'ccm-hook tidy' takes them in, or says why not", count,
			 count == 1 ? " waits" : "s wait", ccm_time_format(oldest_ms, false, since, sizeof since),
			 count == 1 ? "is" : "are");
}

int cmd_log(struct ctx *ctx, int argc, char **argv)
{
	_cleanup_(log_done) struct log l = { .ctx = ctx, .output = "short", .slow_ms = -1 };
	const struct ccm_opt opts[] = {
		OPT_STR("lines", 'n', "N", &l.count_text, "at most N events, or 'all' (default 50; with -f 10)"),
		OPT_FLAG("follow", 'f', &l.follow, "go on showing events as they come"),
		OPT_FLAG("reverse", 'r', &l.reverse, "oldest of them first"),
		HISTORY_SCOPE_OPTS(&l.scope),
		OPT_LIST("event", 'e', "NAME", &l.event_names, "of this name (may be repeated)"),
		OPT_LIST("tool", 't', "NAME", &l.tool_names, "of this tool; * and ? stand for others (repeatable)"),
		OPT_LIST_OF("verdict", 'v', "VERDICT", &l.verdict_names, "none|allow|ask|defer|deny|running",
			    "none, allow, ask, defer, deny, running"),
		OPT_STR("automation", 'a', "NAME", &l.automation, "that this automation ran on"),
		OPT_FLAG("failed", 0, &l.failed, "on which a run failed, or ccm itself"),
		OPT_INT("slow", 0, "MS", &l.slow_ms, 0, INT64_MAX / 1000, "that took us at least MS milliseconds"),
		OPT_FLAG("invalid", 0, &l.invalid, "that broke the host's description of them"),
		OPT_STR("grep", 'g', "REGEX", &l.grep, "with this in their payload (POSIX extended)"),
		OPT_FLAG("ignore-case", 'i', &l.ignore_case, "let --grep match upper and lower case alike"),
		OPT_CHOICE("output", 'o', &l.output, "short|full|json|csv", "how to show them (json: one object a line)"),
		OPT_FLAG("json", 0, &l.json, "the same as --output=json"),
		OPT_END
	};
	int64_t last_id = 0;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = read_request(&l);
	if (r < 0)
		return r;
	say_what_waits(ctx);
	if (!ctx->db)
		history_say_none(ctx);
	if (l.scope.session_unknown || (!ctx->db && !l.follow))
		return 0;
	if (ctx->db) {
		_cleanup_rows_ struct ccm_rows rows = { 0 };

		r = ccm_db_enable_regexp(ctx->db, l.ignore_case);
		if (r == 0)
			r = ask_number(ctx->db, Q_EVENT_LAST_ID, "id", &rows, &last_id);
		if (r < 0)
			return r;
	}
	print_table_init(&l.table, last_id);
	r = show_header(&l);
	if (r == 0)
		r = l.follow ? follow(&l) : show_newest(&l, l.reverse);
	return r;
}
