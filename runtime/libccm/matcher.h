/* SPDX-License-Identifier: MIT */
/* matcher - the host's rule for "does this hook concern this tool".
 *
 * Absent, "" or "*": always. Only letters, digits, _, -, space, comma and |: a list of exact names.
 * Anything else is a regular expression that may match anywhere in the name. The host's are
 * JavaScript's; the part of them that POSIX knows too is taken (with \d \w \s \b, (?:...) and lazy
 * quantifiers), the rest (look-around, back-references) is refused with words.
 * `Task` also matches the tool now called `Agent`.
 */
#ifndef CCM_MATCHER_H
#define CCM_MATCHER_H

#include <stdbool.h>

#include "error.h"

/* 0, or -EINVAL with words: the pattern can never match as the author meant it. */
int ccm_matcher_check(const char *pattern, struct ccm_diag *diag);

/* pattern may be NULL. A pattern that ccm_matcher_check() refuses matches nothing. */
bool ccm_matcher_match(const char *pattern, const char *value);

#endif
