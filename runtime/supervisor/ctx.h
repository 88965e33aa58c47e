/* SPDX-License-Identifier: MIT */
/* ctx - the commands of ccm-supervisor. Each is one file cmd_NAME.c, and one row in main.c's table, or in that of its
 * group; libccm/command.h tells what it gets and returns. */
#ifndef CCM_SUPERVISOR_CTX_H
#define CCM_SUPERVISOR_CTX_H

#include "libccm/command.h"

int cmd_alerts(struct ctx *ctx, int argc, char **argv);
int cmd_checkpoint(struct ctx *ctx, int argc, char **argv);
int cmd_checkpoint_diff(struct ctx *ctx, int argc, char **argv);
int cmd_checkpoint_list(struct ctx *ctx, int argc, char **argv);
int cmd_checkpoint_prune(struct ctx *ctx, int argc, char **argv);
int cmd_checkpoint_restore(struct ctx *ctx, int argc, char **argv);
int cmd_checkpoint_show(struct ctx *ctx, int argc, char **argv);
int cmd_checkpoint_take(struct ctx *ctx, int argc, char **argv);
int cmd_checkpoint_undo(struct ctx *ctx, int argc, char **argv);
int cmd_daemon(struct ctx *ctx, int argc, char **argv);
int cmd_deliver(struct ctx *ctx, int argc, char **argv);
int cmd_install(struct ctx *ctx, int argc, char **argv);
int cmd_job(struct ctx *ctx, int argc, char **argv);
int cmd_quota(struct ctx *ctx, int argc, char **argv);
int cmd_run(struct ctx *ctx, int argc, char **argv);
int cmd_sandbox(struct ctx *ctx, int argc, char **argv);
int cmd_reload(struct ctx *ctx, int argc, char **argv);
int cmd_status(struct ctx *ctx, int argc, char **argv);
int cmd_task(struct ctx *ctx, int argc, char **argv);
int cmd_uninstall(struct ctx *ctx, int argc, char **argv);

/* Stands in two tables: that of ccm-supervisor, and that of the program that it becomes. */
#define COMMAND_CHECKPOINT(run, shows_settings) \
	{ "checkpoint", "take|list|show|diff|restore|undo|prune", "states of a working tree: keep them, look, have them back", \
	  0, -1, DB_NONE, run, shows_settings }

#endif
