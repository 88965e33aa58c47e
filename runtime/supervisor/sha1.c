/* SPDX-License-Identifier: MIT */
#include "sha1.h"

#include <string.h>

void sha1_begin(struct sha1 *s)
{
	*s = (struct sha1){ .state = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 } };
}

static uint32_t rotate(uint32_t x, int bits)
{
	return x << bits | x >> (32 - bits);
}

static void add_block(uint32_t state[5], const unsigned char *block)
{
	uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];

	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[i * 4] << 24 | (uint32_t)block[i * 4 + 1] << 16 | (uint32_t)block[i * 4 + 2] << 8 |
		       block[i * 4 + 3];
	for (int i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (int i = 0; i < 80; i++) {
		uint32_t f, k, next;

		if (i < 20)
			f = (b & c) | (~b & d), k = 0x5a827999;
		else if (i < 40)
			f = b ^ c ^ d, k = 0x6ed9eba1;
		else if (i < 60)
			f = (b & c) | (b & d) | (c & d), k = 0x8f1bbcdc;
		else
			f = b ^ c ^ d, k = 0xca62c1d6;
		next = rotate(a, 5) + f + e + k + w[i];
		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
}

void sha1_add(struct sha1 *s, const void *data, size_t bytes)
{
	const unsigned char *from = data;
	size_t used = s->bytes % sizeof s->block;

	s->bytes += bytes;
	while (bytes) {
		size_t n = sizeof s->block - used < bytes ? sizeof s->block - used : bytes;

		if (!used && bytes >= sizeof s->block) {
			add_block(s->state, from);
			n = sizeof s->block;
		} else {
			memcpy(s->block + used, from, n);
			used += n;
			if (used == sizeof s->block) {
				add_block(s->state, s->block);
				used = 0;
			}
		}
		from += n;
		bytes -= n;
	}
}

void sha1_end(struct sha1 *s, unsigned char sum[SHA1_BYTES])
{
	static const unsigned char padding[64] = { 0x80 };
	uint64_t bits = s->bytes * 8;
	unsigned char length[8];

	for (int i = 0; i < 8; i++)
		length[i] = (unsigned char)(bits >> (56 - i * 8));
	sha1_add(s, padding, 1 + (55 - s->bytes % 64 + 64) % 64);
	sha1_add(s, length, sizeof length);
	for (int i = 0; i < SHA1_BYTES; i++)
		sum[i] = (unsigned char)(s->state[i / 4] >> (24 - i % 4 * 8));
}
