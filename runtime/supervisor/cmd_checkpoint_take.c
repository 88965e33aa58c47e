/* SPDX-License-Identifier: MIT */
#include "cmd_checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/json.h"
#include "libccm/log.h"
#include "libccm/redact.h"
#include "libccm/uuid.h"

struct take {
	struct ctx *ctx;
	const char *dir, *session, *reason, *event;
	int64_t deadline_ms;
	bool count, if_dirty, quiet, json;
	struct repo repo;
	int status;                  /* where the exit status is told, as a byte; -1: nobody waits */
	FILE *err;                   /* what was said, for then */
};

/* ---- with the database, where there is one */

struct known {
	struct ctx *ctx;
	struct repo *repo;
	const struct checkpoint_request *request;        /* the caller's */
	const char *event;           /* its number or UUID */
	struct ccm_sbuf uuid, prompt;
};

static void find_prompt(struct known *k, struct checkpoint_request *q)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *text;

	if (!q->session[0] || k->ctx->settings.payload == CCM_PAYLOAD_NONE ||
	    ccm_db_query(k->ctx->db, Q_CHECKPOINT_PROMPT, DB_ARGS(DB_TEXT("session_id", q->session)), &rows) < 0 ||
	    ccm_rows_next(&rows) <= 0)
		return;
	text = ccm_rows_text(&rows, "detail");
	if (text && k->ctx->settings.payload == CCM_PAYLOAD_REDACTED)
		ccm_redact(&k->prompt, text, strlen(text));
	else if (text)
		ccm_sbuf_adds(&k->prompt, text);
	if (k->prompt.bytes && !k->prompt.failed)
		q->prompt = k->prompt.text;
}

/* Named by its number, or by its UUID, which is known even where the event is not in the database. */
static void find_event(struct known *k, struct checkpoint_request *q)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *name = k->event;
	int64_t time_ms;
	int r;

	if (ccm_uuid_time(name, &time_ms)) {
		q->event_uuid = name;
		r = !k->ctx->db ? -ENOENT : ccm_db_query(k->ctx->db, Q_EVENT_BY_UUID,
							 DB_ARGS(DB_INT("received_ms", time_ms), DB_TEXT("uuid", name)), &rows);
		q->event_id = r == 0 && ccm_rows_next(&rows) > 0 ? ccm_rows_int(&rows, "id") : 0;
		return;
	}
	r = !k->ctx->db ? -ENOENT : ccm_db_query(k->ctx->db, Q_CHECKPOINT_EVENT, DB_ARGS(DB_INT("id", strtoll(name, NULL, 10))),
						 &rows);
	if (r < 0 || ccm_rows_next(&rows) <= 0)
		return;
	ccm_sbuf_adds(&k->uuid, ccm_rows_text(&rows, "uuid"));
	if (!k->uuid.failed) {
		q->event_uuid = k->uuid.text;
		q->event_id = ccm_rows_int(&rows, "id");
	}
}

/* The event's UUID and the session's last prompt. Without a database the checkpoint does not know of them. */
static void ask_db(void *user, struct checkpoint_request *q)
{
	struct known *k = user;

	if (!k->ctx->db)
		ccm_command_open_db(k->ctx, DB_WRITE);
	if (k->event && k->event[0])
		find_event(k, q);
	if (k->ctx->db)
		find_prompt(k, q);
}

/* The ref is the truth: a row that is missing is made by list --rescan. */
static void tell_db(void *user, int outcome, const struct checkpoint *c)
{
	struct known *k = user;

	if (outcome == CHECKPOINT_TAKEN && k->ctx->db && checkpoint_insert(k->repo, k->ctx->db, c) < 0)
		ccm_warn("checkpoint %" PRId64 " is not in the database: %s; 'ccm-supervisor checkpoint list --rescan' puts it there",
			 c->n, ccm_db_words(k->ctx->db));
	if (k->request->outcome)
		k->request->outcome(k->request->user, outcome, c);
}

int checkpoint_take_now(struct ctx *ctx, struct repo *r, const struct checkpoint_request *q, struct checkpoint *ret,
			struct ccm_diag *diag)
{
	struct checkpoint_request request = *q;
	struct known known = { .ctx = ctx, .repo = r, .request = q, .event = q->event };
	int outcome;

	request.before_storing = ask_db;
	request.outcome = tell_db;
	request.user = &known;
	outcome = checkpoint_take(r, &request, ret, diag);
	ccm_sbuf_done(&known.uuid);
	ccm_sbuf_done(&known.prompt);
	return outcome;
}

/* ---- the result */

/* A person hears of what went wrong when nobody listens any more. */
static void alert(const struct take *t)
{
	char uuid[CCM_UUID_CHARS + 1], words[1024] = "";
	int64_t now = ccm_now_ms();
	size_t n;

	rewind(t->err);
	n = fread(words, 1, sizeof words - 1, t->err);
	words[n] = '\0';
	ccm_uuid_make(now, uuid);
	if (t->ctx->db || ccm_command_open_db(t->ctx, DB_WRITE) == 0)
		ccm_db_exec(t->ctx->db, Q_ALERT_INSERT, DB_ARGS(
			DB_TEXT("uuid", uuid), DB_INT("created_ms", now), DB_TEXT("level", "warning"),
			DB_TEXT("source", "git-checkpoint"), DB_TEXT("session_id", t->session), DB_NULL("event_uuid"),
			DB_TEXT("title", "a checkpoint could not be taken"), DB_TEXT("body", words)));
}

/* Lets go of whoever waits for us: the rest is for the next time. */
static void tell(struct take *t, unsigned char status)
{
	if (t->status < 0)
		return;
	fflush(stdout);
	/* Nobody reads it any more: the deadline is over. */
	if (write(t->status, &status, 1) != 1 && status != CCM_EXIT_OK)
		alert(t);
	close(t->status);
	t->status = -1;
}

static void print_taken(const struct take *t, const struct checkpoint *c, const char *outcome)
{
	char hex[GIT_OID_HEXSZ + 1];
	const char *line = c->notes;

	git_oid_tostr(hex, sizeof hex, &c->commit);
	if (t->json) {
		printf("{\"outcome\":\"%s\",\"n\":%" PRId64 ",\"commit\":\"%s\",\"ref\":\"%s\",\"files\":%" PRId64 "}\n", outcome,
		       c->n, hex, c->ref, c->added + c->changed + c->deleted);
		return;
	}
	for (; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
		ccm_warn("checkpoint %" PRId64 ": left out or changed: %.*s", c->n, (int)strcspn(line, "\n"), line);
	if (t->quiet)
		return;
	if (strcmp(outcome, "same") == 0)
		printf("nothing has changed since checkpoint %" PRId64 "\n", c->n);
	else
		printf("checkpoint %" PRId64 ": %" PRId64 " added, %" PRId64 " changed, %" PRId64 " deleted\n", c->n, c->added,
		       c->changed, c->deleted);
}

static void print_none(const struct take *t, const char *outcome, const char *words)
{
	if (t->json)
		printf("{\"outcome\":\"%s\"}\n", outcome);
	else if (!t->quiet)
		puts(words);
}

static void print_outcome(void *user, int outcome, const struct checkpoint *c)
{
	struct take *t = user;

	switch (outcome) {
	case CHECKPOINT_TAKEN:
		print_taken(t, c, "taken");
		break;
	case CHECKPOINT_SAME:
		print_taken(t, c, "same");
		break;
	case CHECKPOINT_CLEAN:
		print_none(t, "clean", "everything is as in HEAD");
		break;
	case CHECKPOINT_COUNTED:
		print_none(t, "counted", "counted");
		break;
	}
	tell(t, CCM_EXIT_OK);
}

static int take_it(struct take *t)
{
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	const struct checkpoint_request q = {
		.session = t->session, .reason = t->reason, .event = t->event, .only_dirty = t->if_dirty,
		.count = t->count ? t->ctx->settings.checkpoint_every : 0, .limits = checkpoint_limits(t->ctx),
		.outcome = print_outcome, .user = t,
	};
	struct ccm_diag diag = { 0 };
	int r = checkpoint_take_now(t->ctx, &t->repo, &q, &c, &diag);

	if (r >= 0)
		return 0;
	r = checkpoint_failed(t->ctx, r, &diag);
	tell(t, CCM_EXIT_FAILURE);
	return r;
}

/* ---- in the background, if it takes long */

static void tidy(struct take *t)
{
	_cleanup_snapshot_ struct snapshot s = { .lock = -1 };
	_cleanup_free_ char *tmp = NULL;

	if (snapshot_open(&s, &t->repo, t->session, NULL) < 0)
		return;
	tmp = repo_path(s.folder, "tidy");
	objects_clean(&t->repo);
	if (tmp)
		objects_tidy(&t->repo, tmp, NULL);
}

struct child {
	pid_t pid;
	int status;                  /* a byte comes here when it has an exit status */
	FILE *out, *err;
};

/* What the child says goes to files that both have open, so that neither ever waits for the other. */
static void be_child(struct take *t, const struct child *c, int status)
{
	setsid();
	signal(SIGPIPE, SIG_IGN);
	dup2(fileno(c->out), STDOUT_FILENO);
	dup2(fileno(c->err), STDERR_FILENO);
	t->status = status;
	t->err = c->err;
	take_it(t);
	tidy(t);
	_exit(0);
}

static void copy_out(FILE *from, FILE *to)
{
	char buf[4096];
	size_t n;

	rewind(from);
	while ((n = fread(buf, 1, sizeof buf, from)) > 0)
		fwrite(buf, 1, n, to);
	fflush(to);
}

static int wait_for(struct take *t, const struct child *c)
{
	int64_t end_us = ccm_mono_us() + t->deadline_ms * 1000;
	struct pollfd p = { .fd = c->status, .events = POLLIN };
	unsigned char byte;
	char time[32];
	ssize_t n;

	for (;;) {
		int64_t left_us = end_us - ccm_mono_us();

		if (left_us <= 0) {
			ccm_warn("the checkpoint takes longer than %s: it goes on in the background",
				 ccm_duration_format(t->deadline_ms, time, sizeof time));
			return 0;
		}
		if (poll(&p, 1, (int)((left_us + 999) / 1000)) > 0)
			break;
	}
	do {
		n = read(c->status, &byte, 1);
	} while (n < 0 && errno == EINTR);
	copy_out(c->out, stdout);
	copy_out(c->err, stderr);
	if (n == 1)
		return byte;
	ccm_error("%s: it ended before it was done", t->ctx->usage.command);
	return -CCM_E_SAID;
}

static int take_in_time(struct take *t)
{
	struct child c = { .status = -1, .out = tmpfile(), .err = tmpfile() };
	int pipe_fds[2] = { -1, -1 }, r;

	/* Without room for what it says it may take as long as it takes. */
	if (!c.out || !c.err || pipe2(pipe_fds, O_CLOEXEC) < 0 || (c.pid = fork()) < 0) {
		r = take_it(t);
		goto out;
	}
	if (c.pid == 0) {
		close(pipe_fds[0]);
		be_child(t, &c, pipe_fds[1]);
	}
	close(pipe_fds[1]);
	pipe_fds[1] = -1;
	c.status = pipe_fds[0];
	r = wait_for(t, &c);
out:
	for (int i = 0; i < 2; i++)
		if (pipe_fds[i] >= 0)
			close(pipe_fds[i]);
	if (c.out)
		fclose(c.out);
	if (c.err)
		fclose(c.err);
	return r;
}

/* ---- */

static int find_repo(struct take *t)
{
	struct ccm_diag diag = { 0 };
	int r = repo_open(t->dir, &t->repo, &diag);

	if (r == -ENOENT && t->quiet)
		return 0;
	if (r == 0)
		return 1;
	if (r == -CCM_E_REFUSED && t->quiet) {
		ccm_warn("no checkpoint: %s", ccm_diag_text(&diag, r));
		return 0;
	}
	ccm_error("%s", ccm_diag_text(&diag, r));
	return -CCM_E_SAID;
}

int cmd_checkpoint_take(struct ctx *ctx, int argc, char **argv)
{
	const char *session = getenv("CCM_SESSION_ID");
	struct take t = { .ctx = ctx, .session = session ? session : "", .reason = "by hand", .status = -1,
			  .event = getenv("CCM_EVENT_ID") };
	const struct ccm_opt opts[] = {
		OPT_STR ("reason", 0, "TEXT", &t.reason, "why, in a few words"),
		OPT_STR ("session", 's', "ID", &t.session, "whose it is (default $CCM_SESSION_ID)"),
		OPT_STR ("event", 0, "ID", &t.event, "the event it is taken at (default $CCM_EVENT_ID)"),
		OPT_FLAG("count", 0, &t.count, "only count; every few take one ([checkpoint] every)"),
		OPT_FLAG("if-dirty", 0, &t.if_dirty, "not of a working tree that is as HEAD says"),
		OPT_DURATION("deadline", 0, &t.deadline_ms, "go on in the background after that time"),
		OPT_FLAG("quiet", 'q', &t.quiet, "say nothing where there is nothing to do"),
		OPT_FLAG("json", 0, &t.json, "say what became of it as a JSON object"),
		OPT_DIR (&t.dir),
		OPT_END
	};
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = find_repo(&t);
	if (r > 0) {
		r = t.deadline_ms ? take_in_time(&t) : take_it(&t);
		if (!t.deadline_ms && r == 0)
			tidy(&t);
	}
	repo_done(&t.repo);
	return r;
}
