/* SPDX-License-Identifier: MIT */
/* config - what the person, and the project, want of the guard: rules, verdicts, exceptions.
 *
 * Read in this order: the rules that come with ccm (DATA/automations/security-guard.d), the person's own (CCM_HOME/guard.d),
 * [guard] in CCM_HOME/config.ini, and [guard] in PROJECT/.ccm/config.ini. A project is whoever's text lies there: it may make
 * the guard stricter and nothing else, and so needs nobody's trust.
 *
 * Nothing that is wrong in any of them turns the guard off: what is wrong is named in problems and left out. Only where
 * the rules that come with ccm are missing can nothing be judged: guard_config_load() fails.
 *
 * Ownership: guard_config_done() releases it; paths and texts given to it must live as long.
 */
#ifndef CCM_GUARD_CONFIG_H
#define CCM_GUARD_CONFIG_H

#include "libccm/paths.h"
#include "libccm/settings.h"
#include "rule.h"

struct guard_config {
	struct ccm_settings settings;        /* of the person, as far as the project does not want more */
	struct guard_rules *rules;
	bool recalled;                       /* the rules that come with ccm were found without reading all of them */
	struct guard_names { const char **names; struct ccm_sbuf words; } wrappers, shared_branches;    /* names: NULL-terminated */
	struct ccm_sbuf problems;            /* one line each; guard_config_problems() has those of the rules, too */
};

/* project: an absolute path, or NULL. -ENOENT, with words in diag: there are no rules. */
int guard_config_load(const struct ccm_paths *paths, const char *project, struct guard_config *ret, struct ccm_diag *diag);
void guard_config_done(struct guard_config *c);

/* Makes the next load faster, where this one could not be. Failing does no harm. */
void guard_config_remember(const struct guard_config *c, const struct ccm_paths *paths);

/* Appends all that is wrong, a line each. Reads every rule to its end, which judging does not. */
int guard_config_check(struct guard_config *c, struct ccm_sbuf *out);

/* What is known to be wrong so far. */
void guard_config_problems(const struct guard_config *c, struct ccm_sbuf *out);

#endif
