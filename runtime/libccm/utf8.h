/* SPDX-License-Identifier: MIT */
/* utf8 - one character at a time.
 *
 * Source: RFC 3629; overlong forms, surrogates and values above U+10FFFF are bad.
 */
#ifndef CCM_UTF8_H
#define CCM_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sbuf.h"

#define CCM_UTF8_BAD 0xfffdu     /* U+FFFD REPLACEMENT CHARACTER */

/* The character at text (bytes >= 1) and how many bytes it takes; U+FFFD and 1 for a bad byte. */
uint32_t ccm_utf8_next(const char *text, size_t bytes, size_t *ret_bytes);

/* True if the whole text is UTF-8. */
bool ccm_utf8_valid(const char *text, size_t bytes);

void ccm_utf8_add(struct ccm_sbuf *out, uint32_t character);

/* The greatest length <= max at which the text can be cut without halving a character. */
size_t ccm_utf8_cut(const char *text, size_t bytes, size_t max);

#endif
