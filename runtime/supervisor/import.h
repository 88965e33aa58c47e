/* SPDX-License-Identifier: MIT */
/* import - take over what a task has committed, and look at it before anything else does.
 *
 * git upload-pack runs inside the task's sandbox (`ccm-supervisor task upload ID`), where it can only read; what it
 * sends is taken by git fetch into import.git, a repository of ours, with every object checked (fetch.fsckObjects).
 * Then the history since the base is looked through: submodules (gitlinks) are refused wherever they stand in it;
 * names such as .git, and .gitmodules that would do harm, are refused by git's own check.
 *
 * refs of import.git:
 *     refs/ccm/base            where the task began
 *     refs/ccm/head            its branch as it was taken over last
 *     refs/ccm/saved           that, with what was not committed on top of it (task_save)
 *     refs/ccm/snapshots/N     each snapshot
 *
 * Errors: -CCM_E_REFUSED with words: what was sent is not taken, and refs/ccm/head is as it was.
 */
#ifndef CCM_SUPERVISOR_IMPORT_H
#define CCM_SUPERVISOR_IMPORT_H

#include "git.h"
#include "place.h"

struct import {
	char head[GIT_ID_MAX + 1];
	int64_t commits;             /* since the base */
	bool changed;                /* it was not this head before */
};

struct git import_git(const struct place *p);

/* saved: take over refs/heads/ccm/saved-ID as refs/ccm/saved, too. */
int import_fetch(const struct place *p, const char *self, bool saved, struct import *ret, struct ccm_diag *diag);

/* The head as it was taken over last; -CCM_E_NOT_FOUND: nothing was yet. */
int import_last(const struct place *p, struct import *ret);

/* Refuses what no merge may bring. from may be NULL: refs/ccm/base. */
int import_check(const struct place *p, const char *commit, struct ccm_diag *diag);

int import_set_ref(const struct place *p, const char *ref, const char *commit, struct ccm_diag *diag);

#endif
