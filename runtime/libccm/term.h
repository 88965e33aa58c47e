/* SPDX-License-Identifier: MIT */
/* term - text from an agent, made safe for a person's terminal.
 *
 * Control bytes (C0, DEL, C1, and the Unicode marks that reorder or hide text) could move the cursor,
 * set the title or hide what follows. They are shown as \e, \x07, <U+202E>, ...; bytes that are
 * not UTF-8 as \xff.
 *
 * Source: column widths are those of Unicode's East Asian Width; the colour convention is no-color.org's.
 */
#ifndef CCM_TERM_H
#define CCM_TERM_H

#include <stdbool.h>
#include <stddef.h>

#include "sbuf.h"

enum ccm_clean {
	CCM_CLEAN_LINE,      /* newline and tab too become \n and \t: one line of output */
	CCM_CLEAN_LINES,     /* newline and tab pass */
};
void ccm_term_clean(struct ccm_sbuf *out, const char *text, size_t bytes, enum ccm_clean how);

/* The same for JSON text: such characters, which can stand only inside its strings, become \uXXXX
 * (bytes that are not UTF-8: \ufffd), so that it stays the same document. Line breaks pass. */
void ccm_term_json(struct ccm_sbuf *out, const char *json, size_t bytes);

/* Columns that clean UTF-8 text takes; wide East Asian characters and emoji count two. */
size_t ccm_term_width(const char *text, size_t bytes);

/* Appends text cut to at most columns, with an ellipsis if it was cut, padded with spaces if pad. */
void ccm_term_fit(struct ccm_sbuf *out, const char *text, size_t bytes, size_t columns, bool pad);

/* Columns of the terminal on fd: COLUMNS if set, else the terminal's own, else 100. */
size_t ccm_term_columns(int fd);

/* True if fd is a terminal that wants colour (NO_COLOR unset or empty, TERM set and not dumb). */
bool ccm_term_colour(int fd);

#endif
