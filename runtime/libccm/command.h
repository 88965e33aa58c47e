/* SPDX-License-Identifier: MIT */
/* command - a program of many commands: one table says what there is, what is opened before, and what runs.
 *
 *     static const struct command commands[] = {
 *             { "log", "", "show recorded events, newest first", 0, 0, DB_READ, cmd_log, true },
 *             { 0 }
 *     };
 *     static const struct ccm_program program = { .name = "ccm-hook", .about = "...", .commands = commands };
 *
 *     int main(int argc, char **argv)
 *     {
 *             return ccm_command_main(&program, argc, argv);
 *     }
 *
 * A command is one function. Its first act is to parse its options:
 *
 *     int cmd_log(struct ctx *ctx, int argc, char **argv)
 *     {
 *             ...
 *             argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
 *             if (argc < 0)
 *                     return argc;
 *
 * Returns: 0 or an enum ccm_exit value; or a negative error, which is reported in words.
 *          -CCM_E_SAID: the command has reported it itself. Exit status 1.
 */
#ifndef CCM_COMMAND_H
#define CCM_COMMAND_H

#include "db.h"
#include "opt.h"
#include "paths.h"
#include "settings.h"

enum command_db {
	DB_NONE,             /* the command opens none, or sees to it itself */
	DB_READ,             /* ctx->db is open for reading, or NULL while there is no database yet */
	DB_WRITE,            /* ctx->db is open; CCM_HOME and the database were made if missing */
};

/* What is prepared for every command. */
struct ctx {
	const struct ccm_program *program;
	struct ccm_opt_usage usage;
	struct ccm_paths paths;
	struct ccm_settings settings;
	struct ccm_db *db;
	const char *self;            /* absolute path of this program */
};

struct command {
	const char *name, *args, *summary;
	int min_args, max_args;
	enum command_db db;
	int (*run)(struct ctx *ctx, int argc, char **argv);
	bool shows_settings;         /* warns of mistakes in config.ini */
};

struct ccm_program {
	const char *name;            /* as it is called: ccm-hook */
	const char *about;           /* a sentence or two for --help, with its line breaks */
	const struct command *commands;      /* a NULL name ends the table */
	const char *manual;          /* ccm-alerts(7); NULL: NAME(1) */
	bool has_automations;        /* NAME stands for an automation: what `list --names` prints can be completed */
};

/* Does what the words ask for; returns the exit status. */
int ccm_command_main(const struct ccm_program *program, int argc, char **argv);

/* For a command whose first word chooses among commands of its own (`checkpoint list`): runs that one, as if it were the
 * program's. The outer row opens no database; the inner row says what is opened. */
int ccm_command_group(struct ctx *ctx, const struct command *commands, int argc, char **argv);

/* For a command whose row says DB_NONE because not every use of it needs the database. -CCM_E_SAID. */
int ccm_command_open_db(struct ctx *ctx, enum command_db mode);

struct ccm_opt_usage ccm_command_usage(const struct ccm_program *program, const struct command *c);

/* The command `completion` of both programs. */
int cmd_completion(struct ctx *ctx, int argc, char **argv);
#define COMMAND_COMPLETION \
	{ "completion", "bash|zsh|fish", "print a script that completes this program's words in that shell", 1, 1, DB_NONE, \
	  cmd_completion, false }

#endif
