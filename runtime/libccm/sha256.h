/* SPDX-License-Identifier: MIT */
/* sha256 - a fingerprint of bytes that nobody can make twice.
 *
 *     struct ccm_sha256 h;
 *     char hex[CCM_SHA256_HEX + 1];
 *     ccm_sha256_begin(&h);
 *     ccm_sha256_add(&h, text, bytes);
 *     ccm_sha256_end(&h, hex);
 *
 * Source: FIPS 180-4, section 6.2; of ccm_hmac_sha256() RFC 2104. It is here because no library that all programs link has one.
 */
#ifndef CCM_SHA256_H
#define CCM_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define CCM_SHA256_HEX 64

struct ccm_sha256 {
	uint32_t state[8];
	uint64_t bytes;
	unsigned char block[64];     /* what does not fill a block yet */
};

void ccm_sha256_begin(struct ccm_sha256 *h);
void ccm_sha256_add(struct ccm_sha256 *h, const void *data, size_t bytes);

/* Writes 64 lower-case digits and a NUL. */
void ccm_sha256_end(struct ccm_sha256 *h, char hex[CCM_SHA256_HEX + 1]);

/* What only who has the key can make of the data, in the same form. */
void ccm_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t bytes, char hex[CCM_SHA256_HEX + 1]);

#endif
