/* SPDX-License-Identifier: MIT */
/* ctx - what main() prepares and every command gets.
 *
 * A command is one file cmd_NAME.c with one function, and one row in main.c's table. Its first act
 * is to parse its options:
 *
 *     int cmd_show(struct ctx *ctx, int argc, char **argv)
 *     {
 *             ...
 *             argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
 *             if (argc < 0)
 *                     return argc;
 *
 * Returns: 0 or an enum ccm_exit value; or a negative error, which main() reports in words.
 *          -CCM_E_SAID: the command has reported it itself. Exit status 1.
 */
#ifndef CCM_HOOK_CTX_H
#define CCM_HOOK_CTX_H

#include "libccm/db.h"
#include "libccm/opt.h"
#include "libccm/paths.h"
#include "libccm/settings.h"

enum command_db {
	DB_NONE,             /* the command opens none, or sees to it itself */
	DB_READ,             /* ctx->db is open for reading, or NULL while there is no database yet */
	DB_WRITE,            /* ctx->db is open; CCM_HOME and the database were made if missing */
};

struct ctx {
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

/* The table in main.c; a NULL name ends it. */
extern const struct command commands[];
struct ccm_opt_usage command_usage(const struct command *c);

int cmd_alert(struct ctx *ctx, int argc, char **argv);
int cmd_completion(struct ctx *ctx, int argc, char **argv);
int cmd_config(struct ctx *ctx, int argc, char **argv);
int cmd_db(struct ctx *ctx, int argc, char **argv);
int cmd_disable(struct ctx *ctx, int argc, char **argv);
int cmd_doctor(struct ctx *ctx, int argc, char **argv);
int cmd_enable(struct ctx *ctx, int argc, char **argv);
int cmd_field(struct ctx *ctx, int argc, char **argv);
int cmd_init(struct ctx *ctx, int argc, char **argv);
int cmd_install(struct ctx *ctx, int argc, char **argv);
int cmd_list(struct ctx *ctx, int argc, char **argv);
int cmd_log(struct ctx *ctx, int argc, char **argv);
int cmd_prune(struct ctx *ctx, int argc, char **argv);
int cmd_quote(struct ctx *ctx, int argc, char **argv);
int cmd_run(struct ctx *ctx, int argc, char **argv);
int cmd_show(struct ctx *ctx, int argc, char **argv);
int cmd_state(struct ctx *ctx, int argc, char **argv);
int cmd_stats(struct ctx *ctx, int argc, char **argv);
int cmd_statusline(struct ctx *ctx, int argc, char **argv);
int cmd_test(struct ctx *ctx, int argc, char **argv);
int cmd_tidy(struct ctx *ctx, int argc, char **argv);
int cmd_uninstall(struct ctx *ctx, int argc, char **argv);

#endif
