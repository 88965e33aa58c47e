/* SPDX-License-Identifier: MIT */
#include "cmd_checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "libccm/term.h"
#include "restore.h"

#define SHOWN_MAX 40                     /* so many files are named before the question */

struct request {
	struct ctx *ctx;
	struct repo repo;
	struct paths only;
	const char *dir, *to, *branch;
	int64_t before;
	bool yes, dry_run, undo;
};

/* ---- what the last restore can be taken back with */

static char *undo_path(const struct repo *r)
{
	return repo_path(r->gitdir, "ccm/undo");
}

static int write_undo(const struct repo *r, int64_t n, struct ccm_diag *diag)
{
	_cleanup_free_ char *path = undo_path(r);
	char text[32];
	int e;

	snprintf(text, sizeof text, "%" PRId64 "\n", n);
	e = path ? ccm_write_file(path, text, strlen(text), 0600, true) : -ENOMEM;
	return e < 0 ? ccm_diag_set(diag, e, "cannot write '%s': %s", path, ccm_strerror(e)) : 0;
}

static int find_undo(struct repo *r, struct checkpoint *ret, struct ccm_diag *diag)
{
	_cleanup_free_ char *path = undo_path(r);
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	int e = path ? ccm_read_regular(path, 64, &text) : -ENOMEM;

	if (e == -ENOENT)
		return ccm_diag_set(diag, -CCM_E_NOT_FOUND, "nothing was restored in this working tree: there is nothing to undo");
	if (e < 0)
		return ccm_diag_set(diag, e, "cannot read '%s': %s", path, ccm_strerror(e));
	text.text[strcspn(text.text, "\n")] = '\0';
	return checkpoint_find(r, text.text, ret, diag);
}

/* ---- the one before an event */

struct moment {
	char uuid[64], session[256];
	int64_t received_ms;
};

static int read_moment(const struct ccm_rows *rows, struct moment *ret)
{
	const char *session = ccm_rows_text(rows, "session_id"), *uuid = ccm_rows_text(rows, "uuid");

	if (!session || !uuid)
		return -CCM_E_NOT_FOUND;
	snprintf(ret->uuid, sizeof ret->uuid, "%s", uuid);
	snprintf(ret->session, sizeof ret->session, "%s", session);
	ret->received_ms = ccm_rows_int(rows, "received_ms");
	return 0;
}

/* Before a tool call means before it ran, whichever of its events is named. */
static int find_moment(struct request *q, struct moment *ret, struct ccm_diag *diag)
{
	_cleanup_rows_ struct ccm_rows event = { 0 }, call = { 0 };
	const char *tool_use;
	int r = ccm_db_query(q->ctx->db, Q_CHECKPOINT_EVENT, DB_ARGS(DB_INT("id", q->before)), &event);

	if (r == 0)
		r = ccm_rows_next(&event);
	if (r == 0)
		return ccm_diag_set(diag, -CCM_E_NOT_FOUND, "there is no event %" PRId64, q->before);
	if (r < 0)
		return r;
	if (read_moment(&event, ret) < 0)
		return ccm_diag_set(diag, -CCM_E_NOT_FOUND, "event %" PRId64 " names no session", q->before);
	tool_use = ccm_rows_text(&event, "tool_use_id");
	if (!tool_use)
		return 0;
	r = ccm_db_query(q->ctx->db, Q_CHECKPOINT_CALL,
			 DB_ARGS(DB_TEXT("session_id", ret->session), DB_TEXT("tool_use_id", tool_use)), &call);
	if (r == 0 && ccm_rows_next(&call) > 0)
		read_moment(&call, ret);
	return r < 0 ? r : 0;
}

/* UUIDs of events sort by time; what was taken without one has only its second. */
static bool is_before(const struct checkpoint *c, const struct moment *m)
{
	if (c->event_uuid)
		return strcmp(c->event_uuid, m->uuid) <= 0;
	return c->created_ms + 1000 <= m->received_ms;
}

static int find_before(struct request *q, struct checkpoint *ret, struct ccm_diag *diag)
{
	_cleanup_checkpoints_ struct checkpoint_list list = { 0 };
	struct moment m = { .uuid = "" };
	int r = ccm_command_open_db(q->ctx, DB_READ);

	if (r < 0)
		return r;
	if (!q->ctx->db)
		return ccm_diag_set(diag, -CCM_E_NOT_FOUND, "nothing is recorded yet");
	r = find_moment(q, &m, diag);
	if (r == 0)
		r = checkpoint_list_read(&q->repo, NULL, &list, diag);
	if (r < 0)
		return r;
	for (size_t i = list.count; i-- > 0;) {
		if (strcmp(list.items[i].session ? list.items[i].session : "", m.session) != 0 || !is_before(&list.items[i], &m))
			continue;
		*ret = list.items[i];
		list.items[i] = (struct checkpoint){ 0 };
		printf("checkpoint %" PRId64 " is the last one before event %" PRId64 "\n", ret->n, q->before);
		return 0;
	}
	return ccm_diag_set(diag, -CCM_E_NOT_FOUND, "its session has no checkpoint from before event %" PRId64, q->before);
}

/* ---- what will change, and whether it shall */

static void print_plan(const struct restore_plan *p)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };

	for (size_t i = 0; i < p->count && i < SHOWN_MAX; i++) {
		const struct restore_item *item = &p->items[i];

		ccm_sbuf_addf(&out, "  %s ", !item->to.mode ? "remove" : !item->from.mode ? "create" : "change");
		ccm_term_clean(&out, item->to.path, strlen(item->to.path), CCM_CLEAN_LINE);
		ccm_sbuf_addc(&out, '\n');
	}
	if (p->count > SHOWN_MAX)
		ccm_sbuf_addf(&out, "  ... and %zu more\n", p->count - SHOWN_MAX);
	ccm_term_clean(&out, ccm_sbuf_str(&p->notes), p->notes.bytes, CCM_CLEAN_LINES);
	fputs(ccm_sbuf_str(&out), stdout);
	fflush(stdout);
}

static int ask(const struct request *q, const struct restore_plan *p)
{
	char answer[16] = "";

	if (q->yes)
		return 0;
	if (!isatty(STDIN_FILENO)) {
		ccm_error("%s: nobody is there to ask: give --yes to do it", q->ctx->usage.command);
		return -CCM_E_SAID;
	}
	fprintf(stderr, "Write these %zu files? [y/N] ", p->count);
	if (!fgets(answer, sizeof answer, stdin) || (answer[0] != 'y' && answer[0] != 'Y')) {
		ccm_error("nothing was changed");
		return -CCM_E_SAID;
	}
	return 0;
}

static bool same_plan(const struct restore_plan *a, const struct restore_plan *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i].to.path, b->items[i].to.path) != 0 || a->items[i].to.mode != b->items[i].to.mode ||
		    a->items[i].from.mode != b->items[i].from.mode || !git_oid_equal(&a->items[i].from.oid, &b->items[i].from.oid))
			return false;
	return true;
}

/* ---- doing it */

static int apply(struct request *q, const struct checkpoint *now, const struct checkpoint *target,
		 const struct restore_plan *p)
{
	struct ccm_diag diag = { 0 };
	size_t done = 0;
	int e;

	e = write_undo(&q->repo, now->n, &diag);
	if (e < 0)
		return checkpoint_failed(q->ctx, e, &diag);
	ccm_proc_catch_signals();
	e = restore_apply(&q->repo, p, &done, &diag);
	if (e < 0) {
		checkpoint_failed(q->ctx, e, &diag);
		ccm_error("%zu of %zu files were written. What was there before is checkpoint %" PRId64 ": "
			  "'ccm-supervisor checkpoint undo' brings it back", done, p->count, now->n);
		return -CCM_E_SAID;
	}
	e = restore_verify(&q->repo, p, &diag);
	if (e < 0)
		return checkpoint_failed(q->ctx, e, &diag);
	printf("restored checkpoint %" PRId64 ": %zu file%s; 'ccm-supervisor checkpoint undo' goes back to %" PRId64 "\n", target->n,
	       p->count, p->count == 1 ? "" : "s", now->n);
	return 0;
}

static int take_now(struct request *q, const struct checkpoint *target, struct checkpoint *ret, struct ccm_diag *diag)
{
	char reason[64];
	struct checkpoint_request request = { .session = target->session ? target->session : "", .reason = reason,
					      .limits = checkpoint_limits(q->ctx) };
	int r;

	snprintf(reason, sizeof reason, "before %s %" PRId64, q->undo ? "undo to" : "restore of", target->n);
	r = checkpoint_take_now(q->ctx, &q->repo, &request, ret, diag);
	return r < 0 ? r : 0;
}

static int restore_here(struct request *q, const struct checkpoint *target)
{
	_cleanup_checkpoint_ struct checkpoint now = { 0 }, later = { 0 };
	_cleanup_plan_ struct restore_plan plan = { 0 }, again = { 0 };
	struct ccm_diag diag = { 0 };
	int e;

	if (q->dry_run)
		e = checkpoint_look_now(q->ctx, &q->repo, target->session ? target->session : "", &now, &diag);
	else
		e = take_now(q, target, &now, &diag);
	if (e == 0)
		e = restore_plan(&q->repo, &now, target, &q->only, &plan, &diag);
	if (e < 0)
		return checkpoint_failed(q->ctx, e, &diag);
	print_plan(&plan);
	if (!plan.count) {
		printf("everything is as in checkpoint %" PRId64 "\n", target->n);
		return 0;
	}
	if (q->dry_run)
		return 0;
	e = ask(q, &plan);
	if (e < 0)
		return e;
	if (q->yes)
		return apply(q, &now, target, &plan);
	/* While the question was open, the agent may have gone on. */
	e = take_now(q, target, &later, &diag);
	if (e == 0)
		e = restore_plan(&q->repo, &later, target, &q->only, &again, &diag);
	if (e == 0 && !same_plan(&plan, &again))
		e = ccm_diag_set(&diag, -EBUSY, "files changed while you were asked: nothing was restored; look again");
	return e < 0 ? checkpoint_failed(q->ctx, e, &diag) : apply(q, &later, target, &again);
}

static int make_branch(struct request *q, const struct checkpoint *target)
{
	_cleanup_gitref_ git_reference *ref = NULL;
	_cleanup_gitcommit_ git_commit *commit = NULL;
	struct ccm_diag diag = { 0 };
	int code = git_commit_lookup(&commit, q->repo.git, &target->commit);

	if (code == 0)
		code = git_branch_create(&ref, q->repo.git, q->branch, commit, 0);
	if (code < 0)
		return checkpoint_failed(q->ctx, repo_error(code, &diag, "cannot make the branch"), &diag);
	printf("branch %s is checkpoint %" PRId64 "\n", q->branch, target->n);
	return 0;
}

static int lay_down(struct request *q, const struct checkpoint *target)
{
	struct ccm_diag diag = { 0 };
	size_t files = 0;
	int e = restore_to(&q->repo, target, &q->only, q->to, &files, &diag);

	if (e < 0)
		return checkpoint_failed(q->ctx, e, &diag);
	printf("%zu file%s of checkpoint %" PRId64 " %s in %s\n", files, files == 1 ? "" : "s", target->n,
	       files == 1 ? "is" : "are", q->to);
	return 0;
}

static int restore(struct request *q, const char *name)
{
	_cleanup_checkpoint_ struct checkpoint target = { 0 };
	struct ccm_diag diag = { 0 };
	int e;

	if (q->undo)
		e = find_undo(&q->repo, &target, &diag);
	else if (q->before)
		e = find_before(q, &target, &diag);
	else
		e = checkpoint_find(&q->repo, name, &target, &diag);
	if (e < 0)
		return e == -CCM_E_SAID && !diag.text[0] ? e : checkpoint_failed(q->ctx, e, &diag);
	if (q->branch)
		return make_branch(q, &target);
	return q->to ? lay_down(q, &target) : restore_here(q, &target);
}

int cmd_checkpoint_restore(struct ctx *ctx, int argc, char **argv)
{
	struct request q = { .ctx = ctx };
	const struct ccm_opt opts[] = {
		OPT_INT ("before", 0, "ID", &q.before, 1, INT64_MAX, "the last one before that event of the log"),
		OPT_FLAG("yes", 'y', &q.yes, "do not ask"),
		OPT_FLAG("dry-run", 'n', &q.dry_run, "only say what would change"),
		OPT_STR ("to", 0, "DIR", &q.to, "write the files into that new folder instead"),
		OPT_STR ("branch", 0, "BRANCH", &q.branch, "make it a branch, and change no file"),
		OPT_DIR (&q.dir),
		OPT_END
	};
	int words = 0, e;

	while (words < argc && strcmp(argv[words], "--") != 0)
		words++;
	e = ccm_opt_parse(&ctx->usage, opts, words, argv);
	if (e < 0)
		return e;
	if (!e == !q.before)
		return ccm_opt_error(&ctx->usage, "which? give a checkpoint's number, or --before=ID");
	if (!!q.to + !!q.branch + q.dry_run > 1)
		return ccm_opt_error(&ctx->usage, "--to, --branch and --dry-run do not go together");
	words = e;
	e = checkpoint_open(q.dir, &q.repo);
	if (e == 0)
		e = checkpoint_paths(ctx, &q.repo, &argc, argv, &q.only);
	if (e == 0)
		e = restore(&q, words ? argv[0] : NULL);
	paths_done(&q.only);
	repo_done(&q.repo);
	return e;
}

int cmd_checkpoint_undo(struct ctx *ctx, int argc, char **argv)
{
	struct request q = { .ctx = ctx, .undo = true };
	const struct ccm_opt opts[] = {
		OPT_FLAG("yes", 'y', &q.yes, "do not ask"),
		OPT_FLAG("dry-run", 'n', &q.dry_run, "only say what would change"),
		OPT_DIR (&q.dir),
		OPT_END
	};
	int e;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	e = checkpoint_open(q.dir, &q.repo);
	if (e == 0)
		e = restore(&q, NULL);
	repo_done(&q.repo);
	return e;
}

/* ---- forgetting */

/* Without a database nobody knows which sessions are over. */
static bool is_live(void *user, const char *session)
{
	struct ctx *ctx = user;
	_cleanup_rows_ struct ccm_rows rows = { 0 };

	if (!ctx->db || !session[0])
		return true;
	return ccm_db_query(ctx->db, Q_CHECKPOINT_LIVE, DB_ARGS(DB_TEXT("session_id", session)), &rows) < 0 ||
	       ccm_rows_next(&rows) != 0;
}

int cmd_checkpoint_prune(struct ctx *ctx, int argc, char **argv)
{
	int64_t keep = ctx->settings.checkpoint_keep_per_session, days = ctx->settings.checkpoint_keep_days;
	struct checkpoint_prune p = { .is_live = is_live, .user = ctx };
	const char *dir = NULL;
	bool quiet = false, json = false;
	const struct ccm_opt opts[] = {
		OPT_INT ("keep-days", 0, "N", &days, 0, 36500, "forget what is older ([checkpoint] keep_days)"),
		OPT_INT ("keep-per-session", 0, "N", &keep, 0, 1000000, "keep so many ([checkpoint] keep_per_session)"),
		OPT_FLAG("dry-run", 'n', &p.dry_run, "only say what would go"),
		OPT_FLAG("quiet", 'q', &quiet, "say nothing"),
		OPT_FLAG("json", 0, &json, "say it as a JSON object"),
		OPT_DIR (&dir),
		OPT_END
	};
	_cleanup_repo_ struct repo r = { 0 };
	struct ccm_diag diag = { 0 };
	int e;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	e = repo_open(dir, &r, &diag);
	if (e == -ENOENT && quiet)
		return 0;
	if (e < 0)
		return checkpoint_failed(ctx, e, &diag);
	e = ccm_command_open_db(ctx, p.dry_run ? DB_READ : DB_WRITE);
	p.keep = keep;
	p.before_ms = days ? ccm_now_ms() - days * 24 * 3600 * 1000 : 0;
	e = checkpoint_prune(&r, &p, &diag);
	if (e == 0 && p.removed && !p.dry_run && ctx->db)
		e = checkpoint_rescan(&r, ctx->db, &diag);
	if (e == 0 && json)
		printf("{\"dry_run\":%s,\"checkpoints\":%" PRId64 "}\n", p.dry_run ? "true" : "false", p.removed);
	else if (e == 0 && !quiet)
		printf(p.dry_run ? "%" PRId64 " checkpoints would go\n" : "%" PRId64 " checkpoints are gone\n", p.removed);
	return e < 0 ? checkpoint_failed(ctx, e, &diag) : 0;
}
