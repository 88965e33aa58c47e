/* SPDX-License-Identifier: MIT */
#include "quota.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "alert.h"
#include "transcript.h"
#include "uuid.h"

#define HOUR_MS (3600LL * 1000)
#define DAY_MS (24 * HOUR_MS)
#define SAME_WINDOW_MS (5LL * 60 * 1000)         /* resets of one window are told with a few seconds between */
#define AGAIN_MS (10LL * 60 * 1000)              /* an unchanged number is recorded again after that */
#define RESUMING_MS (10LL * 60 * 1000)           /* without a number to the contrary it is fine after that */

enum state { OK, WARNING, CRITICAL, PAUSED, RESUMING };

static const char *const state_names[] = { "ok", "warning", "critical", "paused", "resuming" };

static const struct scope {
	const char *name, *words;
	int64_t window_ms;
} scopes[] = {
	{ "five_hour", "5 h", 5 * HOUR_MS },
	{ "seven_day", "7 d", 7 * DAY_MS },
	{ "person", "all work", 0 },
	{ "session", "session", 0 },
};

/* One row of the table. */
struct row {
	const char *scope;
	enum state state;
	int64_t since_ms, used_permille, resets_ms, read_ms, override_until_ms;  /* used_permille -1: unknown */
	char source[16];
};

static const struct scope *find_scope(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
		if (strcmp(scopes[i].name, name) == 0)
			return &scopes[i];
	return NULL;
}

const char *ccm_quota_scope_words(const char *scope)
{
	const struct scope *s = find_scope(scope);

	return s ? s->words : scope;
}

const char *ccm_quota_time(int64_t ms, int64_t now_ms, char *buf, size_t bytes)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(buf, bytes, ms - now_ms < DAY_MS ? "%H:%M" : "%a %H:%M", &tm))
		snprintf(buf, bytes, "?");
	return buf;
}

static enum state read_state(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(state_names); i++)
		if (strcmp(state_names[i], name) == 0)
			return (enum state)i;
	return OK;
}

static void read_row(struct ccm_rows *rows, struct row *row)
{
	const char *source = ccm_rows_text(rows, "source");

	row->state = read_state(ccm_rows_text(rows, "state"));
	row->since_ms = ccm_rows_int(rows, "since_ms");
	row->used_permille = ccm_rows_is_null(rows, "used_permille") ? -1 : ccm_rows_int(rows, "used_permille");
	row->resets_ms = ccm_rows_int(rows, "resets_ms");
	row->read_ms = ccm_rows_int(rows, "read_ms");
	row->override_until_ms = ccm_rows_int(rows, "override_until_ms");
	snprintf(row->source, sizeof row->source, "%s", source ? source : "");
}

/* A scope of which nothing is known yet is ok. */
static int get(struct ccm_db *db, const char *scope, int64_t now_ms, struct row *row)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	*row = (struct row){ .scope = scope, .state = OK, .since_ms = now_ms, .used_permille = -1 };
	r = ccm_db_query(db, Q_QUOTA_GET, DB_ARGS(DB_TEXT("scope", scope)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		read_row(&rows, row);
	return r < 0 ? r : 0;
}

static int put(struct ccm_db *db, const struct row *row)
{
	return ccm_db_exec(db, Q_QUOTA_PUT, DB_ARGS(
		DB_TEXT("scope", row->scope), DB_TEXT("state", state_names[row->state]), DB_INT("since_ms", row->since_ms),
		DB_TEXT("source", row->source[0] ? row->source : NULL),
		DB_INT_IF("used_permille", row->used_permille >= 0, row->used_permille),
		DB_INT_IF("resets_ms", row->resets_ms > 0, row->resets_ms),
		DB_INT_IF("read_ms", row->read_ms > 0, row->read_ms),
		DB_INT_IF("override_until_ms", row->override_until_ms > 0, row->override_until_ms)));
}

static int record(struct ccm_db *db, const struct row *row, const char *source, int64_t now_ms, enum state from)
{
	bool moved = from != row->state;

	return ccm_db_exec(db, Q_READING_INSERT, DB_ARGS(
		DB_INT("read_ms", now_ms), DB_TEXT("scope", row->scope), DB_TEXT("source", source),
		DB_INT_IF("used_permille", row->used_permille >= 0, row->used_permille),
		DB_INT_IF("resets_ms", row->resets_ms > 0, row->resets_ms),
		DB_TEXT("from_state", moved ? state_names[from] : NULL),
		DB_TEXT("to_state", moved ? state_names[row->state] : NULL)));
}

/* ---- the state machine ---- */

struct bounds {
	int64_t warning, critical;
};

static bool is_below(int64_t used, int64_t bound)
{
	return used < bound - CCM_QUOTA_SLACK;
}

/* What a number makes of a state. */
static enum state by_number(enum state from, int64_t used, const struct bounds *b)
{
	const struct { enum state from; bool holds; enum state to; } moves[] = {
		{ OK,       used >= b->critical,         CRITICAL },
		{ OK,       used >= b->warning,          WARNING },
		{ WARNING,  used >= b->critical,         CRITICAL },
		{ WARNING,  is_below(used, b->warning),  OK },
		{ CRITICAL, is_below(used, b->warning),  OK },
		{ CRITICAL, is_below(used, b->critical), WARNING },
		{ PAUSED,   is_below(used, b->critical), RESUMING },
		{ RESUMING, used >= b->critical,         CRITICAL },
		{ RESUMING, used >= b->warning,          WARNING },
		{ RESUMING, true,                        OK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(moves); i++)
		if (moves[i].from == from && moves[i].holds)
			return moves[i].to;
	return from;
}

/* What time alone makes of it. */
static enum state by_time(const struct row *row, int64_t now_ms)
{
	bool anew = row->resets_ms && row->resets_ms <= now_ms;
	const struct { enum state from; bool holds; enum state to; } moves[] = {
		{ WARNING,  anew,                                  OK },
		{ CRITICAL, anew,                                  RESUMING },
		{ PAUSED,   anew,                                  RESUMING },
		{ RESUMING, now_ms - row->since_ms >= RESUMING_MS, OK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(moves); i++)
		if (moves[i].from == row->state && moves[i].holds)
			return moves[i].to;
	return row->state;
}

/* The person should hear of it. */
static int tell(struct ccm_db *db, const struct row *row, int64_t now_ms)
{
	static const char *const levels[] = { NULL, "info", "warning", "info", "info" };
	char uuid[CCM_UUID_CHARS + 1], time[32], used[32] = "", until[64] = "", title[160];

	if (!levels[row->state])
		return 0;
	ccm_uuid_make(now_ms, uuid);
	if (row->used_permille >= 0)
		snprintf(used, sizeof used, " at %lld %%", (long long)(row->used_permille / 10));
	if (row->resets_ms > now_ms)
		snprintf(until, sizeof until, ", until %s", ccm_quota_time(row->resets_ms, now_ms, time, sizeof time));
	snprintf(title, sizeof title, "quota: %s %s%s%s", ccm_quota_scope_words(row->scope), state_names[row->state], used,
		 until);
	return ccm_db_exec(db, Q_ALERT_INSERT, DB_ARGS(
		DB_TEXT("uuid", uuid), DB_INT("created_ms", now_ms), DB_TEXT("level", levels[row->state]),
		DB_TEXT("source", "ccm"), DB_NULL("session_id"), DB_NULL("event_uuid"), DB_TEXT("title", title),
		DB_NULL("body"), DB_TEXT("kind", ccm_alert_kind_name(CCM_KIND_QUOTA))));
}

static int move(struct ccm_db *db, struct row *row, enum state to, const char *source, int64_t now_ms)
{
	enum state from = row->state;
	int r;

	row->state = to;
	row->since_ms = now_ms;
	r = put(db, row);
	if (r >= 0)
		r = record(db, row, source, now_ms, from);
	return r < 0 ? r : tell(db, row, now_ms);
}

/* ---- readings ---- */

static int rank(const char *source)
{
	static const char *const best_last[] = { "estimate", "ccusage", "client" };

	for (size_t i = 0; i < ARRAY_SIZE(best_last); i++)
		if (strcmp(source, best_last[i]) == 0)
			return (int)i;
	return -1;
}

/* False: the number says nothing about now. */
static bool counts(const struct row *row, const struct ccm_quota_reading *n, int64_t resets_ms)
{
	if (resets_ms <= n->read_ms)
		return false;
	if (row->used_permille < 0 || row->resets_ms <= n->read_ms)
		return true;
	if (rank(n->source) < rank(row->source) && n->read_ms - row->read_ms < CCM_QUOTA_FRESH_MS)
		return false;
	return strcmp(n->source, row->source) != 0 || resets_ms >= row->resets_ms - SAME_WINDOW_MS;
}

/* Whether the source has said just that a moment ago. */
static int is_repeated(struct ccm_db *db, const struct row *n, int64_t now_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(db, Q_READING_LAST, DB_ARGS(DB_TEXT("scope", n->scope), DB_TEXT("source", n->source)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	return ccm_rows_int(&rows, "used_permille") == n->used_permille && now_ms - ccm_rows_int(&rows, "read_ms") < AGAIN_MS &&
	       now_ms >= ccm_rows_int(&rows, "read_ms") && ccm_rows_int(&rows, "resets_ms") == n->resets_ms;
}

int ccm_quota_take(struct ccm_db *db, const struct ccm_settings *settings, const struct ccm_quota_reading *n)
{
	const struct bounds bounds = { settings->quota_warning * 10, settings->quota_critical * 10 };
	const struct scope *scope = find_scope(n->scope);
	struct row row, now;
	enum state from;
	int r;

	if (!scope || !scope->window_ms || rank(n->source) < 0 || n->used_permille < 0 || n->used_permille > CCM_QUOTA_MOST)
		return -EINVAL;
	r = get(db, scope->name, n->read_ms, &row);
	if (r < 0)
		return r;
	now = row;
	now.used_permille = n->used_permille;
	now.read_ms = n->read_ms;
	now.resets_ms = n->resets_ms;
	/* A window cannot end later than one that begins now. */
	if (!n->resets_ms || n->resets_ms > n->read_ms + scope->window_ms + HOUR_MS)
		now.resets_ms = n->read_ms + scope->window_ms;
	snprintf(now.source, sizeof now.source, "%s", n->source);
	r = is_repeated(db, &now, n->read_ms);
	if (r < 0)
		return r;
	if (!counts(&row, n, now.resets_ms))
		return r ? 0 : record(db, &now, n->source, n->read_ms, now.state);
	/* What is over is settled first. */
	from = by_time(&row, n->read_ms);
	if (by_number(from, n->used_permille, &bounds) != row.state)
		return move(db, &now, by_number(from, n->used_permille, &bounds), n->source, n->read_ms);
	if (r)
		return put(db, &now);
	r = put(db, &now);
	return r < 0 ? r : record(db, &now, n->source, n->read_ms, now.state);
}

int ccm_quota_tick(struct ccm_db *db, int64_t now_ms)
{
	int count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		struct row row;
		enum state to;
		int r;

		r = get(db, scopes[i].name, now_ms, &row);
		if (r < 0)
			return r;
		to = by_time(&row, now_ms);
		if (to == RESUMING && !scopes[i].window_ms)
			to = OK;
		if (to == row.state)
			continue;
		if (row.resets_ms && row.resets_ms <= now_ms) {
			row.used_permille = -1;
			row.resets_ms = 0;
		}
		r = move(db, &row, to, "time", now_ms);
		if (r < 0)
			return r;
		count++;
	}
	return count;
}

/* ---- by a person ---- */

int ccm_quota_pause(struct ccm_db *db, int64_t now_ms, int64_t until_ms)
{
	struct row row;
	int r;

	r = get(db, "person", now_ms, &row);
	if (r < 0)
		return r;
	row.resets_ms = until_ms;
	row.override_until_ms = 0;
	return move(db, &row, PAUSED, "person", now_ms);
}

int ccm_quota_resume(struct ccm_db *db, int64_t now_ms)
{
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		struct row row;
		int r;

		r = get(db, scopes[i].name, now_ms, &row);
		if (r == 0 && (row.state == PAUSED || row.state == CRITICAL))
			r = move(db, &row, scopes[i].window_ms ? RESUMING : OK, "person", now_ms);
		if (r < 0)
			return r;
	}
	return 0;
}

int ccm_quota_override(struct ccm_db *db, int64_t now_ms, int64_t until_ms)
{
	struct row row;
	int r;

	r = get(db, "person", now_ms, &row);
	if (r < 0)
		return r;
	row.override_until_ms = until_ms;
	r = put(db, &row);
	return r < 0 ? r : record(db, &row, "person", now_ms, row.state);
}

/* ---- the gate ---- */

static void say_how_to_go_on(struct ccm_sbuf *why)
{
	ccm_sbuf_adds(why, " (to go on anyway: ccm-supervisor quota override --for 1h).");
}

static bool holds(const struct row *row, int64_t now_ms)
{
	return (row->state == CRITICAL || row->state == PAUSED) && (!row->resets_ms || row->resets_ms > now_ms);
}

static void hold_by(const struct row *row, int64_t now_ms, struct ccm_quota_gate *g)
{
	bool person = strcmp(row->scope, "person") == 0;
	char time[32];

	g->scope = row->scope;
	g->until_ms = row->resets_ms;
	if (person)
		ccm_sbuf_adds(&g->why, "work was paused by a person");
	else
		ccm_sbuf_addf(&g->why, "%lld %% of the %s limit is used", (long long)(row->used_permille / 10),
			      ccm_quota_scope_words(row->scope));
	if (strcmp(row->source, "estimate") == 0)
		ccm_sbuf_adds(&g->why, " (estimated)");
	if (row->resets_ms)
		ccm_sbuf_addf(&g->why, person ? " until %s" : "; it starts anew at %s",
			      ccm_quota_time(row->resets_ms, now_ms, time, sizeof time));
	else
		ccm_sbuf_adds(&g->why, "; 'ccm-supervisor quota resume' ends that");
	say_how_to_go_on(&g->why);
}

/* What one session may cost. */
static int ask_cost(struct ccm_db *db, int64_t most, const char *session_id, struct ccm_quota_gate *g)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t cost;
	int r;

	r = ccm_db_query(db, Q_METER_GET, DB_ARGS(DB_TEXT("session_id", session_id)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	cost = ccm_rows_int(&rows, "cost_usd_micros");
	if (cost < most)
		return 0;
	g->scope = "session";
	ccm_sbuf_addf(&g->why, "this session has cost $%.2f, and [quota] max_session_cost_usd is $%.2f", (double)cost / 1e6,
		      (double)most / 1e6);
	return 0;
}

static int ask_tokens(struct ccm_db *db, int64_t most, const char *session_id, struct ccm_quota_gate *g)
{
	int64_t tokens;
	int r = ccm_transcript_tokens(db, session_id, &tokens);

	if (r < 0 || tokens < most)
		return r;
	g->scope = "session";
	ccm_sbuf_addf(&g->why, "this session has spent %lld tokens, and [quota] max_session_tokens is %lld", (long long)tokens,
		      (long long)most);
	return 0;
}

static int ask_session(struct ccm_db *db, const struct ccm_settings *settings, const char *session_id,
		       struct ccm_quota_gate *g)
{
	int r = 0;

	if (settings->max_session_cost_micros)
		r = ask_cost(db, settings->max_session_cost_micros, session_id, g);
	if (r >= 0 && !g->scope && settings->max_session_tokens)
		r = ask_tokens(db, settings->max_session_tokens, session_id, g);
	if (g->scope)
		say_how_to_go_on(&g->why);
	return r;
}

int ccm_quota_ask(struct ccm_db *db, const struct ccm_settings *settings, const char *session_id, int64_t now_ms,
		  struct ccm_quota_gate *ret)
{
	struct row rows[ARRAY_SIZE(scopes)], *person = NULL, *longest = NULL;
	int r;

	*ret = (struct ccm_quota_gate){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++) {
		struct row *row = &rows[i];

		r = get(db, scopes[i].name, now_ms, row);
		if (r < 0)
			return r;
		if (strcmp(row->scope, "person") == 0)
			person = row;
		else if (holds(row, now_ms) && (!longest || row->resets_ms > longest->resets_ms))
			longest = row;
	}
	if (person->override_until_ms > now_ms)
		return 0;
	if (holds(person, now_ms))
		longest = person;
	if (longest)
		hold_by(longest, now_ms, ret);
	r = longest || !session_id ? 0 : ask_session(db, settings, session_id, ret);
	return r < 0 ? r : ccm_sbuf_error(&ret->why);
}

void ccm_quota_gate_done(struct ccm_quota_gate *g)
{
	ccm_sbuf_done(&g->why);
}

int ccm_quota_hold(struct ccm_db *db, const struct ccm_quota_gate *g, const struct ccm_quota_held *held, int64_t now_ms)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	struct row row;
	int r;

	r = ccm_txn_begin(db, &txn);
	if (r >= 0 && held->session_id)
		r = ccm_db_exec(db, Q_HELD_PUT, DB_ARGS(
			DB_TEXT("session_id", held->session_id), DB_INT("now_ms", now_ms), DB_TEXT("scope", g->scope),
			DB_TEXT("cwd", held->cwd), DB_TEXT("prompt", held->prompt)));
	if (r >= 0)
		r = get(db, g->scope, now_ms, &row);
	if (r >= 0 && row.state == CRITICAL)
		r = move(db, &row, PAUSED, row.source, now_ms);
	return r < 0 ? r : ccm_txn_commit(&txn);
}
