/* SPDX-License-Identifier: MIT */
/* clock - the time now, and times and durations as people write them.
 *
 * Units: _ms are Unix milliseconds (UTC), _us are microseconds of CLOCK_MONOTONIC.
 * Source: the forms of times follow journalctl(1).
 */
#ifndef CCM_CLOCK_H
#define CCM_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

int64_t ccm_now_ms(void);
int64_t ccm_mono_us(void);

/* "90s", "5m", "2h", "1.5s", "250ms", "3d"; a bare number is seconds. At most a year. -EINVAL. */
int ccm_duration_parse(const char *text, int64_t *ret_ms);

/* "2s", "90s", "1500ms", "5m": in the greatest unit that leaves no rest. buf holds at least 32. */
const char *ccm_duration_format(int64_t ms, char *buf, size_t bytes);

/* "2h ago", "1d 3h ago", "-2h", "+2h", "yesterday", "today", "tomorrow", "now", "10:30[:15]", "2026-07-01",
 * "2026-07-01 10:30[:15[.250]]", "2026-07-01T10:30:15[.250][Z|UTC|+02:00|+0200|+02]", "@epoch[.fraction]".
 * Local time unless a zone is given; now_ms is the time that "ago" counts from. *ret_ms is written only
 * on success. -EINVAL, with words in diag. */
int ccm_time_parse(const char *text, int64_t now_ms, int64_t *ret_ms, struct ccm_diag *diag);

/* "2026-07-01 10:30:15" in local time; iso: "2026-07-01T10:30:15.250+02:00". buf holds at least 32. */
const char *ccm_time_format(int64_t ms, bool iso, char *buf, size_t bytes);

#endif
