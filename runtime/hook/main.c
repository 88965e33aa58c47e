/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "ctx.h"
#include "libccm/log.h"

const struct command commands[] = {
	{ "run", "", "answer one hook event read from standard input", 0, 0, DB_NONE, cmd_run, false },
	{ "init", "", "make ~/.ccm: its folders, database and a sample config.ini", 0, 0, DB_WRITE, cmd_init, true },
	{ "install", "", "register with the client: its settings call us at every event", 0, 0, DB_NONE, cmd_install,
	  false },
	{ "uninstall", "", "take our entries out of the client's settings", 0, 0, DB_NONE, cmd_uninstall, false },
	{ "statusline", "", "be the client's status line: one line of what it sends on stdin", 0, 0, DB_NONE,
	  cmd_statusline, false },
	{ "log", "", "show recorded events, newest first", 0, 0, DB_READ, cmd_log, true },
	{ "show", "ID|UUID|last", "show one event whole: payload, runs, answer, and why", 1, 1, DB_READ, cmd_show, true },
	{ "stats", "", "count what was recorded: events, tools, automations, days", 0, 0, DB_READ, cmd_stats, true },
	{ "db", "SQL [NAME=VALUE...]", "ask the database a read-only question", 1, -1, DB_READ, cmd_db, false },
	{ "list", "", "show the automations: what runs when, and what is broken", 0, 0, DB_NONE, cmd_list, true },
	{ "enable", "NAME|PATH", "let an automation run from now on", 1, 1, DB_NONE, cmd_enable, true },
	{ "disable", "NAME", "let an automation run no more", 1, 1, DB_NONE, cmd_disable, true },
	{ "test", "NAME|PATH", "run one automation on one event and show all; records nothing", 1, 1, DB_NONE, cmd_test,
	  true },
	{ "doctor", "", "check that events are recorded and judged, or say what to do", 0, 0, DB_NONE, cmd_doctor,
	  false },
	{ "field", "PATH [FILE]", "print one field of the JSON on stdin or in FILE", 1, 2, DB_NONE, cmd_field, false },
	{ "quote", "[TEXT]", "print TEXT, or what is on stdin, as a JSON string", 0, 1, DB_NONE, cmd_quote, false },
	{ "state", "get|set|incr|del|list [KEY [VALUE]]", "what an automation remembers between its runs", 1, 3,
	  DB_WRITE, cmd_state, false },
	{ "alert", "LEVEL TITLE [BODY]", "tell the person something: info, warning or urgent", 2, 3, DB_WRITE,
	  cmd_alert, false },
	{ "prune", "", "forget the oldest events", 0, 0, DB_WRITE, cmd_prune, true },
	{ "tidy", "", "take in the spool, shorten the write-ahead log (run starts it)", 0, 0, DB_WRITE,
	  cmd_tidy, false },
	{ "completion", "bash|zsh|fish", "print a script that completes ccm-hook's words in that shell", 1, 1, DB_NONE,
	  cmd_completion, false },
	{ "config", "", "show the configuration in force", 0, 0, DB_NONE, cmd_config, true },
	{ 0 }
};

static void print_help(void)
{
	printf("Usage: ccm-hook COMMAND [OPTION...]\n\n"
	       "Records every hook event of a coding agent, runs your automations, and answers\nthe agent.\n\nCommands:\n");
	for (const struct command *c = commands; c->name; c++)
		printf("  %-12s %s\n", c->name, c->summary);
	printf("\n'ccm-hook COMMAND --help' shows a command's options; ccm-hook(1) is the manual.\n");
}

static const struct command *find_command(const char *name)
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
static const char *self_path(const char *argv0, char buf[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", buf, PATH_MAX - 1);

	if (n > 0) {
		buf[n] = '\0';
		return buf;
	}
	if (strchr(argv0, '/') && realpath(argv0, buf))
		return buf;
	return argv0;
}

struct ccm_opt_usage command_usage(const struct command *c)
{
	return (struct ccm_opt_usage){ .program = "ccm-hook", .command = c->name, .args = c->args, .summary = c->summary,
				       .min_args = c->min_args, .max_args = c->max_args };
}

static int open_db(struct ctx *ctx, enum command_db mode)
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

static int exit_status(const struct command *c, int r)
{
	switch (r) {
	case -CCM_E_HELP:
		return CCM_EXIT_OK;
	case -CCM_E_USAGE:
		return CCM_EXIT_USAGE;
	case -CCM_E_SAID:
		return CCM_EXIT_FAILURE;
	}
	if (r < 0) {
		ccm_error("%s: %s", c->name, ccm_strerror(r));
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
	if (fflush(stdout) == 0 || status != CCM_EXIT_OK)
		return status;
	ccm_error("cannot write the output: %s", strerror(errno));
	return CCM_EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct ctx ctx = { 0 };
	struct ccm_diag diag = { 0 };
	const struct command *c;
	char self[PATH_MAX];
	int r;

	ccm_log_program("ccm-hook");
	if (argc < 2) {
		ccm_error("no command given (see 'ccm-hook --help')");
		return CCM_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
		print_help();
		return flushed(CCM_EXIT_OK);
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("ccm-hook %s\n", PACKAGE_VERSION);
		return flushed(CCM_EXIT_OK);
	}
	c = find_command(argv[1]);
	if (!c) {
		ccm_error("unknown command '%s' (see 'ccm-hook --help')", argv[1]);
		return CCM_EXIT_USAGE;
	}
	ctx.usage = command_usage(c);
	ctx.self = self_path(argv[0], self);
	r = ccm_paths_init(&ctx.paths, &diag);
	if (r == 0)
		r = ccm_paths_check(&ctx.paths);
	if (r < 0) {
		ccm_error("%s", ccm_diag_text(&diag, r));
		return CCM_EXIT_FAILURE;
	}
	if (ctx.paths.problem)
		ccm_settings_parse("", "", &ctx.settings);
	else
		ccm_settings_load(ctx.paths.config, &ctx.settings);
	if (c->shows_settings)
		show_problems(&ctx);
	if (c->db != DB_NONE && !wants_help(argc - 2, argv + 2))
		r = open_db(&ctx, c->db);
	if (r == 0)
		r = c->run(&ctx, argc - 2, argv + 2);
	r = flushed(exit_status(c, r));
	ccm_db_close(ctx.db);
	ccm_settings_done(&ctx.settings);
	ccm_paths_done(&ctx.paths);
	return r;
}
