/* SPDX-License-Identifier: MIT */
#include "prune.h"

#include <errno.h>
#include <time.h>

#include "clock.h"

#define BATCH_MAX 512
#define VACUUM_PAGES 64

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

/* Waits as long as the step took; *batch follows how long that was. */
static void make_way(int64_t start_us, int64_t *batch)
{
	int64_t took_us = ccm_mono_us() - start_us;
	struct timespec pause = { .tv_nsec = (took_us < 900000 ? took_us : 900000) * 1000 };

	if (took_us > CCM_PRUNE_STEP_MS * 1000 && *batch > 1)
		*batch /= 2;
	else if (took_us < CCM_PRUNE_STEP_MS * 500 && *batch < BATCH_MAX)
		*batch *= 2;
	nanosleep(&pause, NULL);
}

/* One transaction: the oldest of the events that are to go, at most batch of them. */
static int delete_batch(struct ccm_db *db, int64_t before_ms, int64_t batch)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	const struct ccm_db_arg *args = DB_ARGS(DB_INT("before_ms", before_ms), DB_INT("batch", batch));
	int r, events;

	r = ccm_txn_begin(db, &txn);
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
	int64_t batch = 16, bytes, total = 0;
	int r = 0;

	if (p->max_bytes)
		r = ask(db, Q_EVENT_COUNT, NULL, "events", &total);
	if (r < 0)
		return r;
	while (!out_of_time(p)) {
		int64_t start_us = ccm_mono_us(), before_ms = p->before_ms, some = batch;

		if (p->max_bytes) {
			r = used_bytes(db, &bytes);
			if (r < 0)
				return r;
			if (bytes > p->max_bytes) {
				/* No more than what is over, as far as events are of one size: a large batch must not take
				 * with it what has room. */
				int64_t over = (int64_t)((double)(bytes - p->max_bytes) / (double)bytes * (double)total) + 1;

				before_ms = INT64_MAX;
				some = over < batch ? over : batch;
			}
		}
		if (!before_ms)
			return 0;
		r = delete_batch(db, before_ms, some);
		if (r <= 0)
			return r;
		p->events += r;
		total = total > r ? total - r : 0;
		make_way(start_us, &batch);
	}
	return 0;
}

/* What no event speaks of any more: sessions, and what automations kept for them. */
static int delete_sessions(struct ccm_db *db, const struct ccm_prune *p)
{
	int64_t batch = 16;
	int r = 1;

	while (r > 0 && !out_of_time(p)) {
		int64_t start_us = ccm_mono_us();
		const struct ccm_db_arg *args = DB_ARGS(DB_INT("batch", batch));

		r = ccm_db_exec(db, Q_PRUNE_SESSIONS, args);
		make_way(start_us, &batch);
	}
	if (r >= 0)
		r = ccm_db_exec(db, Q_PRUNE_STATE, NULL);
	return r < 0 ? r : 0;
}

static int give_back(struct ccm_db *db, const struct ccm_prune *p)
{
	int64_t batch = VACUUM_PAGES, free_pages, before = INT64_MAX;
	int r;

	for (;;) {
		int64_t start_us = ccm_mono_us();

		r = ask(db, Q_FREE_PAGES, NULL, "pages", &free_pages);
		/* A database that was not made for it gives nothing back: that is no reason to go on. */
		if (r < 0 || free_pages == 0 || free_pages >= before || out_of_time(p))
			return r;
		before = free_pages;
		r = ccm_db_vacuum(db, (int)batch);
		if (r < 0)
			return r;
		make_way(start_us, &batch);
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

	r = used_bytes(db, &before);
	if (r == 0)
		r = delete_events(db, p);
	if (r == 0 && p->events)
		r = delete_sessions(db, p);
	if (r == 0)
		r = give_back(db, p);
	if (r == 0)
		r = used_bytes(db, &after);
	p->bytes = before > after ? before - after : 0;
	return r;
}
