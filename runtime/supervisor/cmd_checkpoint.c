/* SPDX-License-Identifier: MIT */
#include "cmd_checkpoint.h"

#include <errno.h>
#include <string.h>

#include "libccm/log.h"

int checkpoint_open(const char *dir, struct repo *ret)
{
	struct ccm_diag diag = { 0 };
	int r = repo_open(dir, ret, &diag);

	if (r == 0)
		return 0;
	ccm_error("%s", ccm_diag_text(&diag, r));
	return -CCM_E_SAID;
}

int checkpoint_failed(const struct ctx *ctx, int error, const struct ccm_diag *diag)
{
	if (error == -EINVAL && diag->text[0])
		return ccm_opt_error(&ctx->usage, "%s", diag->text);
	ccm_error("%s: %s", ctx->usage.command, ccm_diag_text(diag, error));
	return -CCM_E_SAID;
}

struct snapshot_limits checkpoint_limits(const struct ctx *ctx)
{
	return (struct snapshot_limits){ .max_file_bytes = ctx->settings.checkpoint_max_file,
					 .max_files = ctx->settings.checkpoint_max_files,
					 .timeout_ms = CHECKPOINT_GIT_TIMEOUT_MS };
}

/* "dir/../file" as it is in the working tree; without looking at the disk, because it may not be there. */
static char *normal_path(const struct repo *r, const char *word)
{
	_cleanup_free_ char *whole = NULL;
	size_t tree = strlen(r->worktree);
	char *to, *part, *save = NULL;

	if (word[0] == '/' && strncmp(word, r->worktree, tree) == 0 && (word[tree] == '/' || !word[tree]))
		whole = strdup(word + tree);
	else if (word[0] == '/')
		return NULL;
	else if (asprintf(&whole, "%s%s", r->prefix, word) < 0)
		whole = NULL;
	to = whole ? calloc(1, strlen(whole) + 2) : NULL;
	for (part = to ? strtok_r(whole, "/", &save) : NULL; part; part = strtok_r(NULL, "/", &save)) {
		char *slash = strrchr(to, '/');

		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			if (!to[0]) {
				free(to);
				return NULL;
			}
			*(slash ? slash : to) = '\0';
			continue;
		}
		if (to[0])
			strcat(to, "/");
		strcat(to, part);
	}
	return to;
}

int checkpoint_paths(const struct ctx *ctx, const struct repo *r, int *argc, char **argv, struct paths *ret)
{
	int words = 0;

	while (words < *argc && strcmp(argv[words], "--") != 0)
		words++;
	for (int i = words + 1; i < *argc; i++) {
		_cleanup_free_ char *path = normal_path(r, argv[i]);
		int e;

		if (!path)
			return ccm_opt_error(&ctx->usage, "'%s' is outside the working tree", argv[i]);
		e = paths_add(ret, path, strlen(path));
		if (e < 0)
			return e;
	}
	*argc = words;
	return 0;
}

int checkpoint_look_now(struct ctx *ctx, struct repo *r, const char *session, struct checkpoint *ret, struct ccm_diag *diag)
{
	const struct snapshot_limits limits = checkpoint_limits(ctx);
	_cleanup_snapshot_ struct snapshot s = { .lock = -1 };
	_cleanup_free_ char *tmp = NULL;
	struct objects objects = { 0 };
	int e = snapshot_open(&s, r, session, diag);

	tmp = e == 0 ? repo_path(s.folder, "tmp") : NULL;
	if (e == 0)
		e = tmp ? objects_begin(&objects, r, tmp, diag) : -ENOMEM;
	if (e == 0)
		e = snapshot_look(&s, &limits, NULL, &objects, diag);
	if (e == 0) {
		git_oid_cpy(&ret->tree, &s.tree);
		ret->left_out = s.left_out;
		s.left_out = (struct paths){ 0 };
	}
	objects_done(&objects);
	return e;
}

int checkpoint_diff(struct repo *r, const git_oid *from, const git_oid *to, const struct paths *only, git_diff **ret,
		    struct ccm_diag *diag)
{
	_cleanup_gittree_ git_tree *before = NULL, *after = NULL;
	git_diff_options options;
	int code = 0;

	git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
	options.flags = GIT_DIFF_INCLUDE_TYPECHANGE | GIT_DIFF_DISABLE_PATHSPEC_MATCH;
	if (only) {
		options.pathspec.strings = only->items;
		options.pathspec.count = only->count;
		/* The whole working tree. */
		if (only->count && !only->items[0][0])
			options.pathspec.count = 0;
	}
	if (from)
		code = git_tree_lookup(&before, r->git, from);
	if (code == 0)
		code = git_tree_lookup(&after, r->git, to);
	if (code == 0)
		code = git_diff_tree_to_tree(ret, r->git, before, after, &options);
	return code < 0 ? repo_error(code, diag, "cannot compare") : 0;
}

static const struct command commands[] = {
	{ "take", "", "keep the state of the working tree", 0, 0, DB_NONE, cmd_checkpoint_take, false },
	{ "list", "", "show what was kept, newest first", 0, 0, DB_NONE, cmd_checkpoint_list, false },
	{ "show", "N", "show one whole: when, why, which files", 1, 1, DB_NONE, cmd_checkpoint_show, false },
	{ "diff", "N [M] [-- PATH...]", "show what N changed, what M changed since, or what you have", 1, 2, DB_NONE,
	  cmd_checkpoint_diff, false },
	{ "restore", "[N] [-- PATH...]", "bring the files of one back; what is there now is kept first", 0, 1, DB_NONE,
	  cmd_checkpoint_restore, false },
	{ "undo", "", "take back the last restore", 0, 0, DB_NONE, cmd_checkpoint_undo, false },
	{ "prune", "", "forget the oldest", 0, 0, DB_NONE, cmd_checkpoint_prune, false },
	{ 0 }
};

int cmd_checkpoint(struct ctx *ctx, int argc, char **argv)
{
	return ccm_command_group(ctx, commands, argc, argv);
}
