/* SPDX-License-Identifier: MIT */
/* diff - what changes from one text to another, as a unified diff.
 *
 * Three lines of context; the script of changes is a shortest one (as long as it has no more than
 * a few thousand lines). `patch` applies the result.
 *
 * Source: the format is POSIX diff -u; the search is E. Myers, "An O(ND) Difference Algorithm" (1986).
 */
#ifndef CCM_DIFF_H
#define CCM_DIFF_H

#include <stddef.h>

#include "sbuf.h"

/* Appends the diff; nothing if the texts are the same. A name of NULL stands for a file that is not there. */
int ccm_diff_unified(const char *old_name, const char *old_text, size_t old_bytes,
		     const char *new_name, const char *new_text, size_t new_bytes, struct ccm_sbuf *out);

#endif
