/* SPDX-License-Identifier: MIT */
/* agent - what a task needs to know of the program that it runs.
 *
 * Whatever the program: ctl/bin is first in its PATH and holds links to it, to ccm-hook and to ccm-supervisor; ctl/ccm is
 * its CCM_HOME, with copies of config.ini, of the enabled automations and of the guard's own rules (guard.d) as they were
 * when the task was started.
 *
 * Claude Code besides: it gets settings of ours and none of its own (--setting-sources "" --settings ctl/settings.json),
 * because any settings file that an agent can write may say disableAllHooks, and a hook that is told of in --settings
 * is switched off by that, too. As this also drops CLAUDE.md and skills, the person's CLAUDE.md and the
 * repository's, with what they import by @PATH, are appended to the system prompt (ctl/context.md), and the skills that [sandbox] skills names are
 * passed in as a plugin (ctl/plugin). model and permissions of the person's settings are kept.
 *
 * Ownership: agent_done() releases the command.
 * Errors:    negative errno or -CCM_E_*, with words.
 */
#ifndef CCM_SUPERVISOR_AGENT_H
#define CCM_SUPERVISOR_AGENT_H

#include "libccm/paths.h"
#include "place.h"
#include "profile.h"
#include "worktree.h"

struct agent {
	enum ccm_agent kind;         /* seen from the program's name */
	char *program;               /* where it really is, absolute; NULL: a link in the task that leads out of its worktree */
	char *package;               /* the folder that a script needs around it; NULL: none */
	char *hook;                  /* ccm-hook */
	char *supervisor;            /* ourselves: checkpoints are taken inside, too */
	struct words argv;           /* what is run inside */
};

/* Finds the program of a command (argv[0] is searched in PATH, or in work if it is relative) and ccm-hook, which lies
 * beside self or in PATH. */
int agent_find(struct agent *ret, const struct place *p, const char *self, const char *const *argv,
	       struct ccm_diag *diag);

/* Fills ctl/ anew, claude/ where it is new, and completes argv. */
int agent_prepare(struct agent *a, const struct place *p, const struct ccm_paths *paths, const struct profile *profile,
		  const struct source *source, struct ccm_diag *diag);
void agent_done(struct agent *a);
#define _cleanup_agent_ _cleanup_(agent_done)

#endif
