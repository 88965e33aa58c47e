/* SPDX-License-Identifier: MIT */
/* refs - write and delete refs of ours so that a process may be killed at any moment.
 *
 * git writes NAME.lock, then renames it; killed in between, it leaves a lock that everybody waits for. Below refs/ccm
 * nobody else writes, so a ref is made here by one link() or rename() of a file that was written elsewhere. Only to take
 * refs out of packed-refs is git's lock needed; it is held for two system calls.
 *
 * Source: gitrepository-layout(5); packed-refs as `git pack-refs` writes it: "OID NAME", then perhaps "^OID", its peeled value.
 */
#ifndef CCM_SUPERVISOR_REFS_H
#define CCM_SUPERVISOR_REFS_H

#include <stdbool.h>

#include "snapshot.h"

/* replace: it may be there already; else -EEXIST. */
int refs_write(const struct repo *r, const char *name, const git_oid *oid, bool replace, struct ccm_diag *diag);

int refs_delete(const struct repo *r, const struct paths *names, struct ccm_diag *diag);

#endif
