/* SPDX-License-Identifier: MIT */
/* ccm-hook-shifted, ccm-supervisor-shifted - for tests: the programs with a clock that is CCM_TEST_CLOCK_S seconds fast
 * (+) or slow (-).
 *
 * All of them but libccm/clock.c, which is compiled in here around another clock. A preloaded library cannot do this to
 * a static program. */
#include <stdlib.h>
#include <time.h>

static int shifted(clockid_t clock, struct timespec *ret)
{
	const char *shift = getenv("CCM_TEST_CLOCK_S");
	int r = clock_gettime(clock, ret);

	if (clock == CLOCK_REALTIME && shift)
		ret->tv_sec += atol(shift);
	return r;
}

#define clock_gettime shifted
#include "libccm/clock.c"
