/* SPDX-License-Identifier: MIT */
/* profile - what [sandbox] says for one task: the person's config.ini, made tighter by the project's own file.
 *
 * PROJECT/.ccm/config.ini may set in [sandbox] the bounds (max_...; the lower value counts), and the lists read_only,
 * read_write, environment, allow_hosts and skills: of the person's list only what the project's names, too, is left.
 * It can take away and never add, so nobody need trust it.
 *
 * Ownership: profile_done() releases it.
 */
#ifndef CCM_SUPERVISOR_PROFILE_H
#define CCM_SUPERVISOR_PROFILE_H

#include <stdbool.h>

#include "libccm/sbuf.h"
#include "libccm/settings.h"
#include "task.h"

struct words {
	char **list;
	size_t count;
};

struct profile {
	struct task_limits limits;
	enum ccm_agent agent;
	bool share_caches;
	struct words read_only, read_write, environment, hosts, skills;
	struct ccm_sbuf problems;    /* one line each */
};

/* project: the folder whose .ccm/config.ini is read; NULL: none. */
int profile_load(const struct ccm_settings *s, const char *project, struct profile *ret);
void profile_done(struct profile *p);
#define _cleanup_profile_ _cleanup_(profile_done)

/* Splits text at any of separators; "~" at the beginning of a word is HOME if home is set. */
int words_split(struct words *w, const char *text, const char *separators, bool home);
int words_add(struct words *w, const char *word);
bool words_have(const struct words *w, const char *word);
void words_done(struct words *w);

#endif
