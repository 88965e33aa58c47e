/* SPDX-License-Identifier: MIT */
/* ctx - the commands of ccm-supervisor. Each is one file cmd_NAME.c with one function, and one row in main.c's table;
 * libccm/command.h tells what it gets and returns. */
#ifndef CCM_SUPERVISOR_CTX_H
#define CCM_SUPERVISOR_CTX_H

#include "libccm/command.h"

int cmd_quota(struct ctx *ctx, int argc, char **argv);
int cmd_sandbox(struct ctx *ctx, int argc, char **argv);

#endif
