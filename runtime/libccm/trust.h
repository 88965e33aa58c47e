/* SPDX-License-Identifier: MIT */
/* trust - can another user of this machine change what lies at a path, or put something else in its place?
 *
 * Trusted are the user that this process runs as, root, and whoever owns "/" (root, seen from a user namespace in which
 * root has no number). Looking first and using afterwards is only worth something where nobody else can change what
 * was looked at in between; so it is folders that are judged, up to the root.
 *
 * Errors: -CCM_E_REFUSED, with words in diag: what is wrong and what to do. What does not exist is no reason.
 */
#ifndef CCM_TRUST_H
#define CCM_TRUST_H

#include "error.h"

/* The folders above path: none that everybody can write (unless only the owner of a file may remove it there, as in
 * /tmp); and the links on the way: none of another user. */
int ccm_trust_place(const char *path, struct ccm_diag *diag);

/* The folder itself: ours or root's, and nobody else can write it. 1: others cannot even look for a name in it. */
int ccm_trust_folder(const char *path, struct ccm_diag *diag);

#endif
