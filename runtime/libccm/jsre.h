/* SPDX-License-Identifier: MIT */
/* jsre - JavaScript's regular expressions, asked whether they match.
 *
 * The host compares its matchers with `new RegExp(pattern).test(value)`, without flags. Translating
 * them for regcomp() gives other answers for \b, \s, `.` or a class beyond ASCII, differs from one C
 * library to the next, and costs tens of microseconds a pattern. Asked only for yes or no, a small
 * automaton does it exactly: it works on UTF-16 units as JavaScript does, in time that grows with
 * length of pattern times length of text (look-around: times the text again), and allocates nothing.
 *
 *     struct ccm_jsre re;
 *     r = ccm_jsre_compile(&re, "^mcp__(?!github).*", &diag);
 *     if (r == 0 && ccm_jsre_test(&re, value))
 *             ...
 *
 * Refused, with words: what JavaScript refuses; back-references, named groups, octal escapes, \p and
 * \u{...} (which need the u flag); patterns over CCM_JSRE_MAX steps.
 *
 * Source: ECMA-262, sections 22.2 and B.1.2.
 */
#ifndef CCM_JSRE_H
#define CCM_JSRE_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

#define CCM_JSRE_MAX 1024

struct ccm_jsre {
	int count;
	struct ccm_jsre_step {
		int op;              /* enum op in jsre.c */
		int a, b;            /* a character, a range, or distances to other steps */
	} steps[CCM_JSRE_MAX];
};

/* 0, or -EINVAL with words that do not repeat the pattern. */
int ccm_jsre_compile(struct ccm_jsre *re, const char *pattern, struct ccm_diag *diag);

/* True if it matches anywhere in the text; false when out of memory, too (texts over 1 KiB only). */
bool ccm_jsre_test(const struct ccm_jsre *re, const char *text);

#endif
