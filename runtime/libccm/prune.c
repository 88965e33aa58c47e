/* SPDX-License-Identifier: MIT */
#include "prune.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

#define FIRST 16                         /* the size of the first step of each kind */

static int ask(struct ccm_db *db, enum ccm_query q, const struct ccm_db_arg *args, const char *column, int64_t *ret)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	*ret = 0;
	r = ccm_db_query(db, q, args, &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		*ret = ccm_rows_int(&rows, column);
	return r < 0 ? r : 0;
}

static int used_bytes(struct ccm_db *db, int64_t *ret)
{
	return ask(db, Q_USED_BYTES, NULL, "bytes", ret);
}

static bool out_of_time(const struct ccm_prune *p)
{
	return p->deadline_us && ccm_mono_us() >= p->deadline_us;
}

/* How large the steps of one kind are. */
struct pace {
	struct ccm_db *db;
	int64_t batch, batch_max;    /* the next, and the bound */
	int64_t start_us;            /* when the last one began */
	int wal_pages;               /* at this length the write-ahead log is moved */
};

static struct pace begin(struct ccm_db *db, int64_t batch_max)
{
	return (struct pace){ .db = db, .batch = FIRST, .batch_max = batch_max, .wal_pages = CCM_PRUNE_WAL_PAGES };
}

/* Between two steps: waits as long as the step took, and moves the write-ahead log if it has become long. */
static int make_way(struct pace *pace)
{
	int64_t took_us = ccm_mono_us() - pace->start_us;
	struct timespec pause = { .tv_nsec = (took_us < 900000 ? took_us : 900000) * 1000 };
	int r;

	if (took_us > CCM_PRUNE_STEP_MS * 1000 && pace->batch > 1)
		pace->batch /= 2;
	else if (took_us < CCM_PRUNE_STEP_MS * 500)
		pace->batch = pace->batch * 2 < pace->batch_max ? pace->batch * 2 : pace->batch_max;
	nanosleep(&pause, NULL);
	if (ccm_db_wal_pages(pace->db) < pace->wal_pages)
		return 0;
	r = ccm_db_checkpoint_some(pace->db);
	/* While somebody reads for long, it becomes longer than it should. */
	pace->wal_pages = ccm_db_wal_pages(pace->db) + CCM_PRUNE_WAL_PAGES;
	return r;
}

/* How many of the oldest events may go in one step: at most batch, and no more bytes than a step may have. */
static int choose(struct ccm_db *db, int64_t before_ms, int64_t batch, int64_t *ret)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t bytes = 0;
	int r;

	*ret = 0;
	r = ccm_db_query(db, Q_PRUNE_SIZES, DB_ARGS(DB_INT("before_ms", before_ms), DB_INT("batch", batch)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		bytes += ccm_rows_int(&rows, "bytes");
		if (*ret && bytes > CCM_PRUNE_STEP_BYTES)
			break;
		++*ret;
	}
	return r < 0 ? r : 0;
}

/* One transaction: the oldest of the events that are to go, at most batch of them. */
static int delete_batch(struct ccm_db *db, int64_t before_ms, int64_t batch)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	const struct ccm_db_arg *args = DB_ARGS(DB_INT("before_ms", before_ms), DB_INT("batch", batch));
	int r, events;

	r = ccm_txn_begin_events(db, &txn);
	if (r >= 0)
		r = ccm_db_exec(db, Q_PRUNE_RUNS, args);
	if (r >= 0)
		r = ccm_db_exec(db, Q_PRUNE_PAYLOADS, args);
	if (r >= 0)
		r = ccm_db_exec(db, Q_PRUNE_EVENTS, args);
	events = r;
	if (r >= 0)
		r = ccm_txn_commit(&txn);
	return r < 0 ? r : events;
}

static int delete_events(struct ccm_db *db, struct ccm_prune *p)
{
	struct pace pace = begin(db, CCM_PRUNE_STEP_EVENTS);
	int64_t bytes, total = 0;
	int r = 0;

	if (p->max_bytes)
		r = ask(db, Q_EVENT_COUNT, NULL, "events", &total);
	if (r < 0)
		return r;
	while (!out_of_time(p)) {
		int64_t before_ms = p->before_ms, some = pace.batch;

		if (p->max_bytes) {
			r = used_bytes(db, &bytes);
			if (r < 0)
				return r;
			if (bytes > p->max_bytes) {
				/* No more than what is over, as far as events are of one size: a large batch must not take
				 * with it what has room. */
				int64_t over = (int64_t)((double)(bytes - p->max_bytes) / (double)bytes * (double)total) + 1;

				before_ms = INT64_MAX;
				some = over < pace.batch ? over : pace.batch;
			}
		}
		if (!before_ms)
			return 0;
		r = choose(db, before_ms, some, &some);
		if (r < 0 || some == 0)
			return r;
		pace.start_us = ccm_mono_us();
		r = delete_batch(db, before_ms, some);
		if (r < 0)
			return r;
		p->events += r;
		total = total > r ? total - r : 0;
		r = make_way(&pace);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What rows name, copied: while a statement reads, no transaction can end. */
struct found {
	char *column[3];
};

static void found_done(struct found *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(f->column); i++)
		free(f->column[i]);
	*f = (struct found){ 0 };
}

struct found_list {
	struct found item[CCM_PRUNE_STEP_EVENTS];
	size_t count;
};

static void found_list_done(struct found_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		found_done(&l->item[i]);
	l->count = 0;
}

/* The next at most batch rows of a query, by reading. */
static int find(struct ccm_db *db, enum ccm_query q, const struct ccm_db_arg *args, const char *const *columns,
		size_t column_count, struct found_list *ret)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	found_list_done(ret);
	r = ccm_db_query(db, q, args, &rows);
	while (r >= 0 && ret->count < ARRAY_SIZE(ret->item) && (r = ccm_rows_next(&rows)) > 0) {
		struct found *f = &ret->item[ret->count++];

		for (size_t i = 0; i < column_count; i++) {
			f->column[i] = strdup(ccm_rows_text(&rows, columns[i]));
			if (!f->column[i])
				return -ENOMEM;
		}
	}
	return r < 0 ? r : 0;
}

/* Sessions of which no event is left: at most batch of them, those after *last. Returns how many were found. */
static int delete_sessions(struct ccm_db *db, int64_t batch, struct found *last)
{
	static const char *const columns[] = { "session_id" };
	_cleanup_(found_list_done) struct found_list found = { 0 };
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int r;

	r = find(db, Q_SESSIONS_WITHOUT_EVENTS, DB_ARGS(
		DB_TEXT("after", last->column[0] ? last->column[0] : ""), DB_INT("batch", batch)), columns, 1, &found);
	if (r < 0 || !found.count)
		return r;
	r = ccm_txn_begin_events(db, &txn);
	for (size_t i = 0; r >= 0 && i < found.count; i++)
		r = ccm_db_exec(db, Q_PRUNE_SESSION, DB_ARGS(DB_TEXT("session_id", found.item[i].column[0])));
	if (r >= 0)
		r = ccm_txn_commit(&txn);
	found_done(last);
	*last = found.item[--found.count];
	return r < 0 ? r : (int)found.count + 1;
}

/* What automations kept for sessions that are gone: the same. */
static int delete_state(struct ccm_db *db, int64_t batch, struct found *last)
{
	static const char *const columns[] = { "automation", "session_id", "key" };
	_cleanup_(found_list_done) struct found_list found = { 0 };
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	char **after = last->column;
	int r;

	r = find(db, Q_STATE_WITHOUT_SESSION, DB_ARGS(
		DB_TEXT("automation", after[0] ? after[0] : ""), DB_TEXT("session_id", after[1] ? after[1] : ""),
		DB_TEXT("key", after[2] ? after[2] : ""), DB_INT("batch", batch)), columns, 3, &found);
	if (r < 0 || !found.count)
		return r;
	r = ccm_txn_begin(db, &txn);
	for (size_t i = 0; r >= 0 && i < found.count; i++) {
		char **row = found.item[i].column;

		r = ccm_db_exec(db, Q_PRUNE_STATE, DB_ARGS(
			DB_TEXT("automation", row[0]), DB_TEXT("session_id", row[1]), DB_TEXT("key", row[2])));
	}
	if (r >= 0)
		r = ccm_txn_commit(&txn);
	found_done(last);
	*last = found.item[--found.count];
	return r < 0 ? r : (int)found.count + 1;
}

/* Calls step() until it finds nothing more. */
static int in_steps(struct ccm_db *db, const struct ccm_prune *p,
		    int (*step)(struct ccm_db *db, int64_t batch, struct found *last))
{
	_cleanup_(found_done) struct found last = { 0 };
	struct pace pace = begin(db, CCM_PRUNE_STEP_EVENTS);

	while (!out_of_time(p)) {
		int r;

		pace.start_us = ccm_mono_us();
		r = step(db, pace.batch, &last);
		if (r <= 0)
			return r;
		r = make_way(&pace);
		if (r < 0)
			return r;
	}
	return 0;
}

static int give_back(struct ccm_db *db, const struct ccm_prune *p)
{
	struct pace pace = begin(db, CCM_PRUNE_STEP_PAGES);
	int64_t free_pages, before = INT64_MAX;
	int r;

	for (;;) {
		r = ask(db, Q_FREE_PAGES, NULL, "pages", &free_pages);
		/* A database that was not made for it gives nothing back: that is no reason to go on. */
		if (r < 0 || free_pages == 0 || free_pages >= before || out_of_time(p))
			return r;
		before = free_pages;
		pace.start_us = ccm_mono_us();
		r = ccm_db_vacuum(db, (int)pace.batch);
		if (r >= 0)
			r = make_way(&pace);
		if (r < 0)
			return r;
	}
}

int ccm_prune_plan(struct ccm_db *db, struct ccm_prune *p)
{
	int64_t total, bytes, over;
	int r;

	r = ask(db, Q_EVENT_COUNT, NULL, "events", &total);
	if (r == 0)
		r = ask(db, Q_PRUNE_COUNT, DB_ARGS(DB_INT("before_ms", p->before_ms)), "events", &p->events);
	if (r == 0)
		r = used_bytes(db, &bytes);
	if (r < 0 || !total)
		return r;
	over = p->max_bytes && bytes > p->max_bytes ? bytes - p->max_bytes : 0;
	/* Events are taken to be of one size: how large the oldest are is not worth reading them all. */
	if (over > p->events * bytes / total)
		p->events = (over * total + bytes - 1) / bytes;
	p->bytes = p->events * bytes / total;
	return 0;
}

int ccm_prune_run(struct ccm_db *db, struct ccm_prune *p)
{
	int64_t before = 0, after = 0;
	int r;

	ccm_db_defer_checkpoint(db);
	r = ccm_db_exec(db, Q_FORGET_FAST, NULL);
	/* What others have left in the log is not to be waited for in the first step. */
	if (r >= 0)
		r = ccm_db_checkpoint_some(db);
	if (r == 0)
		r = used_bytes(db, &before);
	if (r == 0)
		r = delete_events(db, p);
	if (r == 0 && p->events)
		r = in_steps(db, p, delete_sessions);
	if (r == 0)
		r = give_back(db, p);
	/* Last: without state.db the rest is done all the same. */
	if (r == 0 && p->events)
		r = in_steps(db, p, delete_state);
	if (r == 0)
		r = used_bytes(db, &after);
	p->bytes = before > after ? before - after : 0;
	return r;
}
