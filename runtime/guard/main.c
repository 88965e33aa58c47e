/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "guard.h"
#include "libccm/log.h"

static const struct {
	const char *name, *args, *summary;
	int min_args, max_args;
	int (*run)(const struct ccm_opt_usage *usage, int argc, char **argv);
} commands[] = {
	{ "judge", "", "answer one PreToolUse event read from standard input", 0, 0, cmd_judge },
	{ "check", "[--] [COMMAND]", "print the verdict on a shell command", 0, -1, cmd_check },
	{ "explain", "[--] [COMMAND]", "show what a shell command would run, and what the rules say of it", 0, -1, cmd_explain },
	{ "rules", "", "print the rules in force, and what is wrong with any", 0, 0, cmd_rules },
	{ "commands", "-- COMMAND", "print the commands that a shell command would run", 1, -1, cmd_commands },
};

static int print_help(void)
{
	printf("Usage: ccm-guard COMMAND [OPTION...]\n\nUnderstands shell commands for the automation security-guard.\n\n"
	       "Commands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		printf("  %-12s %s\n", commands[i].name, commands[i].summary);
	printf("\n'ccm-guard COMMAND --help' shows a command's options.\n");
	return CCM_EXIT_OK;
}

static int exit_status(const char *name, int r)
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
		ccm_error("%s: %s", name, ccm_strerror(r));
		return CCM_EXIT_FAILURE;
	}
	return r;
}

int main(int argc, char **argv)
{
	ccm_log_program("ccm-guard");
	if (argc < 2) {
		ccm_error("no command given (see 'ccm-guard --help')");
		return CCM_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)
		return print_help();
	if (strcmp(argv[1], "--version") == 0) {
		printf("ccm-guard %s\n", PACKAGE_VERSION);
		return CCM_EXIT_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			struct ccm_opt_usage usage = { .program = "ccm-guard", .command = commands[i].name,
						       .args = commands[i].args, .summary = commands[i].summary,
						       .min_args = commands[i].min_args,
						       .max_args = commands[i].max_args };

			return exit_status(commands[i].name, commands[i].run(&usage, argc - 2, argv + 2));
		}
	ccm_error("unknown command '%s' (see 'ccm-guard --help')", argv[1]);
	return CCM_EXIT_USAGE;
}
