/* SPDX-License-Identifier: MIT */
/* sbuf - text that grows.
 *
 *     _cleanup_sbuf_ struct ccm_sbuf s = { 0 };
 *     ccm_sbuf_addf(&s, "%s=%d", key, value);
 *     if (ccm_sbuf_error(&s))
 *             return -ENOMEM;
 *
 * Ownership: starts as { 0 }; ccm_sbuf_done() empties it. ccm_sbuf_take() hands the text over.
 * Errors:    appends return nothing. A failed one sticks, drops what follows, and is asked for
 *            once at the end with ccm_sbuf_error().
 * The text is always followed by a NUL that is not counted, and may hold NULs itself.
 */
#ifndef CCM_SBUF_H
#define CCM_SBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "macros.h"

struct ccm_sbuf {
	char *text;          /* NULL while nothing was added */
	size_t bytes;        /* without the closing NUL */
	size_t allocated;
	bool failed;
};

void ccm_sbuf_add(struct ccm_sbuf *s, const void *text, size_t bytes);
void ccm_sbuf_adds(struct ccm_sbuf *s, const char *text);
void ccm_sbuf_addc(struct ccm_sbuf *s, char c);
void ccm_sbuf_addf(struct ccm_sbuf *s, const char *format, ...) _printf_(2, 3);

/* Makes room for bytes more, so that a reader can fill text + s->bytes and count them itself. */
int ccm_sbuf_reserve(struct ccm_sbuf *s, size_t bytes);

/* 0, or -ENOMEM if any append failed. */
int ccm_sbuf_error(const struct ccm_sbuf *s);

/* The text, "" if nothing was added; valid until the next append. */
const char *ccm_sbuf_str(const struct ccm_sbuf *s);

/* Hands the text over (free() it); NULL on an earlier failure or out of memory. s is empty then. */
char *ccm_sbuf_take(struct ccm_sbuf *s);

void ccm_sbuf_clear(struct ccm_sbuf *s);     /* keeps the memory */
void ccm_sbuf_done(struct ccm_sbuf *s);
#define _cleanup_sbuf_ _cleanup_(ccm_sbuf_done)

#endif
