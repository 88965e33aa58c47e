/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "log.h"

static void print_commands(const struct command *commands)
{
	printf("\nCommands:\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  %-12s %s\n", c->name, c->summary);
}

static void print_help(const struct ccm_program *p)
{
	printf("Usage: %s COMMAND [OPTION...]\n\n%s\n", p->name, p->about);
	print_commands(p->commands);
	printf("\n'%s COMMAND --help' shows a command's options;\n", p->name);
	if (p->manual)
		printf("%s is the manual.\n", p->manual);
	else
		printf("%s(1) is the manual.\n", p->name);
}

static const struct command *find_command(const struct command *commands, const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

/* Help must come even where the database cannot be opened, and must not make one. */
static bool wants_help(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

/* The path that settings files and automations are told: where this program really is. */
static char *self_path(const char *argv0)
{
	_cleanup_free_ char *buf = malloc(PATH_MAX);
	ssize_t n = buf ? readlink("/proc/self/exe", buf, PATH_MAX - 1) : -1;
	char *real = NULL;

	if (n > 0) {
		buf[n] = '\0';
		return realloc(TAKE_PTR(buf), (size_t)n + 1);
	}
	if (strchr(argv0, '/'))
		real = realpath(argv0, NULL);
	return real ? real : strdup(argv0);
}

struct ccm_opt_usage ccm_command_usage(const struct ccm_program *program, const struct command *c)
{
	return (struct ccm_opt_usage){ .program = program->name, .command = c->name, .args = c->args,
				       .summary = c->summary, .min_args = c->min_args, .max_args = c->max_args };
}

int ccm_command_open_db(struct ctx *ctx, enum command_db mode)
{
	struct ccm_diag diag = { 0 };
	int r = 0;

	if (mode == DB_WRITE || ctx->paths.problem)
		r = ccm_paths_create(&ctx->paths, &diag);
	if (r == 0)
		r = ccm_db_open(ctx->paths.db, mode == DB_WRITE ? CCM_DB_WRITE : CCM_DB_READ,
				(int)ctx->settings.busy_timeout_ms, &ctx->db, &diag);
	if (r == -ENOENT && mode == DB_READ)
		return 0;
	if (r < 0) {
		ccm_error("%s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	return 0;
}

/* Opens what the row asks for and runs it. */
static int run(struct ctx *ctx, const struct command *c, int argc, char **argv)
{
	int r = 0;

	if (c->db != DB_NONE && !ctx->usage.list && !wants_help(argc, argv))
		r = ccm_command_open_db(ctx, c->db);
	return r == 0 ? c->run(ctx, argc, argv) : r;
}

static int exit_status(const struct ctx *ctx, const char *name, int r)
{
	const char *trouble = ccm_db_state_trouble(ctx->db);

	switch (r) {
	case -CCM_E_HELP:
		return CCM_EXIT_OK;
	case -CCM_E_USAGE:
		return CCM_EXIT_USAGE;
	case -CCM_E_SAID:
		return CCM_EXIT_FAILURE;
	}
	if (r < 0) {
		ccm_error("%s: %s", name, trouble ? trouble : ccm_strerror(r));
		return CCM_EXIT_FAILURE;
	}
	return r;
}

/* Shown by commands that a person types; the run of an event stores them instead. */
static void show_problems(const struct ctx *ctx)
{
	const char *p = ccm_sbuf_str(&ctx->settings.problems);

	if (ctx->paths.problem)
		ccm_warn("%s", ctx->paths.problem);
	for (; *p; p += strcspn(p, "\n") + 1)
		ccm_warn("%.*s", (int)strcspn(p, "\n"), p);
}

/* What was printed must have arrived; a full disk is no success. */
static int flushed(int status)
{
	int r = fflush(stdout);

	/* What was longer than the buffer may have failed before. */
	if ((r == 0 && !ferror(stdout)) || status != CCM_EXIT_OK)
		return status;
	ccm_error("cannot write the output: %s", r < 0 ? strerror(errno) : "it is not whole");
	return CCM_EXIT_FAILURE;
}

static int prepare(struct ctx *ctx)
{
	struct ccm_diag diag = { 0 };
	int r;

	r = ccm_paths_init(&ctx->paths, &diag);
	if (r == 0)
		r = ccm_paths_check(&ctx->paths);
	if (r < 0) {
		ccm_error("%s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	if (ctx->paths.problem)
		ccm_settings_parse("", "", &ctx->settings);
	else
		ccm_settings_load(ctx->paths.config, &ctx->settings);
	return 0;
}

int ccm_command_main(const struct ccm_program *program, int argc, char **argv)
{
	struct ctx ctx = { .program = program };
	const struct command *c;
	_cleanup_free_ char *self = NULL;
	int r;

	ccm_log_program(program->name);
	if (argc < 2) {
		ccm_error("no command given (see '%s --help')", program->name);
		return CCM_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help(program);
		return flushed(CCM_EXIT_OK);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", program->name, PACKAGE_VERSION);
		return flushed(CCM_EXIT_OK);
	}
	c = find_command(program->commands, argv[1]);
	if (!c) {
		ccm_error("unknown command '%s' (see '%s --help')", argv[1], program->name);
		return CCM_EXIT_USAGE;
	}
	ctx.usage = ccm_command_usage(program, c);
	ctx.self = self = self_path(argv[0]);
	r = self ? prepare(&ctx) : -ENOMEM;
	if (r == 0) {
		if (c->shows_settings)
			show_problems(&ctx);
		r = run(&ctx, c, argc - 2, argv + 2);
	}
	r = flushed(exit_status(&ctx, c->name, r));
	ccm_db_close(ctx.db);
	ccm_settings_done(&ctx.settings);
	ccm_paths_done(&ctx.paths);
	return r;
}

/* ---- commands of a command */

/* All options of the group as one table, each name once: completion knows a command, not what it is made of. */
struct options {
	struct ccm_opt *items;
	size_t count;
	bool failed;
};

static void collect(void *user, const struct ccm_opt *opts)
{
	struct options *all = user;

	for (; opts->name; opts++) {
		struct ccm_opt *items;
		bool known = false;

		for (size_t i = 0; i < all->count && !known; i++)
			known = strcmp(all->items[i].name, opts->name) == 0;
		if (known)
			continue;
		items = realloc(all->items, (all->count + 2) * sizeof *items);
		if (!items) {
			all->failed = true;
			return;
		}
		all->items = items;
		items[all->count++] = *opts;
		items[all->count] = (struct ccm_opt)OPT_END;
	}
}

static int list_options(struct ctx *ctx, const struct command *commands)
{
	static const struct ccm_opt none = OPT_END;
	const struct ccm_opt_usage outer = ctx->usage;
	struct options all = { 0 };
	char *argv[] = { NULL };

	for (const struct command *c = commands; c->name; c++) {
		ctx->usage.list = collect;
		ctx->usage.list_user = &all;
		c->run(ctx, 0, argv);
	}
	ctx->usage = outer;
	if (!all.failed)
		outer.list(outer.list_user, all.items ? all.items : &none);
	free(all.items);
	return all.failed ? -ENOMEM : -CCM_E_HELP;
}

int ccm_command_group(struct ctx *ctx, const struct command *commands, int argc, char **argv)
{
	const char *group = ctx->usage.command;
	const struct command *c;
	char name[64];

	if (ctx->usage.list)
		return list_options(ctx, commands);
	if (argc > 0 && strcmp(argv[0], "--help") == 0) {
		printf("Usage: %s %s COMMAND [OPTION...]\n\n%s\n", ctx->program->name, group, ctx->usage.summary);
		print_commands(commands);
		printf("\n'%s %s COMMAND --help' shows a command's options.\n", ctx->program->name, group);
		return -CCM_E_HELP;
	}
	if (argc > 0 && argv[0][0] == '-')
		return ccm_opt_error(&ctx->usage, "unknown option '%s'; its commands come first", argv[0]);
	if (argc == 0)
		return ccm_opt_error(&ctx->usage, "no command of it given");
	c = find_command(commands, argv[0]);
	if (!c)
		return ccm_opt_error(&ctx->usage, "unknown command '%s %s'", group, argv[0]);
	snprintf(name, sizeof name, "%s %s", group, c->name);
	ctx->usage = ccm_command_usage(ctx->program, c);
	ctx->usage.command = name;
	return run(ctx, c, argc - 1, argv + 1);
}
