/* SPDX-License-Identifier: MIT */
/* ctx - the commands of ccm-hook. Each is one file cmd_NAME.c with one function, and one row in main.c's table;
 * libccm/command.h tells what it gets and returns. */
#ifndef CCM_HOOK_CTX_H
#define CCM_HOOK_CTX_H

#include "libccm/command.h"

int cmd_alert(struct ctx *ctx, int argc, char **argv);
int cmd_allow_once(struct ctx *ctx, int argc, char **argv);
int cmd_config(struct ctx *ctx, int argc, char **argv);
int cmd_db(struct ctx *ctx, int argc, char **argv);
int cmd_disable(struct ctx *ctx, int argc, char **argv);
int cmd_doctor(struct ctx *ctx, int argc, char **argv);
int cmd_enable(struct ctx *ctx, int argc, char **argv);
int cmd_explain(struct ctx *ctx, int argc, char **argv);
int cmd_field(struct ctx *ctx, int argc, char **argv);
int cmd_init(struct ctx *ctx, int argc, char **argv);
int cmd_install(struct ctx *ctx, int argc, char **argv);
int cmd_list(struct ctx *ctx, int argc, char **argv);
int cmd_log(struct ctx *ctx, int argc, char **argv);
int cmd_prune(struct ctx *ctx, int argc, char **argv);
int cmd_quota(struct ctx *ctx, int argc, char **argv);
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
