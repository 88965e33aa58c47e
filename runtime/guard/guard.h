/* SPDX-License-Identifier: MIT */
/* guard - the commands of ccm-guard: one function each, one row in main.c's table.
 *
 * Returns: an enum ccm_exit value, or negative: -CCM_E_HELP, -CCM_E_USAGE and -CCM_E_SAID were reported already.
 * argv starts behind the command's name.
 */
#ifndef CCM_GUARD_GUARD_H
#define CCM_GUARD_GUARD_H

#include "libccm/opt.h"

int cmd_commands(const struct ccm_opt_usage *usage, int argc, char **argv);

#endif
