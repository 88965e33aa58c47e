/* SPDX-License-Identifier: MIT */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "alerts.h"
#include "channel.h"
#include "confine.h"
#include "explain.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "libccm/term.h"
#include "limits.h"
#include "network.h"
#include "resume.h"
#include "sandbox.h"
#include "talk.h"
#include "terminal.h"

#define BY_PERSON "ended by you"
#define TICK_MS 250
#define MEASURE_US 1000000
#define IMPORT_US 2000000
#define END_US 5000000
#define GO_ON_US 60000000LL               /* how often it is asked whether it may go on */
#define DENIED_LOG_MAX 1000
#define SPENT_TOLD_MS 10000              /* how much of the time that it ran may not be in the database yet */
#define BOUNDS_MAX 16

struct session {
	const struct session_spec *spec;
	struct sandbox_child child;
	enum ccm_agent agent;
	struct network network;
	struct channel channel;
	struct use use;
	struct task_limits limits;
	int epoll, inotify, control, denied;
	int64_t denied_at;           /* how far the refusals have been read */
	int64_t denied_count;
	int64_t measured_us, import_us, started_us, held_us, held_since_us, end_us, spent_before_ms;
	int64_t spent_told_ms;       /* of this start, what the database knows of */
	char seen[GIT_ID_MAX + 1];   /* the branch, as last read */
	int64_t asked_us;
	bool near[BOUNDS_MAX], stopped;
	bool waits;                  /* stopped for want of quota */
	bool waived;                 /* a person lets it go on all the same, until there is quota */
	char ended_by[160];
};

/* ---- talk with other processes of the person */

int session_ask(const struct place *p, const char *what, struct ccm_diag *diag)
{
	_cleanup_close_ int fd = talk_connect(p->dir, "control");
	_cleanup_sbuf_ struct ccm_sbuf answer = { 0 };
	const struct timeval patience = { .tv_sec = 15 };
	char line[64];
	int r;

	if (fd < 0)
		return fd;
	snprintf(line, sizeof line, "%s\n", what);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	/* In one piece: the other side reads once. */
	r = send(fd, line, strlen(line), MSG_NOSIGNAL) < 0 ? -errno : ccm_read_fd(fd, 1024, &answer);
	if (r < 0)
		return r;
	if (strcmp(ccm_sbuf_str(&answer), "done\n") == 0)
		return 0;
	return ccm_diag_set(diag, answer.bytes ? -CCM_E_REFUSED : -ESRCH, "task %s: %.*s", p->id,
			    (int)strcspn(ccm_sbuf_str(&answer), "\n"), ccm_sbuf_str(&answer));
}

static void tell(const char *words)
{
	fprintf(stderr, "%sccm-supervisor: %s%s\n", isatty(STDERR_FILENO) ? "\r\033[K" : "", words,
		isatty(STDERR_FILENO) ? "\r" : "");
}

static int64_t spent_ms(const struct session *s)
{
	int64_t now = ccm_mono_us(), held = s->held_us + (s->stopped ? now - s->held_since_us : 0);

	return (now - s->started_us - held) / 1000;
}

/* What the database does not know of yet; the caller tells it. */
static int64_t take_spent(struct session *s)
{
	int64_t spent = spent_ms(s), more = spent - s->spent_told_ms;

	s->spent_told_ms = spent;
	return more;
}

static int stop(struct session *s, const char *why)
{
	struct task *t = s->spec->task;
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	int r;

	if (s->stopped)
		return 0;
	r = sandbox_signal(&s->child, SIGSTOP);
	if (r < 0)
		return r;
	s->stopped = true;
	s->held_since_us = ccm_mono_us();
	r = task_move(s->spec->ctx->db, t, TASK_EV_STOP, &(struct task_moved){ .why = why, .spent_ms = take_spent(s) }, NULL);
	ccm_sbuf_addf(&words, "task %s is stopped: %s; 'ccm-supervisor task resume %s' lets it go on, 'task stop --end %s' ends "
			      "it", t->id, why, t->id, t->id);
	tell(ccm_sbuf_str(&words));
	return r;
}

/* A bound that is reached now would stop it again at once: it gets a quarter more. */
static void raise_bounds(struct session *s)
{
	const struct { int64_t *bound, used; const char *name; } all[] = {
		{ &s->limits.worktree_bytes, s->use.disk.bytes, "max_worktree_size" },
		{ &s->limits.file_bytes, s->use.disk.largest_bytes, "max_file_size" },
		{ &s->limits.commits, s->use.commits, "max_commits" },
		{ &s->limits.processes, s->use.processes, "max_processes" },
		{ &s->limits.memory_bytes, s->use.memory_bytes, "max_memory" },
		{ &s->limits.time_ms, s->use.time_ms, "max_time" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (*all[i].bound <= 0 || all[i].used < *all[i].bound)
			continue;
		*all[i].bound = all[i].used + all[i].used / 4 + 1;
		/* The kernel holds each process to it, and takes no more from us than it was started with. */
		if (all[i].bound == &s->limits.file_bytes) {
			task_log(s->spec->ctx->db, s->spec->task->id, "limit", "max_file_size stays what it is for this run");
			continue;
		}
		task_log(s->spec->ctx->db, s->spec->task->id, "limit", "%s is %lld for this run from now on", all[i].name,
			 (long long)*all[i].bound);
	}
}

static int go_on(struct session *s, const char *why)
{
	int r;

	r = sandbox_signal(&s->child, SIGCONT);
	if (r < 0)
		return r;
	s->stopped = s->waits = false;
	s->held_us += ccm_mono_us() - s->held_since_us;
	return task_move(s->spec->ctx->db, s->spec->task, TASK_EV_GO_ON, &(struct task_moved){ .why = why }, NULL);
}

static void end(struct session *s, const char *why)
{
	snprintf(s->ended_by, sizeof s->ended_by, "%s", why);
	sandbox_signal(&s->child, SIGTERM);
	if (s->stopped) {
		sandbox_signal(&s->child, SIGCONT);
		s->stopped = s->waits = false;
		s->held_us += ccm_mono_us() - s->held_since_us;
	}
	s->end_us = ccm_mono_us() + END_US;
}

static int take_over(struct session *s, const char *why)
{
	s->waits = false;
	return ccm_db_exec(s->spec->ctx->db, Q_TASK_TAKE_OVER, DB_ARGS(DB_TEXT("id", s->spec->task->id), DB_TEXT("why", why)));
}

static const char *obey(struct session *s, const char *what)
{
	int r = 0;

	if (strcmp(what, "stop") == 0) {
		if (s->stopped && !s->waits)
			return "it is stopped already\n";
		r = s->waits ? take_over(s, "stopped by you") : stop(s, "stopped by you");
	} else if (strcmp(what, "resume") == 0) {
		if (!s->stopped)
			return "it is not stopped\n";
		raise_bounds(s);
		take_over(s, NULL);
		s->waived = true;
		r = go_on(s, "resumed by you");
	} else if (strcmp(what, "go-on") == 0) {
		if (!s->waits)
			return "it is not held for want of quota\n";
		r = go_on(s, "there is quota again");
	} else if (strcmp(what, "end") == 0) {
		take_over(s, NULL);
		end(s, BY_PERSON);
	} else {
		return "not understood\n";
	}
	return r < 0 ? "the signal could not be sent\n" : "done\n";
}

static void serve_control(struct session *s)
{
	const struct timeval patience = { .tv_usec = 500000 };
	char line[64];
	int fd;

	while ((fd = accept4(s->control, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		const char *answer;
		ssize_t n;

		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		n = recv(fd, line, sizeof line - 1, 0);
		line[n > 0 ? n : 0] = '\0';
		line[strcspn(line, "\n")] = '\0';
		answer = obey(s, line);
		send(fd, answer, strlen(answer), MSG_NOSIGNAL);
		close(fd);
	}
}

/* ---- refusals */

static void log_denied(struct session *s, const char *line, size_t bytes)
{
	json_auto_t *o = json_loadb(line, bytes, 0, NULL);
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	static const char *const fields[] = { "layer", "call", "detail", "host", "port", "reason", "program" };

	if (!o || s->denied_count++ > DENIED_LOG_MAX)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		json_t *value = json_object_get(o, fields[i]);
		const char *text = json_string_value(value);

		if (!value)
			continue;
		ccm_sbuf_adds(&words, i == 0 ? "" : i == 1 ? ": " : ", ");
		if (strcmp(fields[i], "program") == 0)
			ccm_sbuf_adds(&words, "by ");
		if (text)
			ccm_term_clean(&words, text, strlen(text), CCM_CLEAN_LINE);
		else if (json_is_integer(value))
			ccm_sbuf_addf(&words, "%lld", (long long)json_integer_value(value));
	}
	if (words.bytes)
		task_log(s->spec->ctx->db, s->spec->task->id, "denied", "%s", words.text);
}

static void read_denied(struct session *s)
{
	char buf[16384];
	ssize_t n = pread(s->denied, buf, sizeof buf, s->denied_at);
	size_t at = 0;

	while (n > 0) {
		char *newline = memchr(buf + at, '\n', (size_t)n - at);

		if (!newline) {
			/* The end of a line that is still to come; one that never ends is dropped. */
			s->denied_at += at || (size_t)n < sizeof buf ? (int64_t)at : n;
			return;
		}
		log_denied(s, buf + at, (size_t)(newline - (buf + at)));
		at = (size_t)(newline - buf) + 1;
		if (at == (size_t)n) {
			s->denied_at += n;
			return;
		}
	}
}

/* ---- quota */

static void mark_held(struct session *s)
{
	ccm_db_exec(s->spec->ctx->db, Q_TASK_HOLD, DB_ARGS(DB_TEXT("id", s->spec->task->id), DB_INT("now_ms", ccm_now_ms())));
}

static void tell_person(struct session *s, const char *level, const char *title, const char *body)
{
	struct ctx *ctx = s->spec->ctx;

	if (task_alert(ctx->db, s->spec->task, true, level, title, body) == 0 && strcmp(level, "urgent") == 0)
		alerts_deliver(ctx);
}

static void see_urgent(struct session *s)
{
	if (s->channel.urgent)
		alerts_deliver(s->spec->ctx);
	s->channel.urgent = false;
}

static void wait_for_quota(struct session *s, const char *why)
{
	struct ctx *ctx = s->spec->ctx;
	struct task *t = s->spec->task, now = { .id = "" };
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 }, body = { 0 };
	bool by_itself = ctx->settings.resume_tasks && task_load(ctx->db, t->id, &now, NULL) == 0 &&
			 now.resumes < ctx->settings.max_resumes;

	ccm_sbuf_addf(&words, "held: %s", why);
	ccm_sbuf_addf(&body, "Its processes are stopped, nothing is lost. %s (%s). Before that, 'ccm-supervisor task resume %s' "
		      "does it.", by_itself ? "It goes on by itself once there is quota" : "It does not go on by itself",
		      !ctx->settings.resume_tasks ? "[resume] tasks is off" :
		      by_itself ? "within the bounds of [resume]" : "it did so max_resumes times, see [resume]", t->id);
	task_done(&now);
	stop(s, ccm_sbuf_str(&words));
	s->waits = s->stopped;
	if (!s->waits)
		return;
	s->asked_us = 0;
	mark_held(s);
	task_log(ctx->db, t->id, "limit", "%s", ccm_sbuf_str(&words));
	tell_person(s, by_itself ? "warning" : "urgent", ccm_sbuf_str(&words), ccm_sbuf_str(&body));
}

/* By a process of its own: it may have to ask ccusage, and it does so for one task at a time. */
static void ask_to_go_on(struct session *s)
{
	const char *self = s->spec->ctx->self;
	const char *const argv[] = { self, "job", "resume-tasks", NULL };

	if (!s->spec->ctx->settings.resume_tasks || (s->asked_us && ccm_mono_us() - s->asked_us < GO_ON_US))
		return;
	s->asked_us = ccm_mono_us();
	mark_held(s);
	ccm_proc_detach(self, argv);
}

static void see_quota(struct session *s)
{
	_cleanup_sbuf_ struct ccm_sbuf why = { 0 };
	int r = resume_must_wait(s->spec->ctx, ccm_now_ms(), &why);

	if (r > 0 && !s->stopped && !s->waived && !s->end_us)
		wait_for_quota(s, ccm_sbuf_str(&why));
	else if (r == 0 && s->waits)
		ask_to_go_on(s);
	if (r == 0)
		s->waived = false;
}

/* ---- what it uses */

static void check_bounds(struct session *s)
{
	struct ctx *ctx = s->spec->ctx;
	struct task *t = s->spec->task;
	char words[160], title[200], body[200];
	int i;

	for (i = -1; (i = limits_over(&s->limits, &s->use, LIMITS_NEAR_PERCENT, i, words, sizeof words)) >= 0;) {
		if (s->near[i])
			continue;
		s->near[i] = true;
		snprintf(title, sizeof title, "%d %% used: %s", LIMITS_NEAR_PERCENT, words);
		task_log(ctx->db, t->id, "limit", "%s", title);
		tell_person(s, "warning", title, NULL);
	}
	i = limits_over(&s->limits, &s->use, 100, -1, words, sizeof words);
	if (i < 0 || s->stopped || s->end_us)
		return;
	snprintf(title, sizeof title, "stopped at a limit: %s", words);
	task_log(ctx->db, t->id, "limit", "%s", title);
	snprintf(body, sizeof body, "Its processes are held. 'ccm-supervisor task resume %s' lets it go on, 'ccm-supervisor task stop "
		 "--end %s' ends it.", t->id, t->id);
	tell_person(s, "urgent", title, body);
	snprintf(title, sizeof title, "limit reached: %s", words);
	stop(s, title);
}

static void start_import(struct session *s)
{
	const char *self = s->spec->ctx->self;
	const char *const argv[] = { self, "task", "import", s->spec->task->id, NULL };

	s->import_us = ccm_mono_us();
	ccm_proc_detach(self, argv);
}

/* The branch is a file with an id in it, read as bytes; what it means is git's to say, inside. */
static void watch_branch(struct session *s)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	char id[GIT_ID_MAX + 1];

	if (ccm_mono_us() - s->import_us < IMPORT_US)
		return;
	if (place_read(s->spec->place->repo, s->spec->place->branch, GIT_ID_MAX + 2, &text) < 0)
		return;
	snprintf(id, sizeof id, "%.*s", (int)strcspn(ccm_sbuf_str(&text), "\n"), ccm_sbuf_str(&text));
	if (!git_is_id(id) || strcmp(id, s->seen) == 0)
		return;
	memcpy(s->seen, id, sizeof s->seen);
	start_import(s);
}

static void read_progress(struct session *s)
{
	struct task now = { .id = "" };

	if (task_load(s->spec->ctx->db, s->spec->task->id, &now, NULL) < 0)
		return;
	s->use.commits = now.commits;
	task_done(&now);
}

static void measure_disk(struct session *s)
{
	int64_t before = s->use.disk.bytes;

	if (place_measure(s->spec->place, LIMITS_FILES_MAX, &s->use.disk) < 0)
		return;
	if (s->use.disk.bytes != before || spent_ms(s) - s->spent_told_ms >= SPENT_TOLD_MS)
		ccm_db_exec(s->spec->ctx->db, Q_TASK_PROGRESS, DB_ARGS(
			DB_TEXT("id", s->spec->task->id), DB_NULL("head"), DB_NULL("commits"),
			DB_INT("bytes", s->use.disk.bytes), DB_INT("spent_ms", take_spent(s)),
			DB_INT("now_ms", ccm_now_ms())));
}

static void measure(struct session *s)
{
	int64_t now = ccm_mono_us(), took;

	if (now < s->measured_us)
		return;
	measure_disk(s);
	limits_processes(s->child.pid, &s->use);
	s->use.time_ms = s->spent_before_ms + spent_ms(s);
	read_progress(s);
	check_bounds(s);
	see_quota(s);
	watch_branch(s);
	/* A large tree is looked at more seldom: at most a twentieth of one processor. */
	took = ccm_mono_us() - now;
	s->measured_us = now + (took * 20 > MEASURE_US ? took * 20 : MEASURE_US);
}

static void tick(void *user)
{
	struct session *s = user;
	struct epoll_event events[4];
	char buf[4096];

	while (epoll_wait(s->epoll, events, ARRAY_SIZE(events), 0) > 0 && read(s->inotify, buf, sizeof buf) > 0)
		;
	serve_control(s);
	channel_take(&s->channel, s->spec->ctx->db, s->spec->place, s->spec->task, false);
	see_urgent(s);
	read_denied(s);
	measure(s);
	if (s->end_us && ccm_mono_us() > s->end_us) {
		s->end_us = INT64_MAX;
		sandbox_signal(&s->child, SIGKILL);
	}
}

/* ---- from start to end */

static int watch_fd(struct session *s, int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int open_all(struct session *s, struct ccm_diag *diag)
{
	const struct place *p = s->spec->place;
	_cleanup_free_ char *spool = NULL, *denied = NULL;
	int r;

	if (asprintf(&spool, "%s/spool", p->channel) < 0 || asprintf(&denied, "%s/denied", p->dir) < 0)
		return -ENOMEM;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	s->control = talk_listen(p->dir, "control");
	s->denied = open(denied, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->control < 0)
		return ccm_diag_set(diag, s->control, "cannot listen on '%s': %s", p->control, ccm_strerror(s->control));
	if (s->epoll < 0 || s->inotify < 0 || s->denied < 0)
		return -errno;
	s->denied_at = lseek(s->denied, 0, SEEK_END);
	/* A hook's file is there when it has its name, and done when it is closed. */
	inotify_add_watch(s->inotify, spool, IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR | IN_DONT_FOLLOW);
	r = watch_fd(s, s->inotify);
	return r < 0 ? r : watch_fd(s, s->control);
}

static void *close_fd(void *fd)
{
	close((int)(intptr_t)fd);
	return NULL;
}

/* The kernel takes up to 16 ms to end an inotify; what is done at the end of a task need not wait for that. */
static void close_behind(int fd)
{
	pthread_t thread;

	if (fd >= 0 && pthread_create(&thread, NULL, close_fd, (void *)(intptr_t)fd) == 0)
		pthread_detach(thread);
	else if (fd >= 0)
		close(fd);
}

static void close_all(struct session *s)
{
	const int all[] = { s->epoll, s->control, s->denied };

	close_behind(s->inotify);

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i] >= 0)
			close(all[i]);
	if (s->control >= 0)
		unlink(s->spec->place->control);
}

static const char *layers_of(const struct sandbox_child *c)
{
	return c->layers & SANDBOX_NAMESPACES ? "landlock, seccomp, namespaces" : "landlock, seccomp";
}

/* The port is taken by chance; where the kernel gives no port of the task's own, it may be in use. */
static int start(struct session *s, struct confine_input *in, struct ccm_diag *diag)
{
	int r = -EADDRINUSE;

	for (int tries = 0; tries < 10 && r == -EADDRINUSE; tries++) {
		_cleanup_confinement_ struct confinement c = { .count = 0 };

		r = network_plan(&s->network, in->paths, in->profile, in->agent->kind, diag);
		if (r < 0)
			return r;
		in->more_env = (const char *const *)s->network.env.list;
		r = confine(in, &c, diag);
		if (r < 0)
			return r;
		c.spec.terminal = isatty(STDIN_FILENO) || isatty(STDOUT_FILENO) || isatty(STDERR_FILENO);
		c.spec.denied_fd = s->denied;
		c.spec.local_servers = true;
		c.spec.proxy_port = s->network.port;
		r = sandbox_start(&c.spec, (const char *const *)in->agent->argv.list, &s->child, diag);
		if (r == 0 && explain_save(s->spec, &c.spec, s->child.layers, &s->network, &s->limits) < 0)
			ccm_warn("cannot write down the rules of the task, for 'sandbox explain'");
	}
	return r < 0 ? r : network_serve(&s->network, s->child.proxy_fd, s->denied, diag);
}

static int begin(struct session *s, struct confine_input *in, struct ccm_diag *diag)
{
	struct task *t = s->spec->task;
	int64_t now = ccm_now_ms();
	int r = start(s, in, diag);

	if (r < 0)
		return r;
	if (!(s->child.layers & SANDBOX_NAMESPACES)) {
		ccm_warn("the task has no namespaces, only Landlock and seccomp: %s", s->child.why_not);
		task_log(s->spec->ctx->db, t->id, "note", "no namespaces: %s", s->child.why_not);
	}
	s->started_us = ccm_mono_us();
	s->measured_us = s->started_us + MEASURE_US;
	return task_move(s->spec->ctx->db, t, TASK_EV_START,
			 &(struct task_moved){ .layers = layers_of(&s->child), .pid = getpid(), .started_ms = now }, diag);
}

/* Of one that ran in front of a person they know, and of one that they ended. */
static void tell_end(struct session *s, int status)
{
	const struct task *t = s->spec->task;
	_cleanup_sbuf_ struct ccm_sbuf body = { 0 };
	char title[64] = "has finished";

	if (!terminal_is_there(s->spec->place) || strcmp(s->ended_by, BY_PERSON) == 0)
		return;
	if (status)
		snprintf(title, sizeof title, "failed (status %d)", status);
	ccm_sbuf_addf(&body, "'ccm-supervisor task review %s' shows what it did, 'ccm-supervisor task log %s --output' what it wrote.",
		      t->id, t->id);
	tell_person(s, status ? "warning" : "info", title, ccm_sbuf_str(&body));
}

static void finish(struct session *s, int status)
{
	struct ccm_db *db = s->spec->ctx->db;
	struct task *t = s->spec->task;
	_cleanup_sbuf_ struct ccm_sbuf quota = { 0 };
	char why[200];

	for (int again = 0; again < 1000 && channel_take(&s->channel, db, s->spec->place, t, true) > 0; again++)
		;
	see_urgent(s);
	read_denied(s);
	measure_disk(s);
	if (s->channel.bad)
		task_log(db, t->id, "note", "%lld file%s of its channel could not be used", (long long)s->channel.bad,
			 s->channel.bad == 1 ? "" : "s");
	snprintf(why, sizeof why, "%s%sstatus %d", s->ended_by, s->ended_by[0] ? "; " : "", status);
	task_move(db, t, status ? TASK_EV_FAIL : TASK_EV_SUCCEED,
		  &(struct task_moved){ .why = why, .exit_status = status, .has_status = true, .spent_ms = take_spent(s) }, NULL);
	t->exit_status = status;
	tell_end(s, status);
	/* A client that has come upon a limit has gone, and can be started again. */
	if (status && !s->ended_by[0] && s->agent == CCM_AGENT_CLAUDE &&
	    resume_must_wait(s->spec->ctx, ccm_now_ms(), &quota) > 0) {
		mark_held(s);
		task_log(db, t->id, "limit", "it ended while work had to wait: %s", ccm_sbuf_str(&quota));
	}
}

static int run(struct session *s, struct confine_input *in, int *ret_status, struct ccm_diag *diag)
{
	const struct sandbox_watch watch = { .tick = tick, .user = s, .tick_ms = TICK_MS, .fd = s->epoll, .relay = true };
	int r = begin(s, in, diag);

	if (r < 0) {
		sandbox_child_done(&s->child);
		return r;
	}
	r = sandbox_wait(&s->child, &watch, ret_status);
	sandbox_child_done(&s->child);
	if (r == 0)
		finish(s, *ret_status);
	return r;
}

int session_run(const struct session_spec *spec, int *ret_status, struct ccm_diag *diag)
{
	struct session s = {
		.spec = spec, .child = SANDBOX_CHILD_INIT, .network = NETWORK_INIT, .epoll = -1, .inotify = -1, .control = -1, .denied = -1,
		.limits = spec->task->limits, .spent_before_ms = spec->task->spent_ms,
	};
	_cleanup_agent_ struct agent agent = { .program = NULL };
	struct confine_input in = {
		.why = CONFINE_AGENT, .place = spec->place, .source = spec->source, .paths = &spec->ctx->paths,
		.profile = spec->profile, .agent = &agent,
	};
	int r;

	snprintf(s.seen, sizeof s.seen, "%s", spec->task->head ? spec->task->head : spec->task->base);
	r = agent_find(&agent, spec->place, spec->ctx->self, spec->argv, diag);
	if (r == 0)
		r = agent_prepare(&agent, spec->place, &spec->ctx->paths, spec->profile, spec->source, diag);
	s.agent = agent.kind;
	if (r == 0)
		r = open_all(&s, diag);
	if (r == 0)
		r = run(&s, &in, ret_status, diag);
	network_done(&s.network);
	close_all(&s);
	if (r < 0 && task_can(spec->task, TASK_EV_FAIL))
		task_move(spec->ctx->db, spec->task, TASK_EV_FAIL,
			  &(struct task_moved){ .why = ccm_diag_text(diag, r), .exit_status = 127, .has_status = true }, NULL);
	return r;
}
