/* SPDX-License-Identifier: MIT */
#include "uuid.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#ifdef HAVE_GETRANDOM
#include <sys/random.h>
#endif
#include <time.h>
#include <unistd.h>

void ccm_random_bytes(void *to, size_t bytes)
{
	unsigned char *buf = to;
	struct timespec now;
	uint64_t seed;

#ifdef HAVE_GETRANDOM
	if (getrandom(buf, bytes, GRND_NONBLOCK) == (ssize_t)bytes)
		return;
#elif defined(__APPLE__)
	arc4random_buf(buf, bytes);
	return;
#endif
	/* Early in boot only: unique among processes of this machine is what is left. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	seed = (uint64_t)now.tv_nsec ^ ((uint64_t)getpid() << 32) ^ (uint64_t)now.tv_sec;
	for (size_t i = 0; i < bytes; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		buf[i] = (unsigned char)(seed >> 56);
	}
}

void ccm_uuid_make(int64_t time_ms, char buf[CCM_UUID_CHARS + 1])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char b[16];
	char *p = buf;

	ccm_random_bytes(b + 6, sizeof b - 6);
	for (int i = 0; i < 6; i++)
		b[i] = (unsigned char)((uint64_t)time_ms >> (40 - 8 * i));
	b[6] = (b[6] & 0x0f) | 0x70;     /* version 7 */
	b[8] = (b[8] & 0x3f) | 0x80;     /* variant of RFC 9562 */
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[b[i] >> 4];
		*p++ = hex[b[i] & 0x0f];
	}
	*p = '\0';
}

bool ccm_uuid_time(const char *text, int64_t *ret_time_ms)
{
	unsigned long long high, low;

	if (strlen(text) != CCM_UUID_CHARS)
		return false;
	for (int i = 0; i < CCM_UUID_CHARS; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return false;
	}
	if (sscanf(text, "%8llx-%4llx", &high, &low) != 2)
		return false;
	*ret_time_ms = (int64_t)(high << 16 | low);
	return true;
}
