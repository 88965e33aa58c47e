/* SPDX-License-Identifier: MIT */
/* hours - times of the day in which something is left alone, as in quiet_hours = 22:00-07:00.
 *
 * One that ends before it begins goes past midnight; 24:00 is the end of the day, 00:00-24:00 all of it. One that ends when it
 * begins is none. Local time.
 * Units: _ms are Unix milliseconds.
 */
#ifndef CCM_HOURS_H
#define CCM_HOURS_H

#include <stdint.h>

#include "settings.h"

/* -EINVAL: it is none. */
int ccm_hours_check(const char *text);

/* When the quiet time that it is at ms ends; 0: it is none. The first text that cannot be read goes to *ret_bad, if that is NULL. */
int64_t ccm_hours_end(const struct ccm_setting_list *hours, int64_t ms, const char **ret_bad);

#endif
