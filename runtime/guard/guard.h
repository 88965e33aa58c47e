/* SPDX-License-Identifier: MIT */
/* guard - the commands of ccm-guard: one function each, one row in main.c's table.
 *
 * Returns: an enum ccm_exit value, or negative: -CCM_E_HELP, -CCM_E_USAGE and -CCM_E_SAID were reported already.
 * argv starts behind the command's name.
 */
#ifndef CCM_GUARD_GUARD_H
#define CCM_GUARD_GUARD_H

#include "libccm/opt.h"
#include "libccm/sbuf.h"

/* Appends the command that the words are: one word, or several joined by blanks as ssh does it; "-" is standard input. */
int guard_take_text(struct ccm_sbuf *text, int argc, char **argv);

int cmd_check(const struct ccm_opt_usage *usage, int argc, char **argv);
int cmd_commands(const struct ccm_opt_usage *usage, int argc, char **argv);

int cmd_explain(const struct ccm_opt_usage *usage, int argc, char **argv);
int cmd_judge(const struct ccm_opt_usage *usage, int argc, char **argv);
int cmd_rules(const struct ccm_opt_usage *usage, int argc, char **argv);

#endif
