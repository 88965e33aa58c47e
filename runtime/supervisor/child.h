/* SPDX-License-Identifier: MIT */
/* child - a process of ours that another of ours starts: --parent PID. */
#ifndef CCM_SUPERVISOR_CHILD_H
#define CCM_SUPERVISOR_CHILD_H

#include <sys/types.h>

#include "ctx.h"

/* It ends with its parent, by SIGTERM; at once, if that is gone already. */
void child_end_with(pid_t parent);

/* The daemon's configuration may be older than the file: one with mistakes in it is not taken. A regular file on stdin is the one in
 * force; anything else there means that config.ini is. */
int child_take_config(struct ctx *ctx);

/* For the parent: a pipe for what the child says. No other child gets either end, and the reading end does not block. */
int child_pipe(int *ret_in, int *ret_out);

#endif
