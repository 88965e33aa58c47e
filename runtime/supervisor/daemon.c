/* SPDX-License-Identifier: MIT */
#include "daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "alerts.h"
#include "child.h"
#include "couriers.h"
#include "jobs.h"
#include "libccm/clock.h"
#include "libccm/daemon_lock.h"
#include "libccm/io.h"
#include "libccm/lock.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "libccm/quota.h"
#include "libccm/watch.h"
#include "slog.h"
#include "systemd.h"

#define GATHER_MS 20                     /* what happens within this time is looked at together */
#define AGAIN_MS 500                     /* a commit is heard of just before it can be seen: it is looked for once more */
#define LOOK_MAX_MS 60000                /* the clock may jump, the machine may have slept */
#define RETRY_MS 10000                   /* a database that cannot be opened */
#define BUSY_MS 200                      /* how long our own small writes wait for a lock */
#define END_MS 5000                      /* from asking a worker to end to SIGKILL */
#define WAL_LONG_BYTES (1 << 20)         /* of the write-ahead log: time to tidy */
#define RESUME_EVERY_MS 60000            /* how often it is seen whether a held session may go on */
#define CONFIG_MAX_BYTES (1 << 20)
#define SAID_MAX_BYTES 4096

struct daemon;

struct worker {
	struct daemon *daemon;
	const struct job *job;           /* NULL: none runs */
	pid_t pid;
	int64_t started_ms, start_us;
	bool timed_out;
	struct ccm_sbuf said;            /* what it wrote to stderr, as far as it is kept */
	struct event *out, *deadline;
	int fd;
};

struct daemon {
	struct ctx *ctx;
	int lock;
	bool verbose, ending, failed;
	struct event_base *base;
	struct event *changed, *gather, *timer, *watchdog, *on_term, *on_int, *on_hup, *on_child;
	struct ccm_watch watch;
	unsigned what;                   /* enum ccm_watch_what, since it was last looked at */
	struct ccm_db *db;
	char trouble[256];               /* why there is no database; "": there is */
	int64_t event, meter, held;      /* the last activity seen */
	struct ccm_sbuf config;          /* the configuration in force */
	struct worker workers[2];        /* the second is for what may take long */
	struct alerts alerts;
	struct couriers couriers;
};

static void look(struct daemon *d);

static void set_timer(struct event *timer, int64_t ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	evtimer_add(timer, &tv);
}

/* ---- the lock ---- */

static int take_lock(const struct ccm_paths *paths, int *ret_fd)
{
	_cleanup_close_ int fd = -1;
	char text[32];
	pid_t other;
	int r;

	/* Whoever looks whether there is a daemon holds it for a moment. */
	for (int tries = 0; (r = ccm_lock_take(paths, CCM_DAEMON_LOCK, NULL, &fd)) == 0 && tries < 20; tries++)
		usleep(5000);
	if (r == 0) {
		ccm_daemon_runs(paths, &other);
		ccm_error("a daemon is running already for '%s' (process %d)", paths->home, (int)other);
		return -CCM_E_SAID;
	}
	if (r < 0)
		return r;
	snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* ---- the configuration ---- */

/* time: taken before it was read. */
static void note_config(const struct daemon *d, struct timespec time)
{
	const struct timespec both[] = { time, time };

	if (futimens(d->lock, both) < 0)
		slog(SLOG_WARNING, "config-time", "problem", ccm_strerror(-errno), NULL);
}

static int read_config(const struct ccm_paths *paths, struct ccm_sbuf *text)
{
	int r = ccm_read_regular(paths->config, CONFIG_MAX_BYTES, text);

	return r == -ENOENT ? 0 : r;
}

static void log_problems(const struct ccm_settings *settings)
{
	for (const char *p = ccm_sbuf_str(&settings->problems); *p; p += strcspn(p, "\n"), p += *p == '\n') {
		_cleanup_sbuf_ struct ccm_sbuf line = { 0 };

		ccm_sbuf_add(&line, p, strcspn(p, "\n"));
		slog(SLOG_WARNING, "config-problem", "problem", ccm_sbuf_str(&line), NULL);
	}
}

static void reload(struct daemon *d)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct timespec time = ccm_daemon_config_time(&d->ctx->paths);
	struct ccm_settings settings;
	int r = read_config(&d->ctx->paths, &text);

	if (r < 0) {
		slog(SLOG_ERROR, "reload-refused", "file", d->ctx->paths.config, "problem", ccm_strerror(r), NULL);
		return;
	}
	ccm_settings_parse(d->ctx->paths.config, ccm_sbuf_str(&text), &settings);
	if (settings.problems.bytes) {
		log_problems(&settings);
		ccm_settings_done(&settings);
		slog(SLOG_ERROR, "reload-refused", "file", d->ctx->paths.config, "problem",
		     "it has mistakes; the old configuration stays in force", NULL);
		return;
	}
	ccm_settings_done(&d->ctx->settings);
	d->ctx->settings = settings;
	ccm_sbuf_clear(&d->config);
	ccm_sbuf_adds(&d->config, ccm_sbuf_str(&text));
	note_config(d, time);
	slog(SLOG_INFO, "reloaded", "file", d->ctx->paths.config, NULL);
}

/* ---- the database ---- */

static void close_db(struct daemon *d)
{
	ccm_db_close(d->db);
	d->db = NULL;
	/* The next one may be another. */
	alerts_done(&d->alerts);
}

/* Said once, not at every try. */
static void set_trouble(struct daemon *d, const char *words)
{
	if (strcmp(d->trouble, words) == 0)
		return;
	snprintf(d->trouble, sizeof d->trouble, "%s", words);
	slog(SLOG_ERROR, "database-trouble", "problem", words, NULL);
	systemd_notify("STATUS=the database cannot be used; see the log");
}

static int watch_anew(struct daemon *d);

static int prepare_jobs(struct daemon *d)
{
	int64_t now_ms = ccm_now_ms();
	int r;

	r = ccm_db_exec(d->db, Q_JOB_RECOVER, DB_ARGS(DB_INT("now_ms", now_ms)));
	for (const struct job *j = jobs; r >= 0 && j->name; j++)
		r = ccm_db_exec(d->db, Q_JOB_ADD, DB_ARGS(DB_TEXT("name", j->name), DB_INT("due_ms", now_ms)));
	return r;
}

static int open_db(struct daemon *d)
{
	struct ccm_diag diag = { 0 };
	int r;

	r = ccm_paths_create(&d->ctx->paths, &diag);
	if (r == 0)
		r = ccm_db_open(d->ctx->paths.db, CCM_DB_WRITE, BUSY_MS, &d->db, &diag);
	if (r == 0) {
		ccm_db_defer_checkpoint(d->db);
		r = prepare_jobs(d);
	}
	if (r >= 0)
		r = watch_anew(d);
	if (r < 0) {
		set_trouble(d, ccm_diag_text(&diag, r));
		close_db(d);
		return r;
	}
	/* From now on it is known which file this is. */
	ccm_db_is_moved(d->db);
	if (d->trouble[0])
		slog(SLOG_INFO, "database-open", "file", d->ctx->paths.db, NULL);
	d->trouble[0] = '\0';
	systemd_notify("STATUS=watching");
	return 0;
}

/* Whether the connection is still to the file that others use, and one that we understand. */
static void check_db(struct daemon *d)
{
	if (!d->db)
		return;
	if (ccm_db_is_moved(d->db)) {
		slog(SLOG_WARNING, "database-replaced", "file", d->ctx->paths.db, NULL);
		close_db(d);
		return;
	}
	if (ccm_db_is_newer(d->db)) {
		slog(SLOG_WARNING, "newer-ccm", "problem", "the database was brought up to date by a newer ccm: ending, so that "
		     "the newer one is started", NULL);
		d->failed = true;
		event_base_loopbreak(d->base);
	}
}

/* Ends the connection after a failure that a new one may not have. */
static void judge(struct daemon *d, int r)
{
	if (r >= 0 || r == -CCM_E_BUSY)
		return;
	set_trouble(d, d->db ? ccm_db_words(d->db) : ccm_strerror(r));
	close_db(d);
}

/* ---- workers ---- */

static void worker_output(evutil_socket_t fd, short what, void *user)
{
	struct worker *w = user;
	char buf[4096];
	ssize_t n;

	(void)what;
	while ((n = read(fd, buf, sizeof buf)) > 0)
		if (w->said.bytes < SAID_MAX_BYTES)
			ccm_sbuf_add(&w->said, buf, (size_t)n);
	if (n == 0)
		event_del(w->out);
}

static void log_said(const struct worker *w)
{
	for (const char *p = ccm_sbuf_str(&w->said); *p; p += strcspn(p, "\n"), p += *p == '\n') {
		_cleanup_sbuf_ struct ccm_sbuf line = { 0 };

		ccm_sbuf_add(&line, p, strcspn(p, "\n"));
		slog(SLOG_WARNING, "job-said", "job", w->job->name, "text", ccm_sbuf_str(&line), NULL);
	}
}

/* NULL: it went well. */
static const char *worker_problem(const struct worker *w, int status, struct ccm_sbuf *out)
{
	const char *said = ccm_sbuf_str(&w->said);
	size_t bytes = strcspn(said, "\n");

	if (w->timed_out)
		ccm_sbuf_adds(out, "took too long, and was ended");
	else if (WIFSIGNALED(status))
		ccm_sbuf_addf(out, "was ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) && bytes)
		ccm_sbuf_add(out, said, bytes);
	else if (WEXITSTATUS(status))
		ccm_sbuf_addf(out, "ended with status %d", WEXITSTATUS(status));
	return out->bytes ? out->text : NULL;
}

static int64_t failures_of(struct daemon *d, const char *name)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(d->db, Q_JOB_GET, DB_ARGS(DB_TEXT("name", name)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	return r > 0 ? ccm_rows_int(&rows, "failures") : 0;
}

static void end_worker(struct daemon *d, struct worker *w, int status)
{
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	int64_t took_ms = (ccm_mono_us() - w->start_us) / 1000, failures;
	const char *problem;

	worker_output(w->fd, 0, w);
	log_said(w);
	problem = worker_problem(w, status, &words);
	if (problem)
		slog(SLOG_ERROR, "job-failed", "job", w->job->name, "took_ms", SLOG_NUMBER(took_ms), "problem", problem, NULL);
	else if (d->verbose || took_ms > 1000)
		slog(SLOG_INFO, "job-ended", "job", w->job->name, "took_ms", SLOG_NUMBER(took_ms), NULL);
	if (d->db) {
		failures = problem ? failures_of(d, w->job->name) + 1 : 0;
		judge(d, ccm_db_exec(d->db, Q_JOB_END, DB_ARGS(
			DB_TEXT("name", w->job->name), DB_INT("due_ms", ccm_now_ms() + job_next_ms(w->job, failures)),
			DB_INT("took_ms", took_ms), DB_TEXT("problem", problem), DB_INT("started_ms", w->started_ms))));
	}
	event_free(w->out);
	event_free(w->deadline);
	close(w->fd);
	ccm_sbuf_done(&w->said);
	*w = (struct worker){ .fd = -1 };
}

static void worker_late(evutil_socket_t fd, short what, void *user)
{
	struct worker *w = user;

	(void)fd, (void)what;
	if (!w->job)
		return;
	kill(-w->pid, w->timed_out ? SIGKILL : SIGTERM);
	w->timed_out = true;
	set_timer(w->deadline, END_MS);
}

static bool is_working(const struct daemon *d)
{
	return d->workers[0].job || d->workers[1].job || couriers_work(&d->couriers);
}

/* A file without a name that holds the configuration in force. */
static int config_file(const struct daemon *d)
{
	_cleanup_close_ int fd = -1;
	FILE *f = tmpfile();
	int r;

	if (!f)
		return -errno;
	fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
	fclose(f);
	if (fd < 0)
		return -errno;
	r = ccm_write_all(fd, ccm_sbuf_str(&d->config), d->config.bytes);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int start_worker(struct daemon *d, const struct job *job, int64_t now_ms)
{
	char parent[32];
	const char *const argv[] = { d->ctx->self, "job", job->name, "--parent", parent, NULL };
	struct worker w = { .daemon = d, .job = job, .started_ms = now_ms, .start_us = ccm_mono_us() }, *slot;
	_cleanup_close_ int config = config_file(d), in = -1, out = -1;
	int r;

	snprintf(parent, sizeof parent, "%d", (int)getpid());
	if (config < 0)
		return config;
	r = child_pipe(&in, &out);
	if (r == 0)
		r = ccm_proc_start(d->ctx->self, argv, config, out, &w.pid);
	if (r < 0)
		return r;
	slot = &d->workers[job->is_long];
	w.fd = TAKE_FD(in);
	w.out = event_new(d->base, w.fd, EV_READ | EV_PERSIST, worker_output, slot);
	w.deadline = evtimer_new(d->base, worker_late, slot);
	*slot = w;
	event_add(w.out, NULL);
	set_timer(w.deadline, job->deadline_ms);
	if (d->verbose)
		slog(SLOG_INFO, "job-started", "job", job->name, "pid", SLOG_NUMBER(w.pid), NULL);
	return 0;
}

/* *ret_due_ms: when the next job is due; now_ms or less: it is the one whose name is in name. */
static int next_job(struct daemon *d, int64_t now_ms, char *name, size_t bytes, int64_t *ret_due_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(d->db, Q_JOB_NEXT, DB_ARGS(DB_INT("now_ms", now_ms)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	snprintf(name, bytes, "%s", ccm_rows_text(&rows, "name"));
	*ret_due_ms = ccm_rows_int(&rows, "due_ms");
	return 1;
}

/* Starts what is due, if its place is free. *ret_due_ms: when the next is. */
static int run_due(struct daemon *d, int64_t now_ms, int64_t *ret_due_ms)
{
	const struct job *job;
	char name[64];
	int r;

	if (d->ending)
		return 0;
	r = next_job(d, now_ms, name, sizeof name, ret_due_ms);
	if (r <= 0 || *ret_due_ms > now_ms)
		return r;
	job = job_find(name);
	if (job && d->workers[job->is_long].job) {
		*ret_due_ms = INT64_MAX;     /* its end wakes us */
		return 0;
	}
	/* A row of another version of ccm: never ours to do. */
	r = ccm_db_exec(d->db, Q_JOB_LEASE, DB_ARGS(DB_TEXT("name", name), DB_INT("now_ms", now_ms),
		DB_INT("until_ms", now_ms + (job ? job->deadline_ms + 2 * END_MS : 30LL * 24 * 3600 * 1000))));
	if (r > 0 && job)
		r = start_worker(d, job, now_ms);
	return r;
}

/* ---- alerts ---- */

static int courier_config(void *user)
{
	return config_file(user);
}

static void courier_said(void *user, const char *channel, const char *line)
{
	(void)user;
	slog(SLOG_WARNING, "deliver-said", "channel", channel, "text", line, NULL);
}

/* *ret_next_ms: when there is something to do for it again, if that is sooner. */
static int see_alerts(struct daemon *d, int64_t now_ms, int64_t *ret_next_ms)
{
	unsigned due = 0;
	int r;

	r = alerts_gather(&d->alerts, d->db, &d->ctx->settings, now_ms, ret_next_ms);
	if (r > 0 && d->verbose)
		slog(SLOG_INFO, "alerts", "count", SLOG_NUMBER(r), NULL);
	if (r >= 0)
		r = alerts_due(d->db, now_ms, &due, ret_next_ms);
	/* Those that could not be started have been told of, and are tried again. */
	if (r >= 0 && !d->ending)
		couriers_start(&d->couriers, due, now_ms, ret_next_ms);
	return r;
}

/* ---- looking ---- */

/* What the agents did since it was last asked makes jobs due sooner. */
static int see_activity(struct daemon *d, int64_t now_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t event, meter, held;
	bool first = d->event < 0;
	int r;

	r = ccm_db_query(d->db, Q_ACTIVITY, NULL, &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	event = ccm_rows_int(&rows, "event");
	meter = ccm_rows_int(&rows, "meter");
	held = ccm_rows_int(&rows, "held");
	ccm_rows_done(&rows);
	if (event == d->event && meter == d->meter && held == d->held)
		return 0;
	d->event = event;
	d->meter = meter;
	d->held = held;
	if (first)
		return 0;
	if (d->verbose)
		slog(SLOG_INFO, "activity", "event", SLOG_NUMBER(event), "at_ms", SLOG_NUMBER(now_ms), NULL);
	for (const struct job *j = jobs; r >= 0 && j->name; j++)
		if (j->after_work_ms)
			r = ccm_db_exec(d->db, Q_JOB_AFTER_WORK, DB_ARGS(
				DB_TEXT("name", j->name), DB_INT("now_ms", now_ms), DB_INT("after_ms", j->after_work_ms)));
	return r;
}

static int sooner(struct daemon *d, const char *job, int64_t due_ms)
{
	return ccm_db_exec(d->db, Q_JOB_SOONER, DB_ARGS(DB_TEXT("name", job), DB_INT("due_ms", due_ms)));
}

static bool wal_is_long(const struct daemon *d)
{
	static const char *const names[] = { "ccm.db-wal", CCM_DB_STATE_FILE "-wal" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
		struct stat st;

		ccm_sbuf_addf(&path, "%s/%s", d->ctx->paths.home, names[i]);
		if (stat(ccm_sbuf_str(&path), &st) == 0 && st.st_size > WAL_LONG_BYTES)
			return true;
	}
	return false;
}

static int quota_next(struct daemon *d, int64_t *ret_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(d->db, Q_QUOTA_NEXT, NULL, &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0 && !ccm_rows_is_null(&rows, "at_ms"))
		*ret_ms = ccm_rows_int(&rows, "at_ms");
	return r;
}

static int clamp(struct daemon *d, int64_t now_ms)
{
	int r = 0;

	for (const struct job *j = jobs; r >= 0 && j->name; j++)
		r = ccm_db_exec(d->db, Q_JOB_CLAMP, DB_ARGS(DB_TEXT("name", j->name), DB_INT("latest_ms", now_ms + j->every_ms)));
	return r;
}

/* As long as some wait, it is tried once a minute. */
static int try_waiting(struct daemon *d, enum ccm_query count, const struct ccm_db_arg *args, const char *job, int64_t now_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(d->db, count, args, &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0 || !ccm_rows_int(&rows, "count"))
		return r;
	ccm_rows_done(&rows);
	return ccm_db_exec(d->db, Q_JOB_AFTER_WORK, DB_ARGS(DB_TEXT("name", job), DB_INT("now_ms", now_ms),
							    DB_INT("after_ms", RESUME_EVERY_MS)));
}

static int see_held(struct daemon *d, int64_t now_ms)
{
	const struct ccm_settings *s = &d->ctx->settings;
	int r = 0;

	if (s->resume)
		r = try_waiting(d, Q_HELD_COUNT, NULL, "resume", now_ms);
	if (r >= 0 && s->resume_tasks)
		r = try_waiting(d, Q_TASK_HELD_COUNT, DB_ARGS(DB_INT("max_resumes", s->max_resumes)), "resume-tasks", now_ms);
	return r;
}

/* Everything that may have changed; *ret_next_ms: when to look again at the latest. */
static int look_at_all(struct daemon *d, int64_t now_ms, int64_t *ret_next_ms)
{
	int64_t due_ms = INT64_MAX, quota_ms = INT64_MAX, alerts_ms = INT64_MAX;
	unsigned what = d->what;
	int r;

	d->what = 0;
	r = ccm_quota_tick(d->db, now_ms);
	if (r > 0)
		slog(SLOG_INFO, "quota-moved", "limits", SLOG_NUMBER(r), NULL);
	if (r >= 0)
		r = see_alerts(d, now_ms, &alerts_ms);
	if (r >= 0)
		r = see_activity(d, now_ms);
	if (r >= 0)
		r = see_held(d, now_ms);
	if (r >= 0 && (what & CCM_WATCH_SPOOL || ((what & CCM_WATCH_DATABASE) && wal_is_long(d))))
		r = sooner(d, "tidy", now_ms);
	/* Each of these takes the write lock: not at every change. */
	if (r >= 0 && !what)
		r = clamp(d, now_ms);
	if (r >= 0)
		r = run_due(d, now_ms, &due_ms);
	if (r >= 0)
		r = quota_next(d, &quota_ms);
	*ret_next_ms = due_ms < quota_ms ? due_ms : quota_ms;
	if (alerts_ms < *ret_next_ms)
		*ret_next_ms = alerts_ms;
	return r;
}

static void look(struct daemon *d)
{
	int64_t now_ms = ccm_now_ms(), next_ms = now_ms + LOOK_MAX_MS, wait_ms;
	bool changed = d->what & CCM_WATCH_DATABASE;
	int r;

	check_db(d);
	if (d->what & CCM_WATCH_LOST)
		close_db(d);
	if (!d->db && open_db(d) < 0) {
		set_timer(d->timer, RETRY_MS);
		return;
	}
	r = look_at_all(d, now_ms, &next_ms);
	judge(d, r);
	wait_ms = r == -CCM_E_BUSY ? 1000 : r < 0 ? RETRY_MS : next_ms - now_ms;
	wait_ms = wait_ms < 50 ? 50 : wait_ms > LOOK_MAX_MS ? LOOK_MAX_MS : wait_ms;
	if (changed && wait_ms > AGAIN_MS)
		wait_ms = AGAIN_MS;
	set_timer(d->timer, wait_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
	(void)fd, (void)what;
	look(user);
}

static void on_change(evutil_socket_t fd, short what, void *user)
{
	struct daemon *d = user;
	unsigned seen = ccm_watch_read(&d->watch);

	(void)fd, (void)what;
	if (!seen)
		return;
	if (!d->what)
		set_timer(d->gather, GATHER_MS);
	d->what |= seen;
}

static int watch_anew(struct daemon *d)
{
	int r;

	if (d->changed)
		event_free(d->changed);
	d->changed = NULL;
	ccm_watch_close(&d->watch);
	r = ccm_watch_open(&d->watch, &d->ctx->paths, CCM_WATCH_DATABASE | CCM_WATCH_FILES | CCM_WATCH_SPOOL);
	if (r < 0 || ccm_watch_fd(&d->watch) < 0)
		return r;
	d->changed = event_new(d->base, ccm_watch_fd(&d->watch), EV_READ | EV_PERSIST, on_change, d);
	return d->changed && event_add(d->changed, NULL) == 0 ? 0 : -ENOMEM;
}

/* ---- signals ---- */

static void on_child(evutil_socket_t fd, short what, void *user)
{
	struct daemon *d = user;
	int status;
	pid_t pid;

	(void)fd, (void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (couriers_reap(&d->couriers, pid, status))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(d->workers); i++)
			if (d->workers[i].job && pid == d->workers[i].pid)
				end_worker(d, &d->workers[i], status);
	}
	if (d->ending && !is_working(d))
		event_base_loopbreak(d->base);
	else
		set_timer(d->gather, 0);
}

static void on_end(evutil_socket_t fd, short what, void *user)
{
	struct daemon *d = user;

	(void)what;
	slog(SLOG_INFO, "ending", "signal", SLOG_NUMBER(fd), NULL);
	systemd_notify("STOPPING=1");
	d->ending = true;
	if (!is_working(d))
		event_base_loopbreak(d->base);
	couriers_end(&d->couriers, SIGTERM);
	/* What they did is kept by itself; the jobs are begun anew next time. */
	for (size_t i = 0; i < ARRAY_SIZE(d->workers); i++)
		if (d->workers[i].job)
			worker_late(-1, 0, &d->workers[i]);
}

static void on_reload(evutil_socket_t fd, short what, void *user)
{
	char state[64];

	(void)fd, (void)what;
	snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)ccm_mono_us());
	systemd_notify(state);
	reload(user);
	systemd_notify("READY=1");
}

static void on_watchdog(evutil_socket_t fd, short what, void *user)
{
	(void)fd, (void)what, (void)user;
	systemd_notify("WATCHDOG=1");
}

/* ---- from start to end ---- */

static int add_signal(struct daemon *d, struct event **ret, int number, event_callback_fn call)
{
	*ret = evsignal_new(d->base, number, call, d);
	return *ret && event_add(*ret, NULL) == 0 ? 0 : -ENOMEM;
}

static int prepare(struct daemon *d)
{
	int64_t us = systemd_watchdog_us();
	const struct timeval every = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
	int r;

	d->base = event_base_new();
	if (!d->base)
		return -ENOMEM;
	couriers_open(&d->couriers, d->base, d->ctx, &d->db);
	d->couriers.config = courier_config;
	d->couriers.say = courier_said;
	d->couriers.user = d;
	d->gather = evtimer_new(d->base, on_timer, d);
	d->timer = evtimer_new(d->base, on_timer, d);
	d->watchdog = event_new(d->base, -1, EV_PERSIST, on_watchdog, d);
	if (!d->gather || !d->timer || !d->watchdog)
		return -ENOMEM;
	if (us > 0)
		event_add(d->watchdog, &every);
	r = add_signal(d, &d->on_term, SIGTERM, on_end);
	if (r == 0)
		r = add_signal(d, &d->on_int, SIGINT, on_end);
	if (r == 0)
		r = add_signal(d, &d->on_hup, SIGHUP, on_reload);
	return r < 0 ? r : add_signal(d, &d->on_child, SIGCHLD, on_child);
}

static void release(struct daemon *d)
{
	if (d->db)
		alerts_keep(&d->alerts, d->db);
	struct event *const events[] = { d->changed, d->gather, d->timer, d->watchdog, d->on_term, d->on_int, d->on_hup,
					 d->on_child };

	for (size_t i = 0; i < ARRAY_SIZE(d->workers); i++) {
		struct worker *w = &d->workers[i];

		if (!w->job)
			continue;
		kill(-w->pid, SIGKILL);
		event_free(w->out);
		event_free(w->deadline);
		close(w->fd);
		ccm_sbuf_done(&w->said);
	}
	couriers_close(&d->couriers);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i])
			event_free(events[i]);
	if (d->base)
		event_base_free(d->base);
	ccm_watch_close(&d->watch);
	close_db(d);
	ccm_sbuf_done(&d->config);
	slog_close();
}

int daemon_run(struct ctx *ctx, bool verbose)
{
	struct daemon d = { .ctx = ctx, .verbose = verbose, .watch = { .fd = -1 }, .event = -1 };
	_cleanup_close_ int lock = -1;
	int r;

	r = take_lock(&ctx->paths, &lock);
	if (r < 0)
		return r;
	signal(SIGPIPE, SIG_IGN);
	slog_open(&ctx->paths);
	log_problems(&ctx->settings);
	d.lock = lock;
	note_config(&d, ccm_daemon_config_time(&ctx->paths));
	r = read_config(&ctx->paths, &d.config);
	if (r == 0)
		r = prepare(&d);
	if (r == 0) {
		look(&d);
		slog(SLOG_INFO, "started", "version", PACKAGE_VERSION, "pid", SLOG_NUMBER(getpid()), NULL);
		systemd_notify("READY=1");
		event_base_dispatch(d.base);
		slog(SLOG_INFO, "ended", NULL);
	}
	release(&d);
	return r < 0 ? r : d.failed ? -CCM_E_SAID : 0;
}
