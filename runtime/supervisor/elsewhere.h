/* SPDX-License-Identifier: MIT */
/* elsewhere - a command of ccm-supervisor that a program of its own in libexec carries out.
 *
 *     { "checkpoint", "take|list|...", "states of a working tree ...", 0, -1, DB_NONE, cmd_elsewhere, false },
 *
 * Why: what ccm-supervisor is linked with, each sandbox, each job of the daemon and the daemon itself pay for, in time and
 * memory. libgit2 brings a dozen libraries (TLS, ssh, Kerberos) that take 3 ms to load, several times as long as a
 * sandbox needs, and only checkpoints call it; besides, it cannot be linked statically, and the rest can.
 *
 *     ccm-supervisor checkpoint take    ccm-supervisor becomes (execve) libexec/ccm/ccm-checkpoint, with the same words
 *     ccm-checkpoint checkpoint take    is that program; its messages say ccm-supervisor, because that is what people type
 *     ccm-checkpoint --options          prints the options of its command for ccm-supervisor's completion
 */
#ifndef CCM_SUPERVISOR_ELSEWHERE_H
#define CCM_SUPERVISOR_ELSEWHERE_H

#include "libccm/command.h"

/* In ccm-supervisor's table. The program is named after the command: ccm-NAME. */
int cmd_elsewhere(struct ctx *ctx, int argc, char **argv);

/* main() of such a program; its table holds that one command, which gets all that commands get. */
int elsewhere_main(const struct ccm_program *program, int argc, char **argv);

#endif
