/* SPDX-License-Identifier: MIT */
/* matcher - the host's rule for "does this hook concern this tool".
 *
 * Absent, "" or "*": always. Only letters, digits, _, -, space, comma and |: a list of exact names,
 * set apart by | or comma. Anything else is a regular expression of JavaScript that may match
 * anywhere in the value; see jsre.h for the few forms that are refused.
 * `Task` also matches the tool now called `Agent`.
 */
#ifndef CCM_MATCHER_H
#define CCM_MATCHER_H

#include <stdbool.h>

#include "error.h"

/* 0, or -EINVAL with words: the pattern can never match as the author meant it. */
int ccm_matcher_check(const char *pattern, struct ccm_diag *diag);

/* pattern may be NULL. value NULL: the event has nothing to compare, so that every pattern
 * matches, as with the host. A regular expression that ccm_matcher_check() refuses matches no
 * value; a list is refused for one name, and still has the others. */
bool ccm_matcher_match(const char *pattern, const char *value);

#endif
