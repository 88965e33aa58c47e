/* SPDX-License-Identifier: MIT */
/* One screen: daemon, limits, alerts, database, and what a person should do. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon.h"
#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/daemon_lock.h"
#include "libccm/json.h"
#include "libccm/log.h"
#include "libccm/quota.h"
#include "libccm/spool.h"
#include "libccm/term.h"
#include "unit.h"

#define DAY_MS (24LL * 3600 * 1000)
#define MAX_ALERTS 5
#define FAILURES_MANY 3                  /* in a row: it will not pass by itself */
#define SPOOL_OLD_MS (10LL * 60 * 1000)
#define TITLE_COLUMNS 60

struct status {
	struct ctx *ctx;
	int64_t now_ms;
	pid_t pid;
	bool installed;
	int64_t events, db_bytes, wal_bytes, spooled, spool_oldest_ms;
	int bad;
	int64_t alerts, alerts_seen;                     /* of a day; those of them that the person has seen */
	struct ccm_quota_gate gate;
	struct ccm_sbuf tasks, task_words;               /* JSON, and for people */
	struct ccm_sbuf jobs, limits, list, channels, todo;      /* JSON of the first four; lines of what a person should do */
	size_t todo_count;
};

static void status_done(struct status *s)
{
	ccm_quota_gate_done(&s->gate);
	ccm_sbuf_done(&s->tasks);
	ccm_sbuf_done(&s->task_words);
	ccm_sbuf_done(&s->jobs);
	ccm_sbuf_done(&s->limits);
	ccm_sbuf_done(&s->list);
	ccm_sbuf_done(&s->channels);
	ccm_sbuf_done(&s->todo);
}

static void need(struct status *s, const char *format, ...) _printf_(2, 3);

static void need(struct status *s, const char *format, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	ccm_sbuf_addf(&s->todo, "%s\n", line);
	s->todo_count++;
}

static void json_text(struct ccm_sbuf *out, const char *name, const char *text)
{
	ccm_sbuf_addf(out, "\"%s\":", name);
	if (text)
		ccm_json_quote(out, text, strlen(text));
	else
		ccm_sbuf_adds(out, "null");
}

static void json_int(struct ccm_sbuf *out, const struct ccm_rows *rows, const char *name)
{
	if (ccm_rows_is_null(rows, name))
		ccm_sbuf_addf(out, ",\"%s\":null", name);
	else
		ccm_sbuf_addf(out, ",\"%s\":%lld", name, (long long)ccm_rows_int(rows, name));
}

static int read_jobs(struct status *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(s->ctx->db, Q_JOB_LIST, NULL, &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		const char *problem = ccm_rows_text(&rows, "problem");

		ccm_sbuf_addf(&s->jobs, "%s{", s->jobs.bytes ? "," : "");
		json_text(&s->jobs, "name", ccm_rows_text(&rows, "name"));
		json_int(&s->jobs, &rows, "due_ms");
		json_int(&s->jobs, &rows, "started_ms");
		json_int(&s->jobs, &rows, "took_ms");
		json_int(&s->jobs, &rows, "failures");
		ccm_sbuf_addc(&s->jobs, ',');
		json_text(&s->jobs, "problem", problem);
		ccm_sbuf_addc(&s->jobs, '}');
		if (problem && (ccm_rows_int(&rows, "failures") >= FAILURES_MANY || strcmp(ccm_rows_text(&rows, "name"), "check") == 0))
			need(s, "the job %s fails: %.*s", ccm_rows_text(&rows, "name"), (int)strcspn(problem, "\n"), problem);
	}
	return r;
}

static int read_limits(struct status *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(s->ctx->db, Q_QUOTA_LIST, NULL, &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		ccm_sbuf_addf(&s->limits, "%s{", s->limits.bytes ? "," : "");
		json_text(&s->limits, "scope", ccm_rows_text(&rows, "scope"));
		ccm_sbuf_addc(&s->limits, ',');
		json_text(&s->limits, "state", ccm_rows_text(&rows, "state"));
		json_int(&s->limits, &rows, "used_permille");
		json_int(&s->limits, &rows, "resets_ms");
		ccm_sbuf_addc(&s->limits, '}');
	}
	return r < 0 ? r : ccm_quota_ask(s->ctx->db, &s->ctx->settings, NULL, s->now_ms, &s->gate);
}

static int count_alerts(struct status *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(s->ctx->db, Q_ALERT_DAY_COUNT, DB_ARGS(DB_INT("since_ms", s->now_ms - DAY_MS)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0) {
		s->alerts = ccm_rows_int(&rows, "alerts");
		s->alerts_seen = ccm_rows_int(&rows, "seen");
	}
	return r < 0 ? r : 0;
}

/* What an agent waited for is over by now, or it says so itself; and so is a halt after which the person went on. */
static bool wants_person(const struct status *s, const struct ccm_rows *rows)
{
	const char *name = ccm_rows_text(rows, "kind");
	int kind = name ? ccm_alert_kind_find(name) : -ENOENT;

	if (kind == CCM_KIND_NEEDS_INPUT || ccm_rows_int(rows, "over"))
		return false;
	/* Whoever raised it need not have asked config.ini. */
	if (kind >= 0 && ccm_alert_kind_is_set(&s->ctx->settings, (enum ccm_alert_kind)kind))
		return ccm_alert_kind_level(&s->ctx->settings, (enum ccm_alert_kind)kind) == CCM_ALERT_URGENT;
	return strcmp(ccm_rows_text(rows, "level"), "urgent") == 0;
}

static int read_alerts(struct status *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t urgent = 0, unseen = 0;
	int r = count_alerts(s);

	if (r == 0)
		r = ccm_db_query(s->ctx->db, Q_ALERT_LIST, DB_ARGS(DB_INT("since_ms", s->now_ms - DAY_MS), DB_INT("limit", 1000)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		urgent += wants_person(s, &rows);
		if (unseen++ >= MAX_ALERTS)
			continue;
		ccm_sbuf_addf(&s->list, "%s{\"id\":%lld,", s->list.bytes ? "," : "", (long long)ccm_rows_int(&rows, "id"));
		json_text(&s->list, "level", ccm_rows_text(&rows, "level"));
		json_int(&s->list, &rows, "created_ms");
		ccm_sbuf_addc(&s->list, ',');
		json_text(&s->list, "title", ccm_rows_text(&rows, "title"));
		ccm_sbuf_addc(&s->list, '}');
	}
	if (urgent)
		need(s, "%lld urgent alert%s within a day: 'ccm-supervisor alerts list' shows %s, 'ccm-supervisor alerts seen' says that you "
		     "know", (long long)urgent, urgent == 1 ? "" : "s", urgent == 1 ? "it" : "them");
	return r;
}

static int read_channels(struct status *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(s->ctx->db, Q_OUTLET_TROUBLE, DB_ARGS(
		DB_INT("since_ms", s->now_ms - 7 * DAY_MS), DB_INT("unseen", 1)), &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		const char *channel = ccm_rows_text(&rows, "channel"), *problem = ccm_rows_text(&rows, "problem");
		int64_t dead = ccm_rows_int(&rows, "dead"), failures = ccm_rows_int(&rows, "failures");
		int number = ccm_channel_find(channel);

		ccm_sbuf_addf(&s->channels, "%s{", s->channels.bytes ? "," : "");
		json_text(&s->channels, "name", channel);
		ccm_sbuf_addf(&s->channels, ",\"dead\":%lld,\"failures\":%lld,", (long long)dead, (long long)failures);
		json_text(&s->channels, "problem", problem);
		ccm_sbuf_addc(&s->channels, '}');
		if (dead)
			need(s, "%lld alert%s could not be delivered by %s: 'ccm-supervisor alerts list --state=dead' tells why",
			     (long long)dead, dead == 1 ? "" : "s", channel);
		if (failures >= FAILURES_MANY && number >= 0 && ccm_channel_is_set_up(&s->ctx->settings, (enum ccm_channel)number))
			need(s, "%s takes no alerts: %.*s", channel, problem ? (int)strcspn(problem, "\n") : 0, problem ? problem : "");
	}
	return r;
}

static int read_tasks(struct status *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(s->ctx->db, Q_TASK_STATES, NULL, &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		const char *state = ccm_rows_text(&rows, "state"), *comma = s->tasks.bytes ? "," : "";

		ccm_sbuf_addf(&s->tasks, "%s\"%s\":%lld", comma, state, (long long)ccm_rows_int(&rows, "count"));
		ccm_sbuf_addf(&s->task_words, "%s%s%lld %s", comma, comma[0] ? " " : "", (long long)ccm_rows_int(&rows, "count"), state);
	}
	return r;
}

static int64_t size_of(const char *path, const char *suffix)
{
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	struct stat st;

	ccm_sbuf_addf(&name, "%s%s", path, suffix);
	return stat(ccm_sbuf_str(&name), &st) == 0 ? (int64_t)st.st_size : 0;
}

static int read_database(struct status *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	s->db_bytes = size_of(s->ctx->paths.db, "") + size_of(s->ctx->paths.state, "");
	s->wal_bytes = size_of(s->ctx->paths.db, "-wal") + size_of(s->ctx->paths.state, "-wal");
	r = ccm_spool_count(&s->ctx->paths, &s->spool_oldest_ms, &s->bad);
	s->spooled = r > 0 ? r : 0;
	if (s->spooled && s->now_ms - s->spool_oldest_ms > SPOOL_OLD_MS)
		need(s, "%lld events wait in the spool: 'ccm-hook doctor' tells why", (long long)s->spooled);
	if (s->bad)
		need(s, "%d files in the spool cannot be read: 'ccm-hook doctor' names them", s->bad);
	if (!s->ctx->db)
		return 0;
	r = ccm_db_query(s->ctx->db, Q_EVENT_COUNT, NULL, &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		s->events = ccm_rows_int(&rows, "events");
	return r;
}

static int collect(struct status *s)
{
	_cleanup_sbuf_ struct ccm_sbuf unit = { 0 };
	int r;

	unit_systemd_path(&unit);
	s->installed = unit.bytes && access(unit.text, F_OK) == 0;
	ccm_daemon_runs(&s->ctx->paths, &s->pid);
	if (s->installed && !s->pid)
		need(s, "the daemon is installed, but does not run: systemctl --user status " UNIT_NAME);
	if (s->ctx->settings.problems.bytes)
		need(s, "the configuration has mistakes, which were named above");
	else if (ccm_daemon_config_is_old(&s->ctx->paths))
		need(s, DAEMON_CONFIG_OLD);
	r = read_database(s);
	if (r >= 0 && s->ctx->db)
		r = read_jobs(s);
	if (r >= 0 && s->ctx->db)
		r = read_limits(s);
	if (r >= 0 && s->ctx->db)
		r = read_alerts(s);
	if (r >= 0 && s->ctx->db)
		r = read_channels(s);
	if (r >= 0 && s->ctx->db)
		r = read_tasks(s);
	return r < 0 ? r : 0;
}

static void print_json(const struct status *s)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	const char *p = ccm_sbuf_str(&s->todo);

	ccm_sbuf_addf(&out, "{\"daemon\":{\"running\":%s,\"pid\":%d,\"installed\":%s,\"jobs\":[%s]},", s->pid ? "true" : "false",
		      (int)s->pid, s->installed ? "true" : "false", ccm_sbuf_str(&s->jobs));
	ccm_sbuf_addf(&out, "\"quota\":{\"held\":%s,\"limits\":[%s]},", s->gate.scope ? "true" : "false", ccm_sbuf_str(&s->limits));
	ccm_sbuf_addf(&out, "\"alerts\":{\"day\":%lld,\"seen\":%lld,\"newest\":[%s],\"channels\":[%s]},", (long long)s->alerts,
		      (long long)s->alerts_seen, ccm_sbuf_str(&s->list), ccm_sbuf_str(&s->channels));
	ccm_sbuf_addf(&out, "\"tasks\":{%s},", ccm_sbuf_str(&s->tasks));
	ccm_sbuf_addf(&out, "\"database\":{\"events\":%lld,\"bytes\":%lld,\"wal_bytes\":%lld,\"spooled\":%lld},\"needs\":[",
		      (long long)s->events, (long long)s->db_bytes, (long long)s->wal_bytes, (long long)s->spooled);
	for (size_t n = 0; *p; p += strcspn(p, "\n") + 1, n++) {
		if (n)
			ccm_sbuf_addc(&out, ',');
		ccm_json_quote(&out, p, strcspn(p, "\n"));
	}
	ccm_sbuf_adds(&out, "]}\n");
	fputs(ccm_sbuf_str(&out), stdout);
}

static int print_limits(const struct status *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	bool any = false;
	char time[32];
	int r = 0;

	printf("quota     ");
	if (s->ctx->db)
		r = ccm_db_query(s->ctx->db, Q_QUOTA_LIST, NULL, &rows);
	while (s->ctx->db && r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		if (ccm_rows_is_null(&rows, "used_permille"))
			continue;
		printf("%s%s %lld %% (%s)", any ? ", " : "", ccm_quota_scope_words(ccm_rows_text(&rows, "scope")),
		       (long long)(ccm_rows_int(&rows, "used_permille") / 10), ccm_rows_text(&rows, "state"));
		any = true;
	}
	printf("%s", any ? "" : "not known");
	if (s->gate.until_ms)
		printf("; work waits until %s", ccm_quota_time(s->gate.until_ms, s->now_ms, time, sizeof time));
	else if (s->gate.scope)
		printf("; work waits until a person says so");
	putchar('\n');
	return r;
}

static int print_alerts(const struct status *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = 0;

	printf("alerts    %lld within a day", (long long)s->alerts);
	if (s->alerts_seen)
		printf(", %lld of them seen", (long long)s->alerts_seen);
	putchar('\n');
	if (s->ctx->db)
		r = ccm_db_query(s->ctx->db, Q_ALERT_LIST, DB_ARGS(DB_INT("since_ms", s->now_ms - DAY_MS), DB_INT("limit", MAX_ALERTS)),
				 &rows);
	while (s->ctx->db && r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		_cleanup_sbuf_ struct ccm_sbuf clean = { 0 }, cut = { 0 };
		const char *title = ccm_rows_text(&rows, "title");
		char time[32];

		ccm_term_clean(&clean, title, strlen(title), CCM_CLEAN_LINE);
		ccm_term_fit(&cut, ccm_sbuf_str(&clean), clean.bytes, TITLE_COLUMNS, false);
		printf("          %s  %-7s  %s\n", ccm_time_format(ccm_rows_int(&rows, "created_ms"), false, time, sizeof time),
		       ccm_rows_text(&rows, "level"), ccm_sbuf_str(&cut));
	}
	return r;
}

static int print_screen(const struct status *s)
{
	char size[32], wal[32];
	int r;

	if (s->pid)
		printf("daemon    runs as process %d\n", (int)s->pid);
	else
		printf("daemon    does not run%s\n", s->installed ? "" : " ('ccm-supervisor install' starts it for good)");
	r = print_limits(s);
	if (r >= 0)
		r = print_alerts(s);
	if (s->tasks.bytes)
		printf("tasks     %s\n", ccm_sbuf_str(&s->task_words));
	if (s->ctx->db)
		printf("database  %lld events, %s, write-ahead log %s", (long long)s->events, ccm_size_format(s->db_bytes, size),
		       ccm_size_format(s->wal_bytes, wal));
	else
		printf("database  there is none yet");
	if (s->spooled)
		printf(", %lld in the spool", (long long)s->spooled);
	putchar('\n');
	for (const char *p = ccm_sbuf_str(&s->todo); *p; p += strcspn(p, "\n") + 1)
		printf("%s%.*s\n", p == s->todo.text ? "to do     " : "          ", (int)strcspn(p, "\n"), p);
	return r < 0 ? r : 0;
}

int cmd_status(struct ctx *ctx, int argc, char **argv)
{
	bool json = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("json", 0, &json, "say it as a JSON object"),
		OPT_END
	};
	_cleanup_(status_done) struct status s = { .ctx = ctx, .now_ms = ccm_now_ms() };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = collect(&s);
	if (r < 0)
		return r;
	if (json)
		print_json(&s);
	else
		r = print_screen(&s);
	return r < 0 ? r : s.todo_count ? CCM_EXIT_FAILURE : CCM_EXIT_OK;
}
