/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "history.h"
#include "libccm/clock.h"
#include "print.h"

#define ROWS_DEFAULT 10
#define BAR_MAX 40
#define GAP 2
#define SESSION_COLUMNS 8        /* of its id */

/* The parts of STATS_PARTS, in the order in which they are shown; the automations stand between. */
static const struct part {
	const char *part, *title, *member;   /* member: what its name is called in JSON */
} parts[] = {
	{ "events", "event", "event" },
	{ "tools", "tool", "tool" },
	{ "verdicts", "verdict", "verdict" },
	{ "days", "day", "day" },
	{ "sessions", "session", "session_id" },
	{ "projects", "project", "project" },
};
#define AUTOMATIONS_BEHIND 2

struct row {
	size_t part;
	char *name, *detail;                 /* NULL: not known */
	int64_t events, last_ms;
};

struct automation {
	char *name;
	int64_t runs, failures, timeouts, allow, ask, defer, deny, median_us, p99_us, max_us;
};

struct stats {
	struct ctx *ctx;
	struct history_scope scope;
	const char *lines_text;
	int64_t lines;                       /* rows of each table; -1: all */
	bool json, colour;
	size_t columns;

	int64_t events, sessions, projects, first_ms, last_ms, invalid, unfinished, noted;
	bool timed;                          /* some event is finished, so these are known: */
	int64_t median_us, p99_us, max_us;
	struct row *rows;                    /* most or newest first within each part */
	size_t row_count, rows_allocated;
	struct automation *automations;
	size_t automation_count, automations_allocated;
	struct ccm_sbuf out;
};

static void stats_done(struct stats *s)
{
	for (size_t i = 0; i < s->row_count; i++) {
		free(s->rows[i].name);
		free(s->rows[i].detail);
	}
	for (size_t i = 0; i < s->automation_count; i++)
		free(s->automations[i].name);
	free(s->rows);
	free(s->automations);
	history_scope_done(&s->scope);
	ccm_sbuf_done(&s->out);
}

/* ---- what the database says */

static int load_total(struct stats *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(s->ctx->db, Q_STATS_TOTAL, DB_ARGS(HISTORY_SCOPE_ARGS(&s->scope)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	s->events = ccm_rows_int(&rows, "events");
	s->sessions = ccm_rows_int(&rows, "sessions");
	s->projects = ccm_rows_int(&rows, "projects");
	s->first_ms = ccm_rows_int(&rows, "first_ms");
	s->last_ms = ccm_rows_int(&rows, "last_ms");
	s->invalid = ccm_rows_int(&rows, "invalid");
	s->unfinished = ccm_rows_int(&rows, "unfinished");
	s->noted = ccm_rows_int(&rows, "noted");
	return 0;
}

static int load_took(struct stats *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(s->ctx->db, Q_STATS_TOOK, DB_ARGS(HISTORY_SCOPE_ARGS(&s->scope)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	s->timed = !ccm_rows_is_null(&rows, "max_us");
	s->median_us = ccm_rows_int(&rows, "median_us");
	s->p99_us = ccm_rows_int(&rows, "p99_us");
	s->max_us = ccm_rows_int(&rows, "max_us");
	return 0;
}

/* The array with room for one more element; NULL: out of memory, and the array is as it was. */
static void *grow(void *array, size_t count, size_t *allocated, size_t size)
{
	size_t more = *allocated ? *allocated * 2 : 64;
	void *grown;

	if (count < *allocated)
		return array;
	grown = reallocarray(array, more, size);
	if (grown)
		*allocated = more;
	return grown;
}

static int copy_text(const struct ccm_rows *rows, const char *column, char **ret)
{
	const char *text = ccm_rows_text(rows, column);

	if (!text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int add_row(struct stats *s, const struct ccm_rows *rows)
{
	struct row *grown = grow(s->rows, s->row_count, &s->rows_allocated, sizeof *grown), *row;
	const char *part = ccm_rows_text(rows, "part");

	if (!grown || !part)
		return -ENOMEM;
	s->rows = grown;
	row = &grown[s->row_count++];
	*row = (struct row){ 0 };
	while (row->part + 1 < ARRAY_SIZE(parts) && strcmp(parts[row->part].part, part) != 0)
		row->part++;
	row->events = ccm_rows_int(rows, "events");
	row->last_ms = ccm_rows_int(rows, "last_ms");
	if (copy_text(rows, "name", &row->name) < 0 || copy_text(rows, "detail", &row->detail) < 0)
		return -ENOMEM;
	return 0;
}

static int add_automation(struct stats *s, const struct ccm_rows *rows)
{
	struct automation *grown = grow(s->automations, s->automation_count, &s->automations_allocated, sizeof *grown), *a;

	if (!grown)
		return -ENOMEM;
	s->automations = grown;
	a = &grown[s->automation_count++];
	*a = (struct automation){ 0 };
	a->runs = ccm_rows_int(rows, "runs");
	a->failures = ccm_rows_int(rows, "failures");
	a->timeouts = ccm_rows_int(rows, "timeouts");
	a->allow = ccm_rows_int(rows, "allow");
	a->ask = ccm_rows_int(rows, "ask");
	a->defer = ccm_rows_int(rows, "defer");
	a->deny = ccm_rows_int(rows, "deny");
	a->median_us = ccm_rows_int(rows, "median_us");
	a->p99_us = ccm_rows_int(rows, "p99_us");
	a->max_us = ccm_rows_int(rows, "max_us");
	return copy_text(rows, "automation", &a->name);
}

static int load_each(struct stats *s, enum ccm_query q, int (*add)(struct stats *s, const struct ccm_rows *rows))
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(s->ctx->db, q, DB_ARGS(HISTORY_SCOPE_ARGS(&s->scope)), &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0)
		r = add(s, &rows);
	return r;
}

/* One session's events lie between two known times, which spares a walk over all the others. */
static int narrow_to_session(struct stats *s)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	if (!s->scope.session_whole)
		return 0;
	r = ccm_db_query(s->ctx->db, Q_SESSION_SPAN, DB_ARGS(DB_TEXT("session", s->scope.session)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	if (ccm_rows_int(&rows, "first_ms") > s->scope.since_ms)
		s->scope.since_ms = ccm_rows_int(&rows, "first_ms");
	if (ccm_rows_int(&rows, "last_ms") < s->scope.until_ms)
		s->scope.until_ms = ccm_rows_int(&rows, "last_ms");
	return 0;
}

static int load(struct stats *s)
{
	int r = narrow_to_session(s);

	if (r == 0)
		r = load_total(s);
	if (r == 0)
		r = load_took(s);
	if (r == 0)
		r = load_each(s, Q_STATS_PARTS, add_row);
	if (r == 0)
		r = load_each(s, Q_STATS_AUTOMATIONS, add_automation);
	return r;
}

/* ---- for people */

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void add_clean(struct ccm_sbuf *out, const char *text)
{
	ccm_term_clean(out, text, strlen(text), CCM_CLEAN_LINE);
}

static void add_fitted(struct ccm_sbuf *out, const char *text, size_t columns)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };

	add_clean(&clean, text);
	out->failed |= clean.failed;
	ccm_term_fit(out, ccm_sbuf_str(&clean), clean.bytes, columns, true);
}

static size_t clean_width(const char *text)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };

	add_clean(&clean, text);
	return ccm_term_width(ccm_sbuf_str(&clean), clean.bytes);
}

static void add_number(struct ccm_sbuf *out, int64_t n, int columns)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };

	print_count(&text, n);
	ccm_sbuf_addf(out, "%*s", columns, ccm_sbuf_str(&text));
}

static void add_took(struct ccm_sbuf *out, int64_t us, int columns)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };

	print_took(&text, us);
	ccm_sbuf_addf(out, "%*s", columns, ccm_sbuf_str(&text));
}

static void add_counted(struct ccm_sbuf *out, int64_t n, const char *one, const char *many)
{
	print_count(out, n);
	ccm_sbuf_addf(out, " %s", n == 1 ? one : many);
}

static void print_total(struct stats *s)
{
	struct ccm_sbuf *out = &s->out;
	const struct { int64_t n; const char *words; } troubles[] = {
		{ s->invalid, "invalid" }, { s->unfinished, "without an end" }, { s->noted, "with a note of ours" },
	};
	const char *separator = "";
	char first[32], last[32];

	add_counted(out, s->events, "event", "events");
	ccm_sbuf_adds(out, " in ");
	add_counted(out, s->sessions, "session", "sessions");
	ccm_sbuf_adds(out, " of ");
	add_counted(out, s->projects, "project", "projects");
	if (s->events)
		ccm_sbuf_addf(out, ", %s to %s", ccm_time_format(s->first_ms, false, first, sizeof first),
			      ccm_time_format(s->last_ms, false, last, sizeof last));
	ccm_sbuf_addc(out, '\n');
	if (s->timed) {
		ccm_sbuf_adds(out, "we took ");
		print_took(out, s->median_us);
		ccm_sbuf_adds(out, " (median), ");
		print_took(out, s->p99_us);
		ccm_sbuf_adds(out, " (99 of 100), ");
		print_took(out, s->max_us);
		ccm_sbuf_adds(out, " (longest)\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(troubles); i++) {
		if (!troubles[i].n)
			continue;
		ccm_sbuf_adds(out, separator);
		print_count(out, troubles[i].n);
		ccm_sbuf_addf(out, " %s", troubles[i].words);
		separator = ", ";
	}
	if (separator[0])
		ccm_sbuf_addc(out, '\n');
}

static void print_rest(struct stats *s, size_t rows, int64_t events)
{
	if (!rows)
		return;
	print_colour(&s->out, s->colour, PRINT_DIM);
	ccm_sbuf_adds(&s->out, "and ");
	print_count(&s->out, (int64_t)rows);
	ccm_sbuf_adds(&s->out, " more (");
	print_count(&s->out, events);
	ccm_sbuf_adds(&s->out, ")");
	print_plain(&s->out, s->colour);
	ccm_sbuf_addc(&s->out, '\n');
}

/* A session is known by the beginning of its id, and by where it was. */
static void row_name(const struct row *row, bool session, struct ccm_sbuf *ret)
{
	const char *name = row->name ? row->name : "?";
	char id[SESSION_COLUMNS + 1];

	if (!session) {
		ccm_sbuf_adds(ret, name);
		return;
	}
	/* Without an ellipsis: it is what --session takes. */
	snprintf(id, sizeof id, "%s", name);
	add_fitted(ret, id, SESSION_COLUMNS);
	if (row->detail)
		ccm_sbuf_addf(ret, " %s", strrchr(row->detail, '/') ? strrchr(row->detail, '/') + 1 : row->detail);
}

static void print_row(struct stats *s, const struct row *row, size_t name_columns, int count_columns, int64_t most)
{
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	size_t used, share;
	bool session = strcmp(parts[row->part].part, "sessions") == 0;

	row_name(row, session, &name);
	add_fitted(&s->out, ccm_sbuf_str(&name), name_columns);
	ccm_sbuf_addf(&s->out, "%*s", GAP, "");
	add_number(&s->out, row->events, count_columns);
	share = (size_t)((double)row->events * 100 / (double)s->events + 0.5);
	ccm_sbuf_addf(&s->out, " %3zu%%%*s", share, GAP, "");
	used = name_columns + (size_t)count_columns + 5 + 2 * GAP;
	if (used < s->columns) {
		size_t bar = s->columns - used;

		print_colour(&s->out, s->colour, PRINT_CYAN);
		print_bar(&s->out, row->events, most, bar < BAR_MAX ? bar : BAR_MAX);
		print_plain(&s->out, s->colour);
	}
	ccm_sbuf_addc(&s->out, '\n');
}

static void print_part(struct stats *s, size_t part)
{
	bool session = strcmp(parts[part].part, "sessions") == 0;
	size_t name_columns = strlen(parts[part].title), left = 0;
	int64_t most = 0, left_events = 0, shown = 0;
	int count_columns;
	_cleanup_sbuf_ struct ccm_sbuf number = { 0 }, title = { 0 };

	for (size_t i = 0; i < s->row_count; i++) {
		_cleanup_sbuf_ struct ccm_sbuf name = { 0 };

		if (s->rows[i].part != part)
			continue;
		if (s->lines >= 0 && shown >= s->lines) {
			left++;
			left_events += s->rows[i].events;
			continue;
		}
		shown++;
		row_name(&s->rows[i], session, &name);
		name_columns = max_size(name_columns, clean_width(ccm_sbuf_str(&name)));
		if (s->rows[i].events > most)
			most = s->rows[i].events;
	}
	if (!shown && !left)
		return;
	if (name_columns > s->columns / 2)
		name_columns = s->columns / 2;
	print_count(&number, most);
	count_columns = (int)max_size(number.bytes, strlen("events"));
	ccm_sbuf_addf(&title, "%-*s%*s%*s", (int)name_columns, parts[part].title, GAP, "", count_columns, "events");
	print_title(&s->out, s->colour, ccm_sbuf_str(&title));
	for (size_t i = 0; shown && i < s->row_count; i++) {
		if (s->rows[i].part != part)
			continue;
		print_row(s, &s->rows[i], name_columns, count_columns, most);
		shown--;
	}
	print_rest(s, left, left_events);
}

static void add_said(struct ccm_sbuf *out, const struct automation *a)
{
	const struct { int64_t n; const char *verdict; } said[] = {
		{ a->deny, "deny" }, { a->defer, "defer" }, { a->ask, "ask" }, { a->allow, "allow" },
	};
	const char *separator = "";

	for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
		if (!said[i].n)
			continue;
		ccm_sbuf_addf(out, "%s%s ", separator, said[i].verdict);
		print_count(out, said[i].n);
		separator = ", ";
	}
}

static void print_automation(struct stats *s, const struct automation *a, size_t name_columns)
{
	struct ccm_sbuf *out = &s->out;

	add_fitted(out, a->name, name_columns);
	ccm_sbuf_addf(out, "%*s", GAP, "");
	add_number(out, a->runs, 9);
	print_colour(out, s->colour && a->failures, PRINT_RED);
	add_number(out, a->failures, 9);
	print_plain(out, s->colour && a->failures);
	add_took(out, a->median_us, 9);
	add_took(out, a->p99_us, 9);
	if (a->allow || a->ask || a->defer || a->deny)
		ccm_sbuf_addf(out, "%*s", GAP, "");
	add_said(out, a);
	ccm_sbuf_addc(out, '\n');
}

static void print_automations(struct stats *s)
{
	size_t count = s->automation_count, name_columns = strlen("automation");
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 };
	int64_t left = 0;

	if (!count)
		return;
	if (s->lines >= 0 && (int64_t)count > s->lines)
		count = (size_t)s->lines;
	for (size_t i = 0; i < count; i++)
		name_columns = max_size(name_columns, clean_width(s->automations[i].name));
	if (name_columns > s->columns / 3)
		name_columns = max_size(s->columns / 3, strlen("automation"));
	ccm_sbuf_addf(&title, "%-*s%*s%9s%9s%9s%9s%*ssaid", (int)name_columns, "automation", GAP, "", "runs", "failed",
		      "median", "p99", GAP, "");
	print_title(&s->out, s->colour, ccm_sbuf_str(&title));
	for (size_t i = 0; i < count; i++)
		print_automation(s, &s->automations[i], name_columns);
	for (size_t i = count; i < s->automation_count; i++)
		left += s->automations[i].runs;
	print_rest(s, s->automation_count - count, left);
}

static int show_text(struct stats *s)
{
	print_total(s);
	for (size_t part = 0; part < ARRAY_SIZE(parts); part++) {
		print_part(s, part);
		if (part == AUTOMATIONS_BEHIND)
			print_automations(s);
	}
	return print_out(&s->out);
}

/* ---- for programs */

static void json_int_if(struct ccm_sbuf *out, const char *name, bool known, int64_t n)
{
	if (known)
		print_json_int(out, name, n);
	else
		print_json_null(out, name);
}

static void begin_object(struct ccm_sbuf *out)
{
	if (out->bytes && out->text[out->bytes - 1] == '}')
		ccm_sbuf_addc(out, ',');
	ccm_sbuf_addc(out, '{');
}

static void json_total(struct stats *s)
{
	struct ccm_sbuf *out = &s->out;

	print_json_name(out, "total");
	ccm_sbuf_addc(out, '{');
	print_json_int(out, "events", s->events);
	print_json_int(out, "sessions", s->sessions);
	print_json_int(out, "projects", s->projects);
	json_int_if(out, "first_ms", s->events > 0, s->first_ms);
	json_int_if(out, "last_ms", s->events > 0, s->last_ms);
	print_json_int(out, "invalid", s->invalid);
	print_json_int(out, "unfinished", s->unfinished);
	print_json_int(out, "noted", s->noted);
	json_int_if(out, "median_us", s->timed, s->median_us);
	json_int_if(out, "p99_us", s->timed, s->p99_us);
	json_int_if(out, "max_us", s->timed, s->max_us);
	ccm_sbuf_addc(out, '}');
}

static void json_part(struct stats *s, size_t part)
{
	bool session = strcmp(parts[part].part, "sessions") == 0;
	struct ccm_sbuf *out = &s->out;
	int64_t shown = 0;

	print_json_name(out, parts[part].part);
	ccm_sbuf_addc(out, '[');
	for (size_t i = 0; i < s->row_count && shown != s->lines; i++) {
		if (s->rows[i].part != part)
			continue;
		begin_object(out);
		print_json_text(out, parts[part].member, s->rows[i].name);
		if (session)
			print_json_text(out, "project", s->rows[i].detail);
		print_json_int(out, "events", s->rows[i].events);
		print_json_int(out, "last_ms", s->rows[i].last_ms);
		ccm_sbuf_addc(out, '}');
		shown++;
	}
	ccm_sbuf_addc(out, ']');
}

static void json_automations(struct stats *s)
{
	struct ccm_sbuf *out = &s->out;

	print_json_name(out, "automations");
	ccm_sbuf_addc(out, '[');
	for (size_t i = 0; i < s->automation_count && (s->lines < 0 || (int64_t)i < s->lines); i++) {
		const struct automation *a = &s->automations[i];

		begin_object(out);
		print_json_text(out, "automation", a->name);
		print_json_int(out, "runs", a->runs);
		print_json_int(out, "failures", a->failures);
		print_json_int(out, "timeouts", a->timeouts);
		print_json_int(out, "median_us", a->median_us);
		print_json_int(out, "p99_us", a->p99_us);
		print_json_int(out, "max_us", a->max_us);
		print_json_name(out, "verdicts");
		ccm_sbuf_addc(out, '{');
		print_json_int(out, "none", a->runs - a->allow - a->ask - a->defer - a->deny);
		print_json_int(out, "allow", a->allow);
		print_json_int(out, "ask", a->ask);
		print_json_int(out, "defer", a->defer);
		print_json_int(out, "deny", a->deny);
		ccm_sbuf_adds(out, "}}");
	}
	ccm_sbuf_addc(out, ']');
}

static int show_json(struct stats *s)
{
	ccm_sbuf_addc(&s->out, '{');
	json_total(s);
	for (size_t part = 0; part < ARRAY_SIZE(parts); part++) {
		json_part(s, part);
		if (part == AUTOMATIONS_BEHIND)
			json_automations(s);
	}
	ccm_sbuf_adds(&s->out, "}\n");
	return print_out(&s->out);
}

int cmd_stats(struct ctx *ctx, int argc, char **argv)
{
	_cleanup_(stats_done) struct stats s = {
		.ctx = ctx, .colour = ccm_term_colour(STDOUT_FILENO), .columns = ccm_term_columns(STDOUT_FILENO),
	};
	const struct ccm_opt opts[] = {
		HISTORY_SCOPE_OPTS(&s.scope),
		OPT_STR("lines", 'n', "N", &s.lines_text, "rows of each table, or 'all' (default 10; JSON: all)"),
		OPT_FLAG("json", 0, &s.json, "print one JSON object"),
		OPT_END
	};
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	s.lines = s.json ? -1 : ROWS_DEFAULT;
	r = history_lines_read(ctx, s.lines_text, &s.lines);
	if (r == 0)
		r = history_scope_read(ctx, &s.scope);
	if (r < 0)
		return r;
	if (!ctx->db)
		history_say_none(ctx);
	if (!ctx->db || s.scope.session_unknown)
		return 0;
	r = load(&s);
	if (r < 0)
		return r;
	return s.json ? show_json(&s) : show_text(&s);
}
