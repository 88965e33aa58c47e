/* SPDX-License-Identifier: MIT */
/* uuid - version 7 UUIDs: unique anywhere, sorted by time.
 *
 * Source: RFC 9562, section 5.7.
 */
#ifndef CCM_UUID_H
#define CCM_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CCM_UUID_CHARS 36

/* Fills buf with lower-case text and a NUL. The first 48 bits are time_ms. */
void ccm_uuid_make(int64_t time_ms, char buf[CCM_UUID_CHARS + 1]);

/* True if text is a UUID in the usual form; *ret_time_ms is then its first 48 bits. */
bool ccm_uuid_time(const char *text, int64_t *ret_time_ms);

/* Bytes that nobody can guess, from the kernel. */
void ccm_random_bytes(void *to, size_t bytes);

#endif
