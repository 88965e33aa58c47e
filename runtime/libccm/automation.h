/* SPDX-License-Identifier: MIT */
/* automation - the scripts in automations/enabled, ready to be run.
 *
 * An entry is NN-name or name: the number is its stage (0 to 99, default 50), the rest its name.
 * Files that begin with a dot or end in .ini or ~ are not automations. Every other entry is in the
 * list: one that must not or cannot be run carries the reason in problem, so that it can be shown.
 *
 * It must be a regular file (or a link to one) that its user can execute, owned by that user or
 * root, and writable by nobody else; so must the file of settings beside it, if there is one. The
 * folder should be, too: if not, problem says so. (Whether others get there at all is asked by
 * ccm_paths_check().)
 *
 * Ownership: ccm_automations_done() releases the list.
 */
#ifndef CCM_AUTOMATION_H
#define CCM_AUTOMATION_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"
#include "manifest.h"

#define CCM_STAGE_DEFAULT 50

struct ccm_automation {
	char *entry;                 /* file name in enabled/ */
	const char *name;            /* the part of entry behind the order number */
	char *path;                  /* enabled/entry */
	int stage;
	bool is_link;                /* the entry may be a link */
	struct ccm_manifest manifest;
	char *problem;               /* NULL: it can be run; else why not, and what to do */
};

struct ccm_automations {
	struct ccm_automation *items;        /* sorted by stage, then by entry */
	size_t count;
	char *problem;                       /* what is wrong with the folder itself; NULL: nothing */
	bool unreadable;                     /* so wrong that nobody knows what is in it */
};

/* A missing folder gives an empty list. -ENOMEM is the only failure. */
int ccm_automations_load(const char *enabled_dir, struct ccm_automations *ret);
void ccm_automations_done(struct ccm_automations *list);
#define _cleanup_automations_ _cleanup_(ccm_automations_done)

/* To be asked before it is run: where its link leads, can anybody else put another script? Then it has a problem. Not
 * asked of the whole list, because it takes longer than all the rest. */
void ccm_automation_check_place(struct ccm_automation *a);

/* Loads one script that need not be enabled (its entry is its file name), and checks its place. */
int ccm_automation_load(const char *path, struct ccm_automation *ret);
void ccm_automation_done(struct ccm_automation *a);

/* True if its manifest names this event and matches it. */
bool ccm_automation_wants(const struct ccm_automation *a, const struct ccm_event *e);

/* Splits NN-name: *ret_stage is CCM_STAGE_DEFAULT without a number. Returns the name within entry. */
const char *ccm_automation_name(const char *entry, int *ret_stage);

#endif
