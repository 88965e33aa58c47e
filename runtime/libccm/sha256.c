/* SPDX-License-Identifier: MIT */
#include "sha256.h"

#include <string.h>

/* The first 32 bits behind the point of the cube roots of the first 64 primes. */
static const uint32_t rounds[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

void ccm_sha256_begin(struct ccm_sha256 *h)
{
	/* The same of the square roots of the first eight. */
	*h = (struct ccm_sha256){ .state = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	} };
}

static uint32_t right(uint32_t x, unsigned bits)
{
	return x >> bits | x << (32 - bits);
}

static void take_block(struct ccm_sha256 *h, const unsigned char *block)
{
	uint32_t w[64], v[8];

	for (size_t i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
		       block[4 * i + 3];
	for (size_t i = 16; i < 64; i++)
		w[i] = w[i - 16] + (right(w[i - 15], 7) ^ right(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
		       (right(w[i - 2], 17) ^ right(w[i - 2], 19) ^ w[i - 2] >> 10);
	memcpy(v, h->state, sizeof v);
	for (size_t i = 0; i < 64; i++) {
		uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]), majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
		uint32_t one = v[7] + (right(v[4], 6) ^ right(v[4], 11) ^ right(v[4], 25)) + choice + rounds[i] + w[i];
		uint32_t two = (right(v[0], 2) ^ right(v[0], 13) ^ right(v[0], 22)) + majority;

		memmove(v + 1, v, 7 * sizeof *v);
		v[4] += one;
		v[0] = one + two;
	}
	for (size_t i = 0; i < 8; i++)
		h->state[i] += v[i];
}

void ccm_sha256_add(struct ccm_sha256 *h, const void *data, size_t bytes)
{
	const unsigned char *p = data;

	while (bytes) {
		size_t filled = h->bytes % sizeof h->block, part = sizeof h->block - filled;

		if (part > bytes)
			part = bytes;
		memcpy(h->block + filled, p, part);
		h->bytes += part;
		p += part;
		bytes -= part;
		if (filled + part == sizeof h->block)
			take_block(h, h->block);
	}
}

static void finish(struct ccm_sha256 *h, unsigned char digest[CCM_SHA256_HEX / 2])
{
	static const unsigned char zeros[64];
	uint64_t bits = h->bytes * 8;
	unsigned char length[8];

	for (size_t i = 0; i < 8; i++)
		length[i] = (unsigned char)(bits >> (56 - 8 * i));
	ccm_sha256_add(h, "\x80", 1);
	ccm_sha256_add(h, zeros, (120 - h->bytes % 64) % 64);
	ccm_sha256_add(h, length, sizeof length);
	for (size_t i = 0; i < CCM_SHA256_HEX / 2; i++)
		digest[i] = (unsigned char)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

void ccm_sha256_end(struct ccm_sha256 *h, char hex[CCM_SHA256_HEX + 1])
{
	unsigned char digest[CCM_SHA256_HEX / 2];

	finish(h, digest);
	for (size_t i = 0; i < CCM_SHA256_HEX; i++)
		hex[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
	hex[CCM_SHA256_HEX] = '\0';
}

void ccm_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t bytes, char hex[CCM_SHA256_HEX + 1])
{
	unsigned char block[64] = { 0 }, digest[CCM_SHA256_HEX / 2];
	struct ccm_sha256 h;

	ccm_sha256_begin(&h);
	if (key_bytes > sizeof block) {
		ccm_sha256_add(&h, key, key_bytes);
		finish(&h, block);
		ccm_sha256_begin(&h);
	} else if (key_bytes) {
		memcpy(block, key, key_bytes);
	}
	for (size_t i = 0; i < sizeof block; i++)
		block[i] ^= 0x36;
	ccm_sha256_add(&h, block, sizeof block);
	ccm_sha256_add(&h, data, bytes);
	finish(&h, digest);
	for (size_t i = 0; i < sizeof block; i++)
		block[i] ^= 0x36 ^ 0x5c;
	ccm_sha256_begin(&h);
	ccm_sha256_add(&h, block, sizeof block);
	ccm_sha256_add(&h, digest, sizeof digest);
	ccm_sha256_end(&h, hex);
	explicit_bzero(block, sizeof block);
}
