/* SPDX-License-Identifier: MIT */
/* error - one convention for failures.
 *
 * Functions return 0 or a count on success; on failure a negative -errno or -CCM_E_*.
 * Loaders and parsers of text that a person wrote take a last argument struct ccm_diag *,
 * owned by the caller, and put words there. It may be NULL. Libraries neither print nor exit.
 */
#ifndef CCM_ERROR_H
#define CCM_ERROR_H

#include "macros.h"

#define CCM_ERRORS(X) \
	X(JSON,      "not valid JSON") \
	X(MANIFEST,  "automation header is not valid") \
	X(CONFIG,    "configuration is not valid") \
	X(SQL,       "database query failed") \
	X(BUSY,      "database is locked by another process") \
	X(DAMAGED,   "database is damaged") \
	X(NEWER,     "database was made by a newer ccm") \
	X(FULL,      "no space left for the database") \
	X(REFUSED,   "refused") \
	X(NOT_FOUND, "not found") \
	X(NOT_FILE,  "not a regular file") \
	X(SAID,      "already reported")   /* the program has printed it: only the exit status is left */ \
	X(USAGE,     "wrong usage")        /* likewise printed; exit 64 */ \
	X(HELP,      "help was printed")   /* not a failure: stop here, exit 0 */

enum {
	CCM_E_BASE = 5000,           /* above every errno, so the two never meet */
#define X(name, text) CCM_E_##name,
	CCM_ERRORS(X)
#undef X
};

enum ccm_exit {                      /* source: the host's hook contract */
	CCM_EXIT_OK      = 0,
	CCM_EXIT_FAILURE = 1,        /* reported; the host goes on (but WorktreeCreate stops) */
	CCM_EXIT_BLOCK   = 2,        /* the host stops its action: only cmd_run() may return it */
	CCM_EXIT_USAGE   = 64,       /* never 2: a mistyped option must not block anyone */
};

/* What and where, in words for the person who wrote the text. */
struct ccm_diag {
	char text[512];
};

/* Words for a code that any function here returned (sign does not matter). */
const char *ccm_strerror(int error);

/* Writes the words and returns code, so that `return ccm_diag_set(diag, -EINVAL, ...)` reads well. */
int ccm_diag_set(struct ccm_diag *diag, int code, const char *format, ...) _printf_(3, 4);

/* The words if there are any, else those for the code. */
const char *ccm_diag_text(const struct ccm_diag *diag, int code);

#endif
