/* SPDX-License-Identifier: MIT */
/* setup - what every command of ccm-guard needs before it judges: where things are, and the configuration.
 *
 * Ownership: guard_setup_done() releases it, also after a failure.
 * Errors:    -CCM_E_SAID where it was told on stderr.
 */
#ifndef CCM_GUARD_SETUP_H
#define CCM_GUARD_SETUP_H

#include <limits.h>

#include "config.h"

struct guard_setup {
	struct ccm_paths paths;
	struct guard_config config;
	char here[PATH_MAX];         /* the working directory */
};

/* project: or NULL. */
int guard_setup(const char *project, struct guard_setup *ret);
void guard_setup_done(struct guard_setup *s);

/* Says on stderr what is wrong with rules and configuration; all: reads every rule for it. */
int guard_setup_warn(struct guard_setup *s, bool all);

#endif
