/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "background.h"
#include "ctx.h"
#include "libccm/clock.h"
#include "libccm/log.h"
#include "libccm/term.h"
#include "ops.h"
#include "session.h"

/* The person's words, or what the command is. */
static int make_title(const char *name, const char *const *argv, struct ccm_sbuf *title)
{
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };

	if (name) {
		ccm_term_clean(title, name, strlen(name), CCM_CLEAN_LINE);
		return ccm_sbuf_error(title);
	}
	for (size_t i = 0; argv[i]; i++) {
		if (i)
			ccm_sbuf_addc(&words, ' ');
		ccm_term_clean(&words, argv[i], strlen(argv[i]), CCM_CLEAN_LINE);
	}
	ccm_term_fit(title, ccm_sbuf_str(&words), words.bytes, 60, false);
	return ccm_sbuf_error(&words) ? -ENOMEM : ccm_sbuf_error(title);
}

static void print_problems(const struct profile *p)
{
	const char *at = ccm_sbuf_str(&p->problems);

	for (; *at; at += strcspn(at, "\n") + 1)
		ccm_warn("%.*s", (int)strcspn(at, "\n"), at);
}

/* Until the task has its folder, its row is taken back when something fails: then nothing has happened. */
static int prepare(struct ctx *ctx, struct opened *o, const struct task_new *new, struct source *source,
		   struct ccm_diag *diag)
{
	char id[TASK_ID_CHARS + 1];
	int r = task_create(ctx->db, new, id);

	if (r < 0)
		return r;
	r = task_load(ctx->db, id, &o->task, diag);
	if (r == 0)
		r = place_init(&o->place, &ctx->paths, id);
	if (r == 0)
		r = worktree_prepare(&o->place, source, NULL, NULL, diag);
	if (r < 0) {
		task_forget(ctx->db, id);
		return r;
	}
	o->source = *source;
	*source = (struct source){ 0 };
	o->source.git.git_dir = o->source.git_dir;
	o->lock_fd = place_lock(&o->place);
	return o->lock_fd < 0 ? ccm_diag_set(diag, o->lock_fd, "cannot lock '%s': %s", o->place.lock, ccm_strerror(o->lock_fd))
			      : 0;
}

static int run_task(struct ctx *ctx, struct opened *o, const struct profile *profile, const char *const *argv)
{
	struct ccm_diag diag = { 0 };
	struct session_spec spec = {
		.ctx = ctx, .task = &o->task, .place = &o->place, .source = &o->source, .profile = profile,
		.argv = argv, .lock_fd = o->lock_fd,
	};
	int status = 0, r = session_run(&spec, &status, &diag);

	if (r < 0) {
		ccm_error("task %s: %s", o->task.id, ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	ops_tell_end(ctx, o, status);
	return status;
}

static int start_task(struct ctx *ctx, struct opened *o, const char *const *argv)
{
	struct ccm_diag diag = { 0 };
	int r;

	ccm_closep(&o->lock_fd);
	o->lock_fd = -1;
	r = background_start(ctx, o, argv, &diag);
	if (r < 0) {
		ccm_error("%s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	puts(o->task.id);
	return 0;
}

static int choose_command(const struct ctx *ctx, const struct profile *profile, int argc, char **argv, const char **words)
{
	if (argc > 0) {
		for (int i = 0; i < argc; i++)
			words[i] = argv[i];
		words[argc] = NULL;
		return 0;
	}
	words[1] = NULL;
	if (profile->agent == CCM_AGENT_CUSTOM)
		return ccm_opt_error(&ctx->usage, "a command is needed: [sandbox] agent is custom");
	words[0] = profile->agent == CCM_AGENT_CODEX ? "codex" : "claude";
	return 0;
}

int cmd_run(struct ctx *ctx, int argc, char **argv)
{
	const char *repo = ".", *name = NULL, *base = "HEAD";
	bool background = false;
	const struct ccm_opt opts[] = {
		OPT_STR("repo", 0, "DIR", &repo, "the repository, or a folder in it (default: here)"),
		OPT_STR("name", 0, "TITLE", &name, "what the task is called (default: its command)"),
		OPT_STR("base", 0, "REF", &base, "branch, tag or commit it begins from (default HEAD)"),
		OPT_FLAG("background", 'b', &background, "do not wait; print its id for 'task attach'"),
		OPT_END
	};
	_cleanup_opened_ struct opened o = OPENED_INIT;
	_cleanup_profile_ struct profile profile = { .share_caches = false };
	_cleanup_source_ struct source source = { .git_dir = NULL };
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 };
	_cleanup_free_ char *project = NULL;
	_cleanup_free_ const char **words = NULL;
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	words = calloc((size_t)argc + 2, sizeof *words);
	if (!words)
		return -ENOMEM;
	r = source_open(&source, repo, base, &diag);
	if (r == 0)
		r = source_project(&source, repo, &project);
	if (r == 0)
		r = profile_load(&ctx->settings, project, &profile);
	if (r == 0) {
		print_problems(&profile);
		r = choose_command(ctx, &profile, argc, argv, words);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = make_title(name, words, &title);
	if (r == 0) {
		const struct task_new new = {
			.title = ccm_sbuf_str(&title), .repository = source.git_dir, .project = project,
			.base = source.base, .branch = source.branch, .command = words, .limits = profile.limits,
		};

		r = prepare(ctx, &o, &new, &source, &diag);
	}
	if (r < 0) {
		ccm_error("%s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	fprintf(stderr, "ccm-supervisor: task %s in %s\n", o.task.id, o.place.work);
	return background ? start_task(ctx, &o, words) : run_task(ctx, &o, &profile, words);
}
