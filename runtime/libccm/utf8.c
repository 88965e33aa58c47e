/* SPDX-License-Identifier: MIT */
#include "utf8.h"

uint32_t ccm_utf8_next(const char *text, size_t bytes, size_t *ret_bytes)
{
	const unsigned char *p = (const unsigned char *)text;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length;
	uint32_t c;

	*ret_bytes = 1;
	if (p[0] < 0x80)
		return p[0];
	if (p[0] >= 0xc2 && p[0] < 0xe0) {
		length = 2;
		c = p[0] & 0x1f;
	} else if (p[0] >= 0xe0 && p[0] < 0xf0) {
		length = 3;
		c = p[0] & 0x0f;
	} else if (p[0] >= 0xf0 && p[0] < 0xf5) {
		length = 4;
		c = p[0] & 0x07;
	} else {
		return CCM_UTF8_BAD;
	}
	if (bytes < length)
		return CCM_UTF8_BAD;
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return CCM_UTF8_BAD;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return CCM_UTF8_BAD;
	*ret_bytes = length;
	return c;
}

bool ccm_utf8_valid(const char *text, size_t bytes)
{
	size_t step;

	for (size_t i = 0; i < bytes; i += step)
		if (ccm_utf8_next(text + i, bytes - i, &step) == CCM_UTF8_BAD && step == 1)
			return false;
	return true;
}

void ccm_utf8_add(struct ccm_sbuf *out, uint32_t c)
{
	char b[4];
	size_t n;

	if (c < 0x80) {
		b[0] = (char)c;
		n = 1;
	} else if (c < 0x800) {
		b[0] = (char)(0xc0 | c >> 6);
		b[1] = (char)(0x80 | (c & 0x3f));
		n = 2;
	} else if (c < 0x10000) {
		b[0] = (char)(0xe0 | c >> 12);
		b[1] = (char)(0x80 | (c >> 6 & 0x3f));
		b[2] = (char)(0x80 | (c & 0x3f));
		n = 3;
	} else {
		b[0] = (char)(0xf0 | c >> 18);
		b[1] = (char)(0x80 | (c >> 12 & 0x3f));
		b[2] = (char)(0x80 | (c >> 6 & 0x3f));
		b[3] = (char)(0x80 | (c & 0x3f));
		n = 4;
	}
	ccm_sbuf_add(out, b, n);
}

size_t ccm_utf8_cut(const char *text, size_t bytes, size_t max)
{
	if (bytes <= max)
		return bytes;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}
