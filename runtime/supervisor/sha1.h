/* SPDX-License-Identifier: MIT */
/* sha1 - the checksum of git's files. Not for anything that somebody might want to forge.
 *
 * Source: FIPS 180-4, sections 5 and 6.1.
 */
#ifndef CCM_SUPERVISOR_SHA1_H
#define CCM_SUPERVISOR_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_BYTES 20

struct sha1 {
	uint32_t state[5];
	uint64_t bytes;
	unsigned char block[64];
};

void sha1_begin(struct sha1 *s);
void sha1_add(struct sha1 *s, const void *data, size_t bytes);
void sha1_end(struct sha1 *s, unsigned char sum[SHA1_BYTES]);

#endif
