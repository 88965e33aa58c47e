/* SPDX-License-Identifier: MIT */
/* Disabling removes a link. What the user may have written by hand, a script that lies in enabled/
 * itself and the settings beside it, is moved to available/ and never deleted. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "ctx.h"
#include "libccm/log.h"
#include "scripts.h"

struct job {
	const struct ccm_automation *automation;
	char *ini;                   /* its settings in enabled/ */
	char *kept;                  /* where its file goes */
	char *kept_ini;
	char *spare_ini;             /* where its settings go if there are others already */
};

static void job_done(struct job *j)
{
	free(j->ini);
	free(j->kept);
	free(j->kept_ini);
	free(j->spare_ini);
}

static int plan(const struct ctx *ctx, const struct ccm_automation *a, struct job *ret)
{
	ret->automation = a;
	ret->ini = scripts_path(ctx->paths.enabled, a->entry, ".ini");
	ret->kept = scripts_path(ctx->paths.available, a->name, "");
	ret->kept_ini = scripts_path(ctx->paths.available, a->name, ".ini");
	ret->spare_ini = scripts_path(ctx->paths.available, a->name, ".ini~");
	return ret->ini && ret->kept && ret->kept_ini && ret->spare_ini ? 0 : -ENOMEM;
}

static int say_failure(const char *what, const char *path)
{
	ccm_error("disable: cannot %s '%s': %s", what, path, strerror(errno));
	return -CCM_E_SAID;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* The script first: without it the settings do nothing, but without them it would do other things. */
static int take_out(const struct job *j)
{
	const struct ccm_automation *a = j->automation;
	struct stat st;

	if (lstat(a->path, &st) < 0)
		return say_failure("look at", a->path);
	if (S_ISLNK(st.st_mode)) {
		if (unlink(a->path) < 0)
			return say_failure("remove", a->path);
		scripts_say("disabled %s", a->name);
		return 0;
	}
	if (exists(j->kept)) {
		ccm_error("disable: '%s' is no link and would be moved to '%s', but that exists: move one of them away first",
			  a->path, j->kept);
		return -CCM_E_SAID;
	}
	if (rename(a->path, j->kept) < 0)
		return say_failure("move", a->path);
	scripts_say("disabled %s: it was a file, not a link, and is kept as %s", a->name, j->kept);
	return 0;
}

static int keep_settings(const struct job *j)
{
	const char *to = exists(j->kept_ini) ? j->spare_ini : j->kept_ini;

	if (rename(j->ini, to) == 0) {
		scripts_say("its settings are kept as %s", to);
		return 0;
	}
	return errno == ENOENT ? 0 : say_failure("move", j->ini);
}

static const struct ccm_automation *find(const struct scripts *s, const char *name)
{
	size_t count;
	const struct ccm_automation *a = scripts_find(&s->enabled, name, &count);

	if (!a && count)
		ccm_error("disable: %zu enabled automations are named '%s': give the whole name of one of them (NN-%s)", count,
			  name, name);
	else if (!a)
		ccm_error("disable: no enabled automation is named '%s' (see 'ccm-hook list')", name);
	return a;
}

int cmd_disable(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_scripts_ struct scripts scripts = { 0 };
	_cleanup_(job_done) struct job job = { 0 };
	const struct ccm_automation *a;
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = scripts_load(&ctx->paths, &scripts);
	if (r < 0)
		return r;
	a = find(&scripts, argv[0]);
	if (!a)
		return -CCM_E_SAID;
	r = ccm_paths_create(&ctx->paths, &diag);
	if (r < 0) {
		ccm_error("disable: %s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	r = plan(ctx, a, &job);
	if (r == 0)
		r = take_out(&job);
	return r == 0 ? keep_settings(&job) : r;
}
