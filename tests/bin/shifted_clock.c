/* SPDX-License-Identifier: MIT */
/* ccm-hook-shifted, ccm-supervisor-shifted - for tests: the programs with a clock that is CCM_TEST_CLOCK_S seconds fast
 * (+) or slow (-).
 *
 * Or as many as stand in the file CCM_TEST_CLOCK_FILE at that moment.
 *
 * All of them but libccm/clock.c, which is compiled in here around another clock. A preloaded library cannot do this to
 * a static program. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long read_shift(const char *path)
{
	FILE *f = fopen(path, "re");
	long seconds = 0;

	if (f && fscanf(f, "%ld", &seconds) != 1)
		seconds = 0;
	if (f)
		fclose(f);
	return seconds;
}

static int shifted(clockid_t clock, struct timespec *ret)
{
	const char *shift = getenv("CCM_TEST_CLOCK_S"), *file = getenv("CCM_TEST_CLOCK_FILE");
	int r = clock_gettime(clock, ret);

	if (clock == CLOCK_REALTIME && file)
		ret->tv_sec += read_shift(file);
	else if (clock == CLOCK_REALTIME && shift)
		ret->tv_sec += atol(shift);
	return r;
}

#define clock_gettime shifted
#include "libccm/clock.c"
