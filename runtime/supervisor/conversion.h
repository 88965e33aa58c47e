/* SPDX-License-Identifier: MIT */
/* conversion - which files git keeps in another form than they have in the working tree.
 *
 * Source: gitattributes(5): text, eol, crlf, ident, working-tree-encoding, filter; core.autocrlf, core.eol.
 */
#ifndef CCM_SUPERVISOR_CONVERSION_H
#define CCM_SUPERVISOR_CONVERSION_H

#include "repo.h"

enum conversion {
	CONVERSION_NONE,
	CONVERSION_LINES,            /* line ends become LF on the way in and stay so on the way out */
	CONVERSION_BOTH,             /* line ends, encoding or $Id$: something changes in both directions */
	CONVERSION_FILTER,           /* a program that the user has configured */
};

/* Says it of each path; paths are those of the working tree. */
int conversion_of(const struct repo *r, const char *const *paths, size_t count, enum conversion *ret, struct ccm_diag *diag);

#endif
