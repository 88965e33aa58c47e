/* SPDX-License-Identifier: MIT */
#include "jobs.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "gaps.h"
#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "libccm/quota.h"
#include "libccm/tidy.h"
#include "libccm/uuid.h"
#include "resume.h"
#include "sources.h"

#define SECOND_MS 1000LL
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define VACUUM_PAGES 128
#define VACUUM_MAX_US (60LL * 1000 * 1000)
#define TASKS_MAX_MS (55 * MINUTE_MS)
#define OUTPUT_MAX_BYTES 65536
#define KEEP_MS (90 * DAY_MS)

extern char **environ;

static void say_lines(const char *text)
{
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		ccm_warn("%.*s", (int)strcspn(p, "\n"), p);
}

static int run_tidy(struct ctx *ctx)
{
	_cleanup_sbuf_ struct ccm_sbuf trouble = { 0 };
	int r = ccm_tidy(ctx->db, &ctx->paths, &ctx->settings, 0, &trouble);

	say_lines(ccm_sbuf_str(&trouble));
	return r;
}

static int add_pages(struct ccm_db *db, enum ccm_query q, const char *column, int64_t *sum)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(db, q, NULL, &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		*sum += ccm_rows_int(&rows, column);
	return r < 0 ? r : 0;
}

/* Of both files. */
static int free_pages(struct ccm_db *db, int64_t *ret)
{
	int r;

	*ret = 0;
	r = add_pages(db, Q_FREE_PAGES, "pages", ret);
	return r < 0 ? r : add_pages(db, Q_STATE_FREE_PAGES, "freelist_count", ret);
}

/* In steps; between two of them the database is left alone for longer than the step took. */
static int run_vacuum(struct ctx *ctx)
{
	int64_t until_us = ccm_mono_us() + VACUUM_MAX_US, left, before = INT64_MAX;
	int r;

	ccm_db_defer_checkpoint(ctx->db);
	while ((r = free_pages(ctx->db, &left)) == 0 && left > 0 && left < before && ccm_mono_us() < until_us) {
		const struct timespec pause = { .tv_nsec = 20 * 1000000 };

		r = ccm_db_vacuum(ctx->db, VACUUM_PAGES);
		if (r < 0 && r != -CCM_E_BUSY)
			break;
		if (r == 0)
			before = left;
		if (ccm_db_wants_checkpoint(ctx->db))
			ccm_db_checkpoint_some(ctx->db);
		nanosleep(&pause, NULL);
	}
	return r == -CCM_E_BUSY ? 0 : r;
}

static int raise_alert(struct ccm_db *db, const char *title, const char *body)
{
	int64_t now_ms = ccm_now_ms();
	char uuid[CCM_UUID_CHARS + 1];

	ccm_uuid_make(now_ms, uuid);
	return ccm_db_exec(db, Q_ALERT_INSERT, DB_ARGS(
		DB_TEXT("uuid", uuid), DB_INT("created_ms", now_ms), DB_TEXT("level", "urgent"), DB_TEXT("source", "ccm"),
		DB_NULL("session_id"), DB_NULL("event_uuid"), DB_TEXT("title", title), DB_TEXT("body", body),
		DB_TEXT("kind", ccm_alert_kind_name(CCM_KIND_STORAGE))));
}

static int check_file(struct ctx *ctx, enum ccm_db_file file, const char *name)
{
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 };
	char found[256];
	int r = ccm_db_check(ctx->db, file, found, sizeof found);

	if (r == 0 && strcmp(found, "ok") == 0)
		return 0;
	ccm_sbuf_addf(&title, "%s is damaged", name);
	ccm_error("%s: %s; 'ccm-hook doctor' tells what to do", ccm_sbuf_str(&title), found);
	raise_alert(ctx->db, ccm_sbuf_str(&title), found);
	return -CCM_E_SAID;
}

static int run_check(struct ctx *ctx)
{
	int r = check_file(ctx, CCM_DB_MAIN, "the database"), e = check_file(ctx, CCM_DB_STATE, "the database " CCM_DB_STATE_FILE);

	return r < 0 ? r : e;
}

static int forget_old(struct ccm_db *db, int64_t before_ms)
{
	static const enum ccm_query all[] = { Q_READING_PRUNE, Q_METER_PRUNE, Q_TRANSCRIPT_PRUNE, Q_HELD_PRUNE, Q_APPROVAL_PRUNE, Q_PRESS_PRUNE,
					 Q_DELIVERY_PRUNE, Q_ALERT_PRUNE };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(all); i++)
		r = ccm_db_exec(db, all[i], DB_ARGS(DB_INT("before_ms", before_ms)));
	if (r >= 0)
		r = ccm_db_exec(db, Q_SPENT_PRUNE, NULL);
	if (r >= 0)
		r = ccm_db_exec(db, Q_DELIVERY_ALERT_PRUNE, NULL);
	return r < 0 ? r : 0;
}

static int run_quota(struct ctx *ctx)
{
	int64_t now_ms = ccm_now_ms();
	struct sources_result result;
	int r;

	r = sources_poll(ctx->db, &ctx->settings, now_ms, false, &result);
	say_lines(ccm_sbuf_str(&result.trouble));
	sources_result_done(&result);
	return r < 0 ? r : forget_old(ctx->db, now_ms - KEEP_MS);
}

static int run_resume(struct ctx *ctx)
{
	int r = resume_next(ctx);

	return r < 0 ? r : 0;
}

static int run_resume_tasks(struct ctx *ctx)
{
	int r = resume_next_task(ctx);

	return r < 0 ? r : 0;
}

/* By the command that people have for it, in a process of its own. */
static int run_tasks(struct ctx *ctx)
{
	const char *const argv[] = { "ccm-supervisor", "task", "gc", NULL };
	struct ccm_proc_result result = { 0 };
	int r;

	r = ccm_proc_run_all(&(struct ccm_proc_spec){ .path = ctx->self, .argv = argv,
		.envp = (const char *const *)(uintptr_t)environ, .output_max_bytes = OUTPUT_MAX_BYTES,
		.timeout_ms = TASKS_MAX_MS }, 1, &result);
	say_lines(ccm_sbuf_str(&result.err));
	if (r == 0 && (result.error || result.exit_status != 0))
		r = result.error ? result.error : -CCM_E_SAID;
	if (r == -CCM_E_SAID && !result.err.bytes)
		ccm_error("'ccm-supervisor task gc' failed");
	ccm_proc_result_done(&result);
	return r;
}

static int run_gaps(struct ctx *ctx)
{
	int r = gaps_look(ctx, ccm_now_ms());

	return r < 0 ? r : 0;
}

const struct job jobs[] = {
	{ "tidy", "take in the spool, forget what is too old, checkpoint", HOUR_MS, 5 * MINUTE_MS, 10 * MINUTE_MS, false, run_tidy },
	{ "quota", "read transcripts, ask ccusage", DAY_MS, MINUTE_MS, 10 * MINUTE_MS, false, run_quota },
	{ "gaps", "look for tool calls that no hook told of", HOUR_MS, 5 * MINUTE_MS, 10 * MINUTE_MS, false, run_gaps },
	{ "resume", "go on with a session that was held back", DAY_MS, 0, 25 * HOUR_MS, true, run_resume },
	{ "resume-tasks", "let a task go on that was held", DAY_MS, 0, 25 * HOUR_MS, true, run_resume_tasks },
	{ "tasks", "save and remove tasks that have been at rest for long", DAY_MS, 0, HOUR_MS, false, run_tasks },
	{ "vacuum", "give free pages back", DAY_MS, 0, 5 * MINUTE_MS, false, run_vacuum },
	{ "check", "look for damage in the database", 7 * DAY_MS, 0, HOUR_MS, false, run_check },
	{ 0 }
};

const struct job *job_find(const char *name)
{
	for (const struct job *j = jobs; j->name; j++)
		if (strcmp(j->name, name) == 0)
			return j;
	return NULL;
}

int64_t job_next_ms(const struct job *job, int64_t failures)
{
	int64_t again_ms = MINUTE_MS << (failures < 12 ? failures : 12);

	return failures && again_ms < job->every_ms ? again_ms : job->every_ms;
}
